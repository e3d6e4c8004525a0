// Which names in a bucket are blocks.

import assert from "node:assert/strict";
import { namesBelow } from "../../../src/blocks/s3_names.ts";

const [SPACE, HASH] = ["a".repeat(64), "0123456789abcdef".repeat(4)];
const BLOCK = { spaceHash: SPACE, hash: HASH };

for (const [prefix, key] of [[undefined, `${SPACE}/${HASH}`], ["a/b", `a/b/${SPACE}/${HASH}`]]) {
  Deno.test(`below ${prefix} a block is ${key?.slice(0, 9)}…, and known by that name`, () => {
    const names = namesBelow(prefix);

    assert.equal(names.of(BLOCK), key);
    assert.deepEqual(names.blockIn(key ?? ""), BLOCK);
    assert.ok(names.probes.startsWith(names.root));
  });
}

for (
  const key of [
    "",
    "a/b/",
    `${SPACE}/${HASH}`,
    `a/b/${SPACE}`,
    `a/b/${SPACE}/`,
    `a/b/${SPACE}/${HASH}/`,
    `a/b/${SPACE}/${HASH}/${HASH}`,
    `a/b/${SPACE}/${HASH.toUpperCase()}`,
    `a/b/${SPACE}/${HASH}0`,
    `a/b//${HASH}`,
    `a/bx/${SPACE}/${HASH}`,
    `x/a/b/${SPACE}/${HASH}`,
  ]
) {
  Deno.test(`below a/b, "${key.slice(0, 12)}" of ${key.length} characters is no block`, () => {
    assert.equal(namesBelow("a/b").blockIn(key), undefined);
  });
}
