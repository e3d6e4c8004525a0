// Blocks on their way from one store to another, as a backup and a restore take them: those that a
// copy of the database refers to, each read whole and verified before it is put. A block is
// immutable and named by its hash, so what is there already need not be copied again.

import { cannot, NodeError } from "../errors.ts";
import type { Finding, Repository } from "../repository/repository.ts";
import type { Blocks, Staged } from "./blocks.ts";
import { isLive, type LiveBlock, liveBlocks } from "./live.ts";
import { restless } from "./pace.ts";
import { damageOf } from "./verify.ts";
import { examineBlocks } from "./standing.ts";
import type { Staging } from "./staging.ts";

export interface BlockCount {
  readonly spaces: number;
  readonly blocks: number;
  readonly bytes: number;
}

export interface BlockCopy {
  /** Says which blocks there are; it must not change meanwhile. */
  readonly repository: Repository;
  readonly from: Blocks;
  readonly to: Blocks;
  readonly staging: Pick<Staging, "stage">;
  /** By what a block that is there already is known to be whole. */
  readonly trust: "size" | "hash";
  /** The store that `from` belongs to: what it has given up since may be gone. */
  readonly live?: Repository;
  /** Told how many blocks are dealt with. */
  readonly progress?: (blocks: number) => void;
}

export interface CopiedBlocks {
  readonly copied: number;
  /** Of those that were copied. */
  readonly bytes: number;
  /** There already. */
  readonly kept: number;
  /** Could not be had. */
  readonly damaged: number;
  /** Of the first thousand of these. */
  readonly findings: readonly Finding[];
}

/** Enough that the disk syncs several at a time. */
const AT_ONCE = 4;
const MAX_FINDINGS = 1_000;

/** How many blocks the repository refers to. */
export async function countBlocks(repository: Repository): Promise<BlockCount> {
  let [blocks, bytes] = [0, 0];
  for await (const { size } of liveBlocks(repository)) {
    blocks++;
    bytes += size;
  }
  return { spaces: await repository.spaceCount(), blocks, bytes };
}

/**
 * Copies every block that the repository refers to. Throws what the stores throw, but for a block of
 * `from` that can't be read or is not what its name says: that is damage, and the rest goes on.
 */
export async function copyBlocks(copy: BlockCopy): Promise<CopiedBlocks> {
  const counts = { copied: 0, bytes: 0, kept: 0, damaged: 0 };
  const findings: Finding[] = [];
  const blocks = liveBlocks(copy.repository);
  let isBroken = false;

  async function work(): Promise<void> {
    try {
      for (let next; !isBroken && !(next = await blocks.next()).done;) {
        const { space, hash, size } = next.value;
        const outcome = await copyBlock(copy, next.value);
        if (outcome === "copied") {
          counts.copied++;
          counts.bytes += size;
        } else if (outcome === "kept") counts.kept++;
        else {
          const what = `${space}: block ${hash} ${outcome.damage}`;
          if (counts.damaged++ < MAX_FINDINGS) findings.push({ kind: "block", what });
        }
        copy.progress?.(counts.copied + counts.kept + counts.damaged);
      }
    } catch (error) {
      isBroken = true;
      throw error;
    }
  }

  // All of them have ended before the stores are closed.
  const ends = await Promise.allSettled(Array.from({ length: AT_ONCE }, work));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  return { ...counts, findings };
}

/** Removes what the repository does not refer to, also of spaces it does not know; how many. */
export async function removeOthers(repository: Repository, blocks: Blocks): Promise<number> {
  let count = 0;
  for await (const { block, live } of examineBlocks(repository, blocks)) {
    if (live) continue;
    await blocks.removeStray(block);
    count++;
  }
  return count;
}

type Outcome = "copied" | "kept" | { readonly damage: string };

async function copyBlock(copy: BlockCopy, block: LiveBlock): Promise<Outcome> {
  const { to, from, trust } = copy;
  const { space, hash, size } = block;
  if (await isThere(to, block, trust)) return "kept";

  const found = await reading(() => from.get(space, hash));
  if (found === "unreadable") return await unreadable(from);
  if (found === undefined) {
    if (copy.live !== undefined && !await isLive(copy.live, space, hash)) throw collected(block);
    return { damage: "is missing" };
  }
  if (found.size !== size) {
    await found.body.cancel();
    const what = found.size > size ? "longer" : "shorter";
    return { damage: `is ${what} than its ${size} bytes` };
  }
  const staged = await stage(copy, found.body, block);
  if (staged === "unreadable") return await unreadable(from);
  await using _ = staged;
  if (staged.hash !== hash) return { damage: "has other bytes than its hash says" };
  await to.put(space, staged).catch((error) => {
    throw cannot(`write block ${hash}`, error);
  });
  return "copied";
}

/** A block that can't be read is damage; but one store that is down is no thousand damaged blocks. */
async function unreadable(from: Blocks): Promise<Outcome> {
  for await (const _ of from.all()) break;
  return { damage: "cannot be read" };
}

async function isThere(
  blocks: Blocks,
  { space, hash, size }: LiveBlock,
  trust: BlockCopy["trust"],
): Promise<boolean> {
  if (trust === "hash") {
    return await damageOf({ blocks, pace: restless() }, space, hash, size) === undefined;
  }
  const found = await blocks.get(space, hash);
  await found?.body.cancel();
  return found?.size === size;
}

/** Tells a block that cannot be read from a staging that cannot be written. */
async function stage(
  { staging }: BlockCopy,
  body: ReadableStream<Uint8Array>,
  { hash, size }: LiveBlock,
): Promise<Staged | "unreadable"> {
  let isReadable = true;
  const reader = body.getReader();
  const watched = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = await reader.read().catch((error) => {
        isReadable = false;
        throw error;
      });
      if (next.done) controller.close();
      else controller.enqueue(next.value);
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
  try {
    return await staging.stage(watched, {
      maxBytes: size,
      refuse: () => new NodeError("block_corrupt"),
      declared: size,
    });
  } catch (error) {
    if (isReadable) throw cannot(`write block ${hash}`, error);
    return "unreadable";
  }
}

async function reading<T>(read: () => Promise<T>): Promise<T | "unreadable"> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof NodeError) return "unreadable";
    throw error;
  }
}

function collected({ space, hash }: LiveBlock): NodeError {
  return new NodeError(
    "storage_unavailable",
    `${space}: block ${hash} was collected meanwhile: this process stood still too long; run it again`,
  );
}
