// So many a second, so many at once (configuration.md, `limits.*`).

import assert from "node:assert/strict";
import { NodeError } from "../../../src/errors.ts";
import { gate, type GateOptions, Limited } from "../../../src/http/gate.ts";

const never = new Promise<void>(() => {});
const at = Promise.resolve();

function aGate(options: Partial<GateOptions>) {
  let now = 0;
  const clock = { monotonicMs: () => now };
  const { enter, charge } = gate({ rate: 0, concurrency: 0, clock, ...options });
  return {
    charge,
    /** Milliseconds after which a request of this name would get in; undefined: now. */
    waitOf(name: string): number | undefined {
      try {
        enter(name, at);
        return undefined;
      } catch (error) {
        assert.ok(error instanceof Limited);
        return error.waitMs;
      }
    },
    /** Whether a request of this name gets in. */
    isOpen(name: string, end: Promise<void> = at): boolean {
      try {
        enter(name, end);
        return true;
      } catch (error) {
        assert.ok(error instanceof NodeError && error.code === "rate_limited");
        return false;
      }
    },
    passMs: (ms: number) => void (now += ms),
  };
}

Deno.test("a burst beyond the rate is refused, of this name only, and told how long", () => {
  const { isOpen, waitOf } = aGate({ rate: 2 });

  assert.deepEqual(["a", "a", "a", "b"].map((name) => isOpen(name)), [true, true, false, true]);
  assert.equal(waitOf("a"), 500);
});

Deno.test("what is used up comes back evenly, and no more than a second's worth", () => {
  const { isOpen, passMs } = aGate({ rate: 2 });
  for (let count = 0; count < 2; count++) assert.ok(isOpen("a"));

  passMs(499);
  assert.equal(isOpen("a"), false);
  passMs(1);
  assert.deepEqual(["a", "a"].map((name) => isOpen(name)), [true, false]);
  passMs(60_000);
  assert.deepEqual(["a", "a", "a"].map((name) => isOpen(name)), [true, true, false]);
});

Deno.test("a charge is paid back in five seconds at most, however large", () => {
  const { isOpen, charge, waitOf, passMs } = aGate({ rate: 4 });
  charge("a", 1_000_000);

  assert.equal(waitOf("a"), 5250);
  assert.ok(isOpen("b"));
  passMs(5249);
  assert.equal(isOpen("a"), false);
  // A tenth of a millisecond more: sums of fractions are not exact.
  passMs(1.1);
  assert.ok(isOpen("a"));
});

Deno.test("what was charged for a burst is all paid back, not the last of it only", () => {
  const { charge, waitOf } = aGate({ rate: 100 });

  for (let count = 0; count < 20; count++) charge("a", 20);

  // 100 are there, 400 were charged, and one more is wanted.
  assert.equal(waitOf("a"), 3010);
});

Deno.test("a name that was forgotten starts as one that is new", () => {
  const { isOpen, passMs } = aGate({ rate: 1 });
  assert.ok(isOpen("a"));
  passMs(1000);
  assert.ok(isOpen("b"), "which sweeps");
  assert.ok(isOpen("a"));
  assert.equal(isOpen("a"), false, "a sweep forgets no name that is in use");
});

Deno.test("one more at once than allowed is refused, of this name only, until one ends", async () => {
  const { isOpen } = aGate({ concurrency: 2 });
  const first = Promise.withResolvers<void>();
  assert.ok(isOpen("a", first.promise));
  assert.ok(isOpen("a", never));

  assert.equal(isOpen("a", never), false);
  assert.ok(isOpen("b", never));
  first.resolve();
  await first.promise;

  assert.ok(isOpen("a", never));
  assert.equal(isOpen("a", never), false);
});

Deno.test("an answer whose connection broke has ended too", async () => {
  const { isOpen } = aGate({ concurrency: 1 });
  const end: Promise<void> = Promise.reject(new Error("reset"));
  assert.ok(isOpen("a", end));
  await end.catch(() => {});

  assert.ok(isOpen("a", never));
});

Deno.test("a request that its rate refuses is not open", () => {
  const { isOpen, passMs } = aGate({ rate: 1, concurrency: 2 });
  assert.ok(isOpen("a", never));
  assert.equal(isOpen("a", never), false);

  passMs(1000);

  assert.ok(isOpen("a", never), "the second that is open");
});

Deno.test("0 is no limit", () => {
  const { isOpen } = aGate({});

  assert.ok(Array.from({ length: 5000 }, () => isOpen("a", never)).every(Boolean));
});
