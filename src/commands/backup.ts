// `tinycloud backup`: a consistent copy of a node that runs (docs/backup.md).
//
// The database is copied first, as it is at one instant, then every block that the copy refers to.
// In that order no block can be missing for being too new: it was written before the commit that
// refers to it. It could be missing for being too old, when the value is deleted and collected
// meanwhile; so the collector is held off from before the copy until the last block is there.

import { resolve } from "node:path";
import {
  type BlockCopy,
  type CopiedBlocks,
  copyBlocks,
  countBlocks,
  removeOthers,
} from "../blocks/copy.ts";
import { syncFolders } from "../blocks/folders.ts";
import { HOLD_SECONDS, holdCollector } from "../blocks/hold.ts";
import { openLocalBlocks } from "../blocks/local.ts";
import { openStaging } from "../blocks/staging.ts";
import type { Config } from "../config/config.ts";
import { FINGERPRINT_SETTING } from "../config/secret.ts";
import { NodeError } from "../errors.ts";
import { lockFile } from "../repository/lock_file.ts";
import type { Repository } from "../repository/repository.ts";
import { factsOf } from "../repository/sqlite/files.ts";
import { openSqlite, openSqliteReadOnly } from "../repository/sqlite/open.ts";
import { type Snapshot, snapshotSqlite } from "../repository/sqlite/snapshot.ts";
import { systemClock } from "../telemetry/clock.ts";
import {
  backupPaths,
  commitBackup,
  findBackup,
  type FoundBackup,
  type Manifest,
  prepareFolder,
  refuseForeign,
  refuseOverlap,
  wasCutOff,
  writing,
} from "./backup_folder.ts";
import {
  type Command,
  CONFIG_HELP,
  CONFIG_OPTIONS,
  configure,
  couldNotRun,
  counted,
  type Io,
} from "./command.ts";
import { progress } from "./progress.ts";
import { databasePath, openBlocks } from "./stores.ts";

const EXIT = { complete: 0, incomplete: 1 } as const;

export const backup: Command = {
  name: "backup",
  summary: "copy everything that is stored to a folder, beside a running node",
  help: `usage: tinycloud backup [options] DIR

Copies the database as it is at one instant, and every block that it refers to. Safe beside a
running node. Into the folder of an earlier backup it copies only the blocks that are new and
removes those that are not needed any more; cut off, it leaves the earlier backup as it was. The
node collects no deleted blocks meanwhile.

The node's secret is not in the backup: keep it elsewhere. Whoever reads the backup reads all values.

${CONFIG_HELP}
  --verify        also read the blocks that are there already, and replace damaged ones
  --json          one JSON object for each damaged block, and one at the end

exit codes: 0 complete, 1 made, but for blocks that are damaged or missing in the node,
            2 could not run; an earlier backup is as it was

example:
  tinycloud backup --config /etc/tinycloud.toml /mnt/backup/tinycloud`,
  options: { ...CONFIG_OPTIONS, json: { type: "boolean" }, verify: { type: "boolean" } },
  words: 1,
  wants: "which folder",

  async run(flags, [word = ""], io) {
    const { config } = await configure(flags, io);
    const asJson = flags.json === true;
    try {
      const trust = flags.verify === true ? "hash" : "size";
      const made = await makeBackup(resolve(io.cwd, word), config, trust, io);
      for (const finding of made.copied.findings) {
        io.print(asJson ? JSON.stringify(finding) : `${finding.kind}: ${finding.what}`);
      }
      io.print(asJson ? JSON.stringify({ backup: summary(made) }) : sentence(made));
      return made.copied.damaged === 0 ? EXIT.complete : EXIT.incomplete;
    } catch (error) {
      return couldNotRun("backup", error, io);
    }
  },
};

interface Made {
  readonly manifest: Manifest;
  readonly copied: CopiedBlocks;
  /** Blocks that only the former backup referred to. */
  readonly removed: number;
}

/** Names the database that a backup is of, so that another one's backup is never overwritten. */
const ORIGIN = "backup.origin";
const HOLDER = "backup";
/** How slow the copy of a large database may be, since nothing can be renewed meanwhile. */
const SLOW_BYTES_A_SECOND = 5_000_000;

async function makeBackup(
  folder: string,
  config: Config,
  trust: BlockCopy["trust"],
  io: Io,
): Promise<Made> {
  const path = databasePath(config);
  await refuseOverlap(folder, config);
  // Opened for writing, a database that is missing would be made, and an older one migrated.
  await openSqliteReadOnly(path, now)[Symbol.asyncDispose]();
  await using _lock = await lockFile(
    `${path}.backup.lock`,
    `another backup of ${path} is under way`,
  );
  await using live = openSqlite({ path, durability: config.storage.durability, now });
  const former = await findBackup(folder);
  if (former === undefined) await refuseForeign(folder);
  const identity = await identify(live, folder, former);
  await prepareFolder(folder, former);

  const { instant, ...copy } = await copyAll({ folder, path, config, live, trust, io });
  const { database, schema, counts } = copy;
  const manifest: Manifest = {
    version: 1,
    schema,
    ...identity,
    instant: new Date(instant * 1000).toISOString(),
    database,
    counts,
  };
  await commitBackup(folder, manifest);
  // The backup is whole whatever comes of this; the next one tries again.
  const removed = await tidy(folder).catch((error) => {
    io.complain(`what the backup does not need any more could not be removed: ${error.message}`);
    return 0;
  });
  return { manifest, copied: copy.copied, removed };
}

/** Throws NodeError when the folder has the backup of another database. */
async function identify(
  live: Repository,
  folder: string,
  former: FoundBackup | undefined,
): Promise<Pick<Manifest, "origin" | "fingerprint">> {
  const fingerprint = await live.setting(FINGERPRINT_SETTING);
  if (fingerprint === undefined) {
    throw new NodeError("storage_unavailable", "no node has used this database yet");
  }
  const known = await live.setting(ORIGIN);
  if (former !== undefined && former.manifest.origin !== known) {
    const sentence = `${folder} holds the backup of another database, of ` +
      `${former.manifest.instant}: choose another folder`;
    throw new NodeError("storage_unavailable", sentence);
  }
  const origin = known ?? crypto.randomUUID();
  if (known === undefined) await live.setSetting(ORIGIN, origin);
  return { origin, fingerprint };
}

interface Copying {
  readonly folder: string;
  /** Of the database. */
  readonly path: string;
  readonly config: Config;
  readonly live: Repository;
  readonly trust: BlockCopy["trust"];
  readonly io: Io;
}

type Copied = Snapshot & Pick<Manifest, "database" | "counts"> & Pick<Made, "copied">;

/** Copies database and blocks while nothing is collected. */
async function copyAll({ folder, path, config, live, trust, io }: Copying): Promise<Copied> {
  const paths = backupPaths(folder);
  const isCutOff = await wasCutOff(folder);
  await using source = await openBlocks(config);
  await using hold = await holdCollector({
    repository: live,
    clock: systemClock,
    holder: HOLDER,
    waiting: () => io.complain("waiting for the collection under way to end"),
  });
  const { size } = await Deno.stat(path);
  await hold.renew(HOLD_SECONDS + size / SLOW_BYTES_A_SECOND);
  const snapshot = await copyDatabase(path, paths.nextDatabase, io);
  await hold.renew();
  const database = await factsOf(paths.nextDatabase);

  await using repository = openSqliteReadOnly(paths.nextDatabase, now);
  await using target = await openLocalBlocks({ path: paths.blocks, durability: "full" });
  await using staging = await openStaging({
    mode: "Memory",
    memoryBytes: config.storage.stagingMemoryBytes,
    path: paths.staging,
    inlineBytes: 0,
  });
  const counts = await countBlocks(repository);
  using bar = progress(io, "blocks", counts.blocks);
  const copied = await copyBlocks({
    repository,
    from: source,
    to: target,
    staging,
    trust,
    live,
    progress: (done) => bar.at(done),
  });
  if (isCutOff) await writing(folder, () => syncFolders(paths.blocks));
  return { ...snapshot, database, counts, copied };
}

async function copyDatabase(path: string, to: string, io: Io): Promise<Snapshot> {
  using bar = progress(io, "database");
  return await snapshotSqlite({ path, to, now, progress: (done, total) => bar.at(done, total) });
}

/** Removes what the backup that counts now does not need; how many blocks that were. */
async function tidy(folder: string): Promise<number> {
  const paths = backupPaths(folder);
  await using repository = openSqliteReadOnly(paths.database, now);
  await using blocks = await openLocalBlocks({ path: paths.blocks, durability: "full" });
  const removed = await removeOthers(repository, blocks);
  await Deno.remove(paths.staging).catch(() => "another backup's, or never made");
  return removed;
}

function now(): number {
  return systemClock.nowSeconds();
}

function summary({ manifest, copied, removed }: Made): Readonly<Record<string, unknown>> {
  const { instant, counts } = manifest;
  return {
    instant,
    ...counts,
    copied: copied.copied,
    copiedBytes: copied.bytes,
    kept: copied.kept,
    removed,
    damaged: copied.damaged,
  };
}

function sentence({ manifest: { instant, counts }, copied, removed }: Made): string {
  const lacking = copied.damaged === 0 ? "" : `, ${copied.damaged} DAMAGED and not in it`;
  const [spaces, blocks] = [counted(counts.spaces, "space"), counted(counts.blocks, "block")];
  return `backed up as of ${instant}: ${spaces}, ${blocks} ` +
    `(${copied.copied} copied, ${removed} removed${lacking})`;
}
