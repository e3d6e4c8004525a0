// The first text beyond a prefix, in the order of UTF-8 bytes.

import assert from "node:assert/strict";
import fc from "fast-check";
import { nextText } from "../../../src/repository/text_order.ts";

const CASES: readonly [prefix: string, next: string | undefined][] = [
  ["", undefined],
  ["a", "b"],
  ["ab", "ac"],
  ["a/", "a0"],
  ["\u007f", "\u0080"],
  ["\ud7ff", "\ue000"],
  ["\uffff", "\u{10000}"],
  ["a\u{10ffff}", "b"],
  ["\u{10ffff}\u{10ffff}", undefined],
];

for (const [prefix, next] of CASES) {
  Deno.test(`after all that begin with ${Deno.inspect(prefix)} comes ${Deno.inspect(next)}`, () => {
    assert.equal(nextText(prefix), next);
  });
}

Deno.test("nothing that begins with a prefix comes after its next text, and nothing lies between", () => {
  const text = fc.string({ unit: "binary" });

  fc.assert(fc.property(text, text, (prefix, other) => {
    const next = nextText(prefix);
    const isBelow = next === undefined || compare(other, next) < 0;
    const isWithin = compare(other, prefix) >= 0 && isBelow;
    assert.equal(isWithin, other.startsWith(prefix));
    assert.ok(next === undefined || compare(prefix + other, next) < 0);
  }));
});

function compare(a: string, b: string): number {
  const [one, other] = [a, b].map((text) => Buffer.from(text));
  return one === undefined || other === undefined ? 0 : one.compare(other);
}
