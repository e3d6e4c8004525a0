import assert from "node:assert/strict";
import { NodeError } from "../../../src/errors.ts";
import { describeCause } from "../../../src/telemetry/causes.ts";

Deno.test("an error is told with class, message and where it was thrown", () => {
  const text = describeCause(new TypeError("x is not a function"), false);

  assert.match(text, /^TypeError: x is not a function \[at .*causes\.test\.ts:\d+:\d+/);
});

Deno.test("the causes of an error follow it, down to the fifth", () => {
  let error = new Error("1");
  for (let i = 2; i <= 9; i++) error = new Error(String(i), { cause: error });

  const told = describeCause(error, false).split(" caused by ");

  assert.deepEqual(told.map((part) => part.replace(/ \[.*/, "")), [
    "Error: 9",
    "Error: 8",
    "Error: 7",
    "Error: 6",
    "Error: 5",
    "…",
  ]);
});

Deno.test("an error that is its own cause ends", () => {
  const error = new Error("round");
  error.cause = error;

  assert.equal(describeCause(error, false).split(" caused by ").length, 6);
});

Deno.test("a driver's code is told, and the first of several failures", () => {
  const refused = Object.assign(new Error("connect refused"), { code: "ECONNREFUSED" });

  const text = describeCause(new AggregateError([refused, new Error("second")]), false);

  assert.match(text, /^AggregateError.* caused by Error\(ECONNREFUSED\): connect refused/);
});

Deno.test("the sentence of a refusal, which may name a key, is told at level debug only", () => {
  const error = new NodeError("key_not_deleted", "No Such Key: diary/\n    at canary", {
    cause: new Error("below"),
  });

  const normal = describeCause(error, false);
  const debug = describeCause(error, true);

  assert.match(normal, /^NodeError\(key_not_deleted\) \[at .* caused by Error: below/);
  assert.ok(!normal.includes("diary") && !normal.includes("canary"), normal);
  assert.match(debug, /No Such Key: diary/);
});

const QUOTING = [
  ["Duplicate entry 'diary/1' for key 'PRIMARY'", "Duplicate entry '…'"],
  [`Unexpected token 'c', "canary" is not valid JSON`, "Unexpected token '…' is not valid JSON"],
  [`Unexpected token 'x', ..."a": x"... is not valid`, "Unexpected token '…'... is not valid"],
  [
    "Permission denied (os error 13): open '/srv/data/blocks/ab'",
    "Permission denied (os error 13): open '/srv/data/blocks/ab'",
  ],
  ["failed: rename './a/b' -> './a/c'", "failed: rename './a/b' -> './a/c'"],
  ["no such table: events", "no such table: events"],
] as const;

for (const [message, told] of QUOTING) {
  Deno.test(`outside debug the message ${message} is told as ${told}`, () => {
    assert.equal(
      describeCause(new Error(message), false).replace(/ \[at .*/, ""),
      `Error: ${told}`,
    );
    assert.ok(describeCause(new Error(message), true).startsWith(`Error: ${message}`));
  });
}

Deno.test("what is no error is told by its type, without its content", () => {
  assert.equal(describeCause("canary", true), "a thrown string");
  assert.equal(describeCause(null, false), "a thrown null");
  assert.equal(describeCause({ message: "canary" }, false), "a thrown object");
});

Deno.test("an error whose properties throw is told without throwing", () => {
  const hostile = new Error("x");
  Object.defineProperty(hostile, "message", {
    get() {
      throw new Error("no");
    },
  });

  assert.equal(describeCause(hostile, false), "an error that cannot be described");
});

Deno.test("a message of many megabytes is bounded", () => {
  assert.equal(describeCause(new Error("word ".repeat(2_000_000)), false).length, 4096);
});
