// Names of tokens by their bytes (wire §2): CIDv1, raw, BLAKE3-256, base32 lower case.

import { base32 } from "multiformats/bases/base32";
import type { MultibaseDecoder } from "multiformats/bases/interface";
import { bases } from "multiformats/basics";
import { CID } from "multiformats/cid";
import { blake3 } from "../blake3.ts";
import { malformed } from "../errors.ts";
import { MAX_CID_LENGTH } from "../limits.ts";
import { memo } from "../memo.ts";

declare const cidBrand: unique symbol;
/** Canonical text of a token's CID, `bafkr4i…`. One multihash has one such text. */
export type Cid = string & { readonly [cidBrand]: true };

declare const identityBrand: unique symbol;
/** What a signature was made over, whatever its encoding (wire §2, signed identity): `{kind}:{64 hex}…`. */
export type Identity = string & { readonly [identityBrand]: true };

const RAW = 0x55;
/** CIDv1, raw, BLAKE3-256 of 32 bytes: what every CID of a token begins with. */
const TOKEN_PREFIX = Uint8Array.of(0x01, RAW, 0x1e, 32);
/** Clients cite the same few delegations with every token. */
const MAX_REMEMBERED = 4_096;
/** A CID of ours has 59 characters. */
const MAX_REMEMBERED_LENGTH = 64;
/** No padding: the library takes it anywhere, in any number. */
const SIGNS = /^[0-9A-Za-z+/_-]+$/;
/** The first character of a CID's text names its base. */
const BASES: ReadonlyMap<string, MultibaseDecoder<string>> = new Map(
  Object.values(bases).map((base) => [base.prefix, base.decoder]),
);

/** The CID of a token's bytes. */
export function cidOf(bytes: Uint8Array): Cid {
  const cid = new Uint8Array(TOKEN_PREFIX.length + 32);
  cid.set(TOKEN_PREFIX);
  cid.set(blake3(bytes), TOKEN_PREFIX.length);
  // Put together anew: the library appends sign by sign, and that chain would be kept.
  return base32.encode(cid).split("").join("") as Cid;
}

/**
 * A cited CID, in the one form by which delegations are looked up: only the multihash counts, so its
 * base and codec are replaced by ours. Throws `token_malformed`.
 */
export function parseCid(text: string): Cid {
  if (text.length > MAX_CID_LENGTH) throw malformed("a CID is too long");
  return text.length > MAX_REMEMBERED_LENGTH ? canonical(text) : known(text);
}

function canonical(text: string): Cid {
  if (!SIGNS.test(text)) throw malformed("a proof is not a CID");
  const ours = inOurForm(text);
  // Base58 is shorter than ours.
  if (ours.length > MAX_CID_LENGTH) throw malformed("a CID is too long");
  return ours as Cid;
}

function inOurForm(text: string): string {
  try {
    const { multihash } = CID.parse(text, BASES.get(text.charAt(0)));
    return CID.createV1(RAW, multihash).toString(base32);
  } catch (cause) {
    throw malformed("a proof is not a CID", cause);
  }
}

const known = memo(MAX_REMEMBERED, canonical);
