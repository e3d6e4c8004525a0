// base64url: one byte string has one text (wire §3), so that a token cannot be spelled twice.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { decodeBase64url, encodeBase64url } from "../../../src/tokens/base64url.ts";
import { malformation, refusalOf } from "../../support/tokens.ts";

const DECODED: readonly [text: string, padding: "forbidden" | "optional", hex: string][] = [
  ["", "forbidden", ""],
  ["YQ", "forbidden", "61"],
  ["YWI", "forbidden", "6162"],
  ["YWJj", "forbidden", "616263"],
  ["_-8", "forbidden", "ffef"],
  ["", "optional", ""],
  ["YQ", "optional", "61"],
  ["YQ==", "optional", "61"],
  ["YWI", "optional", "6162"],
  ["YWI=", "optional", "6162"],
  ["YWJj", "optional", "616263"],
];
for (const [text, padding, hex] of DECODED) {
  Deno.test(`"${text}" with padding ${padding} is ${hex || "no byte"}`, () => {
    assert.equal(decodeBase64url(text, padding).toHex(), hex);
  });
}

const REFUSED: readonly [text: string, padding: "forbidden" | "optional", why: string][] = [
  ["YQ==", "forbidden", "padding"],
  ["YWI=", "forbidden", "padding"],
  ["=", "optional", "padding alone"],
  ["==", "optional", "padding alone"],
  ["YQ=", "optional", "half the padding"],
  ["YWI==", "optional", "padding too many"],
  ["YWJj=", "optional", "padding where none belongs"],
  ["YQ===", "optional", "three signs of padding"],
  ["YQ==YQ==", "optional", "two texts"],
  ["Y", "forbidden", "a lone digit"],
  ["YWJjY", "optional", "a lone digit"],
  ["YR", "forbidden", "bits beyond the last byte"],
  ["YR==", "optional", "bits beyond the last byte"],
  ["YWJ", "forbidden", "bits beyond the last byte"],
  ["+_8", "forbidden", "the other alphabet"],
  ["_/8", "forbidden", "the other alphabet"],
  ["Y Q", "forbidden", "white space"],
  ["YQ\n", "forbidden", "a line feed at the end"],
  ["\tYQ", "optional", "a tab at the start"],
  ["\tYQ==", "optional", "a tab before what is padded"],
  ["YQ =", "optional", "white space before padding"],
  ["YQ\0", "forbidden", "NUL"],
  ["ＹＱ", "forbidden", "full-width letters"],
  ["YQ.", "forbidden", "a dot"],
];
for (const [text, padding, why] of REFUSED) {
  Deno.test(`${Deno.inspect(text)} with padding ${padding} is refused: ${why}`, () => {
    const what = malformation(() => decodeBase64url(text, padding, "the thing"));
    assert.match(what, /^the thing is not (canonical )?base64url$/);
  });
}

Deno.test("what is not named is called base64url", () => {
  assert.equal(malformation(() => decodeBase64url("!", "forbidden")), "base64url is not base64url");
});

Deno.test("bytes encoded, padded or not, are the bytes decoded", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
    const unpadded = Buffer.from(bytes).toString("base64url");
    assert.equal(encodeBase64url(bytes), unpadded);
    assert.deepEqual(decodeBase64url(unpadded, "forbidden"), bytes);
    assert.deepEqual(decodeBase64url(unpadded, "optional"), bytes);
    const padded = encodeBase64url(bytes, { pad: true });
    assert.equal(padded.length % 4, 0);
    assert.deepEqual(decodeBase64url(padded, "optional"), bytes);
  }));
});

Deno.test("every other text that a lenient decoder reads as the same bytes is refused", () => {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/= \n.";
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(bytes, fc.nat(), fc.nat(), fc.boolean(), (bytes, place, letter, insert) => {
      const text = encodeBase64url(bytes);
      const at = place % (text.length + 1);
      const sign = alphabet.charAt(letter % alphabet.length);
      const other = text.slice(0, at) + sign + text.slice(insert ? at : at + 1);
      fc.pre(other !== text && Buffer.from(other, "base64").equals(bytes));
      assert.equal(
        refusalOf(() => decodeBase64url(other, "forbidden"))?.code,
        "token_malformed",
        `${other} was taken for ${text}`,
      );
    }),
    { numRuns: 300 },
  );
});
