// wire §2 and §3, told a second time: what a token says once it is decoded. Decoding itself is
// tested with official vectors, so tokens come here as claims.

import { bytes, isAbility, parseResource, principalOf, type Resource } from "./names.ts";
import { type Refusal, refused } from "./answer.ts";

/** A token by its claims, every text as it was signed. */
export interface Token {
  readonly kind: "cacao" | "ucan";
  /** The hash of its bytes, whatever spells it: proofs are looked up by it alone (wire §2). */
  readonly cid: string;
  /** The same in every encoding of one signature (wire §2, signed identity). */
  readonly identity: string;
  /** Whether the signature is the issuer's. */
  readonly isSigned: boolean;
  readonly issuer: string;
  readonly audience: string;
  /** Unix seconds. */
  readonly exp: number | undefined;
  readonly nbf: number | undefined;
  readonly nonce: string | undefined;
  /** In the order of the token. */
  readonly att: readonly Attenuation[];
  /** The hashes of the delegations cited, in order. */
  readonly proofs: readonly string[];
}

export interface Attenuation {
  readonly resource: string;
  readonly ability: string;
  readonly caveats: readonly unknown[];
}

/** One ability on one resource. */
export interface Capability {
  readonly resource: Resource;
  readonly ability: string;
  /** Narrowed to nothing: it is stored and authorizes nothing (wire §3.1). */
  readonly isCaveated: boolean;
}

/** A token that is well-formed and signed by its issuer. */
export interface Read {
  readonly token: Token;
  /** The issuer's principal. */
  readonly issuer: string;
  readonly capabilities: readonly Capability[];
}

/** wire §3: decode, then the signature; a CACAO's ReCap is read behind its signature (§3.1). */
export function readToken(token: Token): Read | Refusal {
  if (token.kind === "cacao" && !token.isSigned) return refused("token_signature");
  const issuer = principalOf(token.issuer);
  const isAddressed = token.kind === "cacao" || principalOf(token.audience) !== undefined;
  const capabilities = parseCapabilities(token.att);
  if (issuer === undefined || !isAddressed || capabilities === undefined) {
    return refused("token_malformed");
  }
  if (bytes(token.nonce ?? "") > 256 && token.kind === "ucan") return refused("token_malformed");
  if (!token.isSigned) return refused("token_signature");
  return { token, issuer, capabilities };
}

/** wire §3: `nbf < now ≤ exp` of a CACAO, `nbf ≤ now ≤ exp` of a UCAN, each where present. */
export function isInTime({ kind, exp, nbf }: Token, now: number): boolean {
  if (exp !== undefined && now > exp) return false;
  if (nbf === undefined) return true;
  return kind === "cacao" ? nbf < now : nbf <= now;
}

/**
 * wire §3.1, ReCap: canonical forms are made after decoding and equal resources merged, so one
 * ability on one of them is one capability, where it is first named (wire §4: token order). Of all
 * that is said with it, one caveat that is not understood narrows it. Undefined: malformed.
 */
function parseCapabilities(att: readonly Attenuation[]): Capability[] | undefined {
  const all: Capability[] = [];
  for (const { resource: text, ability, caveats } of att) {
    const resource = parseResource(text);
    if (resource === undefined || !isAbility(ability) || caveats.length === 0) return undefined;
    all.push({ resource, ability, isCaveated: !caveats.every(isEmptyObject) });
  }
  return all.flatMap((capability, at) => {
    const same = all.filter((other) => isSame(capability, other));
    const isFirst = all.findIndex((other) => isSame(capability, other)) === at;
    const isCaveated = same.some((other) => other.isCaveated);
    return isFirst ? [{ ...capability, isCaveated }] : [];
  });
}

function isSame(one: Capability, other: Capability): boolean {
  return one.resource.text === other.resource.text && one.ability === other.ability;
}

/** U6: a list of nothing but empty objects means that there is no caveat. */
function isEmptyObject(caveat: unknown): boolean {
  return typeof caveat === "object" && caveat !== null && !Array.isArray(caveat) &&
    Object.keys(caveat).length === 0;
}
