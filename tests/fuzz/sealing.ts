// Tokens for scripts: signed by the client's means, and beside each the claims that the oracle
// reads. What one signature looks like in another encoding is made here too (wire §2).

import { base32 } from "multiformats/bases/base32";
import { base58btc } from "multiformats/bases/base58";
import { base64url } from "multiformats/bases/base64";
import {
  type Attenuations,
  cidOf,
  recapStatement,
  type SessionKey,
  signCacao,
  signUcan,
  type Wallet,
} from "../../client/mod.ts";
import type { Attenuation, Token } from "../oracle/token.ts";
import type { Holder } from "./cast.ts";
import type { Encoding, Spelling } from "./script.ts";

/** What is to be signed. */
export interface Claims {
  /** Other than that of every other token of its world. */
  readonly name: string;
  readonly issuer: Holder;
  readonly audience: string;
  readonly exp: number | undefined;
  readonly nbf: number | undefined;
  /** Undefined: none; CACAOs always have one. */
  readonly nonce: string | undefined;
  readonly att: readonly Attenuation[];
  /** CIDs as they are to be spelled. */
  readonly proofs: readonly string[];
  readonly isSigned: boolean;
  /** Unix seconds. */
  readonly issuedAt: number;
}

/** A token to send, and its claims. */
export interface Sealed {
  readonly claims: Claims;
  /** base32. */
  readonly cid: string;
  readonly header: string;
  readonly token: Token;
}

/** Signs. The other encoding of the same claims has the same identity and, where there is one, another CID. */
export async function seal(given: Claims, encoding: Encoding = "same"): Promise<Sealed> {
  // Names of a JSON object are unique: what is said twice of a resource and ability is said once.
  const att = attenuations(given.att);
  const claims = { ...given, att: flat(att) };
  const isOther = encoding === "other";
  const { header, cid } = claims.issuer.kind === "key"
    ? await sealUcan(claims.issuer.key, claims, att, isOther)
    : await sealCacao(claims.issuer.wallet, claims, att, isOther);
  return {
    claims,
    cid,
    header: encoding === "Bearer" ? `bEaReR ${header}` : header,
    token: {
      kind: claims.issuer.kind === "key" ? "ucan" : "cacao",
      cid: digestOf(cid),
      // wire §2: what is signed. Without a nonce two UCANs can be one; a CACAO's is its name.
      identity: claims.issuer.kind === "key" ? header.replace(/[^.]*$/, "") : claims.name,
      isSigned: claims.isSigned,
      issuer: claims.issuer.did,
      audience: claims.audience,
      exp: claims.exp,
      nbf: claims.nbf,
      nonce: claims.nonce,
      att: claims.att,
      proofs: claims.proofs.map(digestOf),
    },
  };
}

async function sealUcan(
  key: SessionKey,
  claims: Claims,
  att: Attenuations,
  isOther: boolean,
): Promise<{ header: string; cid: string }> {
  const signer: SessionKey = {
    ...key,
    async sign(bytes) {
      const signature = await key.sign(bytes);
      if (!claims.isSigned) return withBitFlipped(signature);
      return isOther ? negated(key.alg, signature) : signature;
    },
  };
  const payload = claims.nonce === undefined ? { nnc: undefined } : {};
  const { header, cid } = await signUcan(signer, {
    audience: claims.audience,
    expiration: claims.exp ?? NaN,
    notBefore: claims.nbf,
    nonce: claims.nonce,
    proofs: claims.proofs,
    attenuations: att,
  }, { payload });
  return { header, cid };
}

/** The message lists the ReCap as it stands, so that the order of the token is that of `att`. */
async function sealCacao(
  wallet: Wallet,
  claims: Claims,
  att: Attenuations,
  isOther: boolean,
): Promise<{ header: string; cid: string }> {
  const signer: Wallet = {
    ...wallet,
    async sign(text) {
      const signature = await wallet.sign(text);
      if (!claims.isSigned) return withBitFlipped(signature);
      return isOther ? signature.with(64, (signature[64] ?? 0) - 27) : signature;
    },
  };
  const recap = base64url.baseEncode(
    new TextEncoder().encode(JSON.stringify({ att, prf: claims.proofs.map(inBase58) })),
  );
  const hasRecap = claims.att.length > 0 || claims.proofs.length > 0;
  const { header, cid } = await signCacao(signer, {
    domain: "app.example",
    uri: claims.audience,
    nonce: claims.nonce ?? claims.name,
    issuedAt: rfc3339(claims.issuedAt),
    expirationTime: claims.exp === undefined ? undefined : rfc3339(claims.exp),
    notBefore: claims.nbf === undefined ? undefined : rfc3339(claims.nbf),
    ...(hasRecap
      ? { statement: recapStatement(att), resources: [`urn:recap:${recap}`] }
      : { statement: "Hello." }),
  }, isOther ? { p: { iss: withLowerAddress(wallet.did) } } : {});
  return { header: isOther ? header.replace(/=+$/, "") : header, cid };
}

/** The same hash in another spelling (wire §2). */
export function spelled(cid: string, spelling: Spelling): string {
  switch (spelling) {
    case "base32":
      return cid;
    case "base58btc":
      return inBase58(cid);
    case "another codec":
      return base32.encode(Uint8Array.of(0x01, 0x71, ...base32.decode(cid).subarray(2)));
  }
}

/** The CID of a token that nobody has. */
export function unknownCid(name: string): string {
  return cidOf(new TextEncoder().encode(name));
}

/** The hash in a CID of any base and codec, in hex. */
export function digestOf(cid: string): string {
  const bytes = cid.startsWith("z") ? base58btc.decode(cid) : base32.decode(cid);
  return bytes.subarray(-32).toHex();
}

function inBase58(cid: string): string {
  return cid.startsWith("z") ? cid : base58btc.encode(base32.decode(cid));
}

export function withLowerAddress(text: string): string {
  return text.replace(/0x[0-9a-fA-F]{40}/g, (address) => address.toLowerCase());
}

function rfc3339(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

function attenuations(att: readonly Attenuation[]): Attenuations {
  const object: Record<string, Record<string, readonly unknown[]>> = {};
  for (const { resource, ability, caveats } of att) {
    (object[resource] ??= {})[ability] = caveats;
  }
  return object;
}

function flat(object: Attenuations): Attenuation[] {
  return Object.entries(object).flatMap(([resource, abilities]) =>
    Object.entries(abilities).map(([ability, caveats]) => ({ resource, ability, caveats }))
  );
}

function withBitFlipped(signature: Uint8Array): Uint8Array {
  return signature.with(5, (signature[5] ?? 0) ^ 1);
}

const ORDER = {
  ES256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  ES256K: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
} as const;

/** r ‖ n−s: as good a signature. Ed25519 has no second one. */
function negated(alg: SessionKey["alg"], signature: Uint8Array): Uint8Array {
  if (alg === "EdDSA") return signature;
  const s = BigInt(`0x${signature.slice(32).toHex()}`);
  const other = (ORDER[alg] - s).toString(16).padStart(64, "0");
  return Uint8Array.of(...signature.slice(0, 32), ...Uint8Array.fromHex(other));
}
