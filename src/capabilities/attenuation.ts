// What one capability gives of another (wire §1, extends): the same ability on a resource that it
// covers. Space, service and fragment are equal; no path covers all, a path covers itself and what
// follows it after a `/`, the empty path likewise. Queries do not count. What is no space's covers
// only itself.
//
// What is given is indexed: a token may hold thousands of capabilities, and so may each of its
// proofs, and comparing each with each would take seconds.

import type { Principal } from "../tokens/did.ts";
import { type Ability, canonicalAbility } from "./ability.ts";
import type { Capability, Delegation } from "./delegation.ts";
import type { Resource } from "./resource.ts";

export function isSameAbility(a: Ability, b: Ability): boolean {
  return canonicalAbility(a) === canonicalAbility(b);
}

/** Authority that needs no proof: over one's own space, or one's own encryption network. */
export function isRoot(resource: Resource, principal: Principal): boolean {
  return resource.kind !== "opaque" && resource.owner === principal;
}

/** Paths (of what is no space's: URIs) that are given, by all else that must be equal. */
export type Grants = ReadonlyMap<string, ReadonlySet<string | undefined>>;

/** Of single delegations, which never change: a session's index serves all that it signs. */
const indexed = new WeakMap<Delegation, Grants>();

/** A caveat that is not understood gives nothing (wire §3.1). */
export function indexGrants(delegations: readonly Delegation[]): Grants {
  const [only] = delegations;
  if (only === undefined || delegations.length > 1) return indexAll(delegations);
  const grants = indexed.get(only) ?? indexAll(delegations);
  indexed.set(only, grants);
  return grants;
}

function indexAll(delegations: readonly Delegation[]): Grants {
  const index = new Map<string, Set<string | undefined>>();
  for (const capability of delegations.flatMap(({ capabilities }) => capabilities)) {
    if (capability.caveated) continue;
    const [group, path] = placeOf(capability);
    const paths = index.get(group) ?? new Set();
    index.set(group, paths.add(path));
  }
  return index;
}

/** Is there a capability with the same ability whose resource this one extends (wire §1)? */
export function isGranted(grants: Grants, capability: Capability): boolean {
  const [group, path] = placeOf(capability);
  const paths = grants.get(group);
  if (paths === undefined) return false;
  if (paths.has(path)) return true;
  if (capability.resource.kind !== "space") return false;
  if (paths.has(undefined)) return true;
  if (path === undefined) return false;
  // A path of thousands of folders would have each of its beginnings hashed.
  if (path.length > MAX_WALKED) return [...paths].some((given) => isBelow(path, given));
  // Each folder that the path lies in, as a grant may spell it: `a` and `a/`.
  for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) {
    if (paths.has(path.slice(0, at)) || paths.has(path.slice(0, at + 1))) return true;
  }
  return false;
}

/** Longer than any key; walking its folders costs what some 60 comparisons cost. */
const MAX_WALKED = 1024;

function isBelow(path: string, given: string | undefined): boolean {
  return given === undefined ||
    path.startsWith(given) && (given.endsWith("/") || path.charAt(given.length) === "/");
}

function placeOf({ resource, ability }: Capability): [group: string, path: string | undefined] {
  const name = canonicalAbility(ability);
  if (resource.kind !== "space") return [name, resource.uri];
  const { space, service, fragment, path } = resource;
  return [`${name} ${space}/${service}${fragment === undefined ? "" : `#${fragment}`}`, path];
}
