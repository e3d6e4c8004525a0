// Which known name a mistyped one is taken for.

import assert from "node:assert/strict";
import { nearest } from "../../../src/config/nearest.ts";

const KNOWN = ["port", "cors", "storage.limit", "storage.max_object"];

const CASES: readonly [name: string, near: string | undefined][] = [
  ["port", "port"],
  ["prot", "port"],
  ["ports", "port"],
  ["por", "port"],
  ["storage.limt", "storage.limit"],
  ["storage.limits", "storage.limit"],
  ["storage.maxobject", "storage.max_object"],
  ["storage.max-objects", "storage.max_object"],
  ["limit", undefined],
  ["p", undefined],
  ["", undefined],
  ["colour", undefined],
];

for (const [name, near] of CASES) {
  Deno.test(`"${name}" is taken for ${near ?? "nothing known"}`, () => {
    assert.equal(nearest(name, KNOWN), near);
  });
}

Deno.test("an empty known name is as far away as the name is long", () => {
  assert.equal(nearest("a", [""]), "");
  assert.equal(nearest("ab", [""]), undefined);
});

Deno.test("beyond 64 characters no name is compared", () => {
  const name = "x".repeat(64);

  assert.equal(nearest(name, [name]), name);
  assert.equal(nearest(`${name}x`, [`${name}x`]), undefined);
});
