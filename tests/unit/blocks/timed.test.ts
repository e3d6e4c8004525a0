import assert from "node:assert/strict";
import type { Blocks } from "../../../src/blocks/blocks.ts";
import { timedBlocks } from "../../../src/blocks/timed.ts";

Deno.test("every operation is passed on with what it was given, and three kinds are timed", async () => {
  const passed: string[] = [];
  const timed: string[] = [];
  const spy = new Proxy({}, {
    get: (_target, name) => (...args: readonly unknown[]) => {
      passed.push(`${String(name)} ${args.join(" ")}`);
      return Promise.resolve(name);
    },
  }) as Blocks; // it has every method that is asked for
  const blocks = timedBlocks(spy, { blocks: (operation) => void timed.push(operation) });

  for (const name of [...Object.keys(blocks), Symbol.asyncDispose]) {
    const result: unknown = await Reflect.apply(Reflect.get(blocks, name), blocks, ["a", "b"]);
    assert.equal(result, name);
  }

  assert.deepEqual(passed.map((line) => line.split(" ")[0]), [
    "put",
    "get",
    "remove",
    "removeStray",
    "all",
    "leftovers",
    "sweepLeftovers",
    "probe",
    "Symbol(Symbol.asyncDispose)",
  ]);
  assert.equal(passed[0], "put a b");
  assert.deepEqual(timed, ["put", "get", "remove", "remove"]);
});

Deno.test("an operation that fails is timed too, and its error goes on", async () => {
  const timed: string[] = [];
  const blocks = timedBlocks(
    { get: () => Promise.reject(new Error("canary")) } as unknown as Blocks, // no other is asked for
    { blocks: (operation, seconds) => void timed.push(`${operation} ${seconds >= 0}`) },
  );

  await assert.rejects(() => blocks.get("s" as Parameters<Blocks["get"]>[0], "h"), /canary/);

  assert.deepEqual(timed, ["get true"]);
});
