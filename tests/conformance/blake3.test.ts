// BLAKE3's own vectors through the hash of the protocol (wire §2), whole and in pieces.

import assert from "node:assert/strict";
import { z } from "zod";
import { blake3, blake3Hex, createHasher } from "../../src/blake3.ts";
import { runAll, toHex, vectorsOf } from "./vectors.ts";

// Edges of BLAKE3's blocks (64), chunks (1024) and subtrees.
const SPLITS = [1, 63, 64, 65, 127, 128, 1023, 1024, 1025, 2048, 4096, 31_744, 65_536];

function inputOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index % 251);
}

Deno.test("BLAKE3 gives the published hashes, whole and split at every edge", async () => {
  const cases = await vectorsOf(
    "blake3",
    "cases",
    z.object({ length: z.number(), hash: z.string() }),
  );
  // A hasher is made asynchronously, the check runs through: one for each split, made beforehand.
  const hashers = await Promise.all(
    cases.flatMap(({ length }) => SPLITS.filter((split) => split < length)).map(createHasher),
  );

  runAll("blake3", 35, cases, ({ length }) => `${length} bytes`, ({ length, hash }) => {
    const input = inputOf(length);

    assert.equal(toHex(blake3(input)), hash);
    assert.equal(blake3Hex(input), hash);
    for (const split of SPLITS.filter((split) => split < length)) {
      const [head, tail] = [input.subarray(0, split), input.subarray(split)];
      assert.equal(toHex(blake3(head, tail)), hash, `parts at ${split}`);
      const hasher = hashers.pop();
      assert.ok(hasher);
      hasher.update(head);
      hasher.update(tail);
      assert.equal(toHex(hasher.digest()), hash, `stream at ${split}`);
    }
  });
});
