// Signatures of the three key types and of wallets (wire §3.1, §3.2). Nothing throws: the answer is no.

import assert from "node:assert/strict";
import { p256 } from "@noble/curves/nist.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { principalOf } from "../../../src/tokens/did.ts";
import { publicKeyOf } from "../../../src/tokens/did_key.ts";
import { eip191Digest, recoverEip191, verifySignature } from "../../../src/tokens/signature.ts";
import { ALICE, BOB, K256, KEY, OTHER, P256 } from "../../support/tokens.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const MESSAGE = utf8("header.payload");
const CURVES = { ES256: p256, ES256K: secp256k1 } as const;

/** The signature with s in place of s, r in place of r. */
function withParts(signature: Uint8Array, part: "r" | "s", value: bigint): Uint8Array {
  const changed = signature.slice();
  changed.set(
    Uint8Array.fromHex(value.toString(16).padStart(64, "0")),
    part === "r" ? 0 : 32,
  );
  return changed;
}

function numberAt(signature: Uint8Array, from: number): bigint {
  return BigInt(`0x${signature.slice(from, from + 32).toHex()}`);
}

for (const signer of [KEY, P256, K256]) {
  const key = publicKeyOf(principalOf(signer.did));

  Deno.test(`${signer.alg} fits its key and message, and no other`, async () => {
    const signature = await signer.sign(MESSAGE);
    assert.ok(verifySignature(key, MESSAGE, signature));
    assert.equal(verifySignature(key, utf8("header.payloae"), signature), false);
    const other = publicKeyOf(principalOf(OTHER.did));
    assert.equal(verifySignature(other, MESSAGE, signature), false);
  });

  Deno.test(`${signer.alg} with any bit turned is refused`, async () => {
    const signature = await signer.sign(MESSAGE);
    for (let bit = 0; bit < 512; bit += 13) {
      const turned = signature.slice();
      turned[bit >> 3] = (turned[bit >> 3] ?? 0) ^ (1 << (bit % 8));
      assert.equal(verifySignature(key, MESSAGE, turned), false, `bit ${bit}`);
    }
  });

  Deno.test(`${signer.alg} of another length is refused`, async () => {
    const signature = await signer.sign(MESSAGE);
    for (const other of [signature.slice(1), Uint8Array.of(...signature, 0), new Uint8Array()]) {
      assert.equal(verifySignature(key, MESSAGE, other), false);
    }
  });
}

for (const signer of [P256, K256]) {
  const key = publicKeyOf(principalOf(signer.did));
  const curve = CURVES[signer.alg === "ES256" ? "ES256" : "ES256K"];
  const n = curve.Point.Fn.ORDER;

  Deno.test(`${signer.alg} takes n - s as well as s`, async () => {
    const signature = await signer.sign(MESSAGE);
    const twin = withParts(signature, "s", n - numberAt(signature, 32));
    assert.notDeepEqual(twin, signature);
    assert.ok(verifySignature(key, MESSAGE, twin));
  });

  const OUTSIDE: readonly ["r" | "s", bigint, string][] = [
    ["r", 0n, "0"],
    ["s", 0n, "0"],
    ["r", n, "n"],
    ["s", n, "n"],
    ["s", 2n ** 256n - 1n, "2^256 - 1"],
  ];
  for (const [part, value, name] of OUTSIDE) {
    Deno.test(`${signer.alg} with ${part} = ${name} is refused`, async () => {
      const signature = withParts(await signer.sign(MESSAGE), part, value);
      assert.equal(verifySignature(key, MESSAGE, signature), false);
    });
  }

  Deno.test(`${signer.alg} as DER is refused`, async () => {
    const der = curve.Signature.fromBytes(await signer.sign(MESSAGE)).toBytes("der");
    assert.equal(verifySignature(key, MESSAGE, der), false);
    assert.equal(verifySignature(key, MESSAGE, der.subarray(0, 64)), false);
  });

  const NO_POINTS: Readonly<Record<string, Uint8Array>> = {
    "off the curve": Uint8Array.of(
      2,
      ...new Uint8Array(31),
      5 - Number(signer.alg === "ES256") * 4,
    ),
    "with the head of an uncompressed point": Uint8Array.of(4, ...key.bytes.subarray(1)),
    "at infinity": new Uint8Array(33),
    "with x = 2^256 - 1": Uint8Array.of(2, ...new Uint8Array(32).fill(0xff)),
  };
  for (const [what, bytes] of Object.entries(NO_POINTS)) {
    Deno.test(`an ${signer.alg} key ${what} fits nothing`, async () => {
      assert.throws(() => curve.Point.fromBytes(bytes));
      const signature = await signer.sign(MESSAGE);
      assert.equal(verifySignature({ ...key, bytes }, MESSAGE, signature), false);
    });
  }
}

const L = 2n ** 252n + 27742317777372353535851937790883648493n;

Deno.test("EdDSA with S + L in place of S is refused", async () => {
  const key = publicKeyOf(principalOf(KEY.did));
  const signature = await KEY.sign(MESSAGE);
  const s = BigInt(`0x${signature.slice(32).reverse().toHex()}`);
  const twin = signature.slice();
  twin.set(Uint8Array.fromHex((s + L).toString(16).padStart(64, "0")).reverse(), 32);
  assert.equal(verifySignature(key, MESSAGE, twin), false);
});

Deno.test("an Ed25519 key that is no point, or no key at all, fits nothing", async () => {
  const signature = await KEY.sign(MESSAGE);
  for (const bytes of [Uint8Array.of(2, ...new Uint8Array(31)), new Uint8Array(31)]) {
    const key = { algorithm: "EdDSA", bytes } as const;
    assert.equal(verifySignature(key, MESSAGE, signature), false);
  }
});

Deno.test("Ed25519 keys stay right when more come than are remembered", async () => {
  const signature = await KEY.sign(MESSAGE);
  const bytes = new Uint8Array(32);
  const view = new DataView(bytes.buffer);
  // Every other number is no point's y, and no key.
  for (let number = 0; number <= 21_000; number++) {
    view.setUint32(4, number);
    verifySignature({ algorithm: "EdDSA", bytes }, MESSAGE, signature);
  }

  const key = publicKeyOf(principalOf(KEY.did));
  assert.ok(verifySignature(key, MESSAGE, signature));
});

Deno.test("an EIP-191 digest counts the bytes of the text, not its characters", () => {
  const text = "é😀";
  const expected = keccak_256(utf8(`\x19Ethereum Signed Message:\n6${text}`));
  assert.deepEqual(eip191Digest(text), expected);
});

const DIGEST = eip191Digest("hello");
const SIGNATURE = await ALICE.sign("hello");
const v = (value: number) => Uint8Array.of(...SIGNATURE.subarray(0, 64), value);
const recovery = (SIGNATURE[64] ?? 0) - 27;

Deno.test("a wallet's address is recovered from its signature, v from 0 or from 27", () => {
  assert.equal(recoverEip191(DIGEST, v(27 + recovery)), ALICE.address);
  assert.equal(recoverEip191(DIGEST, v(recovery)), ALICE.address);
});

Deno.test("the other v, another text and another wallet give another address", async () => {
  assert.notEqual(recoverEip191(DIGEST, v(1 - recovery)), ALICE.address);
  assert.notEqual(recoverEip191(eip191Digest("hellp"), SIGNATURE), ALICE.address);
  assert.equal(recoverEip191(DIGEST, await BOB.sign("hello")), BOB.address);
});

for (const value of [2, 3, 26, 29, 35, 37, 38, 54, 255]) {
  Deno.test(`a signature with v = ${value} is nobody's`, () => {
    assert.equal(recoverEip191(DIGEST, v(value)), undefined);
  });
}

const n = secp256k1.Point.Fn.ORDER;
/** A signature with an r so small that r + n is a point's x too: recovery ids 2 and 3 name a key. */
function withSmallR(): Uint8Array {
  for (let r = 1n;; r++) {
    const signature = withParts(withParts(new Uint8Array(65), "r", r), "s", 1n).subarray(0, 64);
    try {
      secp256k1.Signature.fromBytes(signature, "compact").addRecoveryBit(2)
        .recoverPublicKey(DIGEST);
      return signature;
    } catch { /* r + n is no point's x */ }
  }
}

for (const value of [2, 3, 29, 30]) {
  Deno.test(`v = ${value} is refused, though it would name a key`, () => {
    const signature = Uint8Array.of(...withSmallR(), value);
    assert.equal(recoverEip191(DIGEST, signature), undefined);
  });
}

const NOBODYS: Readonly<Record<string, Uint8Array>> = {
  "of 64 bytes": SIGNATURE.subarray(0, 64),
  "of 66 bytes": Uint8Array.of(...SIGNATURE, 0),
  "of no bytes": new Uint8Array(),
  "with high s": withParts(v(28 - recovery), "s", n - numberAt(SIGNATURE, 32)),
  "with s = (n + 1) / 2": withParts(SIGNATURE, "s", (n + 1n) / 2n),
  "with s = 0": withParts(SIGNATURE, "s", 0n),
  "with s = n": withParts(SIGNATURE, "s", n),
  "with r = 0": withParts(SIGNATURE, "r", 0n),
  "with r = n": withParts(SIGNATURE, "r", n),
  "with an r that is no point's x": withParts(SIGNATURE, "r", 5n),
  "of zeros": new Uint8Array(65),
};
for (const [what, signature] of Object.entries(NOBODYS)) {
  Deno.test(`a signature ${what} is nobody's`, () => {
    assert.equal(recoverEip191(DIGEST, signature), undefined);
  });
}
