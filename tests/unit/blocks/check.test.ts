// `check` names every block that is not what its key says, and every one that no key has.

import assert from "node:assert/strict";
import { blake3Hex } from "../../../src/blake3.ts";
import { checkBlocks } from "../../../src/blocks/check.ts";
import { spaceHashOf } from "../../../src/blocks/blocks.ts";
import { Collector } from "../../../src/blocks/collector.ts";
import { openTemporaryFolder } from "../../../src/blocks/temporary.ts";
import { assertBytes, noise } from "../../contract/blocks_contract.ts";
import { AWAY, DAY, HOME, inMemory, Stores } from "./support.ts";

const A = noise(1000);
const HASH = blake3Hex(A);

async function findingsIn(stores: Stores, stagingPath?: string): Promise<string[]> {
  const findings = await Array.fromAsync(checkBlocks({
    repository: stores.repository,
    blocks: stores.blocks,
    now: stores.clock.seconds,
    ...(stagingPath === undefined ? {} : { stagingPath }),
  }));
  return findings.map(({ kind, what }) => `${kind}: ${what}`);
}

Deno.test("a store in order has no findings", async () => {
  await using stores = await Stores.open();
  for (let size = 1; size <= 50; size++) {
    await stores.put(HOME, `${size}`, noise(size));
    await stores.put(AWAY, `${size}`, noise(size));
    await stores.age(HOME, noise(size), 2 * DAY);
  }

  assert.deepEqual(await findingsIn(stores), []);
});

const DAMAGES = [
  {
    name: "is missing",
    damage: (file: string) => Deno.remove(file),
    says: "is missing",
  },
  {
    name: "is cut",
    damage: (file: string) => Deno.truncate(file, 999),
    says: "is shorter than its 1000 bytes",
  },
  {
    name: "is empty",
    damage: (file: string) => Deno.truncate(file, 0),
    says: "is shorter than its 1000 bytes",
  },
  {
    name: "has grown",
    damage: (file: string) => Deno.writeFile(file, noise(1001)),
    says: "is longer than its 1000 bytes",
  },
  {
    name: "has other bytes",
    damage: (file: string) => Deno.writeFile(file, noise(1001).slice(0, 1000)),
    says: "has other bytes than its hash says",
  },
  {
    name: "is a symlink",
    async damage(file: string) {
      await Deno.rename(file, `${file}.moved`);
      await Deno.symlink(`${file}.moved`, file);
    },
    says: "is missing",
  },
];

for (const { name, damage, says } of DAMAGES) {
  Deno.test(`a block that ${name} is a finding`, async () => {
    await using stores = await Stores.open();
    await stores.put(HOME, "key", A);
    await stores.put(HOME, "other", noise(2000));
    await stores.put(AWAY, "key", A);
    await damage(stores.fileOf(HOME, A));

    assert.deepEqual(await findingsIn(stores), [`block: ${HOME}: block ${HASH} ${says}`]);
  });
}

Deno.test("a block deleted and collected while the check runs is no finding", async () => {
  await using stores = await Stores.open();
  await stores.put(HOME, "key", A);
  const { get } = stores.blocks;
  stores.blocks.get = async (space, hash) => {
    await stores.delete(HOME, "key");
    await stores.blocks.remove(space, hash);
    return await get.call(stores.blocks, space, hash);
  };

  assert.deepEqual(await findingsIn(stores), []);
});

Deno.test("strays a day old, unfinished writes and uploads are findings", async () => {
  await using stores = await Stores.open();
  const unknown = `${HOME}-not-hosted` as typeof HOME;
  for (const space of [HOME, AWAY, unknown]) await stores.blocks.put(space, inMemory(A));
  await stores.age(HOME, A, DAY + 60);
  await stores.age(AWAY, A, DAY - 60);
  await stores.age(unknown, A, DAY + 60);
  const staging = `${stores.path}/staging`;
  await using _folder = await openTemporaryFolder(staging);
  for (const folder of [staging, `${stores.path}/blocks/.tmp`]) {
    const file = `${folder}/${"0".repeat(32)}-1`;
    await Deno.writeTextFile(file, "left");
    await Deno.utime(file, 1, 1);
  }

  const findings = await findingsIn(stores, staging);

  assert.deepEqual(findings.sort(), [
    "stray: 1 unfinished writes of blocks",
    `stray: 1 uploads left in ${staging}`,
    `stray: ${HOME}: no key refers to block ${HASH}`,
    `stray: unknown space ${spaceHashOf(unknown)}: no key refers to block ${HASH}`,
  ]);
});

Deno.test("a repair removes what check calls stray, and no value", async () => {
  await using stores = await Stores.open();
  const unknown = `${HOME}-not-hosted` as typeof HOME;
  await stores.put(HOME, "key", noise(2000));
  for (const space of [HOME, unknown]) {
    await stores.blocks.put(space, inMemory(A));
    await stores.age(space, A, 2 * DAY);
  }
  await Deno.writeTextFile(`${stores.path}/blocks/.tmp/${"0".repeat(32)}-1`, "left");
  await Deno.utime(`${stores.path}/blocks/.tmp/${"0".repeat(32)}-1`, 1, 1);
  assert.equal((await findingsIn(stores)).length, 3);
  const { repository, blocks, clock } = stores;

  await new Collector({
    repository,
    blocks,
    clock,
    holder: "check",
    guardSeconds: 360,
    unknownSpaces: "remove",
  }).collectOnce();

  assert.deepEqual(await findingsIn(stores), []);
  assertBytes(await stores.read(HOME, "key"), noise(2000));
});
