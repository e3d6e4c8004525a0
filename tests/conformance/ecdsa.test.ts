// ECDSA signatures: ES256 and ES256K of UCANs take either s (wire §3.2), the recovery of EIP-191
// signers only low s (wire §3.1), and nothing on our wire is DER.

import assert from "node:assert/strict";
import { z } from "zod";
import { eip191Digest, recoverEip191 } from "../../src/tokens/signature.ts";
import { accepts } from "./keys.ts";
import { Differences, hex, runAll, toHex, vectorsOf } from "./vectors.ts";

const signature = z.object({
  name: z.string(),
  key: z.string(),
  msg: z.string(),
  sig: z.string(),
  valid: z.boolean(),
});

const P1363 = [
  { set: "secp256k1-p1363", alg: "ES256K", count: 252 },
  { set: "p256-p1363", alg: "ES256", count: 262 },
] as const;

for (const { set, alg, count } of P1363) {
  Deno.test(`${alg} signatures of Wycheproof (${set}) get the published verdicts`, async () => {
    const cases = await vectorsOf(`wycheproof-${set}`, "cases", signature);

    runAll(`wycheproof/${set}`, count, cases, ({ name }) => name, ({ key, msg, sig, valid }) => {
      assert.equal(accepts(alg, hex(key), hex(msg), hex(sig)), valid);
    });
  });
}

// secp256k1 (SEC 2, 2.4.1).
const P = 2n ** 256n - 2n ** 32n - 977n;
const N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** Bitcoin takes low s only; a UCAN takes either (wire §3.2). */
const HIGH_S = new Differences({
  "1 Signature malleability": "s is n − s of a valid signature",
  "388 edge case for signature malleability": "s is (n + 1) / 2, the least high s",
});

/** r and s of strict DER, undefined when it is not exactly that or they do not fit 32 bytes. */
function parseDer(bytes: Uint8Array): { r: bigint; s: bigint } | undefined {
  // Every value here is shorter than 128 bytes, so a length is one byte.
  const match = /^30(..)02(..)(.*)$/.exec(toHex(bytes));
  const [, total = "", rLength = "", rest = ""] = match ?? [];
  const rEnd = Number.parseInt(rLength, 16) * 2;
  const tail = /^02(..)(.*)$/.exec(rest.slice(rEnd));
  const [, sLength = "", sHex = ""] = tail ?? [];
  const whole = Number.parseInt(total, 16) === bytes.length - 2 &&
    Number.parseInt(sLength, 16) * 2 === sHex.length && bytes.length < 130;
  const integers = [rest.slice(0, rEnd), sHex];
  // Not empty, not negative, no needless leading zero.
  if (!match || !tail || !whole || integers.some((i) => !/^(?:[0-7]|00[89a-f])/.test(i))) return;
  if (integers.some((integer) => /^00[0-7]/.test(integer) && integer !== "00")) return;
  const [r, s] = integers.map((integer) => BigInt(`0x${integer}`));
  return r !== undefined && s !== undefined && r < 2n ** 256n && s < 2n ** 256n
    ? { r, s }
    : undefined;
}

/** The vectors sign another digest; recovery finds some signer of any, if r and s are in range. */
const DIGEST = eip191Digest("any text");

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let b = base, e = exponent; e > 0n; e >>= 1n, b = b * b % P) {
    if (e & 1n) result = result * b % P;
  }
  return result;
}

/** Is there a point of the curve with this x (Euler's criterion on x³ + 7)? */
const isOnCurve = (x: bigint): boolean => power((x ** 3n + 7n) % P, (P - 1n) / 2n) === 1n;

Deno.test("Wycheproof's bitcoin signatures count as r‖s, not as DER; wallets: low s", async () => {
  const cases = await vectorsOf("wycheproof-secp256k1-bitcoin", "cases", signature);
  let converted = 0;

  runAll("wycheproof/secp256k1-bitcoin", 463, cases, ({ name }) => name, (vector) => {
    const { name, valid } = vector;
    const [key, msg, der] = [hex(vector.key), hex(vector.msg), hex(vector.sig)];
    assert.equal(accepts("ES256K", key, msg, der), false, "DER");

    const parsed = parseDer(der);

    if (parsed === undefined) return assert.equal(valid, false);
    converted++;
    const { r, s } = parsed;
    const raw = hex([r, s].map((integer) => integer.toString(16).padStart(64, "0")).join(""));
    assert.equal(accepts("ES256K", key, msg, raw), valid || HIGH_S.has(name), "r‖s");
    const recoverable = 0n < r && r < N && 0n < s && s <= N / 2n && isOnCurve(r);
    for (const v of [0, 1, 27, 28]) {
      const signer = recoverEip191(DIGEST, Uint8Array.of(...raw, v));
      assert.equal(signer !== undefined, recoverable, `recovery with v = ${v}`);
    }
    for (const v of [2, 3, 26, 29, 255]) {
      const signer = recoverEip191(DIGEST, Uint8Array.of(...raw, v));
      assert.equal(signer, undefined, `v = ${v}`);
    }
  });

  await HIGH_S.assertExact();
  // What strict DER can say; the others are broken as DER or hold no 32-byte integers.
  assert.equal(converted, 231);
});
