// The rule of wire §1 (extends) as it is written there, one capability against one: what the index of
// src/capabilities/attenuation.ts must agree with.

import { isSameAbility } from "../../src/capabilities/attenuation.ts";
import type { Capability } from "../../src/capabilities/delegation.ts";
import type { Resource } from "../../src/capabilities/resource.ts";

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

/** Does this granted capability give that one? A caveat that is not understood gives nothing. */
export function grants(granted: Capability, wanted: Capability): boolean {
  return !granted.caveated && isSameAbility(granted.ability, wanted.ability) &&
    extendsResource(wanted.resource, granted.resource);
}
