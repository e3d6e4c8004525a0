// Where the recorded nodes keep what they store, below the root.

import { type SpaceId } from "../../../src/capabilities/space_id.ts";
import { spaceHashOf } from "../../../src/blocks/blocks.ts";

export interface Storage {
  /** Of the database's file. */
  readonly database: string;
  /** The folder of the blocks. */
  readonly blocks: string;
  /** The folder of uploads that wait. */
  readonly staging: string;
}

/** Each in folders of its own, which the first start has to make, as on a fresh machine. */
export function storageBelow(root: string): Storage {
  return {
    database: `${root}/meta/data/caps.db`,
    blocks: `${root}/store/blocks`,
    staging: `${root}/store/staging`,
  };
}

/** The folder of a space's blocks. */
export function spaceFolder({ blocks }: Storage, space: SpaceId): string {
  return `${blocks}/${spaceHashOf(space)}`;
}

export function blockPath(storage: Storage, space: SpaceId, hash: string): string {
  return `${spaceFolder(storage, space)}/${hash.slice(0, 2)}/${hash}`;
}
