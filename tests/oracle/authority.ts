// wire §4, authority, told a second time. Whatever is asked is worked out from the delegations
// themselves, up to their roots, every time.

import { type Refusal, refused } from "./answer.ts";
import { find, isRevoked, type Model, type Stored } from "./model.ts";
import { isSameAbility, isUnder } from "./names.ts";
import type { Capability, Token } from "./token.ts";

/** How much later than its parent a child may end (wire §4, ours). */
const SLACK_SECONDS = 120;

/** wire §4: a capability is root when the principal owns its space, or the encryption URN. */
export function isRoot({ resource }: Capability, principal: string): boolean {
  return resource.kind !== "opaque" && resource.owner === principal;
}

/** wire §4: the parents that count: none when all is root, and none whose window is too small. */
export function parentsOf(model: Model, child: Stored): readonly Stored[] {
  if (child.capabilities.every((capability) => isRoot(capability, child.delegator))) return [];
  return child.token.proofs.flatMap((cid) => find(model, cid) ?? [])
    .filter(({ token }) => misfit(child.token, token) === undefined);
}

/** All above these, themselves included, each once; walked until nothing more is found. */
export function withAncestors(model: Model, parents: readonly Stored[]): readonly Stored[] {
  const found: Stored[] = [];
  let layer = parents;
  while (layer.length > 0) {
    for (const stored of layer) if (!found.includes(stored)) found.push(stored);
    layer = layer.flatMap((stored) => parentsOf(model, stored))
      .filter((stored) => !found.includes(stored));
  }
  return found;
}

export function ancestorsOf(model: Model, stored: Stored): readonly Stored[] {
  return withAncestors(model, parentsOf(model, stored));
}

/** wire §4, B10: which end of the parent's window does not contain the child's. */
export function misfit(child: Token, parent: Token): "exp" | "nbf" | undefined {
  if (parent.exp !== undefined) {
    if (child.exp === undefined || child.exp > parent.exp + SLACK_SECONDS) return "exp";
  }
  if (parent.nbf !== undefined) {
    if (child.nbf === undefined || child.nbf < parent.nbf) return "nbf";
  }
  return undefined;
}

/** wire §4: in a chain, whatever the token's kind, a window holds when nbf ≤ now < exp. */
export function isWithin({ token: { nbf, exp } }: Stored, now: number): boolean {
  return (nbf === undefined || nbf <= now) && (exp === undefined || now < exp);
}

/** wire §4: every delegation cited exists, and none twice. */
export function cited(model: Model, proofs: readonly string[]): readonly Stored[] | Refusal {
  const found = proofs.flatMap((cid) => find(model, cid) ?? []);
  const isTwice = proofs.some((cid, at) => proofs.indexOf(cid) !== at);
  if (proofs.length === 0 || found.length < proofs.length || isTwice) {
    return refused("proof_missing", "Cannot find parent delegation");
  }
  return found;
}

/** wire §3.1, §4: the same ability, a resource that it extends, and no caveat above. */
export function isGranted(
  { resource, ability }: Pick<Capability, "resource" | "ability">,
  parents: readonly Stored[],
): boolean {
  return parents.some(({ capabilities }) =>
    capabilities.some((granted) =>
      !granted.isCaveated && isSameAbility(ability, granted.ability) &&
      isUnder(resource, granted.resource)
    )
  );
}

/** A revoked delegation among those cited, or above them. */
export function revokedAmong(
  model: Model,
  parents: readonly Stored[],
): { readonly parent: Stored; readonly isItself: boolean; readonly above: Stored[] } | undefined {
  for (const parent of parents) {
    const isItself = isRevoked(model, parent);
    const above = ancestorsOf(model, parent).filter((stored) => isRevoked(model, stored));
    if (isItself || above.length > 0) return { parent, isItself, above };
  }
  return undefined;
}
