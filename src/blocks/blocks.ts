// The port to the store of values too large for the database: blocks, named by their hash, kept per
// space so that no space can reach or disturb another's (architecture.md, invariants 5 and 9).
//
// Promises of every back-end, each a case of `blocksContract`:
// - After `put` resolves, the block is whole and durable as `storage.durability` says.
// - `put` of a block that exists already leaves it whole at every moment, and heals a damaged one.
// - A reader that has opened a block reads it to its end, even if it is removed meanwhile.
// - `remove` of what is not there is no error. Removing one space's block leaves another's.
// - It throws NodeError `storage_full`, `storage_readonly` or `storage_unavailable`, nothing else.

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

export interface BlockInfo {
  /** BLAKE3 of the space id, 64 hex digits: a block does not know its space's name. */
  readonly spaceHash: string;
  readonly hash: string;
  readonly size: number;
  /** Unix seconds. */
  readonly modifiedAt: number;
}

export interface Blocks extends AsyncDisposable {
  put(space: SpaceId, content: Staged): Promise<void>;
  /** The bytes as stored, unverified, with their length; undefined when there is no such block. */
  get(space: SpaceId, hash: string): Promise<
    { readonly size: number; readonly body: ReadableStream<Uint8Array> } | undefined
  >;
  remove(space: SpaceId, hash: string): Promise<void>;
  /** Removes a block whose space is known only by its hash. */
  removeStray(block: BlockInfo): Promise<void>;
  /** Everything that looks like a block, in no order. */
  all(): AsyncIterable<BlockInfo>;
  /** Leftovers of writes that never became blocks, older than `before` (Unix seconds): removed, counted. */
  sweepLeftovers(before: number): Promise<number>;
  /** Writes, reads and removes a probe; throws when any of it fails. */
  probe(): Promise<void>;
}
