// What a node forgets (wire §6, architecture.md invariant 5): guards of used tokens once they are of
// no use, and blocks that no key refers to any more, but never one that a key does.

import assert from "node:assert/strict";
import { resourceUri, type Session } from "../../client/mod.ts";
import { type Collected, Collector } from "../../src/blocks/collector.ts";
import { ask, assertOk, assertRefused, bytesOf, invoke, kv, signIn } from "../support/asking.ts";
import { eventually } from "../support/eventually.ts";
import { startTestNode, testClock, type TestNode } from "../support/node.ts";
import { INVOCATION_TIME, NO_KEY, REPLAYED } from "../support/refusals.ts";
import { refusesUntouched, snapshot } from "../support/state.ts";
import { type ASession, aSession, GET, PUT, use } from "../support/world.ts";

/** The longest lifetime of an invocation, and a minute. */
const GUARD_SECONDS = 360;

/** A collector like the node's own, which sleeps between its runs. */
function collectorOf({ node: { services }, clock }: TestNode): Collector {
  const { repository, blocks, staging } = services;
  return new Collector({
    repository,
    blocks,
    staging,
    clock,
    holder: "test",
    guardSeconds: GUARD_SECONDS,
  });
}

/** One run; the node's own first run may have the lease still. */
function collected(collector: Collector): Promise<Collected> {
  return eventually("a collection", async () => {
    const run = await collector.collectOnce();
    return run.ran ? run : undefined;
  });
}

const guards = async (node: TestNode) => (await snapshot(node)).tables.used_token?.length ?? 0;
const blocks = async (node: TestNode) =>
  (await snapshot(node)).files.filter((file) => /\/[0-9a-f]{64} \d+$/.test(file)).length;

/** A put that may be sent until then, Unix seconds. */
async function putUntil(node: TestNode, session: Session, expiration: number): Promise<string> {
  const { header } = await session.invocationToken({ ...kv(session, "put", "k"), expiration });
  assertOk(await ask(node, "/invoke", { token: header, body: "v" }));
  return header;
}

Deno.test("wire §6: a guard is kept until exp + 60 s, not an instant less", async () => {
  await using node = await startTestNode();
  const { repository } = node.node.services;
  const session = await signIn(node);
  const start = Math.floor(node.clock.nowSeconds());
  node.clock.freeze(start);
  const token = await putUntil(node, session, start + 100);
  const held = await guards(node);
  assert.ok(held > 0);

  assert.equal(await repository.sweepUses(start + 159.999, 1000), 0);
  node.clock.freeze(start + 100);
  await refusesUntouched(node, () => ask(node, "/invoke", { token, body: "w" }), REPLAYED, {
    settle: false,
  });

  assert.equal(await repository.sweepUses(start + 160, 1000), held);
  assert.equal(await guards(node), 0);
  node.clock.freeze(start + 160);
  await refusesUntouched(node, () => ask(node, "/invoke", { token, body: "w" }), INVOCATION_TIME);
});

Deno.test("wire §6: the collector purges guards that have expired, and keeps the others", async () => {
  await using node = await startTestNode();
  const collector = collectorOf(node);
  const session = await signIn(node, { expiresInSeconds: 100_000 });
  await putUntil(node, session, node.clock.nowSeconds() + 60);
  const held = await guards(node);
  node.clock.advance(GUARD_SECONDS - 10);

  // What a wrong clock at the start would revive is kept until no token of then is good.
  await collected(collector);
  assert.equal(await guards(node), held);

  const late = await putUntil(node, session, node.clock.nowSeconds() + 300);
  node.clock.advance(11);
  await collected(collector);

  assert.equal(await guards(node), held);
  assertRefused(await ask(node, "/invoke", { token: late, body: "w" }), REPLAYED);
  node.clock.advance(GUARD_SECONDS);
  await collected(collector);
  assert.equal(await guards(node), 0);
});

Deno.test("wire §6, B13: a collection removes what was deleted or replaced, not what is shared", async () => {
  await using node = await startTestNode();
  const collector = collectorOf(node);
  const [session, other] = [await signIn(node), await signIn(node)];
  const [shared, alone, next] = [bytesOf(50_000, 1), bytesOf(60_000, 2), bytesOf(70_000, 3)];
  for (
    const [by, key, value] of [
      [session, "one", shared],
      [session, "two", shared],
      [session, "replaced", alone],
      [session, "deleted", next],
      [other, "other/one", shared],
      [other, "other/two", next],
    ] as const
  ) await by.put(key, value);
  assert.equal(await blocks(node), 5);

  assertOk(await invoke(node, session, kv(session, "del", "one")));
  assertOk(await invoke(node, session, kv(session, "del", "deleted")));
  await session.put("replaced", "small");
  await collected(collector);

  assert.equal(await blocks(node), 3);
  assert.deepEqual((await session.get("two"))?.bytes, shared);
  assert.deepEqual((await other.get("other/one"))?.bytes, shared);
  assert.deepEqual((await other.get("other/two"))?.bytes, next);
  assertRefused(await invoke(node, session, kv(session, "get", "one")), NO_KEY);

  assertOk(await invoke(node, session, kv(session, "del", "two")));
  await collected(collector);
  assert.equal(await blocks(node), 2);
  assert.deepEqual((await other.get("other/one"))?.bytes, shared);
  // What was collected can be stored again.
  await session.put("again", shared);
  assert.deepEqual((await session.get("again"))?.bytes, shared);
});

Deno.test("retention.events: the node itself forgets what was replaced, and keeps every value", async () => {
  const folder = await Deno.makeTempDir();
  const puts = async (node: TestNode) =>
    (await snapshot(node)).tables.event?.filter((row) => row.includes('"put"')).length;
  const clock = testClock();
  try {
    let session: ASession;
    {
      await using node = await startTestNode({ folder, clock });
      session = await aSession(node);
      const put = async (key: string, value: string) => {
        const at = resourceUri(session.space, "kv", key);
        assertOk(await use(node, session, PUT, at, {}, value));
      };
      for (const value of ["1", "2", "3"]) await put("k", value);
      await put("other", "1");
      clock.advance(2 * 86_400);
      await put("k", "4");
      assert.equal(await puts(node), 5);
    }

    await using node = await startTestNode({
      folder,
      clock,
      env: { TINYCLOUD_RETENTION_EVENTS: "1 d" },
    });
    const line = /retention\.finished.*count=3/;
    await eventually("the end of a pass", () => node.lines.find((each) => line.test(each)));

    assert.equal(await puts(node), 2);
    assert.deepEqual(await Array.fromAsync(node.node.services.repository.check()), []);
    for (const [key, value] of [["k", "4"], ["other", "1"]] as const) {
      const read = await use(node, session, GET, resourceUri(session.space, "kv", key));
      assert.equal(read.text, value);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
