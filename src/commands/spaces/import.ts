// `tinycloud spaces import`: a space out of the file that an export wrote (docs/spaces.md).

import { resolve } from "node:path";
import type { Blocks } from "../../blocks/blocks.ts";
import { holdCollector } from "../../blocks/hold.ts";
import { openStaging } from "../../blocks/staging.ts";
import { ownerOf, type SpaceId } from "../../capabilities/space_id.ts";
import type { Config } from "../../config/config.ts";
import { cannot, NodeError } from "../../errors.ts";
import type { Repository } from "../../repository/repository.ts";
import { unpackArchive } from "../../spaces/archive.ts";
import { type Imported, importSpace as load } from "../../spaces/import_space.ts";
import { verifyArchive } from "../../spaces/true_archive.ts";
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

/** Two readings: the first believes nothing and changes nothing, the second loads. */
async function bringIn(
  file: string,
  config: Config,
  { repository, blocks }: { readonly repository: Repository; readonly blocks: Blocks },
  io: Io,
): Promise<Imported> {
  const { head: { space, createdAt }, counts } = await verify(file, io);
  await refuseHosted(repository, space);
  const { storage } = config;
  await using staging = await openStaging({
    mode: storage.staging,
    memoryBytes: storage.stagingMemoryBytes,
    path: storage.stagingPath,
    inlineBytes: storage.inlineBytes,
  });
  let isOurs = false;
  try {
    await using _hold = await holdCollector({
      repository,
      clock: systemClock,
      holder: `import ${crypto.randomUUID()}`,
      waiting: () => io.complain("waiting for the collection under way to end"),
    });
    isOurs = await repository.createToLoad(space, ownerOf(space), createdAt);
    if (!isOurs) await refuseHosted(repository, space);
    const total = counts.delegations + counts.events + counts.values + counts.keys;
    using bar = progress(io, "imported", total);
    return await load(await partsOf(file), space, {
      repository,
      blocks,
      staging,
      clock: systemClock,
      inlineBytes: storage.inlineBytes,
      progress: bar.advance,
    });
  } catch (error) {
    // Another import's space is not ours to erase; nor one that somebody erases already.
    const isLeft = isOurs && (await repository.spaceFacts(space))?.state === "loading";
    if (isLeft) await erase(space, config, { repository, blocks }, io);
    throw error;
  }
}

/** Throws NodeError for a file that is not whole and true. */
async function verify(file: string, io: Io) {
  using bar = progress(io, "verified");
  return await verifyArchive(await partsOf(file), bar.advance);
}

async function refuseHosted(repository: Repository, space: SpaceId): Promise<void> {
  const facts = await repository.spaceFacts(space);
  if (facts === undefined) return;
  const state = facts.state === "open" ? "hosted here" : `here, ${facts.state}`;
  throw new NodeError(
    "storage_unavailable",
    `${space} is ${state} already: tinycloud spaces delete would erase it`,
  );
}

async function partsOf(file: string) {
  try {
    const opened = await Deno.open(file);
    return unpackArchive(opened.readable);
  } catch (error) {
    throw cannot(`read ${file}`, error);
  }
}
