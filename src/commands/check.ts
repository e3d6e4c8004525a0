// `tinycloud check`: is everything that was stored still there, whole and consistent
// (configuration.md, check)?

import { checkBlocks } from "../blocks/check.ts";
import { Collector } from "../blocks/collector.ts";
import type { Blocks } from "../blocks/blocks.ts";
import type { Config } from "../config/config.ts";
import { NodeError } from "../errors.ts";
import type { Finding, Repository } from "../repository/repository.ts";
import { openSqlite, openSqliteReadOnly } from "../repository/sqlite/open.ts";
import { systemClock } from "../telemetry/clock.ts";
import { type Command, CONFIG_HELP, CONFIG_OPTIONS, configure, type Io } from "./command.ts";
import { databasePath, openBlocks } from "./stores.ts";

const EXIT = { clean: 0, findings: 1, couldNotRun: 2 } as const;

export const check: Command = {
  name: "check",
  summary: "verify everything that is stored",
  help: `usage: tinycloud check [options]

Verifies the database, the blocks, and that they fit: engine, references, sizes, signed events,
current values, strays. Reads every block. Safe beside a running node.

${CONFIG_HELP}
  --json          one JSON object a finding, and one at the end
  --repair        then remove what nothing refers to and recompute counters; values are never
                  invented or dropped

exit codes: 0 clean, 1 findings, 2 could not run

example:
  tinycloud check --config /etc/tinycloud.toml --json`,
  options: { ...CONFIG_OPTIONS, json: { type: "boolean" }, repair: { type: "boolean" } },
  words: 0,

  async run(flags, _words, io) {
    const { config } = await configure(flags, io);
    const asJson = flags.json === true;
    try {
      let count = await report(config, asJson, io);
      if (flags.repair === true && count > 0) {
        await repair(config, asJson, io);
        count = await report(config, asJson, io);
      }
      return count === 0 ? EXIT.clean : EXIT.findings;
    } catch (error) {
      if (!(error instanceof NodeError)) throw error;
      io.complain(`tinycloud check: could not run: ${error.message}`);
      return EXIT.couldNotRun;
    }
  },
};

/** Prints every finding, then how many there are. */
export async function report(config: Config, asJson: boolean, io: Io): Promise<number> {
  await using repository = openSqliteReadOnly(databasePath(config), () => systemClock.nowSeconds());
  await using blocks = await openBlocks(config);
  let count = 0;
  for await (const finding of findings(config, repository, blocks)) {
    count++;
    io.print(asJson ? JSON.stringify(finding) : `${finding.kind}: ${finding.what}`);
  }
  const sentence = count === 0 ? "clean" : count === 1 ? "1 finding" : `${count} findings`;
  io.print(asJson ? JSON.stringify({ findings: count }) : sentence);
  return count;
}

async function* findings(
  { storage }: Config,
  repository: Repository,
  blocks: Blocks,
): AsyncGenerator<Finding> {
  yield* repository.check();
  const now = systemClock.nowSeconds();
  yield* checkBlocks({ repository, blocks, stagingPath: storage.stagingPath, now });
}

async function repair(config: Config, asJson: boolean, io: Io): Promise<void> {
  const { storage, auth } = config;
  await using repository = openSqlite({
    path: databasePath(config),
    durability: storage.durability,
    now: () => systemClock.nowSeconds(),
  });
  await using blocks = await openBlocks(config);
  const counters = await repository.repairCounters();
  const collector = new Collector({
    repository,
    blocks,
    clock: systemClock,
    holder: `repair ${crypto.randomUUID()}`,
    guardSeconds: auth.maxInvocationLifetimeSeconds + 60,
    unknownSpaces: "remove",
  });
  const { ran, dead, strays, leftovers } = await collector.collectOnce();
  if (!ran) {
    io.complain("the running node is collecting just now: its strays were left; try again");
  }
  const done = { counters, blocks: dead + strays, leftovers };
  io.print(
    asJson
      ? JSON.stringify({ repaired: done })
      : `repaired: ${counters} counters, ${done.blocks} blocks and ${leftovers} leftovers removed`,
  );
}
