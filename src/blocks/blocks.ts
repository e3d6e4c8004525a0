// The port to the store of values too large for the database: blocks, named by their hash, kept per
// space so that no space can reach or disturb another's (architecture.md, invariants 5 and 9).
//
// Promises of every back-end, each a case of `blocksContract`:
// - After `put` resolves, the block is whole and durable as `storage.durability` says.
// - `put` of a block that exists already leaves it whole at every moment, and heals a damaged one.
// - `put` leaves the staged content as it is, so that the same `Staged` can be put again.
// - A reader that has opened a block reads it to its end, even if it is removed meanwhile.
// - `remove` of what is not there is no error. Removing one space's block leaves another's.
// - `all` is in order of space hash, then of hash, each as text.
// - It throws NodeError `storage_full`, `storage_readonly` or `storage_unavailable`, nothing else,
//   but for a hash that is none: a TypeError.

import { blake3Hex } from "../blake3.ts";
import type { SpaceId } from "../capabilities/space_id.ts";

/** An upload that has arrived whole: counted, hashed, kept in memory or a temporary file. */
export interface Staged extends AsyncDisposable {
  /** BLAKE3, 64 lower-case hex digits. */
  readonly hash: string;
  readonly size: number;
  /** The bytes, when they are in memory. */
  readonly bytes: Uint8Array | undefined;
  /** The file that holds them, when they are not. It belongs to the staging and vanishes with it. */
  readonly path: string | undefined;
}

/** A block as its store knows it: it does not know its space's name. */
export interface BlockName {
  /** BLAKE3 of the space id, 64 hex digits (`spaceHashOf`). */
  readonly spaceHash: string;
  readonly hash: string;
}

export interface BlockInfo extends BlockName {
  readonly size: number;
  /** Unix seconds. */
  readonly modifiedAt: number;
}

export interface Blocks extends AsyncDisposable {
  put(space: SpaceId, content: Staged): Promise<void>;
  /**
   * The bytes as stored, unverified, with their length; undefined when there is no such block.
   * The body is to be read to its end or cancelled.
   */
  get(space: SpaceId, hash: string): Promise<
    { readonly size: number; readonly body: ReadableStream<Uint8Array> } | undefined
  >;
  remove(space: SpaceId, hash: string): Promise<void>;
  /** Removes a block whose space is known only by its hash, unless it was written anew meanwhile. */
  removeStray(block: BlockInfo): Promise<void>;
  /** Everything that looks like a block, beyond `after`. */
  all(after?: BlockName): AsyncIterable<BlockInfo>;
  /** Counts leftovers of writes that never became blocks, older than `before` (Unix seconds). */
  leftovers(before: number): Promise<number>;
  /** Removes those leftovers, and counts them. */
  sweepLeftovers(before: number): Promise<number>;
  /** Writes, reads and removes a probe; throws when any of it fails. */
  probe(): Promise<void>;
}

/** The name under which a space's blocks are kept, also by other back-ends (configuration.md). */
export function spaceHashOf(space: SpaceId): string {
  return blake3Hex(new TextEncoder().encode(space));
}

const HASH = /^[0-9a-f]{64}$/;

/** Whether a text can be the hash of a space or of content. */
export function isHash(text: string): boolean {
  return HASH.test(text);
}

/** The block's name, safe as a path. Throws TypeError for a hash that is none. */
export function blockName(space: SpaceId, hash: string): BlockName {
  return requireName({ spaceHash: spaceHashOf(space), hash });
}

/** The same name without anything else, safe as a path. Throws TypeError for a hash that is none. */
export function requireName({ spaceHash, hash }: BlockName): BlockName {
  if (!isHash(spaceHash) || !isHash(hash)) throw new TypeError("Not a block's hash");
  return { spaceHash, hash };
}
