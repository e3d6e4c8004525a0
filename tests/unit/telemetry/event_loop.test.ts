import assert from "node:assert/strict";
import { measureEventLoop } from "../../../src/telemetry/event_loop.ts";

Deno.test("a thread that was blocked past the timer shows as lag", async () => {
  const observed = Promise.withResolvers<number>();
  const keepAlive = setTimeout(() => observed.reject(new Error("nothing was observed")), 10_000);
  const stop = measureEventLoop(observed.resolve);

  const blockedUntil = performance.now() + 600; // the timer is due after 500
  while (performance.now() < blockedUntil);
  const lag = await observed.promise;

  stop();
  clearTimeout(keepAlive);
  assert.ok(lag >= 0.09 && lag < 10, String(lag));
});
