// Signatures, by the platform (Ed25519) and by noble (the two ECDSA curves). Nothing here throws for a
// bad signature or key: the answer is no.

import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { p256 } from "@noble/curves/nist.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { memo } from "../memo.ts";
import type { Algorithm, PublicKey } from "./did_key.ts";
import { encodeBase64url } from "./base64url.ts";
import { eip55 } from "./did.ts";
import { encodeUtf8 } from "./text.ts";

const SIGNATURE_LENGTH = 64;

/** No signature is checked twice while so many verdicts are remembered, of some 200 bytes each. */
export const MAX_VERDICTS = 10_000;

/** Is it this key's signature over exactly these bytes? ES256 and ES256K accept either s. */
export function verifySignature(
  key: PublicKey,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (signature.length !== SIGNATURE_LENGTH) return false;
  return VERIFIERS[key.algorithm](key.bytes, message, signature);
}

type Verifier = (key: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;

const VERIFIERS: Record<Algorithm, Verifier> = {
  EdDSA: verifyEd25519,
  ES256: (key, message, signature) => p256.verify(signature, message, key, { lowS: false }),
  ES256K: (key, message, signature) => secp256k1.verify(signature, message, key, { lowS: false }),
};

// An import costs half a signature check, and the same few keys come with every request.
const imported = memo(10_000, (x: string): KeyObject => {
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
});

function verifyEd25519(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verify(null, message, imported(encodeBase64url(key)), signature);
  } catch {
    return false;
  }
}

/** An EIP-191 `personal_sign` digest: Keccak-256 of the prefixed text. */
export function eip191Digest(text: string): Uint8Array {
  const bytes = encodeUtf8(text);
  const prefix = encodeUtf8(`\x19Ethereum Signed Message:\n${bytes.length}`);
  const message = new Uint8Array(prefix.length + bytes.length);
  message.set(prefix);
  message.set(bytes, prefix.length);
  return keccak_256(message);
}

/**
 * The EIP-55 address that signed an EIP-191 digest with r ‖ s ‖ v (65 bytes; v is 0, 1, 27 or 28).
 * Undefined when no address did, or when s is in the upper half: such a twin is never made by a
 * wallet (wire §3.1, EIP-2).
 */
export function recoverEip191(digest: Uint8Array, signature: Uint8Array): string | undefined {
  const v = signature[64];
  if (signature.length !== 65 || v === undefined || ![0, 1, 27, 28].includes(v)) return undefined;
  try {
    const parsed = secp256k1.Signature.fromBytes(signature.subarray(0, 64), "compact");
    if (parsed.hasHighS()) return undefined;
    const point = parsed.addRecoveryBit(v % 27).recoverPublicKey(digest);
    const address = keccak_256(point.toBytes(false).subarray(1)).subarray(12);
    return eip55(address.toHex());
  } catch {
    return undefined;
  }
}
