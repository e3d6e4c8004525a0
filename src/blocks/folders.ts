// Folders and files of the node's own: private whatever the umask, and there after a power cut.

import { dirname, join } from "node:path";
import { systemCode } from "./storage_error.ts";

const PRIVATE_FOLDER = 0o700;
const PRIVATE_FILE = 0o600;

/** Throws where there is no folder, or only a symlink to one. */
export async function requireFolder(path: string): Promise<void> {
  // A trailing "/." would tell too, but not where Deno resolves paths to check its permissions.
  if (!(await Deno.lstat(path)).isDirectory) throw new Error(`Not a folder: ${path}`);
}

/** Makes a folder unless it is there; throws for a file or symlink in its place. */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path);
  await requireFolder(path);
}

/**
 * Makes a folder and those above it where they are missing, and makes all their names durable.
 * Symlinks on the way are followed; the result is its path without them.
 */
export async function makeFolders(path: string): Promise<string> {
  await makeMissing(path);
  const real = await Deno.realPath(path);
  await requireFolder(real);
  await syncNames(real);
  return real;
}

async function makeMissing(path: string): Promise<void> {
  const parent = dirname(path);
  try {
    await mkdir(path);
  } catch (error) {
    if (systemCode(error) !== "ENOENT" || parent === path) throw error;
    await makeMissing(parent);
    // Once more, and no oftener: below a symlink to nothing it fails for ever.
    await mkdir(path);
  }
}

/** Folders that this program may not open, or whose file system does not sync folders. */
const NO_SYNC = new Set(["EACCES", "EPERM", "EROFS", "EINVAL"]);

/**
 * Syncs the folders above, as far as the file system reaches and this program may look. Also where
 * nothing was missing: whoever made a folder may have died, or may not have cared, before its name
 * was durable.
 */
async function syncNames(path: string): Promise<void> {
  const { dev } = await Deno.stat(path);
  for (let [child, parent] = [path, dirname(path)]; parent !== child;) {
    try {
      if ((await Deno.stat(parent)).dev !== dev) return;
      await syncPath(parent);
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable || NO_SYNC.has(systemCode(error) ?? "")) return;
      throw error;
    }
    [child, parent] = [parent, dirname(parent)];
  }
}

/** Does nothing when something is there. */
async function mkdir(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { mode: PRIVATE_FOLDER });
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
  }
}

/** Makes what a file or folder holds durable. After an error its descriptor is not used again. */
export async function syncPath(path: string): Promise<void> {
  using file = await Deno.open(path, { read: true });
  await file.sync();
}

/** Syncs a folder and those below: names in them may be younger than the last sync. */
export async function syncFolders(folder: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) await syncFolders(join(folder, name));
  }
  await syncPath(folder);
}

/** A new private file, open for writing; fails when there is one. */
export function createFile(path: string): Promise<Deno.FsFile> {
  return Deno.open(path, { write: true, createNew: true, mode: PRIVATE_FILE });
}

export async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  let rest = bytes;
  while (rest.length > 0) rest = rest.subarray(await file.write(rest));
}

/** Removes a file, or the symlink itself; what is not there is removed already. */
export async function removeFile(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    const code = systemCode(error);
    if (code !== "ENOENT" && code !== "ENOTDIR") throw error;
  }
}

/** `lstat`; undefined when there is nothing. */
export async function findInfo(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
