// A backup on disk: `caps.db`, the database at one instant; `blocks/`, laid out as in the node; and
// `manifest.json`, written last, which says what a whole backup holds.
//
// The database and the manifest can't change places in one step. So the new manifest is written
// beside the old one first, then the database is renamed, then the manifest: whichever of the two
// manifests has the hash of the database that is there belongs to it. Blocks that only the former
// backup refers to go after that. A backup that is cut off anywhere leaves the former one as it was,
// or is the new one.

import { basename, dirname, isAbsolute, join, relative } from "node:path";
import { findInfo, makeFolders, syncPath } from "../blocks/folders.ts";
import { storageError } from "../blocks/storage_error.ts";
import type { Config } from "../config/config.ts";
import { readText, why } from "../config/text_file.ts";
import { cannot, NodeError } from "../errors.ts";
import { factsOf, type FileFacts } from "../repository/sqlite/files.ts";

/** What `manifest.json` says. */
export interface Manifest {
  /** Of the manifest's form. */
  readonly version: 1;
  /** The last migration of the database. */
  readonly schema: string;
  /** Names the database, and whatever is restored from it. */
  readonly origin: string;
  /** Of the node's secret, which is not in the backup. */
  readonly fingerprint: string;
  /** RFC 3339: what was acknowledged before is in the backup. */
  readonly instant: string;
  readonly database: FileFacts;
  readonly counts: { readonly spaces: number; readonly blocks: number; readonly bytes: number };
}

/** The paths of a backup in `folder`. */
export interface BackupPaths {
  readonly folder: string;
  readonly database: string;
  /** The database that is being copied. */
  readonly nextDatabase: string;
  readonly blocks: string;
  /** Where blocks wait on their way; not part of the backup. */
  readonly staging: string;
}

const MANIFEST = "manifest.json";
const DATABASE = "caps.db";
const NEXT = ".new";
const MAX_MANIFEST_BYTES = 64 * 1024;

export function backupPaths(folder: string): BackupPaths {
  return {
    folder,
    database: join(folder, DATABASE),
    nextDatabase: join(folder, DATABASE + NEXT),
    blocks: join(folder, "blocks"),
    staging: join(folder, "staging"),
  };
}

/** A backup that is there: what it says, and by which of its two manifests. */
export interface FoundBackup {
  readonly manifest: Manifest;
  /** Whether it was cut off just before the last step: its manifest still has the other name. */
  readonly isUnsettled: boolean;
}

/**
 * The backup in a folder; undefined when there is none. Throws NodeError with a sentence when there
 * is something else, and when it is of a version that this program does not know.
 */
export async function findBackup(folder: string): Promise<FoundBackup | undefined> {
  const manifest = await readManifest(join(folder, MANIFEST));
  const next = await readManifest(join(folder, MANIFEST + NEXT)).catch(() => undefined);
  if (next !== undefined) {
    const facts = await factsOf(backupPaths(folder).database).catch(() => undefined);
    if (facts?.hash === next.database.hash) return { manifest: next, isUnsettled: true };
  }
  return manifest === undefined ? undefined : { manifest, isUnsettled: false };
}

async function readManifest(path: string): Promise<Manifest | undefined> {
  let content: unknown;
  try {
    content = JSON.parse(await readText(path, MAX_MANIFEST_BYTES));
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new NodeError("storage_unavailable", `${path} cannot be read: ${why(error)}`);
  }
  if (isManifest(content)) return content;
  const version = isRecord(content) ? content["version"] : undefined;
  throw new NodeError(
    "storage_unavailable",
    typeof version === "number" && version > 1
      ? `${path} is of a newer version of this program: use that one`
      : `${path} is damaged, or not of a backup`,
  );
}

function isManifest(value: unknown): value is Manifest {
  if (!isRecord(value) || value["version"] !== 1) return false;
  const { schema, origin, fingerprint, instant, database, counts } = value;
  return typeof schema === "string" && typeof origin === "string" &&
    isHash(fingerprint) && typeof instant === "string" && !Number.isNaN(Date.parse(instant)) &&
    isRecord(database) && isHash(database["hash"]) && isCount(database["size"]) &&
    isRecord(counts) && ["spaces", "blocks", "bytes"].every((name) => isCount(counts[name]));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isHash(value: unknown): boolean {
  return typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** What may lie in a folder whose first backup was cut off. */
const UNFINISHED = new RegExp(`^(${DATABASE}${NEXT}.*|${MANIFEST}${NEXT}|blocks|staging)$`);

/**
 * Throws NodeError unless a backup may be made in the folder: it is missing, empty, or has a backup
 * or the beginning of one.
 */
export async function refuseForeign(folder: string): Promise<void> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) {
      // A disk of its own has this one.
      if (name !== "lost+found") names.push(name);
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw inBackup("read", folder, error);
  }
  const begun = names.some((name) => name.startsWith(DATABASE + NEXT));
  const other = names.find((name) => !begun || !UNFINISHED.test(name));
  if (other === undefined) return;
  throw new NodeError(
    "storage_unavailable",
    `${folder} is not empty and holds no backup (there is ${other}): choose another folder`,
  );
}

/**
 * Makes the folder ready for the next backup: there, private when it is new, and with the manifest
 * of the former one in its place. The next commit syncs that.
 */
export async function prepareFolder(
  folder: string,
  former: FoundBackup | undefined,
): Promise<void> {
  await writing(folder, async () => {
    await makeFolders(folder);
    const [manifest, next] = [join(folder, MANIFEST), join(folder, MANIFEST + NEXT)];
    if (former?.isUnsettled) await Deno.rename(next, manifest);
    else await removeIfThere(next);
  });
}

/** Whether a backup was cut off here before its blocks were whole. */
export async function wasCutOff(folder: string): Promise<boolean> {
  return await findInfo(backupPaths(folder).nextDatabase) !== undefined;
}

/** Makes the backup that has been copied the one that counts. */
export async function commitBackup(folder: string, manifest: Manifest): Promise<void> {
  await writing(folder, async () => {
    const { database, nextDatabase } = backupPaths(folder);
    const [name, next] = [join(folder, MANIFEST), join(folder, MANIFEST + NEXT)];
    await removeIfThere(next);
    const text = `${JSON.stringify(manifest, null, 2)}\n`;
    await Deno.writeTextFile(next, text, { createNew: true, mode: 0o600 });
    await syncPath(next);
    await syncPath(folder);
    await Deno.rename(nextDatabase, database);
    await syncPath(folder);
    await Deno.rename(next, name);
    await syncPath(folder);
  });
}

/** Throws NodeError when the folder lies in the node's own, or one of them in it. */
export async function refuseOverlap(folder: string, { storage }: Config): Promise<void> {
  const backup = await realPath(folder);
  const { database, blocks, stagingPath } = storage;
  const own = [
    ...(database.kind === "sqlite" ? [dirname(database.path)] : []),
    ...(blocks.kind === "Local" ? [blocks.path] : []),
    stagingPath,
  ];
  for (const path of own) {
    const place = await realPath(path);
    const sentence = isWithin(backup, place)
      ? `${folder} lies in the node's own folder ${path}, and would be lost with it`
      : isWithin(place, backup)
      ? `the node's own folder ${path} lies in ${folder}`
      : undefined;
    if (sentence === undefined) continue;
    throw new NodeError("storage_unavailable", `${sentence}: choose another folder`);
  }
}

/** The path without symlinks, also of what is yet to be made. */
async function realPath(path: string): Promise<string> {
  try {
    return await Deno.realPath(path);
  } catch (error) {
    const parent = dirname(path);
    if (!(error instanceof Deno.errors.NotFound) || parent === path) {
      throw inBackup("open", path, error);
    }
    return join(await realPath(parent), basename(path));
  }
}

function isWithin(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== ".." && !way.startsWith("../") && !isAbsolute(way);
}

async function removeIfThere(path: string): Promise<void> {
  await Deno.remove(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}

/** Runs what writes to a backup; its failures get a sentence. */
export async function writing<T>(folder: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw inBackup("write", folder, error);
  }
}

function inBackup(what: string, path: string, error: unknown): Error {
  if (error instanceof Deno.errors.NotCapable) return error;
  return cannot(`${what} the backup ${path}`, storageError(error));
}
