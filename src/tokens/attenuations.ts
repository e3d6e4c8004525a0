// `att`, the same in a UCAN and in a ReCap (wire §3): resource → ability → caveats.

import { type Ability, parseAbility } from "../capabilities/ability.ts";
import type { Capability } from "../capabilities/delegation.ts";
import { parseResource, type Resource } from "../capabilities/resource.ts";
import { malformed } from "../errors.ts";
import { isArray, isObject, type JsonObject, type JsonValue, member } from "./json.ts";

/** One ability as written, before canonical forms are made. */
export interface Attenuation {
  readonly resource: string;
  readonly ability: string;
  readonly caveated: boolean;
}

/** The members of `att` in their order. Throws `token_malformed`. */
export function parseAttenuations(att: JsonValue | undefined): Attenuation[] {
  if (!isObject(att)) throw malformed("att is not an object");
  const attenuations: Attenuation[] = [];
  for (const resource of Object.keys(att)) {
    const abilities = member(att, resource);
    if (!isObject(abilities)) throw malformed("an entry of att is not an object");
    for (const ability of Object.keys(abilities)) {
      const caveats = member(abilities, ability);
      attenuations.push({ resource, ability, caveated: isCaveated(caveats) });
    }
  }
  return attenuations;
}

/** A list that holds only empty objects means "none" (wire §3.1, U6). */
function isCaveated(caveats: JsonValue | undefined): boolean {
  if (!isArray(caveats) || caveats.length === 0) {
    throw malformed("caveats are not a list with an entry");
  }
  const objects = caveats.filter(isObject);
  if (objects.length < caveats.length) throw malformed("a caveat is not an object");
  return objects.some((caveat: JsonObject) => Object.keys(caveat).length > 0);
}

/**
 * Capabilities in canonical form, each once, in token order. Where two spellings of one resource
 * meet, their caveats do too: one that is not understood outweighs none. Throws `token_malformed`.
 */
export function capabilitiesOf(attenuations: readonly Attenuation[]): Capability[] {
  const capabilities = new Map<string, Capability>();
  const resources = new Map<string, Resource>();
  // A resource stands in keys by its number: the platform hashes texts of 16 Ki and more by length.
  const numbers = new Map<string, number>();
  for (const { resource: text, ability: name, caveated } of attenuations) {
    const resource = resources.get(text) ?? parseResource(text);
    resources.set(text, resource);
    const ability: Ability = parseAbility(name);
    const number = numbers.get(resource.uri) ?? numbers.size;
    numbers.set(resource.uri, number);
    const key = `${number} ${ability}`;
    const isCaveated = caveated || capabilities.get(key)?.caveated === true;
    capabilities.set(key, { resource, ability, caveated: isCaveated });
  }
  return [...capabilities.values()];
}
