import assert from "node:assert/strict";
import { parseTraceparent, traceId } from "../../../src/telemetry/trace.ts";

const ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = "00f067aa0ba902b7";
const ZEROS = "0".repeat(32);

const TRACEPARENTS: readonly [name: string, header: string, id: string | undefined][] = [
  ["sampled", `00-${ID}-${PARENT}-01`, ID],
  ["not sampled", `00-${ID}-${PARENT}-00`, ID],
  ["unknown flags", `00-${ID}-${PARENT}-ff`, ID],
  ["a later version", `cc-${ID}-${PARENT}-01`, ID],
  ["a later version with more fields", `cc-${ID}-${PARENT}-01-what-the-future-is-like`, ID],
  ["a later version with something glued on", `cc-${ID}-${PARENT}-01.x`, undefined],
  ["version 00 with more fields", `00-${ID}-${PARENT}-01-x`, undefined],
  ["version 00 with a trailing dash", `00-${ID}-${PARENT}-01-`, undefined],
  ["the forbidden version", `ff-${ID}-${PARENT}-01`, undefined],
  ["upper case", `00-${ID.toUpperCase()}-${PARENT}-01`, undefined],
  ["a zero trace id", `00-${ZEROS}-${PARENT}-01`, undefined],
  ["a zero parent id", `00-${ID}-${ZEROS.slice(16)}-01`, undefined],
  ["a short trace id", `00-${ID.slice(1)}-${PARENT}-01`, undefined],
  ["a long trace id", `00-${ID}0-${PARENT}-01`, undefined],
  ["a short parent id", `00-${ID}-${PARENT.slice(1)}-01`, undefined],
  ["no flags", `00-${ID}-${PARENT}`, undefined],
  ["two headers joined", `00-${ID}-${PARENT}-01, 00-${ID}-${PARENT}-01`, undefined],
  ["spaces around", ` 00-${ID}-${PARENT}-01 `, undefined],
  ["a newline at the end", `00-${ID}-${PARENT}-01\n`, undefined],
  ["not hex", `00-${"g".repeat(32)}-${PARENT}-01`, undefined],
  ["a later version that is too long", `cc-${ID}-${PARENT}-01-${"x".repeat(256)}`, undefined],
  ["empty", "", undefined],
];

for (const [name, header, id] of TRACEPARENTS) {
  Deno.test(`traceparent: ${name} is ${id === undefined ? "ignored" : "honoured"}`, () => {
    assert.equal(parseTraceparent(header), id);
    const given = traceId(header);
    if (id !== undefined) assert.equal(given, id);
    else assert.ok(/^[\da-f]{32}$/.test(given) && given !== ID && given !== ZEROS);
  });
}

Deno.test("trace ids are 32 hex digits and do not repeat", () => {
  const ids = Array.from({ length: 10_000 }, () => traceId(null));

  assert.equal(new Set(ids).size, ids.length);
  assert.ok(ids.every((id) => /^[\da-f]{32}$/.test(id)));
});
