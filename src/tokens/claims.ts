// What a verified token says, whatever its kind.

import type { Capability } from "../capabilities/delegation.ts";
import type { Cid, Identity } from "./cid.ts";
import type { Principal } from "./did.ts";

export interface Claims {
  readonly kind: "cacao" | "ucan";
  readonly cid: Cid;
  readonly identity: Identity;
  /** In header form: padded base64url of a CACAO, or the JWT. */
  readonly token: string;
  readonly issuer: Principal;
  /** As written: a DID or DID URL, or `ucan:{cid}` in a revocation. */
  readonly audience: string;
  /** Canonical, each once, in token order. */
  readonly capabilities: readonly Capability[];
  /** As cited, in order; the same may be cited twice. */
  readonly proofs: readonly Cid[];
  /** Unix seconds, fractions kept. */
  readonly issuedAt?: number;
  readonly notBefore?: number;
  readonly expiresAt?: number;
}

/**
 * Is the token inside its own window? The two kinds differ at the edges (wire §3.1, §3.2):
 * a CACAO is valid when nbf < now ≤ exp, a UCAN when nbf ≤ now ≤ exp.
 */
export function isTimely(claims: Claims, now: number): boolean {
  if (claims.expiresAt !== undefined && now > claims.expiresAt) return false;
  if (claims.notBefore === undefined) return true;
  return claims.kind === "cacao" ? claims.notBefore < now : claims.notBefore <= now;
}
