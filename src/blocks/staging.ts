// Where an upload waits until it has arrived whole (configuration.md, storage.staging): counted
// and hashed on the way, small ones in memory, others in a temporary file. Nothing is left of an
// upload that is refused, breaks off or has been dealt with.

import { blake3Hex, createHasher, type Hasher } from "../blake3.ts";
import { NodeError } from "../errors.ts";
import type { Staged } from "./blocks.ts";
import { createFile, makeFolders, writeAll } from "./folders.ts";
import { storageError } from "./storage_error.ts";
import { openTemporaryFolder, type TemporaryFolder, type TemporaryName } from "./temporary.ts";

export interface StagingOptions {
  readonly mode: "Memory" | "FileSystem";
  /** Bytes that all uploads together may hold in memory, but for those up to `inlineBytes`. */
  readonly memoryBytes: number;
  /** Folder of the temporary files; made when missing. */
  readonly path: string;
  /** An upload up to this size always ends in memory: it goes into the database. */
  readonly inlineBytes: number;
}

export interface UploadLimit {
  /** An upload of more bytes is refused with `refuse()` as soon as that is known. */
  readonly maxBytes: number;
  readonly refuse: () => NodeError;
  /** Its Content-Length; another number of bytes is NodeError `request_malformed`. */
  readonly declared?: number;
}

export interface Staging extends AsyncDisposable {
  /**
   * Takes an upload to its end, as fast as it can be written. Bytes given whole stay in memory and
   * must not be changed afterwards. Throws what the body's stream throws, what `limit` says, and
   * the NodeErrors of storage; the stream is cancelled then.
   */
  stage(body: ReadableStream<Uint8Array> | Uint8Array, limit: UploadLimit): Promise<Staged>;
  /** Removes leftovers last written before `before` (Unix seconds), and counts them. */
  sweepLeftovers(before: number): Promise<number>;
}

/** Opens the folder and removes what crashed processes left in it. */
export async function openStaging(options: StagingOptions): Promise<Staging> {
  const { mode, memoryBytes, inlineBytes } = options;
  const folder = await storing(async () =>
    await openTemporaryFolder(await makeFolders(options.path))
  );
  const uploadBytes = mode === "Memory" ? Math.min(memoryBytes, MAX_UPLOAD_MEMORY) : 0;
  const means: Means = {
    folder,
    budget: new MemoryBudget(memoryBytes),
    memoryBytes: Math.max(uploadBytes, inlineBytes),
    inlineBytes,
  };
  return {
    async stage(body, limit) {
      return body instanceof Uint8Array
        ? stageBytes(body, limit)
        : await stageStream(body, limit, means);
    },
    sweepLeftovers: (before) => storing(() => folder.sweep(before)),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

/** Bytes of one upload in memory: 64 of them fill the default budget. */
const MAX_UPLOAD_MEMORY = 1024 * 1024;
const FIRST_BUFFER = 16 * 1024;
/** Chunks smaller than this are gathered, to write a few large pieces instead of many small ones. */
const WORTH_WRITING = 64 * 1024;
const WRITE_BUFFER = 256 * 1024;
/** Up to here one hash of the whole is cheaper than a hasher. */
const WHOLE_HASH = 64 * 1024;

interface Means {
  readonly folder: TemporaryFolder;
  readonly budget: MemoryBudget;
  /** Bytes of one upload that may be in memory. */
  readonly memoryBytes: number;
  readonly inlineBytes: number;
}

class MemoryBudget {
  #free: number;

  constructor(bytes: number) {
    this.#free = bytes;
  }

  /** False, and nothing is taken, when there is not so much; `must` takes it all the same. */
  take(bytes: number, must: boolean): boolean {
    if (!must && bytes > this.#free) return false;
    this.#free -= bytes;
    return true;
  }

  give(bytes: number): void {
    this.#free += bytes;
  }
}

function stageBytes(bytes: Uint8Array, limit: UploadLimit): Staged {
  checkSize(bytes.length, limit);
  checkEnd(bytes.length, limit);
  const hash = blake3Hex(bytes);
  return { hash, size: bytes.length, bytes, path: undefined, async [Symbol.asyncDispose]() {} };
}

async function stageStream(
  body: ReadableStream<Uint8Array>,
  limit: UploadLimit,
  means: Means,
): Promise<Staged> {
  const reader = body.getReader();
  const upload = new Upload(means, limit.declared);
  try {
    checkSize(limit.declared ?? 0, limit);
    while (true) {
      const { done, value } = await reader.read();
      if (done) break;
      checkSize(upload.size + value.length, limit);
      await upload.add(value);
    }
    checkEnd(upload.size, limit);
    return await upload.finish();
  } catch (error) {
    // Not waited for: what sends the body may take its time to notice.
    reader.cancel(error).catch(() => {});
    await upload[Symbol.asyncDispose]();
    throw error;
  }
}

function checkSize(size: number, { maxBytes, refuse, declared }: UploadLimit): void {
  if (size > maxBytes) throw refuse();
  if (declared !== undefined && size > declared) throw wrongLength("longer");
}

function checkEnd(size: number, { declared }: UploadLimit): void {
  if (declared !== undefined && size < declared) throw wrongLength("shorter");
}

function wrongLength(comparison: "longer" | "shorter"): NodeError {
  return new NodeError(
    "request_malformed",
    `Malformed request: body is ${comparison} than its Content-Length`,
  );
}

/** An upload on its way: in `#buffer` alone, or in a file with its last bytes in `#buffer`. */
class Upload implements AsyncDisposable {
  readonly #means: Means;
  readonly #declared: number | undefined;
  #size = 0;
  #buffer = new Uint8Array();
  #filled = 0;
  #hasher: Hasher | undefined;
  #name: TemporaryName | undefined;
  #file: Deno.FsFile | undefined;

  constructor(means: Means, declared: number | undefined) {
    this.#means = means;
    this.#declared = declared;
  }

  get size(): number {
    return this.#size;
  }

  async add(chunk: Uint8Array): Promise<void> {
    this.#size += chunk.length;
    const inMemory = this.#file === undefined && this.#reserve(this.#size);
    if (this.#hasher === undefined && (!inMemory || this.#size > WHOLE_HASH)) {
      this.#hasher = await createHasher();
      this.#hasher.update(this.#buffer.subarray(0, this.#filled));
    }
    this.#hasher?.update(chunk);
    if (inMemory) this.#keep(chunk);
    else await storing(() => this.#write(chunk));
  }

  async finish(): Promise<Staged> {
    const filled = this.#buffer.subarray(0, this.#filled);
    const hash = this.#hasher?.digest().toHex() ?? blake3Hex(filled);
    if (this.#file !== undefined) await storing(() => this.#flush());
    const bytes = this.#name === undefined ? filled : undefined;
    if (bytes === undefined) this.#release();
    this.#close();
    return {
      hash,
      size: this.#size,
      bytes,
      path: this.#name?.path,
      [Symbol.asyncDispose]: () => this[Symbol.asyncDispose](),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#release();
    this.#close();
    await this.#name?.[Symbol.asyncDispose]();
  }

  /** Makes room in memory for `size` bytes; false when the upload may not have so much of it. */
  #reserve(size: number): boolean {
    const { budget, memoryBytes, inlineBytes } = this.#means;
    if (Math.max(size, this.#declared ?? 0) > memoryBytes) return false;
    const capacity = this.#buffer.length;
    if (size <= capacity) return true;
    const wanted = Math.max(
      size,
      Math.min(capacity * 2 || FIRST_BUFFER, this.#declared ?? Infinity),
    );
    const next = Math.min(wanted, size <= inlineBytes ? Math.max(size, inlineBytes) : memoryBytes);
    if (!budget.take(next - capacity, size <= inlineBytes)) return false;
    this.#resize(next);
    return true;
  }

  #resize(capacity: number): void {
    const larger = new Uint8Array(capacity);
    larger.set(this.#buffer.subarray(0, this.#filled));
    this.#buffer = larger;
  }

  #keep(chunk: Uint8Array): void {
    this.#buffer.set(chunk, this.#filled);
    this.#filled += chunk.length;
  }

  async #write(chunk: Uint8Array): Promise<void> {
    this.#file ??= await this.#createFile();
    if (chunk.length < WORTH_WRITING && this.#filled + chunk.length <= this.#buffer.length) {
      return this.#keep(chunk);
    }
    await this.#flush();
    if (chunk.length < WORTH_WRITING && chunk.length <= this.#buffer.length) this.#keep(chunk);
    else await writeAll(this.#file, chunk);
  }

  /** The file, into which the buffer's bytes go first; from then on it only gathers small chunks. */
  async #createFile(): Promise<Deno.FsFile> {
    this.#name = this.#means.folder.reserve();
    const file = await createFile(this.#name.path);
    this.#file = file;
    await this.#flush();
    const { budget } = this.#means;
    budget.give(this.#buffer.length);
    // With no memory left, chunks are written as they come.
    this.#buffer = new Uint8Array(budget.take(WRITE_BUFFER, false) ? WRITE_BUFFER : 0);
    return file;
  }

  async #flush(): Promise<void> {
    if (this.#file === undefined || this.#filled === 0) return;
    await writeAll(this.#file, this.#buffer.subarray(0, this.#filled));
    this.#filled = 0;
  }

  #release(): void {
    this.#means.budget.give(this.#buffer.length);
    this.#buffer = new Uint8Array();
    this.#filled = 0;
  }

  #close(): void {
    this.#file?.close();
    this.#file = undefined;
  }
}

async function storing<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw storageError(error);
  }
}
