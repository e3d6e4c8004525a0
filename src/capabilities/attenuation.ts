// What one capability gives of another (wire §1, extends).

import type { Principal } from "../tokens/did.ts";
import { type Ability, canonicalAbility } from "./ability.ts";
import type { Capability } from "./delegation.ts";
import type { Resource } from "./resource.ts";

/** Does the child name nothing beyond the parent? Queries do not count. */
export function extendsResource(child: Resource, parent: Resource): boolean {
  if (child.kind !== "space" || parent.kind !== "space") return child.uri === parent.uri;
  return child.space === parent.space && child.service === parent.service &&
    child.fragment === parent.fragment && extendsPath(child.path, parent.path);
}

/** No path covers all; a path covers itself and what follows it after a `/`; the empty path likewise. */
export function extendsPath(child: string | undefined, parent: string | undefined): boolean {
  if (parent === undefined) return true;
  if (child === undefined) return false;
  return child === parent || child.startsWith(parent.endsWith("/") ? parent : `${parent}/`);
}

export function isSameAbility(a: Ability, b: Ability): boolean {
  return canonicalAbility(a) === canonicalAbility(b);
}

/** Authority that needs no proof: over one's own space, or one's own encryption network. */
export function isRoot(resource: Resource, principal: Principal): boolean {
  return resource.kind !== "opaque" && resource.owner === principal;
}

/** Does this granted capability give that one? A caveat that is not understood gives nothing. */
export function grants(granted: Capability, wanted: Capability): boolean {
  return !granted.caveated && isSameAbility(granted.ability, wanted.ability) &&
    extendsResource(wanted.resource, granted.resource);
}
