// CIDs of tokens and the ones they cite (wire §2): CIDv1, raw, BLAKE3-256; only the multihash counts.

import assert from "node:assert/strict";
import fc from "fast-check";
import { blake3 } from "@noble/hashes/blake3.js";
import { base32, base32upper } from "multiformats/bases/base32";
import { base36 } from "multiformats/bases/base36";
import { base64, base64url } from "multiformats/bases/base64";
import { cidOf, parseCid } from "../../../src/tokens/cid.ts";
import { base58, character, malformation, refusalOf } from "../../support/tokens.ts";

const TOKEN = new TextEncoder().encode("header.payload.signature");
const HASH = blake3(TOKEN);
const cid = (codec: number, ...digest: number[]) => Uint8Array.of(1, codec, ...digest);
const BYTES = cid(0x55, 0x1e, 32, ...HASH);
const CID = base32.encode(BYTES);

Deno.test("the CID of bytes is CIDv1, raw, BLAKE3-256, base32 in lower case", () => {
  assert.match(CID, /^bafkr4i[a-z2-7]{52}$/);
  assert.equal(cidOf(TOKEN), CID);
  assert.equal(parseCid(CID), CID);
});

const SPELLINGS: Readonly<Record<string, string>> = {
  "base58btc": base58(BYTES),
  "base16": `f${BYTES.toHex()}`,
  "base32 in upper case": base32upper.encode(BYTES),
  "base36": base36.encode(BYTES),
  "base64": base64.encode(BYTES),
  "base64url": base64url.encode(BYTES),
  "codec dag-cbor": base32.encode(cid(0x71, 0x1e, 32, ...HASH)),
  "codec dag-cbor in base58btc": base58(cid(0x71, 0x1e, 32, ...HASH)),
  "a codec of two bytes": base32.encode(Uint8Array.of(1, 0x80, 0x01, 0x1e, 32, ...HASH)),
};
for (const [what, text] of Object.entries(SPELLINGS)) {
  Deno.test(`the multihash in ${what} is the same delegation`, () => {
    assert.equal(parseCid(text), CID);
  });
}

Deno.test("another hash function over the same bytes is another delegation", () => {
  assert.notEqual(parseCid(base32.encode(cid(0x55, 0x12, 32, ...HASH))), CID);
  assert.notEqual(parseCid(base58(Uint8Array.of(0x12, 32, ...HASH)).slice(1)), CID); // Qm…
});

const z = base58(BYTES);
const NO_CIDS: Readonly<Record<string, string>> = {
  "nothing": "",
  "a base alone": "b",
  "an unknown base": `!${CID.slice(1)}`,
  "no base": CID.slice(1),
  "a letter of another base": `${CID.slice(0, -1)}1`,
  "bits beyond the last byte": `${CID.slice(0, -1)}${CID.endsWith("b") ? "c" : "b"}`,
  "base58 with 0": `${z.slice(0, -1)}0`,
  "a letter that is not ASCII first": `z\u0100${z.slice(1)}`,
  "a letter that is not ASCII last": `${z}\u0100`,
  "padding": `${CID}=`,
  "a space before": ` ${CID}`,
  "a space after the base": `z ${z.slice(1)}`,
  "a space after": `${CID} `,
  "a line feed after": `${CID}\n`,
  "a byte too many": base32.encode(Uint8Array.of(...BYTES, 0)),
  "a byte too few": base32.encode(BYTES.subarray(0, -1)),
  "version 2": base32.encode(Uint8Array.of(2, ...BYTES.subarray(1))),
  "a digest longer than it says": base32.encode(cid(0x55, 0x1e, 31, ...HASH)),
  "a digest shorter than it says": base32.encode(cid(0x55, 0x1e, 33, ...HASH)),
  "a path": `${CID}/x`,
  "a scheme": `urn:cid:${CID}`,
  "513 characters": `z${"1".repeat(512)}`,
};
for (const [what, text] of Object.entries(NO_CIDS)) {
  Deno.test(`a proof that is ${what} is no CID`, () => {
    assert.match(malformation(() => parseCid(text)), /^a (proof is not a CID|CID is too long)$/);
  });
}

Deno.test("a CID has 512 characters, not one more, however it is written", () => {
  // Digests that name their content outright may be of any length.
  const longest = base32.encode(cid(0x55, 0, 0xba, 2, ...new Uint8Array(314)));
  const tooLong = `f${cid(0x55, 0, 0xfb, 1, ...new Uint8Array(251)).toHex()}`;
  assert.deepEqual([longest.length, tooLong.length], [512, 513]);
  assert.equal(refusalOf(() => parseCid(longest)), undefined);
  assert.equal(malformation(() => parseCid(tooLong)), "a CID is too long");

  const longInOurForm = base64.encode(cid(0x55, 0, 0xbb, 2, ...new Uint8Array(315)));
  assert.ok(longInOurForm.length < 512);
  assert.equal(malformation(() => parseCid(longInOurForm)), "a CID is too long");
});

Deno.test("any text is a CID whose canonical text is itself, or refused", () => {
  const text = fc.oneof(
    fc.string({ unit: character, maxLength: 80 }),
    fc.tuple(fc.constantFrom(..."zbBkfmu"), fc.uint8Array({ maxLength: 40 })).map(([base, bytes]) =>
      base === "z" ? base58(bytes) : `${base}${bytes.toHex()}`
    ),
    fc.tuple(fc.nat(60), fc.string({ maxLength: 2 })).map(([at, insert]) =>
      CID.slice(0, at) + insert + CID.slice(at + 1)
    ),
  );
  fc.assert(fc.property(text, (text) => {
    const refusal = refusalOf(() => {
      const canonical = parseCid(text);
      assert.match(canonical, /^b[a-z2-7]+$/);
      assert.equal(parseCid(canonical), canonical);
    });
    assert.ok(refusal === undefined || refusal.code === "token_malformed");
  }));
});
