// `tinycloud status`: asks a running node how it does.

import type { Config } from "../config/config.ts";
import { pause } from "../pause.ts";
import { type Command, CONFIG_HELP, CONFIG_OPTIONS, configure, type Flags } from "./command.ts";
import { lookAtNode, type Places } from "./look_at_node.ts";
import { statusText } from "./status_text.ts";

const EXIT = { ready: 0, unready: 1, couldNotAsk: 2, usage: 64 } as const;
const WAIT_SECONDS = 60;
const MAX_WAIT_SECONDS = 86_400;
const RETRY_MS = 250;

export const status: Command = {
  name: "status",
  summary: "ask a running node how it does",
  help: `usage: tinycloud status [options]
       tinycloud status --wait [SECONDS] [options]

Asks the node of this configuration, or the one at --url: version, stores and their health, requests
of the last minute, the last collection, errors. All but the first two come from the metrics
listener (prometheus.port), which must be on.

${CONFIG_HELP}
  --url URL       ask the node there; its metrics listener is looked for on the same host
  --wait          wait until it is ready, 60 seconds or so many
  --json          as one JSON object

exit codes: 0 ready, 1 running but not ready, 2 could not ask

examples:
  tinycloud status
  tinycloud status --wait 120 && echo ready
  tinycloud status --url https://cloud.example.org --json`,
  options: {
    ...CONFIG_OPTIONS,
    url: { type: "string" },
    wait: { type: "boolean" },
    json: { type: "boolean" },
  },
  words: 1,

  async run(flags, words, io) {
    const waitMs = waitOf(flags, words);
    const { config } = await configure(flags, io);
    const places = typeof waitMs === "string" ? waitMs : placesOf(config, flags);
    if (typeof waitMs === "string" || typeof places === "string") {
      io.complain(`tinycloud status: ${places}; see tinycloud status --help`);
      return EXIT.usage;
    }
    const until = performance.now() + waitMs;
    let seen = await lookAtNode(places);
    while (seen.state !== "ready" && performance.now() < until) {
      await pause(RETRY_MS);
      seen = await lookAtNode(places);
    }
    if (flags.json === true) io.print(JSON.stringify(seen));
    else if (seen.state === "unknown") io.complain(`tinycloud status: ${seen.reason}`);
    else io.print(statusText(seen, io.colours === true));
    if (seen.state === "unknown") return EXIT.couldNotAsk;
    return seen.state === "ready" ? EXIT.ready : EXIT.unready;
  },
};

/** Milliseconds, or what is wrong. */
function waitOf({ wait }: Flags, [seconds]: readonly string[]): number | string {
  if (wait !== true) return seconds === undefined ? 0 : "a number of seconds belongs to --wait";
  if (seconds === undefined) return WAIT_SECONDS * 1000;
  const value = Number(seconds);
  return /^\d+$/.test(seconds) && value <= MAX_WAIT_SECONDS
    ? value * 1000
    : `--wait takes whole seconds, ${MAX_WAIT_SECONDS} at most`;
}

/** Where to ask, or what is wrong. */
function placesOf({ address, port, prometheus }: Config, { url }: Flags): Places | string {
  if (typeof url === "string") {
    const node = URL.parse(url);
    const isWeb = node?.protocol === "http:" || node?.protocol === "https:";
    if (node === null || !isWeb) return "--url takes an http:// or https:// URL";
    return { node, operator: operatorAt(node.hostname, prometheus.port) };
  }
  if (port === 0) {
    return "port is 0, so the node listens anywhere: name its address by --url";
  }
  return {
    node: new URL(`http://${reachable(address)}:${port}`),
    operator: operatorAt(reachable(prometheus.address), prometheus.port),
  };
}

function operatorAt(hostname: string, port: number): URL | undefined {
  return port === 0 ? undefined : new URL(`http://${hostname}:${port}`);
}

/** Who listens on all addresses is asked on this machine's own. */
function reachable(address: string): string {
  if (address === "0.0.0.0") return "127.0.0.1";
  const bare = address.replace(/^\[|\]$/g, "");
  if (bare === "::") return "[::1]";
  return bare.includes(":") ? `[${bare}]` : bare;
}
