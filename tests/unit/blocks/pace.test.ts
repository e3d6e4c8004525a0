// A pace rests in proportion to the work, and reads no faster than it may.

import assert from "node:assert/strict";
import { paced, type PaceOptions, restless } from "../../../src/blocks/pace.ts";
import { FakeClock } from "./support.ts";

/** A pace whose rests only pass on the clock. */
function setUp(options: Pick<PaceOptions, "share" | "bytesPerSecond">) {
  const clock = new FakeClock();
  const rests: number[] = [];
  const pace = paced({
    clock,
    ...options,
    rest: (ms) => {
      rests.push(ms);
      clock.pass(ms / 1000);
      return Promise.resolve();
    },
  });
  const work = async (ms: number, bytes = 0) => {
    clock.ms += ms;
    await pace.spent(bytes);
  };
  return { clock, pace, rests, work };
}

Deno.test("a tenth of the time is nine times as long a rest as the work", async () => {
  const { rests, work } = setUp({ share: 0.1 });

  await work(10);
  await work(100, 1_000_000);

  assert.deepEqual(rests.map(Math.round), [90, 900]);
});

Deno.test("fast work rests until its bytes are due", async () => {
  const { rests, work } = setUp({ share: 0.1, bytesPerSecond: 10_000_000 });

  await work(1, 1_000_000);
  await work(50, 1_000_000);

  assert.deepEqual(rests.map(Math.round), [99, 450]);
});

Deno.test("in the long run neither bound is passed", async () => {
  const { clock, work } = setUp({ share: 0.1, bytesPerSecond: 10_000_000 });
  const startedMs = clock.ms;
  let [worked, read] = [0, 0];

  for (let step = 0; step < 1000; step++) {
    const [ms, bytes] = [step % 7 / 10, 64 * 1024];
    worked += ms;
    read += bytes;
    await work(ms, bytes);
  }

  const elapsedMs = clock.ms - startedMs;
  assert.ok(worked <= elapsedMs / 10);
  assert.ok(read <= 10_000 * (elapsedMs + 20));
  assert.ok(read >= 9_000 * elapsedMs, "nor is it slower than it must be");
});

Deno.test("short rests are saved up, and the loop is free meanwhile", async () => {
  const { rests, work } = setUp({ share: 0.5 });
  let turns = 0;
  setImmediate(() => turns++);

  for (let step = 0; step < 5; step++) await work(4);

  assert.deepEqual(rests, [20]);
  assert.equal(turns, 1);
});

Deno.test("what passed before the work began is no work, and no rest is endless", async () => {
  const { clock, pace, rests, work } = setUp({ share: 0.1 });

  clock.ms += 60_000;
  pace.begin();
  await work(10);
  await work(3_600_000);

  assert.deepEqual(rests.map(Math.round), [90, 10_000]);
});

Deno.test("an abort ends a rest", async () => {
  const clock = new FakeClock();
  const pace = paced({ clock, share: 0.001 });
  const stopping = new AbortController();
  clock.ms += 1000;

  const spent = pace.spent(0, stopping.signal);
  stopping.abort();
  await spent;

  await pace.spent(0, stopping.signal);
});

Deno.test("without rests everybody else still has a turn", async () => {
  let turns = 0;
  setImmediate(() => turns++);

  await restless().spent(1_000_000);

  assert.equal(turns, 1);
});
