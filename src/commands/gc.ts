// `tinycloud gc`: what the node's own collector does every `storage.gc_interval`, now and to the end.

import type { Collected } from "../blocks/collector.ts";
import { collectAll } from "./collecting.ts";
import {
  type Command,
  CONFIG_HELP,
  CONFIG_OPTIONS,
  configure,
  couldNotRun,
  type Io,
} from "./command.ts";
import { openBlocks, openToWrite } from "./stores.ts";

const EXIT = { done: 0, left: 1, couldNotRun: 2 } as const;
const SIGNALS = ["SIGINT", "SIGTERM"] as const;

export const gc: Command = {
  name: "gc",
  summary: "remove what nothing refers to any more",
  help: `usage: tinycloud gc [options]

Removes blocks of deleted and replaced values, leftovers of broken uploads a day old, guards of
expired tokens, and with retention.events set, events that nothing needs any more. No value is
lost. The node does the same every storage.gc_interval.

Safe beside a running node: the two take turns, and a node that is collecting is waited for.
Ctrl-C ends it after the step under way; the next run goes on from there.

${CONFIG_HELP}
  --json          the counts as one JSON object

exit codes: 0 all is removed, 1 something is left for the next time, 2 could not run

example:
  tinycloud gc --config /etc/tinycloud.toml`,
  options: { ...CONFIG_OPTIONS, json: { type: "boolean" } },
  words: 0,

  async run(flags, _words, io) {
    const { config } = await configure(flags, io);
    const { eventsMs } = config.retention;
    const stopping = new AbortController();
    const stop = () => stopping.abort();
    for (const signal of SIGNALS) Deno.addSignalListener(signal, stop);
    try {
      await using repository = await openToWrite(config);
      await using blocks = await openBlocks(config);
      const collected = await collectAll(config, {
        repository,
        blocks,
        io,
        holder: `gc ${crypto.randomUUID()}`,
        signal: stopping.signal,
        ...(eventsMs === undefined ? {} : { retentionSeconds: eventsMs / 1000 }),
      });
      if (collected === undefined) {
        io.complain(
          stopping.signal.aborted
            ? "tinycloud gc: ended before its turn came"
            : "tinycloud gc: could not run: the node goes on collecting, or one that was killed " +
              "held the lease: that ends when it starts, or 15 minutes later",
        );
        return EXIT.couldNotRun;
      }
      report(collected, flags.json === true, io);
      return collected.complete && collected.failed === 0 ? EXIT.done : EXIT.left;
    } catch (error) {
      return couldNotRun("gc", error, io);
    } finally {
      for (const signal of SIGNALS) Deno.removeSignalListener(signal, stop);
    }
  },
};

function report(collected: Collected, asJson: boolean, io: Io): void {
  const { dead, strays, leftovers, guards, events, delegations } = collected;
  const { ofUnknownSpaces: unknown, failed, complete } = collected;
  const removed = { blocks: dead + strays, leftovers, guards, events, delegations };
  if (asJson) return io.print(JSON.stringify({ removed, unknown, failed, complete }));
  const counts = Object.entries(removed).map(([what, count]) => `${count} ${what}`);
  io.print(`removed: ${counts.join(", ")}`);
  if (failed > 0) io.print(`${failed} blocks could not be removed: the next run tries again`);
  if (!complete) io.print("it was ended before all was looked at");
  if (unknown > 0) {
    io.print(
      `${unknown} blocks belong to no space of this database, and were kept: is it the right ` +
        "one? `tinycloud check --repair` removes them",
    );
  }
}
