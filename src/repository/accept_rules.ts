// What accepting a delegation comes to, whichever engine keeps it (wire §4): pure, over what the
// store looks up.

import type { SpaceId } from "../capabilities/space_id.ts";
import type { Delegation } from "../capabilities/delegation.ts";
import { NodeError } from "../errors.ts";
import type { Cid, Identity } from "../tokens/cid.ts";
import type { Principal } from "../tokens/did.ts";
import type { NewDelegation } from "./repository.ts";

/** Stands for all delegators of a scope, where delegations are counted. */
export const EVERYBODY = "";

/** How a space stands to a delegation that names it. */
export type Hosting = "absent" | "open" | "closed";

/** `closed` as stored. A space that is being loaded takes the delegations that are loaded into it. */
export function hostingOf(closed: string | null): Hosting {
  return closed === null || closed === "loading" ? "open" : "closed";
}

/** The spaces that it would host and that are not, each once. */
export function newHosts(
  { hosts }: NewDelegation,
  isHosted: (space: SpaceId) => boolean,
): NewDelegation["hosts"] {
  return hosts.filter(({ space }, index) =>
    !isHosted(space) && hosts.findIndex((host) => host.space === space) === index
  );
}

/** Whether node and owners may host these too. */
export function mayHost(
  { bounds: { spaces, spacesPerOwner } }: NewDelegation,
  creates: NewDelegation["hosts"],
  countSpaces: () => number,
  countOwned: (owner: Principal) => number,
): boolean {
  if (creates.length === 0) return true;
  if (countSpaces() + creates.length > spaces) return false;
  return creates.every(({ owner }) => {
    const more = creates.filter((other) => other.owner === owner).length;
    return countOwned(owner) + more <= spacesPerOwner;
  });
}

/** Whether a scope of it is full; `countUnexpired` of one delegator's, or of everybody's. */
export function isTooMany(
  { scopes, record, bounds: { scopeDelegations, delegatorDelegations } }: NewDelegation,
  countUnexpired: (scope: string, delegator: Principal | typeof EVERYBODY) => number,
): boolean {
  // Guests make new delegators at will: a tenth is kept for the owner, who must be able to sign in.
  const guestDelegations = scopeDelegations - Math.floor(scopeDelegations / 10);
  return scopes.some(({ scope, owned }) =>
    countUnexpired(scope, EVERYBODY) >= (owned ? scopeDelegations : guestDelegations) ||
    (!owned && countUnexpired(scope, record.delegator) >= delegatorDelegations)
  );
}

export function spacesNamed(records: Iterable<Delegation>): readonly SpaceId[] {
  const spaces = new Set<SpaceId>();
  for (const { capabilities } of records) {
    for (const { resource } of capabilities) {
      if (resource.kind === "space") spaces.add(resource.space);
    }
  }
  return [...spaces];
}

/** The identities whose revocation ends it: its own and those of its ancestors. */
export function lineageOf(
  { cid, identity, ancestors }: Delegation,
  identities: ReadonlyMap<Cid, Identity>,
): readonly Identity[] {
  return [
    identity,
    ...ancestors.map((ancestor) => {
      const stored = identities.get(ancestor);
      if (stored !== undefined) return stored;
      // It was read before the chain was judged: a space was erased since, and this went with it.
      throw new NodeError("proof_missing", undefined, {
        cause: new Error(`an ancestor of ${cid} is not stored any more`),
      });
    }),
  ];
}

/** The values of `DELEGATION_COLUMNS`, in that order. */
export function delegationValues(
  record: Delegation,
  lineage: readonly Identity[],
): readonly (string | number | null)[] {
  const capabilities = record.capabilities.map(({ resource, ability, caveated }) => [
    resource.uri,
    ability,
    caveated,
  ]);
  return [
    record.cid,
    record.identity,
    record.kind,
    record.delegator,
    record.delegatee,
    JSON.stringify(capabilities),
    JSON.stringify(record.proofs),
    JSON.stringify(record.parents),
    JSON.stringify(record.ancestors),
    JSON.stringify(lineage),
    record.issuedAt ?? null,
    record.notBefore ?? null,
    record.expiresAt ?? null,
    record.acceptedAt,
    record.host ? 1 : 0,
  ];
}
