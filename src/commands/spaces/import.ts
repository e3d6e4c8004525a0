// `tinycloud spaces import`: a space out of the file that an export wrote (docs/spaces.md).

import { resolve } from "node:path";
import type { Blocks } from "../../blocks/blocks.ts";
import { holdCollector } from "../../blocks/hold.ts";
import { openStaging } from "../../blocks/staging.ts";
import type { Config } from "../../config/config.ts";
import { cannot, NodeError } from "../../errors.ts";
import type { Repository } from "../../repository/repository.ts";
import { unpackArchive } from "../../spaces/archive.ts";
import { type Imported, importSpace as load, verifyArchive } from "../../spaces/import_space.ts";
import { systemClock } from "../../telemetry/clock.ts";
import {
  type Command,
  CONFIG_HELP,
  CONFIG_OPTIONS,
  configure,
  counted,
  type Io,
} from "../command.ts";
import { progress } from "../progress.ts";
import { openBlocks, openToWrite } from "../stores.ts";
import { erase } from "./delete.ts";

export const importSpace: Command = {
  name: "spaces import",
  summary: "bring a space in from a file",
  help: `usage: tinycloud spaces import FILE [options]

Brings in a space that tinycloud spaces export wrote, from a node with whatever database, blocks and
secret. The file is verified from end to end before anything is changed: signatures, hashes, counts.
The space must not be hosted here. Its owner signs in as before; sessions and shares that the file
holds go on, unless they also rest on other spaces. Limits and the allowlist are not asked: whoever
runs this decides. Safe beside a running node; cut off, tinycloud spaces delete removes the rest.

${CONFIG_HELP}
  --json          what was brought in, as one JSON object

example:
  tinycloud spaces import space.tar`,
  options: { ...CONFIG_OPTIONS, json: { type: "boolean" } },
  words: 1,
  wants: "which file",

  async run(flags, [name = ""], io) {
    const file = resolve(io.cwd, name);
    const { config } = await configure(flags, io);
    await using repository = await openToWrite(config);
    await using blocks = await openBlocks(config);
    const done = await bringIn(file, config, { repository, blocks }, io);
    const { space, keys, events, delegations, left } = done;
    if (flags.json === true) {
      io.print(JSON.stringify({ imported: { space, keys, events, delegations, left } }));
      return 0;
    }
    const missing = left === 0 ? "" : `; ${counted(left, "delegation")} left out, which expired, ` +
      "or rest on what the file does not have";
    io.print(`${space}: ${counted(keys, "key")}, ${counted(delegations, "delegation")}${missing}`);
    return 0;
  },
};

async function bringIn(
  file: string,
  config: Config,
  { repository, blocks }: { readonly repository: Repository; readonly blocks: Blocks },
  io: Io,
): Promise<Imported> {
  const total = await verified(file, repository, io);
  const { storage } = config;
  await using staging = await openStaging({
    mode: storage.staging,
    memoryBytes: storage.stagingMemoryBytes,
    path: storage.stagingPath,
    inlineBytes: storage.inlineBytes,
  });
  const hold = await holdCollector({
    repository,
    clock: systemClock,
    holder: `import ${crypto.randomUUID()}`,
    waiting: () => io.complain("waiting for the collection under way to end"),
  });
  let isHeld = true;
  try {
    using bar = progress(io, "imported", total.lines);
    return await load(await partsOf(file), {
      repository,
      blocks,
      staging,
      clock: systemClock,
      inlineBytes: storage.inlineBytes,
      progress: bar.advance,
    });
  } catch (error) {
    await hold[Symbol.asyncDispose]();
    isHeld = false;
    const facts = await repository.spaceFacts(total.space);
    if (facts?.state === "loading") await erase(total.space, config, { repository, blocks }, io);
    throw error;
  } finally {
    if (isHeld) await hold[Symbol.asyncDispose]();
  }
}

/** Throws NodeError for a file that is not whole and true, or whose space is here already. */
async function verified(file: string, repository: Repository, io: Io) {
  using bar = progress(io, "verified");
  const { head: { space }, counts } = await verifyArchive(await partsOf(file), bar.advance);
  const facts = await repository.spaceFacts(space);
  if (facts !== undefined) {
    const state = facts.state === "open" ? "hosted here" : `here, ${facts.state}`;
    throw new NodeError(
      "storage_unavailable",
      `${space} is ${state} already: tinycloud spaces delete would erase it`,
    );
  }
  const lines = counts.delegations + counts.events + counts.values + counts.keys;
  return { space, lines };
}

async function partsOf(file: string) {
  try {
    const opened = await Deno.open(file);
    return unpackArchive(opened.readable);
  } catch (error) {
    throw cannot(`read ${file}`, error);
  }
}
