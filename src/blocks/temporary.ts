// Temporary files, with their owner in the name: `{run}-{number}` beside `{run}.lock`, which the
// process that opened the folder keeps locked while it lives. So a crashed process's leftovers are
// told from another's uploads at once, however old or slow those are, and other files are let be.

import { join } from "node:path";
import { createFile, findInfo, makeFolder, removeFile } from "./folders.ts";
import { systemCode } from "./storage_error.ts";

const OWN_NAME = /^([0-9a-f]{32})(?:-\d+|\.lock|\.new)$/;
/** A lock between its making and its locking is this old at most, unless its process has died. */
const NEW_LOCK_SECONDS = 60;

/** The name of a file to be made; disposing of it removes the file, if it is still there. */
export interface TemporaryName extends AsyncDisposable {
  readonly path: string;
}

export interface TemporaryFolder extends AsyncDisposable {
  /** A name that nothing else uses. */
  reserve(): TemporaryName;
  /** Removes leftovers last written before `before` (Unix seconds); returns how many. */
  sweep(before: number): Promise<number>;
}

/**
 * Opens a folder for temporary files and removes dead processes' leftovers from it; it is made when
 * missing, in a parent that is there.
 */
export async function openTemporaryFolder(path: string): Promise<TemporaryFolder> {
  await makeFolder(path);
  const run = crypto.randomUUID().replaceAll("-", "");
  const lockPath = join(path, `${run}.lock`);
  const lock = await takeLock(join(path, `${run}.new`), lockPath);
  const inUse = new Set<string>();
  let count = 0;
  const folder: TemporaryFolder = {
    reserve() {
      const name = `${run}-${count++}`;
      inUse.add(name);
      return {
        path: join(path, name),
        async [Symbol.asyncDispose]() {
          if (!inUse.delete(name)) return;
          // What cannot be removed now is no longer in use, so a later sweep removes it.
          await removeFile(join(path, name)).catch(() => {});
        },
      };
    },
    sweep: (before) => leftoversIn(path, before, { remove: true, own: { run, inUse } }),
    async [Symbol.asyncDispose]() {
      for (const name of inUse) await removeFile(join(path, name)).catch(() => {});
      inUse.clear();
      await removeFile(lockPath).catch(() => {});
      lock.close();
    },
  };
  try {
    await folder.sweep(Infinity);
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
  return folder;
}

/** Counts leftovers last written before `before` (Unix seconds), and removes them if told so. */
export async function leftoversIn(
  path: string,
  before: number,
  options: {
    readonly remove: boolean;
    readonly own?: { readonly run: string; readonly inUse: ReadonlySet<string> };
  },
): Promise<number> {
  const { remove, own } = options;
  const runs = Map.groupBy(await ownNames(path), (name) => name.slice(0, 32));
  let count = 0;
  for (const [run, names] of runs) {
    const files = names.filter((name) => name.startsWith(`${run}-`) && !own?.inUse.has(name));
    if (run === own?.run) {
      count += (await select(path, files, before, remove)).length;
      continue;
    }
    const lock = await lockOfDead(join(path, `${run}.lock`));
    if (lock === "alive") continue;
    try {
      const old = await select(path, files, before, remove);
      count += old.length;
      // The lock goes last: while files remain, a run without one counts as dead all the same.
      if (remove && old.length === files.length) await removeLock(path, run);
    } finally {
      lock?.close();
    }
  }
  return count;
}

// The lock appears under its name only once it is locked, so no sweep can mistake it for a dead one.
// It is shared, and its file open for reading: that keeps no one from making the disk read-only.
async function takeLock(newPath: string, lockPath: string): Promise<Deno.FsFile> {
  (await createFile(newPath)).close();
  const lock = await Deno.open(newPath, { read: true });
  try {
    if (!await lock.tryLock(false)) throw new Deno.errors.Busy(`Locked by another: ${newPath}`);
    await Deno.rename(newPath, lockPath);
    return lock;
  } catch (error) {
    lock.close();
    await removeFile(newPath).catch(() => {});
    throw error;
  }
}

async function ownNames(path: string): Promise<readonly string[]> {
  const names: string[] = [];
  try {
    for await (const entry of Deno.readDir(path)) {
      if (entry.isFile && OWN_NAME.test(entry.name)) names.push(entry.name);
    }
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
  }
  return names;
}

/** A dead run's lock, now held by us; undefined when it is gone, as its files should be. */
async function lockOfDead(path: string): Promise<Deno.FsFile | "alive" | undefined> {
  let lock: Deno.FsFile;
  try {
    // For writing: a network file system locks nothing else exclusively.
    lock = await Deno.open(path, { read: true, write: true });
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT") return undefined;
    // Nothing could be removed, and nothing is known.
    if (code === "EROFS" || code === "EACCES") return "alive";
    throw error;
  }
  try {
    if (await lock.tryLock(true)) return lock;
  } catch (error) {
    lock.close();
    throw error;
  }
  lock.close();
  return "alive";
}

async function select(
  path: string,
  names: readonly string[],
  before: number,
  remove: boolean,
): Promise<readonly string[]> {
  const old: string[] = [];
  for (const name of names) {
    const info = await findInfo(join(path, name));
    if (info === undefined || (info.mtime?.getTime() ?? 0) / 1000 >= before) continue;
    if (remove) await removeFile(join(path, name));
    old.push(name);
  }
  return old;
}

async function removeLock(path: string, run: string): Promise<void> {
  await removeFile(join(path, `${run}.lock`));
  const made = (await findInfo(join(path, `${run}.new`)))?.mtime?.getTime();
  if (made !== undefined && made / 1000 < Date.now() / 1000 - NEW_LOCK_SECONDS) {
    await removeFile(join(path, `${run}.new`));
  }
}
