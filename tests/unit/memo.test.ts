// Results that are remembered, up to a bound.

import assert from "node:assert/strict";
import { memo, memoBy } from "../../src/memo.ts";

Deno.test("a result is made once for each key", () => {
  const made: string[] = [];
  const upper = memo(10, (key: string) => (made.push(key), key.toUpperCase()));

  assert.deepEqual([upper("a"), upper("b"), upper("a")], ["A", "B", "A"]);

  assert.deepEqual(made, ["a", "b"]);
});

Deno.test("no more results than the bound are kept", () => {
  let made = 0;
  const same = memo(2, (key: number) => (made++, key));

  for (const key of [1, 2, 1, 2]) same(key);
  assert.equal(made, 2, "a full memo still knows what it holds");
  same(3);
  same(1);

  assert.equal(made, 4);
});

Deno.test("a failure is not remembered", () => {
  let fails = true;
  const flaky = memo(2, (key: number) => {
    if (fails) throw new Error("not yet");
    return key;
  });
  assert.throws(() => flaky(1));

  fails = false;

  assert.equal(flaky(1), 1);
});

Deno.test("inputs with the same key have one result", () => {
  const made: string[] = [];
  const size = memoBy(10, ({ name }: { name: string; size: number }) => name, (input) => {
    made.push(input.name);
    return input.size;
  });

  const sizes = [size({ name: "a", size: 1 }), size({ name: "a", size: 1 })];

  assert.deepEqual(sizes, [1, 1]);
  assert.deepEqual(made, ["a"]);
});

Deno.test("a remembered text does not keep the long one that it was cut from", () => {
  const size = memo(1000, (text: string) => text.length);
  const before = Deno.memoryUsage().heapUsed;

  for (let at = 0; at < 1000; at++) size(`${at} `.padEnd(64 * 1024, "x").slice(0, 100));

  // 1,000 texts of 64 KiB would be 64 MiB.
  assert.ok(Deno.memoryUsage().heapUsed - before < 32 * 1024 * 1024);
});
