// An exclusive lock that dies with its process (flock), for what only one process may do.

import { cannotOpen, NodeError } from "../errors.ts";

/**
 * Takes the lock on the file, which is created (0600) and stays. Disposing gives it back. Throws
 * `storage_unavailable` with the given sentence when somebody else holds it.
 */
export async function lockFile(path: string, heldSentence: string): Promise<AsyncDisposable> {
  const file = await openLockFile(path);
  const locked = await file.tryLock(true).catch((error) => {
    file.close();
    throw new NodeError("storage_unavailable", `Cannot lock ${path}`, { cause: error });
  });
  if (!locked) {
    file.close();
    throw new NodeError("storage_unavailable", heldSentence);
  }
  return {
    // The file is left behind: removing it would let two processes lock two files of one name.
    [Symbol.asyncDispose]: () => Promise.resolve(file.close()),
  };
}

async function openLockFile(path: string): Promise<Deno.FsFile> {
  try {
    return await Deno.open(path, { create: true, read: true, write: true, mode: 0o600 });
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw cannotOpen("the lock file", path, error);
  }
}
