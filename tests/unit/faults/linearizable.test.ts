import assert from "node:assert/strict";
import { isLinearizable, type Seen } from "../../faults/linearizable.ts";

const write = (to: string, begun: number, ended: number): Seen => ({
  begun,
  ended,
  what: { kind: "write", to },
});
const read = (found: string | undefined, begun: number, ended: number): Seen => ({
  begun,
  ended,
  what: { kind: "read", found },
});
const remove = (begun: number, ended: number): Seen => ({
  begun,
  ended,
  what: { kind: "remove" },
});

const CASES: readonly (readonly [string, readonly Seen[], boolean])[] = [
  ["nothing at all", [], true],
  ["a read of what was written before", [write("a", 0, 1), read("a", 2, 3)], true],
  ["a read of nothing after a write has ended", [write("a", 0, 1), read(undefined, 2, 3)], false],
  ["a read of nothing while a write is under way", [write("a", 0, 3), read(undefined, 1, 2)], true],
  ["a read of what nobody wrote", [read("a", 0, 1)], false],
  ["two reads that see two writes in turn", [
    ...[write("a", 0, 9), write("b", 0, 9), read("a", 1, 2), read("b", 3, 4)],
  ], true],
  ["a value that goes away and comes back", [
    ...[write("a", 0, 9), write("b", 0, 9), read("a", 1, 2), read("b", 3, 4), read("a", 5, 6)],
  ], false],
  ["a deletion of what is there", [write("a", 0, 1), remove(2, 3), read(undefined, 4, 5)], true],
  ["two deletions of one value", [write("a", 0, 1), remove(2, 3), remove(4, 5)], false],
  ["a write of which nobody knows, seen late", [
    ...[{ ...write("a", 0, Infinity), isUnknown: true }, read(undefined, 5, 6), read("a", 7, 8)],
  ], true],
  ["a write of which nobody knows, never seen", [
    ...[{ ...write("a", 0, Infinity), isUnknown: true }, read(undefined, 5, 6)],
  ], true],
];

for (const [name, seen, expected] of CASES) {
  Deno.test(`${name}: there ${expected ? "is" : "is no"} such order`, () => {
    assert.equal(isLinearizable(seen), expected);
  });
}
