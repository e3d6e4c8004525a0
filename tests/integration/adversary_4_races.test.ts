// adversary 4: races on one node, seed by seed. After each, what is there must be what some order of
// the same requests, one by one, would have left.

import assert from "node:assert/strict";
import { blake3 } from "@noble/hashes/blake3.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { Session } from "../../client/mod.ts";
import { Collector } from "../../src/blocks/collector.ts";
import {
  type Answer,
  ask,
  assertOk,
  assertRefused,
  bytesOf,
  invoke,
  kv,
  signIn,
} from "../support/asking.ts";
import { startTestNode, type TestNode } from "../support/node.ts";
import { type Random, seeded } from "../support/random.ts";
import { NO_KEY } from "../support/refusals.ts";
import { halfAnUpload, STAGED_IN_FILES } from "../support/uploads.ts";
import { aSession, PUT, use } from "../support/world.ts";

/** Commits that do not wait for the disk: the order is the same, and there are many. */
const FAST = { TINYCLOUD_STORAGE_DURABILITY: "normal" };
/** Values up to this size are in the database, longer ones in blocks. */
const INLINE = 16 * 1024;

const put = (at: TestNode, by: Session, key: string, body: BodyInit, headers?: HeadersInit) =>
  invoke(at, by, kv(by, "put", key), { body, headers });
const get = (at: TestNode, by: Session, key: string) => invoke(at, by, kv(by, "get", key));

function etagOf(bytes: Uint8Array): string {
  return `"blake3-${bytesToHex(blake3(bytes))}"`;
}

/** A size on either side of where blocks begin. */
function aSize(random: Random): number {
  return random.pick([random.below(100), INLINE, INLINE + 1, INLINE + random.below(50_000)]);
}

Deno.test("adversary 4: of puts on one key at once, value, headers and ETag are one winner's", async () => {
  await using node = await startTestNode({ env: FAST });
  const session = await signIn(node);
  for (let seed = 0; seed < 40; seed++) {
    const random = seeded(seed);
    const values = Array.from({ length: 6 }, () => random.bytes(aSize(random)));

    const answers = await Promise.all(values.map((value, index) =>
      put(node, session, "k", value, {
        "x-tinycloud-meta-index": String(index),
        "content-type": `test/${index}`,
      })
    ));

    answers.forEach((answer, index) => {
      assert.equal(assertOk(answer).headers.get("etag"), etagOf(values[index] ?? new Uint8Array()));
    });
    const got = assertOk(await get(node, session, "k"));
    const winner = Number(got.headers.get("x-tinycloud-meta-index"));
    assert.deepEqual(got.bytes, values[winner], `seed ${seed}`);
    assert.equal(got.headers.get("content-type"), `test/${winner}`);
    assert.equal(got.headers.get("etag"), etagOf(got.bytes));
    assert.equal(got.headers.get("content-length"), String(got.bytes.length));
  }
});

Deno.test("adversary 4: a get during an overwrite is the old value or the new one, whole", async () => {
  await using node = await startTestNode({ env: FAST });
  const session = await signIn(node);
  const values = [bytesOf(0)];
  await put(node, session, "k", values[0] ?? "", { "x-tinycloud-meta-index": "0" });
  for (let seed = 1; seed <= 40; seed++) {
    const random = seeded(seed);
    const value = random.bytes(INLINE + 1 + random.below(200_000));
    values.push(value);

    const [written, ...read] = await Promise.all([
      put(node, session, "k", value, { "x-tinycloud-meta-index": String(seed) }),
      ...Array.from({ length: 3 }, () => get(node, session, "k")),
    ]);

    assertOk(written);
    for (const got of read) {
      const index = Number(assertOk(got).headers.get("x-tinycloud-meta-index"));
      assert.ok(index === seed || index === seed - 1, `seed ${seed}: ${index}`);
      assert.deepEqual(got.bytes, values[index], `seed ${seed}`);
      assert.equal(got.headers.get("etag"), etagOf(got.bytes));
    }
  }
});

Deno.test("adversary 4: content that is deleted, put and collected at once can be read", async () => {
  await using node = await startTestNode({ env: FAST });
  const { repository, blocks, staging } = node.node.services;
  const session = await signIn(node);
  const value = bytesOf(INLINE + 1);
  // Two that do not know of each other: the lease lets one run.
  const collectors = ["one", "two"].map((holder) =>
    new Collector({ repository, blocks, staging, clock: node.clock, holder, guardSeconds: 360 })
  );
  await put(node, session, "a", value);
  for (let seed = 0; seed < 60; seed++) {
    const [from, to] = seed % 2 === 0 ? ["a", "b"] : ["b", "a"];

    const [deleted, written] = await Promise.all([
      invoke(node, session, kv(session, "del", from ?? "")),
      put(node, session, to ?? "", value),
      ...collectors.map((collector) => collector.collectOnce()),
    ]);
    for (const collector of collectors) await collector.collectOnce();

    assertOk(deleted);
    assertOk(written);
    assert.deepEqual(assertOk(await get(node, session, to ?? "")).bytes, value, `seed ${seed}`);
    assertRefused(await get(node, session, from ?? ""), NO_KEY);
  }
});

Deno.test("adversary 4: an upload that breaks off takes nothing from an equal one", async () => {
  await using node = await startTestNode({ env: { ...FAST, ...STAGED_IN_FILES } });
  const session = await signIn(node);
  const value = bytesOf(200_000);
  for (let seed = 0; seed < 5; seed++) {
    const { header } = await session.invocationToken(kv(session, "put", "broken"));
    const upload = await halfAnUpload(node, header, value);

    const whole = put(node, session, `whole${seed}`, value);
    upload[Symbol.dispose]();

    assertOk(await whole);
    assert.deepEqual(assertOk(await get(node, session, `whole${seed}`)).bytes, value);
    assertRefused(await get(node, session, "broken"), NO_KEY);
  }
});

Deno.test("adversary 4: re-hosting while puts come in resets no limit (U13)", async () => {
  const env = { ...FAST, TINYCLOUD_STORAGE_LIMIT: "1000" };
  await using node = await startTestNode({ env });
  const { wallet, key, cid, space } = await aSession(node);
  const link = { key, cid };

  const answers: Answer[] = [];
  const puts = Array.from({ length: 100 }, async (_, index) => {
    const resource = `${space}/kv/${String(index).padStart(2, "0")}`;
    answers.push(await use(node, link, PUT, resource, {}, bytesOf(98)));
  });
  const hosting = Array.from({ length: 5 }, () => aSession(node, { wallet, key }));
  await Promise.all([...puts, ...hosting]);

  assert.equal(answers.filter(({ status }) => status === 200).length, 10);
  assert.equal(answers.filter(({ status }) => status === 402).length, 90);
});

Deno.test("adversary 4: one token sent 20 times at once to one key does its work once", async () => {
  await using node = await startTestNode({ env: FAST });
  const session = await signIn(node);
  for (let seed = 0; seed < 10; seed++) {
    const { header: token } = await session.invocationToken(kv(session, "put", "k"));

    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => ask(node, "/invoke", { token, body: `v${index}` })),
    );

    const winners = answers.flatMap(({ status }, index) => status === 200 ? [index] : []);
    assert.equal(winners.length, 1);
    assert.equal(answers.filter(({ status }) => status === 409).length, 19);
    assert.equal(assertOk(await get(node, session, "k")).text, `v${winners[0]}`);
  }
});
