// Stored blocks and the rows of the database, read side by side.

import assert from "node:assert/strict";
import { type BlockInfo, type Blocks, spaceHashOf } from "../../../src/blocks/blocks.ts";
import { examineBlocks } from "../../../src/blocks/standing.ts";
import type { Repository } from "../../../src/repository/repository.ts";
import { AWAY, HOME } from "./support.ts";

const hashOf = (number: number) => number.toString(16).padStart(64, "0");
const HASHES = Array.from({ length: 2500 }, (_, at) => hashOf(at));

/** Every second hash is live in HOME, none is in AWAY; both have a file for each. */
function storesOf(pages: (string | undefined)[]): { repository: Repository; blocks: Blocks } {
  const live = HASHES.filter((_, at) => at % 2 === 0).map((hash) => ({ hash, size: 1 }));
  // Only what is looked at is there.
  const repository = {
    spaces: (after: string | undefined) => Promise.resolve(after === undefined ? [AWAY, HOME] : []),
    blocksOf(space: string, after: string | undefined, limit: number) {
      pages.push(after);
      if (space !== HOME) return Promise.resolve([]);
      return Promise.resolve(live.filter(({ hash }) => hash > (after ?? "")).slice(0, limit));
    },
  } as unknown as Repository;
  const files: BlockInfo[] = [HOME, AWAY].map(spaceHashOf).sort().flatMap((spaceHash) =>
    HASHES.map((hash) => ({ spaceHash, hash, size: 1, modifiedAt: 0 }))
  );
  const blocks = {
    async *all(after = { spaceHash: "", hash: "" }) {
      yield* files.filter(({ spaceHash, hash }) => spaceHash + hash > after.spaceHash + after.hash);
    },
  } as unknown as Blocks;
  return { repository, blocks };
}

Deno.test("over many pages every block is told live or not", async () => {
  const { repository, blocks } = storesOf([]);

  const examined = await Array.fromAsync(examineBlocks(repository, blocks));

  assert.equal(examined.length, 2 * HASHES.length);
  for (const { block, space, live } of examined) {
    assert.equal(space, block.spaceHash === spaceHashOf(HOME) ? HOME : AWAY);
    assert.equal(live, space === HOME && Number.parseInt(block.hash, 16) % 2 === 0);
  }
});

Deno.test("from any block on, only the rows after it are read", async () => {
  const pages: (string | undefined)[] = [];
  const { repository, blocks } = storesOf(pages);
  const after = { spaceHash: spaceHashOf(HOME), hash: hashOf(2100) };

  const examined = await Array.fromAsync(examineBlocks(repository, blocks, after));

  const home = examined.filter(({ space }) => space === HOME);
  assert.deepEqual(home.map(({ block }) => block.hash), HASHES.slice(2101));
  assert.deepEqual(home.slice(0, 3).map(({ live }) => live), [false, true, false]);
  assert.equal(pages[0], hashOf(2100));
});
