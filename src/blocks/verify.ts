// Reads live blocks from end to end, for `check` and for the scrub: is each what its name says?
// It changes nothing.

import type { SpaceId } from "../capabilities/space_id.ts";
import { NodeError } from "../errors.ts";
import type { Repository } from "../repository/repository.ts";
import type { Blocks } from "./blocks.ts";
import { blocksIn, isLive } from "./live.ts";
import type { Pace } from "./pace.ts";
import { verified } from "./verified.ts";

export interface Verification {
  readonly repository: Pick<Repository, "blocksOf">;
  readonly blocks: Pick<Blocks, "get">;
  readonly pace: Pace;
  readonly signal?: AbortSignal;
  /** Told of bytes as they are read. */
  readonly onRead?: (bytes: number) => void;
}

export interface Damage {
  readonly kind: "missing" | "damaged" | "unreadable";
  /** The rest of a sentence that begins with the block. */
  readonly what: string;
  readonly cause?: unknown;
}

export interface VerifiedBlock {
  readonly hash: string;
  readonly size: number;
  /** Absent: it is whole. */
  readonly damage?: Damage;
}

/**
 * Every live block of a space, one at a time, in the order of their hashes; ends early when
 * aborted. One that was deleted and collected meanwhile is left out.
 */
export async function* verifyBlocks(
  verification: Verification,
  space: SpaceId,
): AsyncGenerator<VerifiedBlock, void, undefined> {
  const { repository, signal } = verification;
  for await (const { hash, size } of blocksIn(repository, space)) {
    const damage = await lastingDamage(verification, space, hash, size);
    if (signal?.aborted) return;
    if (damage !== "gone") yield { hash, size, ...(damage === undefined ? {} : { damage }) };
  }
}

/** Damage that is still there at a second look, of a block that is still live. */
async function lastingDamage(
  verification: Verification,
  space: SpaceId,
  hash: string,
  size: number,
): Promise<Damage | "gone" | undefined> {
  if (await damageOf(verification, space, hash, size) === undefined) return undefined;
  // Beside requests it may have been deleted and collected since, and even put again.
  if (!await isLive(verification.repository, space, hash)) return "gone";
  return await damageOf(verification, space, hash, size);
}

/** Reads and verifies a block to its end; what is wrong with it, or undefined. */
export async function damageOf(
  { blocks, pace, signal, onRead }: Omit<Verification, "repository">,
  space: SpaceId,
  hash: string,
  size: number,
): Promise<Damage | undefined> {
  let what = "is damaged";
  pace.begin();
  try {
    const found = await blocks.get(space, hash);
    if (found === undefined) return { kind: "missing", what: "is missing" };
    const body = verified(found.body, hash, size, (how) => {
      what = how === "hash"
        ? "has other bytes than its hash says"
        : `is ${how} than its ${size} bytes`;
    });
    for await (const chunk of body) {
      onRead?.(chunk.length);
      await pace.spent(chunk.length, signal);
      if (signal?.aborted) return undefined;
    }
    return undefined;
  } catch (cause) {
    if (!(cause instanceof NodeError)) throw cause;
    return cause.code === "block_corrupt"
      ? { kind: "damaged", what }
      : { kind: "unreadable", what: "cannot be read", cause };
  }
}
