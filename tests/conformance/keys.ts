// A public key as a token names it: a did:key (wire §1).

import { base58btc } from "multiformats/bases/base58";
import { type Principal, principalOf } from "../../src/tokens/did.ts";
import { type Algorithm, publicKeyOf } from "../../src/tokens/did_key.ts";
import { verifySignature } from "../../src/tokens/signature.ts";
import { refuses } from "./vectors.ts";

const CODECS: Record<Algorithm, readonly number[]> = {
  EdDSA: [0xed, 0x01],
  ES256K: [0xe7, 0x01],
  ES256: [0x80, 0x24],
};

/** The did:key of 32 bytes of Ed25519 or a compressed point. */
export function didKeyOf(algorithm: Algorithm, key: Uint8Array): Principal {
  return principalOf(
    `did:key:${base58btc.encode(Uint8Array.of(...CODECS[algorithm], ...key))}`,
  );
}

/** Does an issuer with this key pass with this signature? The key is judged first, as in tokens. */
export function accepts(
  algorithm: Algorithm,
  key: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const issuer = didKeyOf(algorithm, key);
  if (refuses(() => publicKeyOf(issuer))) return false;
  return verifySignature(publicKeyOf(issuer), message, signature);
}
