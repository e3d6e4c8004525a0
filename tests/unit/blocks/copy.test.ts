// Copying blocks from store to store: what is copied, what is known to be there, what is damage.

import assert from "node:assert/strict";
import { blake3Hex } from "../../../src/blake3.ts";
import { type Blocks, spaceHashOf } from "../../../src/blocks/blocks.ts";
import {
  type BlockCopy,
  type CopiedBlocks,
  copyBlocks,
  countBlocks,
  removeOthers,
} from "../../../src/blocks/copy.ts";
import { openLocalBlocks } from "../../../src/blocks/local.ts";
import { openStaging } from "../../../src/blocks/staging.ts";
import type { SpaceId } from "../../../src/capabilities/space_id.ts";
import { NodeError } from "../../../src/errors.ts";
import { noise } from "../../contract/blocks_contract.ts";
import { AWAY, changed, HOME, inMemory, leftIn, Stores } from "./support.ts";

const A = noise(1000);
const HASH = blake3Hex(A);
/** Waits in a file on its way. */
const LARGE = noise(3 * 1024 * 1024 + 1);

/** A node's stores, and a second store of blocks beside them. */
async function opened(): Promise<{ stores: Stores; to: Blocks } & AsyncDisposable> {
  const stores = await Stores.open();
  const to = await openLocalBlocks({ path: `${stores.path}/to`, durability: "normal" });
  return {
    stores,
    to,
    async [Symbol.asyncDispose]() {
      await to[Symbol.asyncDispose]();
      await stores[Symbol.asyncDispose]();
    },
  };
}

async function copied(
  stores: Stores,
  to: Blocks,
  options: Partial<BlockCopy> = {},
): Promise<CopiedBlocks> {
  const { repository, blocks } = stores;
  await using staging = await openStaging({
    mode: "Memory",
    memoryBytes: 2 * 1024 * 1024,
    path: `${stores.path}/staging`,
    inlineBytes: 0,
  });
  return await copyBlocks({ repository, from: blocks, to, staging, trust: "size", ...options });
}

async function names(blocks: Blocks): Promise<string[]> {
  const all = await Array.fromAsync(blocks.all());
  return all.map(({ spaceHash, hash }) => `${spaceHash}/${hash}`);
}

async function bytesIn(blocks: Blocks, space: SpaceId, hash: string): Promise<Uint8Array> {
  const found = await blocks.get(space, hash);
  assert.ok(found);
  return new Uint8Array(await new Response(found.body).arrayBuffer());
}

Deno.test("what keys refer to is copied, each space's own, and nothing else", async () => {
  await using given = await opened();
  const { stores, to } = given;
  for (let size = 1; size <= 20; size++) await stores.put(HOME, `${size}`, noise(size));
  await stores.put(AWAY, "key", A);
  await stores.put(AWAY, "same", A);
  await stores.put(HOME, "large", LARGE);
  await stores.put(HOME, "deleted", noise(2000));
  await stores.delete(HOME, "deleted");

  const { findings, ...counts } = await copied(stores, to);

  const bytes = 210 + 1000 + LARGE.length;
  assert.deepEqual(findings, []);
  assert.deepEqual(counts, { copied: 22, bytes, kept: 0, damaged: 0 });
  assert.deepEqual(await countBlocks(stores.repository), { spaces: 2, blocks: 22, bytes });
  assert.equal((await names(to)).length, 22);
  assert.deepEqual(await bytesIn(to, HOME, blake3Hex(LARGE)), LARGE);
  assert.deepEqual(await bytesIn(to, AWAY, HASH), A);
  assert.deepEqual(await leftIn(`${stores.path}/staging`), []);
});

Deno.test("what is there already is kept, and copied once it has another size", async () => {
  await using given = await opened();
  const { stores, to } = given;
  await stores.put(HOME, "a", A);
  await stores.put(HOME, "b", noise(2000));
  await copied(stores, to);
  await stores.put(HOME, "c", noise(3000));
  const file = stores.fileOf(HOME, A).replace("/blocks/", "/to/");
  await Deno.truncate(file, 999);

  const { copied: count, kept } = await copied(stores, to);

  assert.deepEqual([count, kept], [2, 1]);
  assert.deepEqual(await Deno.readFile(file), A);
});

Deno.test("other bytes of the same size are found by the hash only", async () => {
  await using given = await opened();
  const { stores, to } = given;
  await stores.put(HOME, "a", A);
  await copied(stores, to);
  const file = stores.fileOf(HOME, A).replace("/blocks/", "/to/");
  await Deno.writeFile(file, noise(1001).slice(1));

  const trusting = await copied(stores, to);
  const verifying = await copied(stores, to, { trust: "hash" });

  assert.deepEqual([trusting.kept, verifying.kept, verifying.copied], [1, 0, 1]);
  assert.deepEqual(await Deno.readFile(file), A);
});

const DAMAGES = [
  { says: "is missing", damage: (file: string) => Deno.remove(file) },
  {
    says: "is shorter than its 1000 bytes",
    damage: (file: string) => Deno.truncate(file, 999),
  },
  {
    says: "is longer than its 1000 bytes",
    damage: (file: string) => Deno.writeFile(file, noise(1001)),
  },
  {
    says: "has other bytes than its hash says",
    damage: (file: string) => Deno.writeFile(file, noise(1001).slice(1)),
  },
];

for (const { says, damage } of DAMAGES) {
  Deno.test(`a block that ${says} is a finding, and the rest is copied`, async () => {
    await using given = await opened();
    const { stores, to } = given;
    await stores.put(HOME, "a", A);
    await stores.put(AWAY, "a", A);
    await stores.put(HOME, "b", noise(2000));
    await damage(stores.fileOf(HOME, A));

    const { findings, ...counts } = await copied(stores, to, { live: stores.repository });

    assert.deepEqual(findings, [{ kind: "block", what: `${HOME}: block ${HASH} ${says}` }]);
    assert.deepEqual(counts, { copied: 2, bytes: 3000, kept: 0, damaged: 1 });
    assert.equal((await names(to)).length, 2);
  });
}

Deno.test("a block that can't be read is a finding; one that can't be written ends it", async () => {
  await using given = await opened();
  const { stores, to } = given;
  await stores.put(HOME, "a", A);
  const failing = () => Promise.reject(new NodeError("storage_full"));
  const unreadable = new ReadableStream<Uint8Array>({
    pull: () => Promise.reject(new NodeError("storage_unavailable")),
  }, { highWaterMark: 0 });

  const first = await copied(stores, to, { from: changed(stores.blocks, { get: failing }) });
  const second = await copied(stores, to, {
    from: changed(stores.blocks, { get: () => Promise.resolve({ size: 1000, body: unreadable }) }),
  });

  for (const { findings } of [first, second]) {
    assert.deepEqual(findings.map(({ what }) => what), [`${HOME}: block ${HASH} cannot be read`]);
  }
  await assert.rejects(
    copied(stores, changed(to, { put: failing })),
    { code: "storage_full", message: `cannot write block ${HASH}: the disk is full` },
  );
});

Deno.test("a store that can't be listed either is down, which ends it and is no damage", async () => {
  await using given = await opened();
  const { stores, to } = given;
  await stores.put(HOME, "a", A);
  const down = () => Promise.reject(new NodeError("storage_unavailable"));
  const from = changed(stores.blocks, {
    get: down,
    all: () => ({ [Symbol.asyncIterator]: () => ({ next: down }) }),
  });

  await assert.rejects(copied(stores, to, { from }), { code: "storage_unavailable" });

  assert.deepEqual(await names(to), []);
});

Deno.test("a block that was collected since the copy is no damage: the copy is too old", async () => {
  await using given = await opened();
  const { stores, to } = given;
  await stores.put(HOME, "a", A);
  const live = changed(stores.repository, { blocksOf: () => Promise.resolve([]) });
  await Deno.remove(stores.fileOf(HOME, A));

  await assert.rejects(copied(stores, to, { live }), /collected meanwhile/);
});

Deno.test("what no key refers to goes, also of spaces that are unknown", async () => {
  await using given = await opened();
  const { stores, to } = given;
  await stores.put(HOME, "a", A);
  await stores.put(HOME, "b", noise(2000));
  await copied(stores, to);
  await to.put("tinycloud:of:nobody" as SpaceId, inMemory(A));
  await stores.delete(HOME, "b");

  assert.equal(await removeOthers(stores.repository, to), 2);

  assert.deepEqual(await names(to), [`${spaceHashOf(HOME)}/${HASH}`]);
});
