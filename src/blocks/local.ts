// Blocks as files (configuration.md, storage.blocks): `{path}/{space hash}/{first two hex}/{hash}`,
// written so that a name never leads to torn bytes: temporary file, sync, rename or link, then sync
// of the folder. Symlinks below `path` are not followed.

import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import type { SpaceId } from "../capabilities/space_id.ts";
import {
  type BlockInfo,
  type BlockName,
  blockName,
  type Blocks,
  isHash,
  requireName,
  type Staged,
} from "./blocks.ts";
import {
  createFile,
  findInfo,
  makeFolder,
  makeFolders,
  removeFile,
  requireFolder,
  syncPath,
  writeAll,
} from "./folders.ts";
import { storageError, systemCode } from "./storage_error.ts";
import { leftoversIn, openTemporaryFolder, type TemporaryFolder } from "./temporary.ts";

export interface LocalBlocksOptions {
  /** Made when missing, with the folders above it. */
  readonly path: string;
  /** `normal` leaves it to the system when things reach the disk. */
  readonly durability: "full" | "normal";
}

/** Opens the store. Nothing below `path` is written before the first `put` or `probe`. */
export async function openLocalBlocks(options: LocalBlocksOptions): Promise<Blocks> {
  const durable = options.durability === "full";
  try {
    return new LocalBlocks(await makeFolders(options.path), durable);
  } catch (error) {
    throw storageError(error);
  }
}

const SHARD = /^[0-9a-f]{2}$/;
const TEMPORARY = ".tmp";
const CHUNK_BYTES = 64 * 1024;
/** Folders remembered as durable, some 200 bytes each. */
const MAX_KNOWN_FOLDERS = 16_384;
// A FIFO in a block's place must not block a thread for ever, hence O_NONBLOCK. O_NOFOLLOW only
// serves with all permissions: otherwise Deno resolves a path first, to check it against them.
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** What `open` says of a block that is missing, or has a symlink or a socket in its place. */
const NO_BLOCK = new Set(["ENOENT", "ENOTDIR", "ELOOP", "ENXIO"]);
/** What `link` says where file systems differ or have no links: then the bytes are copied. */
const NO_LINK = new Set(["EXDEV", "EPERM", "EMLINK", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"]);

class LocalBlocks implements Blocks {
  readonly #root: string;
  readonly #durable: boolean;
  #temporary: Promise<TemporaryFolder> | undefined;
  /** Whether staged files can be linked to; until the first that can't. */
  #links = true;
  /** Folders that this process has made, or found real, and synced into their parents. */
  readonly #folders = new Map<string, Promise<void>>();

  constructor(root: string, durable: boolean) {
    this.#root = root;
    this.#durable = durable;
  }

  put(space: SpaceId, content: Staged): Promise<void> {
    const block = blockName(space, content.hash);
    return translated(async () => {
      const folder = await this.#makeFolderOf(block);
      try {
        if (!await isReal(folder)) throw new Error(`Not a folder: ${folder}`);
        const target = join(folder, block.hash);
        if (content.path === undefined) await this.#write(content.bytes ?? NOTHING, target);
        else if (!await this.#link(content.path, target)) await this.#copy(content.path, target);
        if (this.#durable) await syncPath(folder);
      } catch (error) {
        // The folder may have gone: the next put looks again.
        this.#folders.delete(folder);
        throw error;
      }
    });
  }

  get(space: SpaceId, hash: string): ReturnType<Blocks["get"]> {
    const block = blockName(space, hash);
    return translated(async () => {
      const file = await this.#open(block);
      if (file === undefined) return undefined;
      let info;
      try {
        info = await file.stat();
      } catch (error) {
        await file.close();
        throw error;
      }
      if (info.isFile()) return { size: info.size, body: streamOf(file, info.size) };
      await file.close();
      return undefined;
    });
  }

  remove(space: SpaceId, hash: string): Promise<void> {
    const block = blockName(space, hash);
    return translated(async () => {
      // Not synced: a block that comes back after a power cut is a stray, and goes as one.
      if (await isReal(this.#folderOf(block))) await removeFile(this.#pathOf(block));
    });
  }

  removeStray(block: BlockInfo): Promise<void> {
    const name = requireName(block);
    return translated(async () => {
      if (!await isReal(this.#folderOf(name))) return;
      const now = await this.#find(name);
      if (now?.modifiedAt === block.modifiedAt && now.size === block.size) {
        await removeFile(this.#pathOf(name));
      }
    });
  }

  async *all(after: BlockName = { spaceHash: "", hash: "" }): AsyncIterable<BlockInfo> {
    for (const spaceHash of await this.#names("", isHash, after.spaceHash)) {
      const from = spaceHash === after.spaceHash ? after.hash : "";
      for (const shard of await this.#names(spaceHash, isShard, from.slice(0, 2))) {
        for (const hash of await this.#names(`${spaceHash}/${shard}`, isHash, from)) {
          if (hash === from || !hash.startsWith(shard)) continue;
          const info = await translated(() => this.#find({ spaceHash, hash }));
          if (info !== undefined) yield info;
        }
      }
    }
  }

  leftovers(before: number): Promise<number> {
    return this.#leftovers(before, false);
  }

  sweepLeftovers(before: number): Promise<number> {
    return translated(async () =>
      await (await this.#temporary)?.sweep(before) ?? await this.#leftovers(before, true)
    );
  }

  probe(): Promise<void> {
    return translated(async () => {
      const bytes = crypto.getRandomValues(new Uint8Array(32));
      await using name = (await this.#openTemporary()).reserve();
      await this.#fill(name.path, bytes);
      const found = await Deno.readFile(name.path);
      if (found.length !== bytes.length || !found.every((byte, at) => byte === bytes[at])) {
        throw new Error("The block store returned other bytes than were written");
      }
      await Deno.remove(name.path);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opened = this.#temporary;
    this.#temporary = undefined;
    await (await opened?.catch(() => undefined))?.[Symbol.asyncDispose]();
  }

  /** The block's folder, there and durable. Concurrent puts wait for the one that makes it. */
  async #makeFolderOf(block: BlockName): Promise<string> {
    const folder = this.#folderOf(block);
    let made = this.#folders.get(folder);
    if (made === undefined) {
      if (this.#folders.size >= MAX_KNOWN_FOLDERS) this.#folders.clear();
      made = this.#make(join(this.#root, block.spaceHash)).then(() => this.#make(folder));
      this.#folders.set(folder, made);
      made.catch(() => this.#folders.delete(folder));
    }
    await made;
    return folder;
  }

  async #make(folder: string): Promise<void> {
    await makeFolder(folder);
    // Also for a folder that was there: its maker may have died before it synced the parent.
    if (this.#durable) await syncPath(join(folder, ".."));
  }

  async #write(bytes: Uint8Array, target: string): Promise<void> {
    await using name = (await this.#openTemporary()).reserve();
    await this.#fill(name.path, bytes);
    await Deno.rename(name.path, target);
  }

  async #fill(path: string, bytes: Uint8Array): Promise<void> {
    using file = await createFile(path);
    await writeAll(file, bytes);
    // A failed sync is never tried again: the kernel may have dropped the pages and say yes.
    if (this.#durable) await file.sync();
  }

  /** A second name for a staged file, which keeps its own; false when that can't be. */
  async #link(staged: string, target: string): Promise<boolean> {
    if (!this.#links) return false;
    if (this.#durable) await syncPath(staged);
    try {
      await Deno.link(staged, target);
      return true;
    } catch (error) {
      const code = systemCode(error) ?? "";
      if (NO_LINK.has(code)) this.#links = false;
      else if (code !== "EEXIST") throw error;
      if (code !== "EEXIST") return false;
    }
    await using name = (await this.#openTemporary()).reserve();
    await Deno.link(staged, name.path);
    // Does nothing, and leaves the name to its disposal, when both are the same file already.
    await Deno.rename(name.path, target);
    return true;
  }

  async #copy(staged: string, target: string): Promise<void> {
    await using name = (await this.#openTemporary()).reserve();
    // Private too: the copy takes over the mode of the staged file.
    await Deno.copyFile(staged, name.path);
    if (this.#durable) await syncPath(name.path);
    await Deno.rename(name.path, target);
  }

  async #open(block: BlockName): Promise<FileHandle | undefined> {
    const path = this.#pathOf(block);
    try {
      if (await isReal(path)) return await open(path, READ_FLAGS);
    } catch (error) {
      if (!NO_BLOCK.has(systemCode(error) ?? "")) throw error;
    }
    // Where the whole store is gone, nothing can be said of one block.
    await requireFolder(this.#root);
    return undefined;
  }

  async #find(block: BlockName): Promise<BlockInfo | undefined> {
    const info = await findInfo(this.#pathOf(block));
    if (info === undefined || !info.isFile) return undefined;
    return { ...block, size: info.size, modifiedAt: (info.mtime?.getTime() ?? 0) / 1000 };
  }

  /** What a folder holds of such names, from `from` on, sorted. */
  #names(
    folder: string,
    isName: (name: string) => boolean,
    from: string,
  ): Promise<readonly string[]> {
    return translated(async () => {
      const names: string[] = [];
      try {
        for await (const entry of Deno.readDir(join(this.#root, folder))) {
          if (!entry.isSymlink && entry.name >= from && isName(entry.name)) {
            names.push(entry.name);
          }
        }
      } catch (error) {
        if (folder === "" || !NO_BLOCK.has(systemCode(error) ?? "")) throw error;
      }
      return names.sort();
    });
  }

  #leftovers(before: number, remove: boolean): Promise<number> {
    return translated(async () => {
      const path = join(this.#root, TEMPORARY);
      return await isReal(path) ? await leftoversIn(path, before, { remove }) : 0;
    });
  }

  async #openTemporary(): Promise<TemporaryFolder> {
    this.#temporary ??= openTemporaryFolder(join(this.#root, TEMPORARY));
    try {
      return await this.#temporary;
    } catch (error) {
      this.#temporary = undefined;
      throw error;
    }
  }

  #folderOf(block: BlockName): string {
    return `${this.#root}/${block.spaceHash}/${block.hash.slice(0, 2)}`;
  }

  #pathOf(block: BlockName): string {
    return `${this.#folderOf(block)}/${block.hash}`;
  }
}

const NOTHING = new Uint8Array();

function isShard(name: string): boolean {
  return SHARD.test(name);
}

/** Whether something is there without a symlink on the way, or in its place. */
async function isReal(path: string): Promise<boolean> {
  try {
    return await Deno.realPath(path) === path;
  } catch (error) {
    if (NO_BLOCK.has(systemCode(error) ?? "")) return false;
    throw error;
  }
}

async function translated<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw storageError(error);
  }
}

/** Exactly `size` bytes, read as they are asked for; the file is closed on every exit. */
function streamOf(file: FileHandle, size: number): ReadableStream<Uint8Array> {
  let rest = size;
  let closed = false;
  async function close(): Promise<void> {
    if (closed) return;
    closed = true;
    // A descriptor that was only read from has nothing to say when it is closed.
    await file.close().catch(() => {});
  }
  return new ReadableStream({
    async start(controller) {
      if (rest > 0) return;
      await close();
      controller.close();
    },
    async pull(controller) {
      try {
        const buffer = new Uint8Array(Math.min(rest, CHUNK_BYTES));
        const { bytesRead } = await file.read(buffer, 0, buffer.length);
        if (bytesRead === 0) throw new Error("A block became shorter while it was read");
        rest -= bytesRead;
        if (rest === 0) await close();
        controller.enqueue(buffer.subarray(0, bytesRead));
        if (rest === 0) controller.close();
      } catch (error) {
        await close();
        throw storageError(error);
      }
    },
    cancel: close,
  });
}
