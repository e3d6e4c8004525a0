// The body of a put: what was staged, in memory when it is small, else as a stream of its file. A
// stream serves one try only; for the next one the file is opened again.

import { Readable } from "node:stream";
import type { Staged } from "./blocks.ts";
import type { Headway } from "./s3_headway.ts";
import { storageError } from "./storage_error.ts";

export type Content = Pick<Staged, "bytes" | "path" | "size">;

export interface UploadBody extends AsyncDisposable {
  readonly content: Uint8Array | Readable;
}

/** Up to here a staged file is read into memory: such a body is signed with its hash. */
const SMALL = 256 * 1024;
const CHUNK_BYTES = 256 * 1024;

/** Whether the body will be a stream, which tells the headway of its bytes as they are taken. */
export function isStreamed({ bytes, size }: Content): boolean {
  return bytes === undefined && size > SMALL;
}

/** Throws the NodeErrors of storage; a file that fails later stops the headway with one of them. */
export async function openUpload(content: Content, headway: Headway): Promise<UploadBody> {
  const { bytes, path = "", size } = content;
  if (bytes !== undefined) return inMemory(bytes);
  if (!isStreamed(content)) return inMemory(await readWhole(path, size));
  const stream = Readable.from(chunksOf(path, size, headway), {
    objectMode: false,
    highWaterMark: CHUNK_BYTES,
  });
  stream.on("error", (error) => headway.stop(storageError(error)));
  return {
    content: stream,
    async [Symbol.asyncDispose]() {
      if (stream.closed) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      stream.once("close", resolve);
      stream.destroy();
      await promise;
    },
  };
}

function inMemory(content: Uint8Array): UploadBody {
  return { content, async [Symbol.asyncDispose]() {} };
}

async function readWhole(path: string, size: number): Promise<Uint8Array> {
  try {
    const bytes = await Deno.readFile(path);
    if (bytes.length !== size) throw otherSize();
    return bytes;
  } catch (error) {
    throw storageError(error);
  }
}

async function* chunksOf(
  path: string,
  size: number,
  headway: Headway,
): AsyncGenerator<Uint8Array, void, undefined> {
  using file = await Deno.open(path, { read: true });
  for (let rest = size; rest > 0;) {
    const buffer = new Uint8Array(Math.min(rest, CHUNK_BYTES));
    const count = await file.read(buffer);
    if (count === null) throw otherSize();
    rest -= count;
    yield buffer.subarray(0, count);
    // Asked for the next one: this one has been taken.
    headway.moved(count);
  }
}

function otherSize(): Error {
  return new Error("A staged upload changed its size");
}
