import assert from "node:assert/strict";
import { fresh } from "../../../src/http/fresh.ts";

function counting() {
  const clock = { ms: 0 };
  const waiting: PromiseWithResolvers<number>[] = [];
  const ask = fresh(1000, { monotonicMs: () => clock.ms }, () => {
    const next = Promise.withResolvers<number>();
    waiting.push(next);
    return next.promise;
  });
  return { clock, waiting, ask };
}

Deno.test("within its age an answer is given again", async () => {
  const { clock, waiting, ask } = counting();

  const first = ask();
  waiting[0]?.resolve(1);
  assert.equal(await first, 1);
  clock.ms = 1000;

  assert.equal(await ask(), 1);
  assert.equal(waiting.length, 1);
});

Deno.test("beyond its age it is asked anew", async () => {
  const { clock, waiting, ask } = counting();

  const first = ask();
  waiting[0]?.resolve(1);
  await first;
  clock.ms = 1001;
  const second = ask();
  waiting[1]?.resolve(2);

  assert.equal(await second, 2);
});

Deno.test("while it is being asked nobody asks a second time, however long it takes", async () => {
  const { clock, waiting, ask } = counting();

  const first = ask();
  clock.ms = 60_000;
  const second = ask();
  waiting[0]?.resolve(1);

  assert.deepEqual(await Promise.all([first, second]), [1, 1]);
  assert.equal(waiting.length, 1);
});
