// Changes of one space take turns, those of others don't wait for them.

import assert from "node:assert/strict";
import { NodeError } from "../../../src/errors.ts";
import { pause } from "../../../src/pause.ts";
import { Turns } from "../../../src/repository/server/turns.ts";

const LONG_MS = 60_000;

Deno.test("work of one name runs one at a time, in the order in which it came", async () => {
  const turns = new Turns(LONG_MS);
  const log: string[] = [];
  const work = (at: number) => async () => {
    log.push(`begin ${at}`);
    await pause(1);
    log.push(`end ${at}`);
    return at;
  };

  const ended = await Promise.all([0, 1, 2].map((at) => turns.run("space", work(at))));

  assert.deepEqual(ended, [0, 1, 2]);
  assert.deepEqual(log, ["begin 0", "end 0", "begin 1", "end 1", "begin 2", "end 2"]);
});

Deno.test("work of another name does not wait", async () => {
  const turns = new Turns(LONG_MS);
  const { promise, resolve } = Promise.withResolvers<void>();

  const stuck = turns.run("one", () => promise);
  assert.equal(await turns.run("other", () => Promise.resolve("done")), "done");

  resolve();
  await stuck;
});

Deno.test("work that fails lets the next one have its turn", async () => {
  const turns = new Turns(LONG_MS);

  const failed = turns.run("space", () => Promise.reject(new TypeError("broken")));
  const next = turns.run("space", () => Promise.resolve("done"));

  await assert.rejects(failed, TypeError);
  assert.equal(await next, "done");
});

Deno.test("work that waits too long is refused and never begun; what comes later is not", async () => {
  const turns = new Turns(20);
  const { promise, resolve } = Promise.withResolvers<void>();
  let isBegun = false;

  const stuck = turns.run("space", () => promise);
  const late = turns.run("space", () => {
    isBegun = true;
    return Promise.resolve();
  });
  await assert.rejects(
    late,
    (error) => error instanceof NodeError && error.code === "storage_unavailable",
  );
  resolve();
  await stuck;

  assert.equal(await turns.run("space", () => Promise.resolve("done")), "done");
  assert.equal(isBegun, false);
});

Deno.test("what waits at the end is done, what comes then is refused", async () => {
  const turns = new Turns(LONG_MS);

  const waiting = [0, 1, 2].map((at) => turns.run("space", () => pause(1).then(() => at)));
  const closed = turns[Symbol.asyncDispose]();
  await assert.rejects(turns.run("other", () => Promise.resolve()), NodeError);
  await closed;

  assert.deepEqual(await Promise.all(waiting), [0, 1, 2]);
});

Deno.test("of what waits, none runs before what is under way has ended, though one gave up", async () => {
  const turns = new Turns(20);
  const { promise, resolve } = Promise.withResolvers<void>();
  let isEnded = false;

  const stuck = turns.run("space", () => promise.then(() => void (isEnded = true)));
  await assert.rejects(turns.run("space", () => Promise.resolve()));
  const later = turns.run("space", () => Promise.resolve(isEnded));
  resolve();

  await stuck;
  assert.equal(await later, true);
});
