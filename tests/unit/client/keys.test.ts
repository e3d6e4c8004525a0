/**
 * Keys and wallets name themselves as the specifications say, and sign what others can verify.
 */
import assert from "node:assert/strict";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { base64url } from "multiformats/bases/base64";
import {
  es256Key,
  es256kKey,
  randomSessionKey,
  randomWallet,
  type SessionKey,
  sessionKeyFromSeed,
  signUcan,
  walletFromPrivateKey,
  walletFromProvider,
} from "../../../client/mod.ts";

// From the W3C's did:key vectors: tests/vectors/README.md, did-key.
const P256_DID = "did:key:zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv";
const p256 = es256Key(base64url.baseDecode("gPh-VvVS8MbvKQ9LSVVmfnxnKjHn4Tqj0bmbpehRlpc"));
const K256_DID = "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme";
const k256 = es256kKey(
  Uint8Array.fromHex("9085d2bef69286a6cbb51623c8fa258629945cd55ca705cc4e66700396894e0c"),
);

const claims = { audience: "did:x:y", expiration: 1, attenuations: {} };
const bytes = new TextEncoder().encode("to be signed");

Deno.test("a P-256 key has its known did:key", () => assert.equal(p256.did, P256_DID));

Deno.test("a secp256k1 key has its known did:key", () => assert.equal(k256.did, K256_DID));

const algorithms = [
  ["EdDSA", await randomSessionKey(), "Ed25519"],
  ["ES256", p256, { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" }],
] as const;

for (const [alg, key, algorithm] of algorithms) {
  Deno.test(`WebCrypto verifies ${alg} with the key in the header`, async () => {
    const signature = new Uint8Array(await key.sign(bytes));

    const jwk = await crypto.subtle.importKey("jwk", key.jwk, algorithm, false, ["verify"]);
    assert.equal(await crypto.subtle.verify(algorithm, jwk, signature, bytes), true);
    assert.equal(await crypto.subtle.verify(algorithm, jwk, signature, bytes.slice(1)), false);
  });
}

Deno.test("ES256K signs the SHA-256 of the bytes with the key in the header", async () => {
  const point = Uint8Array.of(4, ...decoded(k256.jwk.x), ...decoded(k256.jwk.y));

  assert.equal(secp256k1.verify(await k256.sign(bytes), bytes, point), true);
});

Deno.test("a UCAN names the algorithm of its key", async () => {
  const headers = await Promise.all(
    [p256, k256].map(async (key: SessionKey) =>
      JSON.parse(atob((await signUcan(key, claims)).header.split(".")[0] ?? ""))
    ),
  );

  assert.deepEqual(headers.map(({ alg }) => alg), ["ES256", "ES256K"]);
});

Deno.test("a runtime without Ed25519 in WebCrypto gets the same key and signature", async () => {
  const seed = new Uint8Array(32).fill(3);
  const native = await sessionKeyFromSeed(seed);
  const importKey = crypto.subtle.importKey;
  crypto.subtle.importKey = () => Promise.reject(new DOMException("none", "NotSupportedError"));
  let other: SessionKey;
  try {
    other = await sessionKeyFromSeed(seed);
  } finally {
    crypto.subtle.importKey = importKey;
  }

  assert.equal(other.didUrl, native.didUrl);
  assert.deepEqual(await other.sign(bytes), await native.sign(bytes));
});

Deno.test("a seed of another length is refused", async () => {
  await assert.rejects(sessionKeyFromSeed(new Uint8Array(31)), TypeError);
});

Deno.test("random wallets and keys differ", async () => {
  assert.notEqual(randomWallet().address, randomWallet().address);
  assert.notEqual((await randomSessionKey()).did, (await randomSessionKey()).did);
});

Deno.test("a wallet's signature recovers to its address, over any text", async () => {
  const wallet = walletFromPrivateKey(new Uint8Array(32).fill(9), 10);
  const text = "Grüße\n";

  const signature = await wallet.sign(text);

  const digest = keccak_256(new TextEncoder().encode(`\x19Ethereum Signed Message:\n8${text}`));
  const recovered = Uint8Array.of((signature[64] ?? 0) - 27, ...signature.subarray(0, 64));
  const point = secp256k1.Point.fromBytes(
    secp256k1.recoverPublicKey(recovered, digest, { prehash: false }),
  );
  const address = keccak_256(point.toBytes(false).subarray(1)).subarray(-20);
  assert.equal(wallet.address.toLowerCase(), `0x${address.toHex()}`);
  assert.equal(wallet.did, `did:pkh:eip155:10:${wallet.address}`);
});

Deno.test("a browser wallet signs through its provider", async () => {
  const inner = walletFromPrivateKey(new Uint8Array(32).fill(9));
  const wallet = await walletFromProvider({
    async request({ method, params = [] }) {
      if (method === "eth_requestAccounts") return [inner.address.toLowerCase()];
      if (method === "eth_chainId") return "0x1";
      assert.deepEqual([method, params[1]], ["personal_sign", inner.address.toLowerCase()]);
      const text = new TextDecoder().decode(Uint8Array.fromHex(String(params[0]).slice(2)));
      return `0x${(await inner.sign(text)).toHex()}`;
    },
  });

  assert.equal(wallet.did, inner.did);
  assert.deepEqual(await wallet.sign("Grüße"), await inner.sign("Grüße"));
});

Deno.test("a browser wallet without account is refused", async () => {
  const provider = { request: () => Promise.resolve([]) };

  await assert.rejects(walletFromProvider(provider), { message: "The wallet gave no account" });
});

function decoded(text: string | undefined): Uint8Array {
  return base64url.baseDecode(text ?? "");
}
