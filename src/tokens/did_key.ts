// did:key (wire §1): the public key that a principal is.

import { base58btc } from "multiformats/bases/base58";
import { malformed } from "../errors.ts";
import { memo } from "../memo.ts";
import type { Principal } from "./did.ts";

export type Algorithm = "EdDSA" | "ES256" | "ES256K";

export interface PublicKey {
  readonly algorithm: Algorithm;
  /** 32 bytes of Ed25519, or 33 of a compressed point. */
  readonly bytes: Uint8Array;
}

const PREFIX = "did:key:";
/** `z` and the base58 of at most 35 bytes. */
const MAX_LENGTH = PREFIX.length + 1 + 48;

/** Multicodec varints (ed25519-pub, secp256k1-pub, p256-pub) and the length of the key behind them. */
const KINDS = [
  { algorithm: "EdDSA", codec: [0xed, 0x01], length: 32 },
  { algorithm: "ES256K", codec: [0xe7, 0x01], length: 33 },
  { algorithm: "ES256", codec: [0x80, 0x24], length: 33 },
] as const;

/**
 * Throws `token_malformed` unless the principal is a did:key of a known kind in its canonical text.
 * Base58 costs a quarter of a signature check, and the same few keys come with every request.
 */
export const publicKeyOf = memo(10_000, decodePublicKey);

function decodePublicKey(principal: Principal): PublicKey {
  if (!principal.startsWith(`${PREFIX}z`)) throw malformed("the issuer is not a did:key");
  if (principal.length > MAX_LENGTH) throw malformed("the issuer's did:key is too long");
  const text = principal.slice(PREFIX.length);
  let decoded: Uint8Array;
  try {
    decoded = base58btc.decode(text);
  } catch (cause) {
    throw malformed("the issuer's did:key is not base58", cause);
  }
  for (const { algorithm, codec, length } of KINDS) {
    if (decoded[0] !== codec[0] || decoded[1] !== codec[1]) continue;
    const bytes = decoded.subarray(codec.length);
    if (bytes.length !== length || base58btc.encode(decoded) !== text) {
      throw malformed("the issuer's did:key is not canonical");
    }
    if (algorithm === "EdDSA" && !isSafeEd25519(bytes)) {
      throw malformed("the issuer's Ed25519 key is weak");
    }
    return { algorithm, bytes };
  }
  throw malformed("the issuer's did:key is of an unknown kind");
}

const P = 2n ** 255n - 19n;
// The y of the eight points of small order. The platform takes such keys.
const SMALL_ORDER_Y = new Set([
  0n,
  1n,
  P - 1n,
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
]);

/** Not of small order, and y below 2^255 - 19: each point has one encoding. */
function isSafeEd25519(key: Uint8Array): boolean {
  const y = BigInt(`0x${key.toReversed().toHex()}`) % 2n ** 255n;
  return y < P && !SMALL_ORDER_Y.has(y);
}
