// `tinycloud restore`: brings a backup into the configured storage (docs/backup.md).
//
// The database waits under another name until all its blocks are there, and takes its own last: so
// there is never a node with values that it does not have. Until then no node starts here
// (src/repository/sqlite/incoming.ts), and a restore that was cut off goes on where it was.

import { dirname, resolve } from "node:path";
import { type BlockCount, type CopiedBlocks, copyBlocks, countBlocks } from "../blocks/copy.ts";
import { findInfo, syncFolders } from "../blocks/folders.ts";
import { openLocalBlocks } from "../blocks/local.ts";
import { placeOfBlocks } from "../blocks/open.ts";
import { openStaging } from "../blocks/staging.ts";
import type { Config } from "../config/config.ts";
import { loadSecret } from "../config/node_secret.ts";
import { ConfigError } from "../config/refusal.ts";
import { fingerprint } from "../config/secret.ts";
import { cannot, NodeError } from "../errors.ts";
import { lockFile } from "../repository/lock_file.ts";
import {
  bringDatabase,
  discardDatabase,
  incomingPath,
  placeDatabase,
} from "../repository/sqlite/incoming.ts";
import { MIGRATIONS } from "../repository/sqlite/migrations.ts";
import { openSqlite, openSqliteReadOnly } from "../repository/sqlite/open.ts";
import { systemClock } from "../telemetry/clock.ts";
import { backupPaths, findBackup, type Manifest } from "./backup_folder.ts";
import { report } from "./check.ts";
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

const EXIT = { clean: 0, findings: 1 } as const;

export const restore: Command = {
  name: "restore",
  summary: "bring a backup into empty storage",
  help: `usage: tinycloud restore [options] DIR

Brings the backup in DIR into the configured storage, which must be empty, and verifies every hash
on the way; then does what \`tinycloud check\` does. The configured secret must be the one that the
node had: it is not in the backup. Run again after it was cut off, it goes on.

The node is then as it was at the backup's instant. What was stored, deleted, granted or REVOKED
after that is forgotten: revoke again what was revoked since.

${CONFIG_HELP}
  --skip-damaged  restore all the rest when blocks of the backup are damaged or missing; reading
                  these fails until they are put again
  --json          one JSON object for each finding, and one for the restore and the check

exit codes: 0 restored and clean, 1 restored with findings, 2 refused or failed: no node is there,
            78 wrong configuration, or another secret

example:
  tinycloud restore --config /etc/tinycloud.toml /mnt/backup/tinycloud`,
  options: { ...CONFIG_OPTIONS, json: { type: "boolean" }, "skip-damaged": { type: "boolean" } },
  words: 1,
  wants: "which folder",

  async run(flags, [word = ""], io) {
    const { config } = await configure(flags, io);
    const asJson = flags.json === true;
    try {
      const restored = await bring(
        resolve(io.cwd, word),
        config,
        flags["skip-damaged"] === true,
        io,
      );
      io.print(asJson ? JSON.stringify({ restored }) : sentence(restored));
      return await report(config, { asJson, isFast: true }, io) === 0 ? EXIT.clean : EXIT.findings;
    } catch (error) {
      return couldNotRun("restore", error, io);
    }
  },
};

interface Restored {
  readonly instant: string;
  readonly spaces: number;
  readonly blocks: number;
  readonly bytes: number;
}

async function bring(
  folder: string,
  config: Config,
  skipDamaged: boolean,
  io: Io,
): Promise<Restored> {
  const path = databasePath(config);
  const manifest = await readManifest(folder);
  await refuseOtherSecret(manifest, config);
  await refuseUsed(path, config);
  await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 }).catch((error) => {
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw cannot(`make the folder ${dirname(path)}`, error);
  });
  await using _lock = await lockFile(
    `${path}.lock`,
    `a node is using the database ${path}: stop it first`,
  );
  // Once more, under the lock: a node may have been here just now.
  const isResumed = await refuseUsed(path, config);

  await bringDatabase(backupPaths(folder).database, path, manifest.database, now());
  await refuseOtherCounts(path, manifest, isResumed);
  const { damaged, findings } = await bringBlocks(folder, config, isResumed, io);
  if (damaged > 0 && !skipDamaged) {
    for (const { kind, what } of findings) io.complain(`${kind}: ${what}`);
    throw new NodeError(
      "block_corrupt",
      `${counted(damaged, "block")} of the backup damaged or missing: ` +
        "--skip-damaged restores all the rest",
    );
  }
  placeDatabase(path);
  // As the node will open it.
  const { durability } = config.storage;
  await openSqlite({ path, durability, now })[Symbol.asyncDispose]();
  return { instant: manifest.instant, ...manifest.counts };
}

async function readManifest(folder: string): Promise<Manifest> {
  const found = await findBackup(folder);
  if (found === undefined) {
    throw new NodeError("storage_unavailable", `${folder} holds no whole backup: no manifest.json`);
  }
  const { manifest } = found;
  if (MIGRATIONS.some(({ name }) => name === manifest.schema)) return manifest;
  throw new NodeError(
    "storage_unavailable",
    `the backup was made by a newer version of this program (${manifest.schema}): use that one`,
  );
}

async function refuseOtherSecret(manifest: Manifest, { keys, storage }: Config): Promise<void> {
  const { secret, source } = await loadSecret(keys, storage.database, {
    mayMake: false,
    gone: (path) =>
      `a backup does not hold the node's secret: put the file that you kept to ${path}, ` +
      "or set keys.secret or keys.secret_file, and restore again",
  });
  if (fingerprint(secret) === manifest.fingerprint) return;
  throw new ConfigError([
    `${source} is not the secret of the node that the backup is of, and every host key would ` +
    "change: configure that secret",
  ]);
}

/**
 * Throws NodeError unless the storage is empty, or a restore was cut off in it; whether one was.
 */
async function refuseUsed(path: string, config: Config): Promise<boolean> {
  const { storage } = config;
  for (const name of [path, `${path}-wal`, `${path}-journal`]) {
    if (await findInfo(name) !== undefined) throw used(`there is the database ${name}`);
  }
  if (await findInfo(incomingPath(path)) !== undefined) return true;
  if (storage.blocks.kind === "Local") await refuseUsedFolder(storage.blocks.path);
  else await refuseUsedBucket(config);
  return false;
}

async function refuseUsedFolder(blocks: string): Promise<void> {
  const names = await Array.fromAsync(Deno.readDir(blocks)).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return [];
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw cannot(`read the folder of blocks ${blocks}`, error);
  });
  if (names.every(({ name }) => NO_BLOCKS.has(name))) return;
  throw used(`the folder of blocks ${blocks} is not empty`);
}

async function refuseUsedBucket(config: Config): Promise<void> {
  await using blocks = await openBlocks(config);
  for await (const _ of blocks.all()) {
    throw used(`there are blocks in ${placeOfBlocks(config.storage.blocks)}`);
  }
}

/** What a store of blocks keeps there itself, and what a disk of its own has. */
const NO_BLOCKS = new Set([".tmp", "lost+found"]);

function used(what: string): NodeError {
  return new NodeError("storage_unavailable", `${what}: a restore needs empty storage`);
}

/** Throws NodeError when the database that was brought is not what the manifest says. */
async function refuseOtherCounts(
  path: string,
  { counts }: Manifest,
  isResumed: boolean,
): Promise<void> {
  const found = await countIn(incomingPath(path));
  for (const what of ["spaces", "blocks", "bytes"] as const) {
    if (found[what] === counts[what]) continue;
    if (!isResumed) discardDatabase(path);
    throw new NodeError(
      "block_corrupt",
      `the backup is damaged: its manifest says ${counts[what]} ${what}, ` +
        `its database ${found[what]}`,
    );
  }
}

async function countIn(path: string): Promise<BlockCount> {
  await using repository = openSqliteReadOnly(path, now);
  return await countBlocks(repository);
}

/** Brings all blocks but those that are damaged or missing in the backup. */
async function bringBlocks(
  folder: string,
  config: Config,
  isResumed: boolean,
  io: Io,
): Promise<CopiedBlocks> {
  const { storage } = config;
  const incoming = incomingPath(databasePath(config));
  const { blocks } = await countIn(incoming);
  await using repository = openSqliteReadOnly(incoming, now);
  await using source = await openLocalBlocks({
    path: backupPaths(folder).blocks,
    durability: "full",
  });
  await using target = await openBlocks(config, "full");
  await using staging = await openStaging({
    mode: "Memory",
    memoryBytes: storage.stagingMemoryBytes,
    path: storage.stagingPath,
    inlineBytes: 0,
  });
  using bar = progress(io, "blocks", blocks);
  const copied = await copyBlocks({
    repository,
    from: source,
    to: target,
    staging,
    // What is there already comes from a restore that was cut off.
    trust: "hash",
    progress: (done) => bar.at(done),
  });
  if (isResumed && storage.blocks.kind === "Local") await syncFolders(storage.blocks.path);
  return copied;
}

function sentence({ instant, spaces, blocks }: Restored): string {
  return `restored as of ${instant}: ${counted(spaces, "space")}, ${counted(blocks, "block")}; ` +
    "what was done later is forgotten, revocations too";
}

function now(): number {
  return systemClock.nowSeconds();
}
