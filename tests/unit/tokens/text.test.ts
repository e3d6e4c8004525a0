// UTF-8, strictly: two byte strings are never one text (wire §3).

import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeUtf8, encodeUtf8 } from "../../../src/tokens/text.ts";
import { character, malformation } from "../../support/tokens.ts";

const REFUSED: Readonly<Record<string, string>> = {
  "a lone continuation": "80",
  "a cut sequence": "61c3",
  "a slash in two bytes": "c0af",
  "a slash in three bytes": "e080af",
  "NUL in two bytes": "c080",
  "a surrogate": "eda080",
  "a pair of surrogates": "eda080edb080",
  "a code point beyond Unicode": "f4908080",
  "a byte that UTF-8 has not": "61ff",
};
for (const [what, hex] of Object.entries(REFUSED)) {
  Deno.test(`${what} (${hex}) is no UTF-8`, () => {
    const bytes = Uint8Array.fromHex(hex);
    assert.equal(malformation(() => decodeUtf8(bytes, "the part")), "the part is not UTF-8");
    assert.equal(malformation(() => decodeUtf8(bytes)), "text is not UTF-8");
  });
}

Deno.test("a byte order mark stays in the text", () => {
  assert.equal(decodeUtf8(Uint8Array.fromHex("efbbbf7b7d")), "\ufeff{}");
});

Deno.test("text comes back from its bytes", () => {
  fc.assert(fc.property(fc.string({ unit: character }), (text) => {
    assert.equal(decodeUtf8(encodeUtf8(text)), text);
  }));
});

Deno.test("bytes that are taken come back from their text", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 6 }), (bytes) => {
    let text: string;
    try {
      text = decodeUtf8(bytes);
    } catch {
      return;
    }
    assert.deepEqual(encodeUtf8(text), bytes);
  }));
});
