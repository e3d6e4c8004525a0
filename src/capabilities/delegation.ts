// What the node knows of an accepted delegation. A record never changes once it is stored, so it may
// be cached by its CID; whether it still holds is asked anew at every use (wire §4).

import type { Cid, Identity } from "../tokens/cid.ts";
import type { Principal } from "../tokens/did.ts";
import type { Ability } from "./ability.ts";
import type { Resource } from "./resource.ts";

/** One ability on one resource. */
export interface Capability {
  readonly resource: Resource;
  readonly ability: Ability;
  /** It carries a caveat that this node does not understand: stored, but authorizes nothing (wire §3.1). */
  readonly caveated: boolean;
}

export interface Delegation {
  readonly cid: Cid;
  /** The same for every encoding of the same signed content (wire §2); a revocation takes it. */
  readonly identity: Identity;
  readonly kind: "cacao" | "ucan";
  readonly delegator: Principal;
  readonly delegatee: Principal;
  readonly capabilities: readonly Capability[];
  /** Every proof as cited, in order; shown by `capabilities/read`, never followed. */
  readonly proofs: readonly Cid[];
  /** The cited delegations that count: empty for a root delegation, without those its window does not fit. */
  readonly parents: readonly Cid[];
  /** Parents, their parents and so on, breadth first, each once; at most 63. */
  readonly ancestors: readonly Cid[];
  /** Unix seconds, fractions kept; as the token says. */
  readonly issuedAt?: number;
  readonly notBefore?: number;
  readonly expiresAt?: number;
  /** Unix seconds at which this node first accepted it. */
  readonly acceptedAt: number;
  /** It was accepted as a host delegation; the lifetime cap does not reach it (wire §4, bounds). */
  readonly host: boolean;
}
