// Canonical dag-cbor and nothing else lenient (wire §3.1): each value has one byte string.

import assert from "node:assert/strict";
import fc from "fast-check";
import { encode } from "@ipld/dag-cbor";
import { decodeDagCbor } from "../../../src/tokens/dag_cbor.ts";
import { malformation, refusalOf } from "../../support/tokens.ts";

const TAKEN: readonly [hex: string, value: unknown][] = [
  ["00", 0],
  ["17", 23],
  ["1818", 24],
  ["20", -1],
  ["f6", null],
  ["f5", true],
  ["60", ""],
  ["62c3a9", "é"],
  ["40", new Uint8Array()],
  ["4100", Uint8Array.of(0)],
  ["80", []],
  ["a0", {}],
  ["a2616101616202", { a: 1, b: 2 }],
  ["a261620162616102", { b: 1, aa: 2 }],
  ["fb3ff8000000000000", 1.5],
];
for (const [hex, value] of TAKEN) {
  Deno.test(`${hex} is ${Deno.inspect(value)}`, () => {
    assert.deepEqual(decodeDagCbor(Uint8Array.fromHex(hex)), value);
  });
}

const REFUSED: Readonly<Record<string, string>> = {
  "nothing": "",
  "a byte after the value": "0000",
  "a break after the value": "a0ff",
  "a key twice": "a2616101616102",
  "a key twice, deeper": "81a2616101616101",
  "keys that are not sorted": "a2616201616102",
  "a longer key before a shorter": "a262616101616202",
  "an integer for a key": "a10102",
  "bytes for a key": "a1416101",
  "23 in two bytes": "1817",
  "1 in three bytes": "190001",
  "1 in five bytes": "1a00000001",
  "1 in nine bytes": "1b0000000000000001",
  "a text's length in two bytes": "780161",
  "a byte string's length in two bytes": "580100",
  "a list's length in two bytes": "980100",
  "a map's length in two bytes": "b801616101",
  "an indefinite list": "9f00ff",
  "an indefinite map": "bf616100ff",
  "an indefinite text": "7f6161ff",
  "an indefinite byte string": "5f4100ff",
  "a tag": "c100",
  "a tag for a big number": "c24101",
  "a link without its zero byte": "d82a4101",
  "undefined": "f7",
  "an unassigned simple value": "e0",
  "a simple value in two bytes": "f820",
  "a float of 16 bits": "f93e00",
  "a float of 32 bits": "fa3fc00000",
  "a whole number as a float": "fb3ff0000000000000",
  "minus zero": "fb8000000000000000",
  "NaN": "fb7ff8000000000000",
  "infinity": "fb7ff0000000000000",
  "a text that is no UTF-8": "61ff",
  "a text with a surrogate": "63eda080",
  "a text longer than what is there": "6261",
  "a byte string of 2^32 bytes": "5b0000000100000000",
  "a text of 2^63 bytes": "7b8000000000000000",
  "a list of 2^32 values": "9b0000000100000000",
  "a map of 2^63 values": "bb8000000000000000",
  "a cut map": "a161",
  "a reserved length": "1c",
};
for (const [what, hex] of Object.entries(REFUSED)) {
  Deno.test(`${what} is refused (${hex})`, () => {
    const why = malformation(() => decodeDagCbor(Uint8Array.fromHex(hex)));
    assert.match(why, /^the CACAO is not (canonical )?dag-cbor$/);
  });
}

Deno.test("a key __proto__ is a name like any other", () => {
  const value = decodeDagCbor(Uint8Array.fromHex("a1695f5f70726f746f5f5fa1616101"));
  assert.deepEqual(Object.keys(Object(value)), ["__proto__"]);
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
  assert.equal(Reflect.get({}, "a"), undefined);
});

for (const depth of [1_000, 10_000, 24_000]) {
  Deno.test(`${depth} lists within each other that never end are refused`, () => {
    assert.ok(malformation(() => decodeDagCbor(new Uint8Array(depth).fill(0x81))));
  });

  Deno.test(`${depth} maps within each other end as a value or a refusal`, () => {
    const bytes = Uint8Array.fromHex("a16161".repeat(depth) + "00");
    const refusal = refusalOf(() => decodeDagCbor(bytes));
    assert.ok(refusal === undefined || refusal.code === "token_malformed");
  });
}

Deno.test("what a map of texts is encoded to comes back", () => {
  const value = fc.dictionary(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }));
  fc.assert(fc.property(value, (value) => {
    fc.pre(!Object.hasOwn(value, "__proto__"));
    assert.deepEqual({ ...value }, decodeDagCbor(encode(value)));
  }));
});

Deno.test("bytes that are taken are the one encoding of their value", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 12 }),
    // One byte of something valid changed.
    fc.tuple(fc.nat(), fc.nat(255)).map(([at, byte]) => {
      const valid = encode({ h: { t: "x" }, p: ["a", 1, null], s: Uint8Array.of(1, 2) });
      valid[at % valid.length] = byte;
      return valid;
    }),
  );
  fc.assert(
    fc.property(bytes, (bytes) => {
      const refusal = refusalOf(() => assert.deepEqual(encode(decodeDagCbor(bytes)), bytes));
      assert.ok(refusal === undefined || refusal.code === "token_malformed");
    }),
    { numRuns: 500 },
  );
});
