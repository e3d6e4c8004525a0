// Where a block lies in a bucket: `{prefix}/{space hash}/{hash}`, and a probe while it lasts:
// `{prefix}/.probe/{random}`. Whatever else lies below the prefix is somebody else's.

import { type BlockName, isHash } from "./blocks.ts";

export interface Names {
  /** What every name begins with; empty, or with a slash at its end. */
  readonly root: string;
  /** What the names of probes begin with. */
  readonly probes: string;
  /** The object of a block. */
  of(block: BlockName): string;
  /** The block of an object; undefined when it is none. */
  blockIn(key: string): BlockName | undefined;
}

/** The names below a prefix without slashes at its ends. */
export function namesBelow(prefix: string | undefined): Names {
  const root = prefix === undefined ? "" : `${prefix}/`;
  return {
    root,
    probes: `${root}.probe/`,
    of: ({ spaceHash, hash }) => `${root}${spaceHash}/${hash}`,
    blockIn(key) {
      if (!key.startsWith(root)) return undefined;
      const [spaceHash = "", hash = "", ...more] = key.slice(root.length).split("/");
      return more.length === 0 && isHash(spaceHash) && isHash(hash)
        ? { spaceHash, hash }
        : undefined;
    },
  };
}
