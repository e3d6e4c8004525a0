/**
 * Content identifiers of tokens: CIDv1, codec raw, BLAKE3-256 (wire §2).
 */
import { blake3 } from "@noble/hashes/blake3.js";
import { base32 } from "multiformats/bases/base32";
import { base58btc } from "multiformats/bases/base58";

/** CIDv1, codec raw 0x55, multihash BLAKE3 0x1e of 32 bytes. */
const PREFIX = [0x01, 0x55, 0x1e, 0x20] as const;

/** The CID of a token's bytes, as `bafkr4i…`: a CACAO's CBOR, or a UCAN's ASCII text. */
export function cidOf(bytes: Uint8Array): string {
  return base32.encode(Uint8Array.of(...PREFIX, ...blake3(bytes)));
}

/** The same CID as `z…`, the only spelling a ReCap's `prf` takes. Throws on other text. */
export function cidInBase58(cid: string): string {
  return cid.startsWith("z") ? cid : base58btc.encode(base32.decode(cid));
}
