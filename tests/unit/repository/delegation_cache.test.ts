// The cache of delegation records is bounded by their weight, and forgets the least used first.

import assert from "node:assert/strict";
import { DelegationCache } from "../../../src/repository/delegation_cache.ts";
import { aRecord } from "../../contract/repository_samples.ts";

Deno.test("the least recently used record goes first", () => {
  const cache = new DelegationCache(30);
  const [a, b, c, d] = [aRecord(), aRecord(), aRecord(), aRecord()];
  for (const record of [a, b, c]) cache.keep(record, 10);

  cache.find(a.cid);
  cache.keep(d, 10);

  const kept = [a, b, c, d].map(({ cid }) => cache.find(cid));
  assert.deepEqual(kept, [a, undefined, c, d]);
});

Deno.test("a heavy record makes room for itself, and one too heavy is not kept", () => {
  const cache = new DelegationCache(30);
  const [a, b, heavy, tooHeavy] = [aRecord(), aRecord(), aRecord(), aRecord()];
  cache.keep(a, 10);
  cache.keep(b, 10);

  cache.keep(heavy, 20);
  assert.deepEqual([a, b, heavy].map(({ cid }) => cache.find(cid)), [undefined, b, heavy]);

  cache.keep(tooHeavy, 31);
  assert.equal(cache.find(tooHeavy.cid), undefined);
});

Deno.test("a record kept twice weighs once", () => {
  const cache = new DelegationCache(20);
  const [a, b] = [aRecord(), aRecord()];

  for (let i = 0; i < 5; i++) cache.keep(a, 10);
  cache.keep(b, 10);

  assert.deepEqual([a, b].map(({ cid }) => cache.find(cid)), [a, b]);
});

Deno.test("what rests on a record that is gone goes too, and nothing else", () => {
  const cache = new DelegationCache();
  const [gone, root] = [aRecord(), aRecord()];
  const broken = aRecord({ ancestors: [root.cid, gone.cid] });
  const whole = aRecord({ ancestors: [root.cid] });
  for (const record of [root, broken, whole]) cache.keep(record, 10);
  const found = new Map([broken, whole, root].map((record) => [record.cid, record]));

  cache.dropBroken([broken.cid, whole.cid, gone.cid], found);

  assert.deepEqual([...found.values()], [whole, root]);
  const kept = [broken, whole, root].map(({ cid }) => cache.find(cid));
  assert.deepEqual(kept, [undefined, whole, root]);
});
