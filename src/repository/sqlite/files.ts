// A database as files: the one of its name, and the companions that SQLite keeps beside it.

import { createHasher } from "../../blake3.ts";

/** What a file must be. */
export interface FileFacts {
  /** BLAKE3, 64 lower-case hex digits. */
  readonly hash: string;
  readonly size: number;
}

const COMPANIONS = ["-journal", "-wal", "-shm"];
const CHUNK_BYTES = 256 * 1024;

/** Makes what a file or folder holds durable. */
export function sync(path: string): void {
  using file = Deno.openSync(path, { read: true });
  file.syncSync();
}

/** Removes a database that nobody has open. */
export function removeDatabase(path: string): void {
  remove(path);
  removeCompanions(path);
}

/** Removes what a new file of that name must not find: its journal would be rolled back into it. */
export function removeCompanions(path: string): void {
  for (const suffix of COMPANIONS) remove(path + suffix);
}

function remove(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Reads a file to its end. Nobody in this process may have it open: closing it ends their locks. */
export async function factsOf(path: string): Promise<FileFacts> {
  using file = await Deno.open(path, { read: true });
  return await read(file, () => Promise.resolve());
}

/** Copies a file over another, which is made (0600), durably but for its name; what was copied. */
export async function copyTo(from: string, to: string): Promise<FileFacts> {
  using source = await Deno.open(from, { read: true });
  using target = await Deno.open(to, { write: true, create: true, truncate: true, mode: 0o600 });
  const facts = await read(source, async (chunk) => {
    for (let rest = chunk; rest.length > 0;) rest = rest.subarray(await target.write(rest));
  });
  await target.sync();
  return facts;
}

async function read(
  file: Deno.FsFile,
  each: (chunk: Uint8Array) => Promise<void>,
): Promise<FileFacts> {
  const hasher = await createHasher();
  const buffer = new Uint8Array(CHUNK_BYTES);
  let size = 0;
  for (let length; (length = await file.read(buffer)) !== null;) {
    const chunk = buffer.subarray(0, length);
    hasher.update(chunk);
    await each(chunk);
    size += length;
  }
  return { hash: hasher.digest().toHex(), size };
}
