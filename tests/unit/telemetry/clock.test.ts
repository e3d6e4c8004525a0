import assert from "node:assert/strict";
import { systemClock } from "../../../src/telemetry/clock.ts";

Deno.test("the system's clock tells Unix seconds to the millisecond", () => {
  const before = Date.now();

  const now = systemClock.nowSeconds();

  assert.ok(now * 1000 >= before - 1 && now * 1000 <= Date.now() + 1);
});

Deno.test("the monotonic clock counts milliseconds and never goes back", () => {
  const started = performance.now();

  const readings = Array.from({ length: 1000 }, () => systemClock.monotonicMs());

  assert.deepEqual(readings, readings.toSorted((a, b) => a - b));
  assert.ok((readings[0] ?? 0) >= started && (readings.at(-1) ?? 0) <= performance.now());
});
