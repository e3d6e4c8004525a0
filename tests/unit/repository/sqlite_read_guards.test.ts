// Guards of reads while they wait for a commit, and while the database takes no writes.

import assert from "node:assert/strict";
import { NodeError } from "../../../src/errors.ts";
import { ReadGuards } from "../../../src/repository/sqlite/read_guards.ts";
import { aGuard, hashOf, NOW } from "../../contract/repository_samples.ts";

const MAX_IN_MEMORY = 100_000;
const MAX_RIDING = 1_000;

function opened(flush: (guards: ReadGuards) => Promise<unknown> = failing): ReadGuards {
  const guards: ReadGuards = new ReadGuards(() => NOW, () => flush(guards));
  return guards;
}

function failing(): Promise<never> {
  return Promise.reject(new Error("no writes"));
}

Deno.test("guards stay in memory until a commit has taken them along", async () => {
  const guards = opened();
  const guard = aGuard();
  guards.use(guard);

  const first = guards.take();
  assert.ok(guards.has(guard.key), "while it rides");
  guards.settle(false);
  assert.ok(guards.has(guard.key), "the commit failed");
  const second = guards.take();
  guards.settle(true);

  assert.deepEqual([first, second], Array(2).fill([[guard.key, guard.expiresAt]]));
  assert.equal(guards.has(guard.key), false);
  assert.deepEqual(guards.take(), []);
  await guards.close();
});

Deno.test("a guard that is released while it rides stays until a write releases it", async () => {
  const guards = opened();
  const [riding, waiting] = [aGuard(), aGuard()];
  guards.use(riding);
  guards.take();
  guards.use(waiting);

  const hadNotLeft = [riding, waiting].map(({ key }) => guards.release(key));
  guards.settle(false);

  assert.deepEqual(hadNotLeft, [false, true]);
  assert.ok(guards.has(riding.key), "its token could be used before the write that releases it");
  assert.ok(!guards.has(waiting.key));
  assert.deepEqual(guards.take().map(([key]) => key), [riding.key]);
  guards.settle(true);
  await guards.close();
});

Deno.test("a commit takes along a bounded number of guards", async () => {
  const guards = opened();
  for (let i = 0; i < 2_500; i++) guards.use(aGuard());

  const steps = [1, 2, 3].map(() => {
    const { length } = guards.take();
    guards.settle(true);
    return length;
  });

  assert.deepEqual(steps, [MAX_RIDING, MAX_RIDING, 500]);
  await guards.close();
});

Deno.test("as many guards as one commit takes do not wait for their time", async () => {
  const { promise, resolve } = Promise.withResolvers<number>();
  const guards = opened((own) => {
    const { length } = own.take();
    own.settle(true);
    resolve(length);
    return Promise.resolve();
  });

  for (let i = 0; i < MAX_RIDING; i++) guards.use(aGuard());

  assert.equal(await promise, MAX_RIDING);
  await guards.close();
});

Deno.test("more guards than may wait are refused, unless expired ones make room", async () => {
  const guards = opened();
  const key = (i: number) => i.toString(16).padStart(64, "0");
  guards.use({ key: key(0), expiresAt: NOW });
  for (let i = 1; i < MAX_IN_MEMORY; i++) guards.use({ key: key(i), expiresAt: NOW + 1 });

  guards.use({ key: hashOf("in place of the expired one"), expiresAt: NOW + 1 });
  assert.throws(
    () => guards.use(aGuard()),
    (error) => error instanceof NodeError && error.code === "storage_unavailable",
  );

  assert.deepEqual([guards.has(key(0)), guards.has(key(1))], [false, true]);
  await guards.close();
});

Deno.test("closing stores what is in memory", async () => {
  let stored = 0;
  const guards = opened((own) => {
    stored += own.take().length;
    own.settle(true);
    return Promise.resolve();
  });
  for (let i = 0; i < 999; i++) guards.use(aGuard());

  await guards.close();

  assert.equal(stored, 999);
});
