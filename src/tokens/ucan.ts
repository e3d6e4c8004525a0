// UCAN 0.10.0 as a compact JWS (wire §3.2; RFC 7515).

import { malformed, NodeError } from "../errors.ts";
import { MAX_NONCE_BYTES, MAX_TOKEN_LENGTH } from "../limits.ts";
import { memo, memoBy } from "../memo.ts";
import { blake3Hex } from "../blake3.ts";
import { capabilitiesOf, parseAttenuations } from "./attenuations.ts";
import { decodeBase64url } from "./base64url.ts";
import { cidOf, type Identity, parseCid } from "./cid.ts";
import type { Claims } from "./claims.ts";
import { findPrincipal } from "./did.ts";
import { type PublicKey, publicKeyOf } from "./did_key.ts";
import { isArray, isObject, type JsonObject, type JsonValue, member, parseJson } from "./json.ts";
import { MAX_VERDICTS, verifySignature } from "./signature.ts";
import { decodeUtf8, encodeUtf8 } from "./text.ts";

export interface UcanClaims extends Claims {
  readonly kind: "ucan";
  readonly expiresAt: number;
  readonly nonce?: string;
  /** As sent; their meaning is the ability's. */
  readonly facts: readonly JsonValue[];
}

/** A well-formed UCAN whose signature nobody has looked at yet. */
export interface Ucan {
  readonly claims: UcanClaims;
  readonly key: PublicKey;
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

/** Decodes a JWT. Throws `token_malformed`. */
export function decodeUcan(token: string): Ucan {
  if (token.length > MAX_TOKEN_LENGTH) throw malformed("it is longer than 32 KiB");
  const parts = token.split(".");
  const [headerPart = "", payloadPart = "", signaturePart = ""] = parts;
  if (parts.length !== 3) throw malformed("a UCAN has three parts");
  const algorithm = algorithmOf(headerPart);
  const payload = decodeObject(payloadPart, "the payload");
  const signature = decodeBase64url(signaturePart, "forbidden", "the signature");

  const issuer = did(payload, "iss");
  const audience = did(payload, "aud");
  if (audience.text.includes("#")) throw malformed("aud is not a DID");
  const key = publicKeyOf(issuer.principal);
  if (key.algorithm !== algorithm) throw malformed("alg does not fit the issuer's key");
  // What decoded as base64url is ASCII: characters are bytes.
  const bytes = encodeUtf8(token);
  const signed = bytes.subarray(0, headerPart.length + 1 + payloadPart.length);
  const expiresAt = time(payload, "exp");
  if (expiresAt === undefined) throw malformed("exp is missing");
  const notBefore = time(payload, "nbf");
  const nonce = nonceOf(payload);
  const claims: UcanClaims = {
    kind: "ucan",
    cid: cidOf(bytes),
    // s and n − s are two signatures over the same bytes (wire §2).
    identity: `ucan:${blake3Hex(signed)}` as Identity,
    token,
    issuer: issuer.principal,
    audience: audience.text,
    capabilities: capabilitiesOf(parseAttenuations(member(payload, "att"))),
    proofs: list(payload, "prf").map((proof) => {
      if (typeof proof !== "string") throw malformed("a proof is not a CID");
      return parseCid(proof);
    }),
    expiresAt,
    ...(notBefore === undefined ? {} : { notBefore }),
    ...(nonce === undefined ? {} : { nonce }),
    facts: member(payload, "fct") === undefined ? [] : list(payload, "fct"),
  };
  return { claims, key, signed, signature };
}

/** What the token says, once its signature fits its issuer. Throws `token_signature`. */
export function verifyUcan(ucan: Ucan): UcanClaims {
  if (!isSigned(ucan)) throw new NodeError("token_signature");
  return ucan.claims;
}

/** The CID stands for every byte of the token, so a verdict holds for good. */
const isSigned = memoBy(
  MAX_VERDICTS,
  ({ claims }: Ucan) => claims.cid,
  ({ key, signed, signature }) => verifySignature(key, signed, signature),
);

// A client sends the same header with every token.
const MAX_KNOWN_LENGTH = 1_000;
const knownHeader = memo(1_000, parseHeader);

/** Clients send the same few headers; one with a `jwk` is another for each key. */
function algorithmOf(header: string): string {
  const read = header.length > MAX_KNOWN_LENGTH ? parseHeader : knownHeader;
  return read(header);
}

/** The algorithm that a header names. */
function parseHeader(part: string): string {
  const header = decodeObject(part, "the header");
  const algorithm = member(header, "alg");
  if (member(header, "typ") !== "JWT") throw malformed("typ is not JWT");
  if (member(header, "ucv") !== "0.10.0") throw malformed("ucv is not 0.10.0");
  if (typeof algorithm !== "string") throw malformed("alg is not text");
  return algorithm;
}

function decodeObject(part: string, what: string): JsonObject {
  const text = decodeUtf8(decodeBase64url(part, "forbidden", what), what);
  const value = parseJson(text, what);
  if (!isObject(value)) throw malformed(`${what} is not an object`);
  // Both would change what the signature means (RFC 7515 §4.1.11, RFC 7797).
  for (const name of ["crit", "b64"]) {
    if (member(value, name) !== undefined) throw malformed(`${name} is not understood`);
  }
  return value;
}

function did(payload: JsonObject, name: string) {
  const text = member(payload, name);
  const principal = typeof text === "string" ? findPrincipal(text) : undefined;
  if (typeof text !== "string" || principal === undefined) throw malformed(`${name} is not a DID`);
  return { text, principal };
}

function time(payload: JsonObject, name: string): number | undefined {
  const value = member(payload, name);
  if (value === undefined) return undefined;
  // `1e400` parses to Infinity, which no clock ever passes.
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw malformed(`${name} is not a time`);
  }
  return value;
}

function nonceOf(payload: JsonObject): string | undefined {
  const nonce = member(payload, "nnc");
  if (nonce === undefined) return undefined;
  if (typeof nonce !== "string") throw malformed("nnc is not text");
  if (encodeUtf8(nonce).length > MAX_NONCE_BYTES) throw malformed("nnc is longer than 256 bytes");
  return nonce;
}

function list(payload: JsonObject, name: string): readonly JsonValue[] {
  const value = member(payload, name);
  if (!isArray(value)) throw malformed(`${name} is not a list`);
  return value;
}
