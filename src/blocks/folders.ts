// Folders and files of the node's own: private whatever the umask, and there after a power cut.

import { dirname } from "node:path";
import { systemCode } from "./storage_error.ts";

const PRIVATE_FOLDER = 0o700;
const PRIVATE_FILE = 0o600;

/** Makes a folder unless it is there; its parent must be. Tells whether it made it. */
export async function makeFolder(path: string): Promise<boolean> {
  try {
    await Deno.mkdir(path, { mode: PRIVATE_FOLDER });
    return true;
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
    return false;
  }
}

/** Makes a folder and those above it where they are missing, each synced into its parent. */
export async function makeFolders(path: string): Promise<void> {
  try {
    if (await makeFolder(path)) await syncPath(dirname(path));
  } catch (error) {
    const parent = dirname(path);
    if (systemCode(error) !== "ENOENT" || parent === path) throw error;
    await makeFolders(parent);
    await makeFolders(path);
  }
}

/** Makes what a file or folder holds durable. After an error its descriptor is not used again. */
export async function syncPath(path: string): Promise<void> {
  using file = await Deno.open(path, { read: true });
  await file.sync();
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
