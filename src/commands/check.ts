// `tinycloud check`: is everything that was stored still there, whole and consistent
// (configuration.md, check)?

import type { Blocks } from "../blocks/blocks.ts";
import { bytesToRead, checkBlocks } from "../blocks/check.ts";
import { paced, restless } from "../blocks/pace.ts";
import type { Config } from "../config/config.ts";
import type { Finding, Repository } from "../repository/repository.ts";
import { systemClock } from "../telemetry/clock.ts";
import { collectAll, takeTurn } from "./collecting.ts";
import {
  type Command,
  CONFIG_HELP,
  CONFIG_OPTIONS,
  configure,
  couldNotRun,
  type Io,
} from "./command.ts";
import { progress } from "./progress.ts";
import { openBlocks, openToRead, openToWrite } from "./stores.ts";

const EXIT = { clean: 0, findings: 1 } as const;
/** The part of the time that goes to reading blocks: the rest is the node's, which may be running. */
const SHARE = 0.25;

export const check: Command = {
  name: "check",
  summary: "verify everything that is stored",
  help: `usage: tinycloud check [options]

Verifies the database and the blocks, and that they fit. Every value is read whole. Safe beside a
running node: it rests three times as long as it reads.

${CONFIG_HELP}
  --fast          without the rests
  --json          one JSON object a finding, {"kind","what"}, and one at the end
  --repair        then remove strays and recompute counters; values are never invented or dropped

kinds of findings:
  engine          the database's own check of its file
  block           a value's block is missing, cut, longer, cannot be read or has other bytes
  entry           a value in the database has other bytes, or is not as its last event left it
  event           a signed token does not hash to its name
  references      how many keys refer to a block; mended by --repair
  size            how much spaces hold, and how many delegations; mended by --repair
  stray           blocks, unfinished writes and uploads of nobody, a day old; removed by --repair

exit codes: 0 clean, 1 findings, 2 could not run

example:
  tinycloud check --config /etc/tinycloud.toml --json`,
  options: {
    ...CONFIG_OPTIONS,
    fast: { type: "boolean" },
    json: { type: "boolean" },
    repair: { type: "boolean" },
  },
  words: 0,

  async run(flags, _words, io) {
    const { config } = await configure(flags, io);
    const how = { asJson: flags.json === true, isFast: flags.fast === true };
    try {
      let count = await report(config, how, io);
      if (flags.repair === true && count > 0) {
        await repair(config, how, io);
        count = await report(config, how, io);
      }
      return count === 0 ? EXIT.clean : EXIT.findings;
    } catch (error) {
      return couldNotRun("check", error, io);
    }
  },
};

interface How {
  readonly asJson: boolean;
  readonly isFast: boolean;
}

/** Prints every finding, then how many there are. */
export async function report(config: Config, { asJson, isFast }: How, io: Io): Promise<number> {
  await using repository = await openToRead(config);
  await using blocks = await openBlocks(config);
  let count = 0;
  for await (const finding of findings(config, repository, blocks, isFast, io)) {
    count++;
    io.print(asJson ? JSON.stringify(finding) : `${finding.kind}: ${finding.what}`);
  }
  const sentence = count === 0 ? "clean" : count === 1 ? "1 finding" : `${count} findings`;
  io.print(asJson ? JSON.stringify({ findings: count }) : sentence);
  return count;
}

async function* findings(
  { storage: { stagingPath } }: Config,
  repository: Repository,
  blocks: Blocks,
  isFast: boolean,
  io: Io,
): AsyncGenerator<Finding> {
  using database = progress(io, "checking the database");
  database.advance(0);
  for await (const finding of repository.check()) {
    database.clear();
    yield finding;
  }
  database.clear();
  const total = io.draw === undefined ? undefined : await bytesToRead(repository);
  using read = progress(io, "reading blocks", total);
  const found = checkBlocks({
    repository,
    blocks,
    stagingPath,
    now: systemClock.nowSeconds(),
    pace: isFast ? restless() : paced({ clock: systemClock, share: SHARE }),
    onRead: read.advance,
  });
  for await (const finding of found) {
    read.clear();
    yield finding;
  }
}

async function repair(config: Config, { asJson }: How, io: Io): Promise<void> {
  await using repository = await openToWrite(config);
  await using blocks = await openBlocks(config);
  const options = {
    repository,
    blocks,
    io,
    holder: `repair ${crypto.randomUUID()}`,
    unknownSpaces: "remove",
  } as const;
  const lease = await takeTurn(options);
  if (lease === undefined) {
    io.complain("the running node goes on collecting: nothing was repaired; try again");
    return;
  }
  let counters: number;
  try {
    // Before the collection, which goes by them; and within the lease, since a collector that
    // removes a block must not find its standing changed beneath it.
    counters = await repository.repairCounters();
  } finally {
    await lease.release();
  }
  const collected = await collectAll(config, options);
  if (collected === undefined) {
    io.complain("the running node goes on collecting: its strays were left; try again");
  }
  const { dead = 0, strays = 0, leftovers = 0 } = collected ?? {};
  const done = { counters, blocks: dead + strays, leftovers };
  io.print(
    asJson
      ? JSON.stringify({ repaired: done })
      : `repaired: ${counters} counters, ${done.blocks} blocks and ${leftovers} leftovers removed`,
  );
}
