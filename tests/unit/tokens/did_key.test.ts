// The public keys that did:keys are, each in its one text (wire §1), and the Ed25519 keys that the
// platform would take and we do not (wire §3.2).

import assert from "node:assert/strict";
import fc from "fast-check";
import { ed25519 } from "@noble/curves/ed25519.js";
import { findPrincipal, type Principal, principalOf } from "../../../src/tokens/did.ts";
import { publicKeyOf } from "../../../src/tokens/did_key.ts";
import { didKey, K256, KEY, malformation, P256, refusalOf } from "../../support/tokens.ts";

const ED25519 = [0xed, 0x01], SECP256K1 = [0xe7, 0x01], P_256 = [0x80, 0x24];
const key = publicKeyOf(principalOf(KEY.did)).bytes;
const point = publicKeyOf(principalOf(P256.did)).bytes;

const KINDS = [[KEY, "z6Mk", 32], [K256, "zQ3s", 33], [P256, "zDn", 33]] as const;
for (const [{ alg, did }, prefix, length] of KINDS) {
  Deno.test(`${prefix}… is a key of ${length} bytes for ${alg}`, () => {
    assert.ok(did.startsWith(`did:key:${prefix}`));
    const { algorithm, bytes } = publicKeyOf(principalOf(did));
    assert.equal(algorithm, alg);
    assert.equal(bytes.length, length);
  });
}

const CANONICAL = "the issuer's did:key is not canonical";
const UNKNOWN = "the issuer's did:key is of an unknown kind";
const NO_KEYS: readonly [what: string, did: string, why: string][] = [
  ["a wallet", "did:pkh:solana:4sGjMW1s:CKg5d12J", "the issuer is not a did:key"],
  ["did:web", "did:web:example.org", "the issuer is not a did:key"],
  [
    "base64url",
    `did:key:u${key.toBase64({ alphabet: "base64url" }).replace(/=+$/, "")}`,
    "the issuer is not a did:key",
  ],
  ["base16", `did:key:fed01${key.toHex()}`, "the issuer is not a did:key"],
  ["an upper-case Z", KEY.did.replace(":z", ":Z"), "the issuer is not a did:key"],
  ["nothing but z", "did:key:z", UNKNOWN],
  [
    "a letter that base58 has not",
    `${KEY.did.slice(0, -1)}0`,
    "the issuer's did:key is not base58",
  ],
  ["31 bytes of Ed25519", didKey(...ED25519, ...key.subarray(1)), CANONICAL],
  ["33 bytes of Ed25519", didKey(...ED25519, ...key, 0), CANONICAL],
  ["32 bytes of secp256k1", didKey(...SECP256K1, ...key), CANONICAL],
  ["32 bytes of P-256", didKey(...P_256, ...key), CANONICAL],
  ["34 bytes of P-256", didKey(...P_256, ...point, 1), "the issuer's did:key is too long"],
  [
    "an uncompressed point",
    didKey(...SECP256K1, 4, ...key, ...key),
    "the issuer's did:key is too long",
  ],
  ["a varint of three bytes", didKey(0xed, 0x81, 0x00, ...key), UNKNOWN],
  ["the reference's one byte for its multicodec", didKey(0xed, ...key), UNKNOWN],
  ["X25519", didKey(0xec, 0x01, ...key), UNKNOWN],
  ["P-384", didKey(0x81, 0x24, ...point), UNKNOWN],
  ["RSA", didKey(0x85, 0x24, ...key), UNKNOWN],
  ["BLS12-381", didKey(0xeb, 0x01, ...key), UNKNOWN],
  ["a zero byte before", didKey(0, ...ED25519, ...key.subarray(1)), UNKNOWN],
  ["a leading 1", KEY.did.replace(":z", ":z1"), UNKNOWN],
  ["512 characters", `did:key:z${"6".repeat(503)}`, "the issuer's did:key is too long"],
];
for (const [what, did, why] of NO_KEYS) {
  Deno.test(`an issuer that is ${what} is refused`, () => {
    assert.equal(malformation(() => publicKeyOf(principalOf(did))), why);
  });
}

Deno.test("a text that base58 reads as the same key, but is not its own, is refused", () => {
  // No DID holds such a character, so only a principal that was never parsed can get here.
  const forged = KEY.did.replace(":z", ":z\u0100") as Principal;
  assert.match(malformation(() => publicKeyOf(forged)), /not (canonical|base58)$/);
});

const P = 2n ** 255n - 19n;

/** 32 bytes, lowest first: y and above it the sign of x. */
function encoded(y: bigint, sign: boolean): Uint8Array {
  const number = y + (sign ? 2n ** 255n : 0n);
  return Uint8Array.fromHex(number.toString(16).padStart(64, "0")).reverse();
}

/** The y of the eight points whose order divides 8, by the curve's own arithmetic. */
function smallOrderY(): Set<bigint> {
  const found = new Set<bigint>();
  for (let y = 2n; y < 50n; y++) {
    if (refusesPoint(y)) continue;
    const point = ed25519.Point.fromBytes(encoded(y, false));
    // Times the group's order, all that is left is the part of small order.
    const small = point.multiplyUnsafe(ed25519.Point.Fn.ORDER - 1n).add(point);
    for (let times = 0n; times < 8n; times++) {
      found.add(small.multiplyUnsafe(times).toAffine().y);
    }
  }
  assert.equal(found.size, 5);
  return found;
}

function refusesPoint(y: bigint): boolean {
  try {
    ed25519.Point.fromBytes(encoded(y, false));
    return false;
  } catch {
    return true;
  }
}

for (const y of smallOrderY()) {
  for (const sign of [false, true]) {
    const hex = encoded(y, sign).toHex();
    Deno.test(`the Ed25519 key ${hex} of small order is refused`, () => {
      const did = principalOf(didKey(...ED25519, ...encoded(y, sign)));
      assert.equal(malformation(() => publicKeyOf(did)), "the issuer's Ed25519 key is weak");
    });
  }
}

for (let above = 0n; above < 19n; above++) {
  Deno.test(`an Ed25519 key with y = p + ${above} is refused, with either sign`, () => {
    for (const sign of [false, true]) {
      const did = principalOf(didKey(...ED25519, ...encoded(P + above, sign)));
      assert.equal(malformation(() => publicKeyOf(did)), "the issuer's Ed25519 key is weak");
    }
  });
}

const SAFE: readonly [what: string, y: bigint][] = [
  ["p - 2, next to a weak one", P - 2n],
  ["3, a low number", 3n],
  ["the base point's", ed25519.Point.BASE.toAffine().y],
  ["p - 2^248, whose highest byte alone is less", P - 2n ** 248n],
  ["p with a gap in its middle", P - 2n ** 100n],
  ["p with a gap in its lowest full byte", P - 2n ** 8n],
];
for (const [what, y] of SAFE) {
  Deno.test(`an Ed25519 key whose y is ${what}, is taken with either sign`, () => {
    for (const sign of [false, true]) {
      const bytes = encoded(y, sign);
      assert.deepEqual(publicKeyOf(principalOf(didKey(...ED25519, ...bytes))).bytes, bytes);
    }
  });
}

Deno.test("a point's bytes are not held to be an Ed25519 key's", () => {
  const zeros = new Uint8Array(33);
  assert.deepEqual(publicKeyOf(principalOf(didKey(...P_256, ...zeros))).bytes, zeros);
});

Deno.test("a key is told by one text only, whatever letter is changed, added or taken away", () => {
  const text = fc.string({ maxLength: 3, unit: fc.constantFrom(..."1zZ0OIl6Qk.:%-_ \u0100") });
  fc.assert(fc.property(fc.nat(60), fc.nat(2), text, (place, cut, insert) => {
    const at = 8 + place % (KEY.did.length - 7);
    const other = KEY.did.slice(0, at) + insert + KEY.did.slice(at + cut);
    const principal = findPrincipal(other);
    fc.pre(other !== KEY.did && principal !== undefined);
    const refusal = refusalOf(() => {
      assert.notDeepEqual(publicKeyOf(principalOf(other)).bytes, key, other);
    });
    assert.ok(refusal === undefined || refusal.code === "token_malformed");
  }));
});
