// The collector removes what nothing refers to, and never what something refers to (invariant 5).

import assert from "node:assert/strict";
import type { Blocks } from "../../../src/blocks/blocks.ts";
import { Collector, type CollectorOptions, startCollector } from "../../../src/blocks/collector.ts";
import { NodeError } from "../../../src/errors.ts";
import type { Repository } from "../../../src/repository/repository.ts";
import type { Log } from "../../../src/telemetry/log.ts";
import { assertBytes, noise } from "../../contract/blocks_contract.ts";
import { AWAY, changed, DAY, HOME, inMemory, Stores } from "./support.ts";

const A = noise(1000);
const B = noise(2000);

function collectorOf(stores: Stores, options: Partial<CollectorOptions> = {}): Collector {
  const { repository, blocks, clock } = stores;
  return new Collector({
    repository,
    blocks,
    clock,
    holder: "this node",
    guardSeconds: 360,
    ...options,
  });
}

Deno.test("invariant 5: blocks of deleted and replaced values go, those of live ones stay", async () => {
  await using stores = await Stores.open();
  await stores.put(HOME, "kept", A);
  await stores.put(HOME, "deleted", B);
  await stores.put(HOME, "replaced", noise(3000));
  await stores.put(HOME, "replaced", A);
  await stores.delete(HOME, "deleted");

  const { dead, complete } = await collectorOf(stores).collectOnce();

  assert.deepEqual([dead, complete], [2, true]);
  assert.equal((await stores.stored()).length, 1);
  assertBytes(await stores.read(HOME, "kept"), A);
  assertBytes(await stores.read(HOME, "replaced"), A);
});

Deno.test("content that another key or another space has too stays there", async () => {
  await using stores = await Stores.open();
  await stores.put(HOME, "one", A);
  await stores.put(HOME, "two", A);
  await stores.put(HOME, "only", B);
  await stores.put(AWAY, "only", B);
  await stores.delete(HOME, "one");
  await stores.delete(HOME, "only");

  const { dead } = await collectorOf(stores).collectOnce();

  assert.equal(dead, 1);
  assertBytes(await stores.read(HOME, "two"), A);
  assertBytes(await stores.read(AWAY, "only"), B);
});

Deno.test("a second run finds nothing to do", async () => {
  await using stores = await Stores.open();
  await stores.put(HOME, "deleted", A);
  await stores.delete(HOME, "deleted");
  const collector = collectorOf(stores);

  await collector.collectOnce();
  const { dead, strays } = await collector.collectOnce();

  assert.deepEqual([dead, strays], [0, 0]);
});

Deno.test("more dead blocks than one batch holds go in one run", async () => {
  await using stores = await Stores.open();
  for (let size = 1; size <= 100; size++) {
    await stores.put(HOME, "key", noise(size));
  }

  const { dead } = await collectorOf(stores).collectOnce();

  assert.equal(dead, 99);
  assert.equal((await stores.stored()).length, 1);
});

/** Where a put of the same content comes between the collector's steps. */
const MOMENTS = [
  "before the condemnation",
  "between condemnation and removal",
  "between removal and burial",
  "after the burial",
] as const;

for (const moment of MOMENTS) {
  Deno.test(`invariant 5: a put ${moment} of the same content wins`, async () => {
    await using stores = await Stores.open();
    await stores.put(HOME, "old", A);
    await stores.delete(HOME, "old");
    let put: Promise<void> | undefined;
    // Starts the put and lets it come as far as it can: until it is done, or waits for the burial.
    async function putAt(here: typeof MOMENTS[number]): Promise<void> {
      if (here !== moment || put !== undefined) return;
      const applying = Promise.withResolvers<void>();
      const repository = stores.repository;
      const apply = repository.applyInvocation;
      repository.applyInvocation = async (change) => {
        const outcome = await apply.call(repository, change);
        applying.resolve();
        return outcome;
      };
      put = stores.put(HOME, "new", A);
      await applying.promise;
    }
    const blocks = changed<Blocks>(stores.blocks, {
      async remove(space, hash) {
        await putAt("between condemnation and removal");
        await stores.blocks.remove(space, hash);
        await putAt("between removal and burial");
      },
    });
    const repository = changed<Repository>(stores.repository, {
      async condemnBlocks(limit) {
        await putAt("before the condemnation");
        return await stores.repository.condemnBlocks(limit);
      },
      async buryBlock(block, now) {
        await stores.repository.buryBlock(block, now);
        await putAt("after the burial");
      },
    });

    await collectorOf(stores, { blocks, repository }).collectOnce();
    await put;

    assert.ok(put);
    assertBytes(await stores.read(HOME, "new"), A);
    await collectorOf(stores).collectOnce();
    assertBytes(await stores.read(HOME, "new"), A);
  });
}

Deno.test("invariant 5: puts, deletes and collections all at once leave every value whole", async () => {
  await using stores = await Stores.open();
  const contents = [A, B, noise(3000)];
  const collector = collectorOf(stores, { minAgeSeconds: -1 });
  let busy = true;

  async function client(name: string): Promise<void> {
    for (let turn = 0; turn < 40; turn++) {
      const content = contents[(turn + name.length) % contents.length] ?? A;
      await stores.put(HOME, name, content);
      assertBytes(await stores.read(HOME, name), content);
      if (turn % 3 !== 0) await stores.delete(HOME, name);
    }
    await stores.put(HOME, name, A);
  }
  async function collect(): Promise<void> {
    while (busy) await collector.collectOnce();
  }

  const collecting = collect();
  await Promise.all(["k", "ke", "key", "keys"].map(client)).finally(() => busy = false);
  await collecting;

  await collector.collectOnce();
  for (const name of ["k", "ke", "key", "keys"]) assertBytes(await stores.read(HOME, name), A);
  assert.equal((await stores.stored()).length, 1);
});

Deno.test("what a crashed run had condemned is removed and buried by the next", async () => {
  await using stores = await Stores.open();
  await stores.put(HOME, "deleted", A);
  await stores.put(HOME, "deleted too", B);
  await stores.delete(HOME, "deleted");
  await stores.delete(HOME, "deleted too");
  const [first] = await stores.repository.condemnBlocks(10);
  assert.ok(first);
  await stores.blocks.remove(first.space, first.hash);

  const { dead } = await collectorOf(stores).collectOnce();

  assert.equal(dead, 2);
  assert.deepEqual(await stores.stored(), []);
  assert.deepEqual(await stores.repository.unburied(10), []);
  await stores.put(HOME, "again", A);
  assertBytes(await stores.read(HOME, "again"), A);
});

Deno.test("a block that can't be removed does not hold up the others, and is tried again", async () => {
  await using stores = await Stores.open();
  for (const [at, content] of [A, B].entries()) {
    await stores.put(HOME, `${at}`, content);
    await stores.delete(HOME, `${at}`);
  }
  const broken = inMemory(A).hash;
  const blocks = changed<Blocks>(stores.blocks, {
    async remove(space, hash) {
      if (hash === broken) throw new NodeError("storage_unavailable");
      await stores.blocks.remove(space, hash);
    },
  });

  const { dead, failed } = await collectorOf(stores, { blocks }).collectOnce();

  assert.deepEqual([dead, failed], [1, 1]);
  assert.deepEqual((await stores.repository.unburied(10)).map(({ hash }) => hash), [broken]);
  assert.equal((await collectorOf(stores).collectOnce()).dead, 1);
  assert.deepEqual(await stores.stored(), []);
});

Deno.test("a block store that is down ends the run after a few tries", async () => {
  await using stores = await Stores.open();
  for (let size = 1; size <= 20; size++) await stores.put(HOME, "key", noise(size));
  let tries = 0;
  const blocks = changed<Blocks>(stores.blocks, {
    remove() {
      tries++;
      return Promise.reject(new NodeError("storage_unavailable"));
    },
  });

  const run = collectorOf(stores, { blocks }).collectOnce();

  await assert.rejects(run, { code: "storage_unavailable" });
  assert.equal(tries, 4);
});

Deno.test("blocks without a row go when they are a day old", async () => {
  await using stores = await Stores.open();
  await stores.put(HOME, "live", noise(3000));
  await stores.blocks.put(HOME, inMemory(A));
  await stores.blocks.put(AWAY, inMemory(B));
  await stores.age(HOME, noise(3000), 2 * DAY);
  await stores.age(HOME, A, DAY + 1);
  await stores.age(AWAY, B, DAY - 60);

  const { strays, complete } = await collectorOf(stores).collectOnce();

  assert.deepEqual([strays, complete], [1, true]);
  assertBytes(await stores.read(HOME, "live"), noise(3000));
  assert.equal(await stores.blocks.get(HOME, inMemory(A).hash), undefined);
  assert.equal((await stores.stored()).length, 2);
});

Deno.test("invariant 5: a stray that a put takes up at that moment stays", async () => {
  await using stores = await Stores.open();
  await stores.blocks.put(HOME, inMemory(A));
  await stores.age(HOME, A, 2 * DAY);
  const repository = changed<Repository>(stores.repository, {
    async condemnStray(space, hash) {
      await stores.put(HOME, "new", A);
      return await stores.repository.condemnStray(space, hash);
    },
  });

  const { strays } = await collectorOf(stores, { repository }).collectOnce();

  assert.equal(strays, 0);
  assertBytes(await stores.read(HOME, "new"), A);
});

Deno.test("invariant 5: a put whose block went as a stray before its commit writes it again", async () => {
  await using stores = await Stores.open();
  let collected = 0;
  const apply = stores.repository.applyInvocation;
  stores.repository.applyInvocation = async (change) => {
    stores.repository.applyInvocation = apply;
    await stores.age(HOME, A, 2 * DAY);
    collected = (await collectorOf(stores).collectOnce()).strays;
    return await apply.call(stores.repository, change);
  };

  await stores.put(HOME, "slow", A);

  assert.equal(collected, 1);
  assertBytes(await stores.read(HOME, "slow"), A);
});

for (
  const { unknownSpaces, left } of [
    { unknownSpaces: "keep", left: 1 },
    { unknownSpaces: "remove", left: 0 },
  ] as const
) {
  Deno.test(`blocks of a space that is not hosted: ${unknownSpaces}`, async () => {
    await using stores = await Stores.open();
    // Longer than any name that Stores hosts, but as good a space id.
    const foreign = `${HOME}-not-hosted` as typeof HOME;
    await stores.blocks.put(foreign, inMemory(A));
    await stores.age(foreign, A, 2 * DAY);

    const run = await collectorOf(stores, { unknownSpaces }).collectOnce();

    assert.equal((await stores.stored()).length, left);
    assert.deepEqual([run.strays, run.ofUnknownSpaces], [1 - left, left]);
  });
}

Deno.test("a run examines no more blocks than it may, and the next goes on there", async () => {
  await using stores = await Stores.open();
  for (let size = 1; size <= 10; size++) {
    await stores.blocks.put(size % 2 === 0 ? HOME : AWAY, inMemory(noise(size)));
    await stores.age(size % 2 === 0 ? HOME : AWAY, noise(size), size % 3 === 0 ? 2 * DAY : 0);
  }
  const collector = collectorOf(stores, { maxExamined: 4 });

  let strays = 0;
  const complete = [];
  for (let run = 0; run < 3; run++) {
    const collected = await collector.collectOnce();
    strays += collected.strays;
    complete.push(collected.complete);
  }

  assert.deepEqual(complete, [false, false, true]);
  assert.equal(strays, 3);
});

Deno.test("the database is not asked to condemn old blocks that are live", async () => {
  await using stores = await Stores.open();
  await stores.put(HOME, "live", A);
  await stores.age(HOME, A, 2 * DAY);
  const repository = changed<Repository>(stores.repository, {
    condemnStray: () => assert.fail("asked"),
  });

  const { complete } = await collectorOf(stores, { repository }).collectOnce();

  assert.equal(complete, true);
});

Deno.test("a run ends when its time is up", async () => {
  await using stores = await Stores.open();
  for (let size = 1; size <= 100; size++) await stores.put(HOME, "key", noise(size));
  const blocks = changed<Blocks>(stores.blocks, {
    async remove(space, hash) {
      stores.clock.pass(1);
      await stores.blocks.remove(space, hash);
    },
  });

  const { dead, complete } = await collectorOf(stores, { blocks, maxMs: 40_000 }).collectOnce();

  // Whole batches: a condemned block makes puts of its content wait.
  assert.deepEqual([dead, complete], [64, false]);
  assert.deepEqual(await stores.repository.unburied(10), []);
});

Deno.test("an abort ends a run after the batch it is in", async () => {
  await using stores = await Stores.open();
  for (let size = 1; size <= 100; size++) await stores.put(HOME, "key", noise(size));
  const abort = new AbortController();
  const blocks = changed<Blocks>(stores.blocks, {
    async remove(space, hash) {
      abort.abort();
      await stores.blocks.remove(space, hash);
    },
  });

  const { dead, complete } = await collectorOf(stores, { blocks }).collectOnce(abort.signal);

  assert.deepEqual([dead, complete], [32, false]);
  assert.deepEqual(await stores.repository.unburied(10), []);
});

Deno.test("of two collectors one runs, until its lease is given back", async () => {
  await using stores = await Stores.open();
  const other = collectorOf(stores, { holder: "another node" });
  let meanwhile: boolean | undefined;
  const repository = changed<Repository>(stores.repository, {
    async condemnBlocks(limit) {
      meanwhile = (await other.collectOnce()).ran;
      return await stores.repository.condemnBlocks(limit);
    },
  });

  const { ran } = await collectorOf(stores, { repository }).collectOnce();

  assert.deepEqual([ran, meanwhile], [true, false]);
  assert.equal((await other.collectOnce()).ran, true);
});

Deno.test("a node whose clock is five minutes ahead does not take the lease", async () => {
  await using stores = await Stores.open();
  const now = stores.clock.seconds;
  const ahead = { nowSeconds: () => now + 300, monotonicMs: () => 0 };
  let meanwhile: boolean | undefined;
  const repository = changed<Repository>(stores.repository, {
    async condemnBlocks(limit) {
      const other = collectorOf(stores, { holder: "another node", clock: ahead });
      meanwhile = (await other.collectOnce()).ran;
      return await stores.repository.condemnBlocks(limit);
    },
  });

  await collectorOf(stores, { repository }).collectOnce();

  assert.equal(meanwhile, false);
});

const SLEEPS = [
  { name: "slept", ms: 960_000, seconds: 960 },
  { name: "slept with its machine", ms: 0, seconds: 960 },
  { name: "slept while the clock was set back", ms: 960_000, seconds: 0 },
] as const;

for (const { name, ms, seconds } of SLEEPS) {
  Deno.test(`a collector that ${name} while another took its lease removes no more`, async () => {
    await using stores = await Stores.open();
    for (let size = 1; size <= 4; size++) await stores.put(HOME, "key", noise(size));
    let removed = 0;
    const blocks = changed<Blocks>(stores.blocks, {
      async remove(space, hash) {
        removed++;
        await stores.blocks.remove(space, hash);
        stores.clock.ms += ms;
        stores.clock.seconds += seconds;
        await stores.repository.releaseLease("collector", "this node");
        await stores.repository.takeLease("collector", "another node", 1, Infinity);
      },
    });

    const { complete } = await collectorOf(stores, { blocks }).collectOnce();

    assert.deepEqual([removed, complete], [1, false]);
    assert.equal((await collectorOf(stores, { holder: "another node" }).collectOnce()).dead, 2);
  });
}

Deno.test("after a failed removal the lease runs out by itself", async () => {
  await using stores = await Stores.open();
  await stores.put(HOME, "deleted", A);
  await stores.delete(HOME, "deleted");
  const blocks = changed<Blocks>(stores.blocks, {
    remove: () => Promise.reject(new NodeError("storage_unavailable")),
  });
  const other = collectorOf(stores, { holder: "another node" });
  await collectorOf(stores, { blocks }).collectOnce();

  const early = await other.collectOnce();
  stores.clock.pass(16 * 60);
  const late = await other.collectOnce();

  assert.deepEqual([early.ran, late.ran, late.dead], [false, true, 1]);
});

Deno.test("a crashed collector's lease is taken over by its own name at once", async () => {
  await using stores = await Stores.open();
  const { seconds } = stores.clock;
  await stores.repository.takeLease("collector", "this node", seconds, seconds + 900);

  assert.equal((await collectorOf(stores).collectOnce()).ran, true);
});

Deno.test("one collector does not run twice at once", async () => {
  await using stores = await Stores.open();
  const collector = collectorOf(stores);
  const running = collector.collectOnce();

  await assert.rejects(collector.collectOnce(), /under way already/);

  assert.equal((await running).ran, true);
  assert.equal((await collector.collectOnce()).ran, true);
});

Deno.test("expired guards are swept once the process is older than any token", async () => {
  await using stores = await Stores.open();
  await stores.put(HOME, "key", A);
  const collector = collectorOf(stores);

  stores.clock.pass(359);
  const early = await collector.collectOnce();
  stores.clock.pass(2);
  const late = await collector.collectOnce();

  assert.deepEqual([early.guards, late.guards], [0, 1]);
});

Deno.test("a clock years ahead at the start revives no spent token", async () => {
  await using stores = await Stores.open();
  await stores.put(HOME, "key", A);
  stores.clock.seconds += 10 * 365 * DAY;
  const collector = collectorOf(stores);

  const { guards } = await collector.collectOnce();

  assert.equal(guards, 0);
});

Deno.test("a clock that jumps ahead later revives no spent token either", async () => {
  await using stores = await Stores.open();
  const collector = collectorOf(stores);
  stores.clock.pass(1000);
  await stores.put(HOME, "key", A);
  stores.clock.seconds += 10 * 365 * DAY;

  const { guards } = await collector.collectOnce();

  assert.equal(guards, 0);
});

Deno.test("a brief process forgets guards that had expired by the last change", async () => {
  await using stores = await Stores.open();
  await stores.put(HOME, "key", A);
  const brief = () => collectorOf(stores, { isBrief: true }).collectOnce();

  stores.clock.pass(10 * 365 * DAY);
  const unproven = await brief();
  await stores.put(HOME, "key", A);
  const proven = await brief();

  // No honest client signs for a day that is years ahead.
  assert.deepEqual([unproven.guards, proven.guards], [0, 1]);
});

const RETAINED = { retentionSeconds: 30 * DAY };

Deno.test("retention removes old events that were replaced, a pass a day", async () => {
  await using stores = await Stores.open();
  const collector = collectorOf(stores, RETAINED);
  await stores.put(HOME, "key", A);
  stores.clock.pass(20 * DAY);
  await stores.put(HOME, "key", B);

  const counts = [];
  for (const days of [0, 11, 0.9, 0.2, 20]) {
    stores.clock.pass(days * DAY);
    if (days === 0.9) await stores.put(HOME, "other", A);
    const { events, complete } = await collector.collectOnce();
    assert.equal(complete, true);
    counts.push(events);
  }

  // What is old shows by the last change; what is not replaced stays at any age.
  assert.deepEqual(counts, [0, 0, 0, 1, 0]);
  assertBytes(await stores.read(HOME, "key"), B);
});

Deno.test("without retention every event stays", async () => {
  await using stores = await Stores.open();
  const repository = changed<Repository>(stores.repository, {
    forgetReplaced: () => assert.fail("forgets"),
    expiredDelegations: () => assert.fail("forgets"),
  });
  await stores.put(HOME, "key", A);
  await stores.put(HOME, "key", B);
  stores.clock.pass(10 * 365 * DAY);
  await stores.put(HOME, "key", A);

  const { events } = await collectorOf(stores, { repository }).collectOnce();

  assert.equal(events, 0);
});

for (const when of ["at the start", "later"] as const) {
  Deno.test(`a clock years ahead ${when} makes no event old`, async () => {
    await using stores = await Stores.open();
    await stores.put(HOME, "key", A);
    await stores.put(HOME, "key", B);
    const early = collectorOf(stores, RETAINED);
    stores.clock.seconds += 10 * 365 * DAY;
    const collector = when === "later" ? early : collectorOf(stores, RETAINED);

    const { events } = await collector.collectOnce();

    assert.equal(events, 0);
  });
}

/** A store with old events of more than two steps. */
async function withHistory(): Promise<Stores> {
  const stores = await Stores.open();
  for (let count = 0; count < 1200; count++) {
    await (count % 2 === 0 ? stores.put(HOME, "key", A) : stores.delete(HOME, "key"));
  }
  stores.clock.pass(31 * DAY);
  await stores.put(HOME, "now", A);
  return stores;
}

Deno.test("a pass that runs out of time goes on where it was in the next run", async () => {
  await using stores = await withHistory();
  const afters: number[] = [];
  const repository = changed<Repository>(stores.repository, {
    async forgetReplaced(before, after, limit) {
      afters.push(after);
      const step = await stores.repository.forgetReplaced(before, after, limit);
      stores.clock.pass(61);
      return step;
    },
  });
  const collector = collectorOf(stores, { ...RETAINED, repository });

  const runs = [];
  for (let run = 0; run < 4; run++) {
    const { events, complete } = await collector.collectOnce();
    runs.push([events, complete]);
  }

  // The first events host the spaces.
  assert.deepEqual(runs, [[498, false], [500, false], [201, false], [0, true]]);
  assert.equal(new Set(afters).size, 3);
});

Deno.test("an abort ends a pass after the step it is in", async () => {
  await using stores = await withHistory();
  const abort = new AbortController();
  const repository = changed<Repository>(stores.repository, {
    forgetReplaced(before, after, limit) {
      abort.abort();
      return stores.repository.forgetReplaced(before, after, limit);
    },
  });

  const { events, complete } = await collectorOf(stores, { ...RETAINED, repository })
    .collectOnce(abort.signal);

  assert.deepEqual([events, complete], [498, false]);
});

Deno.test("a pass that fails begins anew in the next run", async () => {
  await using stores = await withHistory();
  let calls = 0;
  const repository = changed<Repository>(stores.repository, {
    forgetReplaced: (before, after, limit) =>
      ++calls === 2
        ? Promise.reject(new NodeError("storage_unavailable"))
        : stores.repository.forgetReplaced(before, after, limit),
  });
  const collector = collectorOf(stores, { ...RETAINED, repository });

  await assert.rejects(collector.collectOnce(), { code: "storage_unavailable" });
  const { events, complete } = await collector.collectOnce();

  assert.deepEqual([events, complete], [701, true]);
});

Deno.test("more stored blocks than a run examines do not hold retention up", async () => {
  await using stores = await withHistory();
  for (let size = 1; size <= 3; size++) await stores.put(HOME, `${size}`, noise(size));

  const { events, complete } = await collectorOf(stores, { ...RETAINED, maxExamined: 1 })
    .collectOnce();

  assert.deepEqual([events, complete], [1199, false]);
});

Deno.test("between two steps of a pass requests have their turn", async () => {
  await using stores = await withHistory();
  let turns = 0;
  const seen: number[] = [];
  let isOver = false;
  async function takeTurns(): Promise<void> {
    for (; !isOver; turns++) await new Promise((resolve) => setImmediate(resolve));
  }
  const taking = takeTurns();
  const repository = changed<Repository>(stores.repository, {
    citations: () => assert.fail("nothing has expired"),
    expiredDelegations: async (_before, after) => {
      seen.push(turns);
      // As a database that answers at once.
      return await Promise.resolve({ found: [], ...(after < 50 ? { next: after + 1 } : {}) });
    },
  });

  await collectorOf(stores, { ...RETAINED, repository }).collectOnce();
  isOver = true;
  await taking;

  assert.equal(seen.length, 51);
  assert.equal(new Set(seen).size, 51);
});

Deno.test("graves are forgotten when they are a day old", async () => {
  await using stores = await Stores.open();
  const collector = collectorOf(stores);
  await stores.put(HOME, "deleted", A);
  await stores.delete(HOME, "deleted");
  await collector.collectOnce();

  stores.clock.pass(DAY - 10);
  const early = await collector.collectOnce();
  stores.clock.pass(20);
  const late = await collector.collectOnce();

  assert.deepEqual([early.graves, late.graves], [0, 1]);
});

Deno.test("leftovers of blocks and of uploads are swept when they are a day old", async () => {
  await using stores = await Stores.open();
  const asked: number[] = [];
  const sweep = { sweepLeftovers: (before: number) => Promise.resolve(asked.push(before)) };
  const blocks = changed<Blocks>(stores.blocks, sweep);

  const { leftovers } = await collectorOf(stores, { blocks, staging: sweep }).collectOnce();

  assert.equal(leftovers, 1 + 2);
  assert.deepEqual(asked, [stores.clock.seconds - DAY, stores.clock.seconds - DAY]);
});

Deno.test("the started collector runs at once, again after the interval, and stops", async () => {
  await using stores = await Stores.open();
  const runs = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const collected: string[] = [];
  const metrics = { collected: (outcome: string) => void collected.push(outcome) };
  let count = 0;
  const repository = changed<Repository>(stores.repository, {
    async condemnBlocks(limit) {
      runs[count++]?.resolve();
      return await stores.repository.condemnBlocks(limit);
    },
  });
  {
    await using _collector = startCollector({
      ...optionsOf(stores),
      repository,
      metrics,
      intervalMs: 1,
    });
    await runs[0]?.promise;
    await runs[1]?.promise;
  }
  const stopped = count;
  assert.ok(collected.length >= 2 && collected.every((outcome) => outcome !== "failed"));

  await using _other = startCollector({ ...optionsOf(stores), metrics, intervalMs: 3_600_000 });
  assert.equal(count, stopped);
});

Deno.test("a run that fails is logged, and the next one runs", async () => {
  await using stores = await Stores.open();
  const events: string[] = [];
  const collected: string[] = [];
  const log: Log = {
    error: (event) => void events.push(event),
    warn() {},
    info() {},
    debug() {},
    flush: () => Promise.resolve(),
  };
  const second = Promise.withResolvers<void>();
  let count = 0;
  const repository = changed<Repository>(stores.repository, {
    condemnBlocks(limit) {
      if (++count === 1) return Promise.reject(new NodeError("storage_unavailable"));
      second.resolve();
      return stores.repository.condemnBlocks(limit);
    },
  });

  await using _collector = startCollector({
    ...optionsOf(stores),
    repository,
    log,
    metrics: { collected: (outcome) => void collected.push(outcome) },
    intervalMs: 1,
  });
  await second.promise;

  assert.deepEqual(events, ["collection.failed"]);
  assert.equal(collected[0], "failed");
});

function optionsOf({ repository, blocks, clock }: Stores): CollectorOptions {
  return { repository, blocks, clock, holder: "this node", guardSeconds: 360 };
}
