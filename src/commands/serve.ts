// `tinycloud serve`: runs the node until it is told to stop.

import { isJournal } from "../telemetry/journal.ts";
import { type AdjustableLog, createLog } from "../telemetry/log.ts";
import { hasSpans, tracingWarning } from "../telemetry/spans.ts";
import { startNode } from "../node.ts";
import { VERSION } from "../version.ts";
import { type Command, CONFIG_HELP, CONFIG_OPTIONS, configure } from "./command.ts";

export const serve: Command = {
  name: "serve",
  summary: "run the node (the default)",
  help: `usage: tinycloud [serve] [options]

Runs the node until SIGINT or SIGTERM. A second signal stops it at once. SIGUSR2 logs everything
(log_level debug) until the next SIGUSR2. SIGUSR1 is the runtime's: it opens a debugger.

${CONFIG_HELP}
  --address ADDR  where to listen (default 127.0.0.1)
  --port PORT     port to listen on (default 8000; 0 picks a free one)
  --accept-new-secret
                  take over a database that was used with another secret; every host key changes

examples:
  tinycloud
  tinycloud serve --config /etc/tinycloud.toml
  TINYCLOUD_STORAGE_DATABASE=data/caps.db tinycloud --port 8080`,
  options: {
    ...CONFIG_OPTIONS,
    address: { type: "string" },
    port: { type: "string" },
    "accept-new-secret": { type: "boolean" },
  },
  words: 0,

  async run(flags, _words, io) {
    const { config, warnings } = await configure(flags, io);
    const log = createLog({
      level: config.logLevel,
      format: config.log.format,
      toJournal: isJournal(io.env.JOURNAL_STREAM),
    });
    switchLevelOnSignal(log);
    const tracing = tracingWarning(config.log.tracing.enabled, io.env.OTEL_DENO);
    for (const note of [...warnings, ...(tracing === undefined ? [] : [tracing])]) {
      log.warn("config.warning", { note });
    }
    try {
      const node = await startNode(config, {
        log,
        acceptNewSecret: flags["accept-new-secret"] === true,
        hasSpans: hasSpans(io.env.OTEL_DENO),
      });
      log.info("node.started", {
        version: VERSION,
        address: node.url,
        database: config.storage.database.kind,
        blocks: config.storage.blocks.kind.toLowerCase(),
        nodeId: node.nodeId,
      });
      const signal = await firstSignal();
      log.info("node.stopping", { note: signal });
      stopAtOnceOnSecondSignal();
      await node.stop();
      log.info("node.stopped");
      return 0;
    } finally {
      await log.flush();
    }
  },
};

/** SIGUSR1 would do as well, but at it the runtime opens its inspector, listener or not. */
const LEVEL_SIGNAL = "SIGUSR2";

/** Switches between the configured level and `debug`; between `debug` and `normal` where they are one. */
function switchLevelOnSignal(log: AdjustableLog): void {
  if (Deno.build.os === "windows") return; // which has no such signal
  const configured = log.level;
  const other = configured === "debug" ? "normal" : "debug";
  Deno.addSignalListener(LEVEL_SIGNAL, () => {
    const before = log.level;
    const next = before === configured ? other : configured;
    const tell = () =>
      log.info("log.switched", { note: `to ${next}; ${LEVEL_SIGNAL} brings ${before} back` });
    // Told at the level that says more: the other may say nothing.
    if (next === "debug") log.level = next;
    tell();
    log.level = next;
  });
}

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

function firstSignal(): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const listeners = SIGNALS.map((signal) => [signal, () => resolve(signal)] as const);
  for (const [signal, listener] of listeners) Deno.addSignalListener(signal, listener);
  return promise.finally(() => {
    for (const [signal, listener] of listeners) Deno.removeSignalListener(signal, listener);
  });
}

function stopAtOnceOnSecondSignal(): void {
  for (const signal of SIGNALS) Deno.addSignalListener(signal, () => Deno.exit(1));
}
