// `tinycloud copy` of ten thousand keys that a node has stored: into a server and a bucket, and back.

import assert from "node:assert/strict";
import { bytesOf, signIn } from "../support/asking.ts";
import { aPlace, BUCKET, contentOf, KINDS, ok, type Place, type Store } from "../support/copies.ts";
import { measured, mib } from "../support/measured.ts";

const KEYS = 10_000;
const AT_ONCE = 16;
/** Every so many a value is a block; the others are in the database. */
const BLOCK_EVERY = 20;

function sizeOf(index: number): number {
  return index % BLOCK_EVERY === 0 ? 40_000 + index : 100 + (index * 37) % 4_000;
}

async function aStoreOf(keys: number, place: Place): Promise<Store> {
  const store = await place.store("sqlite");
  await using node = await store.start();
  const sessions = await Promise.all(Array.from({ length: AT_ONCE }, () => signIn(node)));
  await Promise.all(sessions.map(async (session, worker) => {
    for (let index = worker; index < keys; index += AT_ONCE) {
      await session.put(`notes/${index}`, bytesOf(sizeOf(index), index));
      if (index % 100 === 0) await session.delete(`notes/${index}`);
    }
  }));
  return store;
}

Deno.test("ten thousand keys move to other databases and back, and are the same", async () => {
  await using place = await aPlace();
  const first = await aStoreOf(KEYS, place);
  await ok(place.run(["gc"], first.env));
  const content = await contentOf(first);

  let last = first;
  for (const kind of [...KINDS, "sqlite"] as const) {
    const next = await place.store(kind, kind === "sqlite" ? "Local" : BUCKET);
    const begun = performance.now();
    const lines = await ok(place.copy(last, next, "--json"));
    const seconds = (performance.now() - begun) / 1000;
    const { copied } = JSON.parse(lines[0] ?? "");
    measured(
      `${last.name} to ${next.name} in ${seconds.toFixed(1)} s: ${copied.rows} rows, ` +
        `${copied.blocks} blocks of ${mib(copied.bytes)}`,
    );
    assert.deepEqual(JSON.parse(lines[1] ?? ""), { findings: 0 });
    last = next;
  }

  const { rows, blocks } = await contentOf(last);
  assert.deepEqual(rows, content.rows);
  assert.deepEqual(blocks, content.blocks);
  assert.equal(rows.entry.length, KEYS - KEYS / 100);
});
