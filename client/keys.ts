/**
 * Session keys: what signs every request once the wallet has signed in (clients §1.1, wire §1).
 * Sessions use Ed25519; the two ECDSA kinds are the other did:key issuers a node accepts.
 */
import { p256 } from "@noble/curves/nist.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { hexToBytes, randomBytes } from "@noble/hashes/utils.js";
import { base58btc } from "multiformats/bases/base58";
import { base64url } from "multiformats/bases/base64";

/** A key pair that signs UCANs. The secret half stays inside. */
export interface SessionKey {
  readonly alg: "EdDSA" | "ES256" | "ES256K";
  /** `did:key:z…` */
  readonly did: string;
  /** `did:key:z…#z…`, how the key names itself as issuer. */
  readonly didUrl: string;
  /** The public half, as UCAN headers carry it. */
  readonly jwk: Readonly<Record<string, string>>;
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

/** A fresh Ed25519 key. */
export function randomSessionKey(kid?: string): Promise<SessionKey> {
  return sessionKeyFromSeed(randomBytes(32), kid);
}

/** The Ed25519 key of a 32-byte seed; signatures are deterministic. */
export async function sessionKeyFromSeed(seed: Uint8Array, kid = "default"): Promise<SessionKey> {
  if (seed.length !== 32) throw new TypeError("An Ed25519 seed is 32 bytes");
  const { publicKey, sign } = await ed25519(seed);
  const jwk = { kid, kty: "OKP", crv: "Ed25519", x: base64url.baseEncode(publicKey) };
  return { alg: "EdDSA", ...didKey([0xed, 0x01], publicKey), jwk, sign };
}

/** A P-256 key from its 32-byte secret; signs ES256. */
export function es256Key(secret: Uint8Array, kid = "default"): SessionKey {
  return {
    alg: "ES256",
    ...didKey([0x80, 0x24], p256.getPublicKey(secret, true)),
    jwk: { kid, kty: "EC", crv: "P-256", ...coordinates(p256.getPublicKey(secret, false)) },
    sign: (bytes) => Promise.resolve(p256.sign(bytes, secret)),
  };
}

/** A secp256k1 key from its 32-byte secret; signs ES256K. */
export function es256kKey(secret: Uint8Array, kid = "default"): SessionKey {
  return {
    alg: "ES256K",
    ...didKey([0xe7, 0x01], secp256k1.getPublicKey(secret, true)),
    jwk: {
      kid,
      kty: "EC",
      crv: "secp256k1",
      ...coordinates(secp256k1.getPublicKey(secret, false)),
    },
    sign: (bytes) => Promise.resolve(secp256k1.sign(bytes, secret)),
  };
}

function didKey(multicodec: number[], publicKey: Uint8Array): { did: string; didUrl: string } {
  const text = base58btc.encode(Uint8Array.of(...multicodec, ...publicKey));
  return { did: `did:key:${text}`, didUrl: `did:key:${text}#${text}` };
}

function coordinates(uncompressed: Uint8Array): { x: string; y: string } {
  return {
    x: base64url.baseEncode(uncompressed.subarray(1, 33)),
    y: base64url.baseEncode(uncompressed.subarray(33)),
  };
}

/** What PKCS #8 puts before a bare Ed25519 seed (RFC 8410 §7). */
const PKCS8_PREFIX = hexToBytes("302e020100300506032b657004220420");

/** WebCrypto, 14 times faster than JavaScript; or that, in browsers older than 2025. */
async function ed25519(
  seed: Uint8Array,
): Promise<{ publicKey: Uint8Array; sign: SessionKey["sign"] }> {
  const key = await importSeed(seed);
  if (key === undefined) {
    const { getPublicKeyAsync, signAsync } = await import("@noble/ed25519");
    const secret = seed.slice();
    return {
      publicKey: await getPublicKeyAsync(secret),
      sign: (bytes) => signAsync(bytes, secret),
    };
  }
  const { x = "" } = await crypto.subtle.exportKey("jwk", key);
  return {
    publicKey: base64url.baseDecode(x),
    sign: async (bytes) =>
      new Uint8Array(await crypto.subtle.sign("Ed25519", key, new Uint8Array(bytes))),
  };
}

async function importSeed(seed: Uint8Array): Promise<CryptoKey | undefined> {
  const pkcs8 = Uint8Array.of(...PKCS8_PREFIX, ...seed);
  try {
    return await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", true, ["sign"]);
  } catch (error) {
    if (error instanceof DOMException && error.name === "NotSupportedError") return undefined;
    throw error;
  }
}
