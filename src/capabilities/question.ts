// What the chain check is asked, and what it is told (wire §4 and §6, authority).

import { MAX_ANCESTORS } from "../limits.ts";
import type { Cid, Identity } from "../tokens/cid.ts";
import type { Principal } from "../tokens/did.ts";
import type { Capability, Delegation } from "./delegation.ts";

export interface ChainQuestion {
  readonly use: "delegation" | "invocation";
  readonly signer: Principal;
  readonly capabilities: readonly Capability[];
  readonly proofs: readonly Cid[];
  /** Of the new delegation itself; an invocation's own window binds no chain. */
  readonly notBefore?: number;
  readonly expiresAt?: number;
}

export interface ChainFacts {
  /** What was found of the cited delegations and their ancestors. */
  readonly records: ReadonlyMap<Cid, Delegation>;
  readonly revoked: ReadonlySet<Identity>;
  /** Unix seconds. */
  readonly now: number;
  /** `auth.max_delegation_lifetime`, seconds. */
  readonly maxLifetime: number | undefined;
}

/**
 * The proofs that are looked at: one more than can be used is enough to find one that is missing, or
 * to see that there are too many.
 */
export function citedProofs(proofs: readonly Cid[]): readonly Cid[] {
  return [...new Set(proofs)].slice(0, MAX_ANCESTORS.invocation + 1);
}
