import assert from "node:assert/strict";
import { watchActivity } from "../../../src/telemetry/activity.ts";
import { noMetrics } from "../../../src/telemetry/metrics.ts";

function watched() {
  const clock = { seconds: 1000 };
  const activity = watchActivity(noMetrics, { monotonicMs: () => clock.seconds * 1000 });
  return { activity, clock, ...activity.metrics };
}

Deno.test("requests are counted by what became of them", () => {
  const { activity, answered } = watched();

  for (const status of [200, 204, 401, 404, 429, 500, 503, 503]) answered("/invoke", status, 0);

  assert.deepEqual(activity.rates(), {
    seconds: 1,
    requests: 8,
    refused: 2,
    limited: 1,
    failed: 3,
  });
});

Deno.test("what is older than a minute counts no more, and what is younger does", () => {
  const { activity, clock, answered } = watched();

  answered("/invoke", 500, 0);
  clock.seconds += 59;
  answered("/invoke", 200, 0);
  const within = activity.rates();
  clock.seconds += 1;
  const after = activity.rates();
  clock.seconds += 3600;
  answered("/invoke", 404, 0);
  const muchLater = activity.rates();

  assert.deepEqual([within.seconds, within.requests, within.failed], [60, 2, 1]);
  assert.deepEqual([after.seconds, after.requests, after.failed], [60, 1, 0]);
  assert.deepEqual([muchLater.requests, muchLater.refused, muchLater.failed], [1, 1, 0]);
});

Deno.test("an error is one row however often it comes, the last one first", () => {
  const { activity, clock, failed } = watched();

  failed("internal");
  for (let i = 0; i < 10_000; i++) failed("token_signature");
  clock.seconds += 5;
  failed("internal");

  assert.deepEqual(activity.errors(), [
    { code: "internal", count: 2, atMs: 1_005_000 },
    { code: "token_signature", count: 10_000, atMs: 1_000_000 },
  ]);
});

Deno.test("the last collection is remembered, and open requests are counted", () => {
  const { activity, clock, collected, inFlight } = watched();
  const removed = { blocks: 1, leftovers: 0, guards: 0, events: 0, delegations: 0 };
  assert.equal(activity.lastCollection(), undefined);

  collected("failed", removed);
  clock.seconds += 1;
  collected("complete", removed);
  inFlight(true);
  inFlight(true);
  inFlight(false);

  assert.deepEqual(activity.lastCollection(), { outcome: "complete", removed, atMs: 1_001_000 });
  assert.equal(activity.inFlight, 1);
});

Deno.test("every observation reaches the metrics behind, once", () => {
  const seen: string[] = [];
  const spy = Object.fromEntries(
    Object.keys(noMetrics).map((name) => [name, () => void seen.push(name)]),
  ) as unknown as typeof noMetrics; // the same names
  const { metrics } = watchActivity(spy, { monotonicMs: () => 0 });

  for (const observe of Object.values(metrics)) Reflect.apply(observe, undefined, []);

  assert.deepEqual(seen.toSorted(), Object.keys(noMetrics).toSorted());
});
