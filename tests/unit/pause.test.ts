// Giving way: much work that is ready at once leaves turns to others.

import assert from "node:assert/strict";
import { fairTurn, pause } from "../../src/pause.ts";

const TASKS = 100;

Deno.test("work that is ready at once leaves turns to timers", async () => {
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  await pause(10);
  ticks = 0;

  await Promise.all(Array.from({ length: TASKS }, async () => {
    const fair = fairTurn();
    if (fair !== undefined) await fair;
    busy(2);
  }));
  clearInterval(timer);

  // In a single turn there would have been none.
  assert.ok(ticks >= 5, `${ticks} ticks`);
});

Deno.test("work that is ready at once is done in the order in which it came", async () => {
  const done: number[] = [];

  await Promise.all(Array.from({ length: TASKS }, async (_, at) => {
    const fair = fairTurn();
    if (fair !== undefined) await fair;
    busy(1);
    done.push(at);
  }));

  assert.deepEqual(done, Array.from({ length: TASKS }, (_, at) => at));
});

function busy(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}
