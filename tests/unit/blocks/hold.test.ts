// Holding the collector off, as a backup does.

import assert from "node:assert/strict";
import { Collector } from "../../../src/blocks/collector.ts";
import { HOLD_SECONDS, holdCollector, type HoldOptions } from "../../../src/blocks/hold.ts";
import { NodeError } from "../../../src/errors.ts";
import { noise } from "../../contract/blocks_contract.ts";
import { HOME, Stores } from "./support.ts";

function hold(stores: Stores, options: Partial<HoldOptions> = {}) {
  const { repository, clock } = stores;
  return holdCollector({ repository, clock, holder: "backup", pollMs: 1, ...options });
}

function collect({ repository, blocks, clock }: Stores) {
  const options = { repository, blocks, clock, holder: "node", guardSeconds: 360 };
  return new Collector(options).collectOnce();
}

async function withDeadBlock(): Promise<Stores> {
  const stores = await Stores.open();
  await stores.put(HOME, "deleted", noise(1000));
  await stores.delete(HOME, "deleted");
  return stores;
}

Deno.test("nothing is collected while it is held, and at once after", async () => {
  await using stores = await withDeadBlock();
  const held = await hold(stores);

  const meanwhile = await collect(stores);
  const stored = await stores.stored();
  await held[Symbol.asyncDispose]();
  const after = await collect(stores);

  assert.deepEqual([meanwhile.ran, stored.length], [false, 1]);
  assert.deepEqual([after.ran, after.dead], [true, 1]);
});

Deno.test("a holder that has crashed keeps the collector off for five minutes", async () => {
  await using stores = await withDeadBlock();
  await using _crashed = await hold(stores);

  stores.clock.pass(HOLD_SECONDS - 1);
  const early = await collect(stores);
  stores.clock.pass(1);
  const late = await collect(stores);

  assert.deepEqual([early.ran, late.ran], [false, true]);
});

Deno.test("it can be held longer, before something that lets nobody renew it", async () => {
  await using stores = await withDeadBlock();
  await using held = await hold(stores);

  assert.equal(await held.renew(3600), true);
  stores.clock.pass(3599);

  assert.equal((await collect(stores)).ran, false);
});

Deno.test("the next holder of that name goes on at once after a crash", async () => {
  await using stores = await withDeadBlock();
  await using _crashed = await hold(stores);

  await using _again = await hold(stores, { waiting: () => assert.fail("it waits") });
});

Deno.test("a collection under way is waited for, which is told once", async () => {
  await using stores = await withDeadBlock();
  const { repository, clock } = stores;
  await repository.takeLease("collector", "node", clock.seconds, clock.seconds + 900);
  let told = 0;
  let asked = 0;
  const watched: HoldOptions["repository"] = {
    releaseLease: repository.releaseLease,
    async takeLease(...lease) {
      if (++asked === 3) await repository.releaseLease("collector", "node");
      return await repository.takeLease(...lease);
    },
  };

  await using _held = await hold(stores, { repository: watched, waiting: () => void told++ });

  assert.deepEqual([asked, told], [3, 1]);
  assert.equal((await collect(stores)).ran, false);
});

Deno.test("one that does not end is not waited for longer than its lease lasts", async () => {
  await using stores = await withDeadBlock();
  const { repository, clock } = stores;
  await repository.takeLease("collector", "node", clock.seconds, Infinity);

  await assert.rejects(
    hold(stores, { waiting: () => clock.pass(16 * 60) }),
    (error) => error instanceof NodeError && error.code === "storage_unavailable",
  );
});
