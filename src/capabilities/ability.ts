// Abilities (wire §1): `namespace/name`, compared exactly, without wildcards.

import { malformed } from "../errors.ts";
import { MAX_NAME_LENGTH } from "../limits.ts";

declare const abilityBrand: unique symbol;
export type Ability = string & { readonly [abilityBrand]: true };

const ABILITY = /^[A-Za-z0-9\-_.+*]+\/[A-Za-z0-9\-_.+*]+$/;

/** Throws `token_malformed`. */
export function parseAbility(text: string): Ability {
  if (text.length > MAX_NAME_LENGTH) throw malformed("an ability is too long");
  if (!ABILITY.test(text)) throw malformed("an ability is not namespace/name");
  return text as Ability;
}

/** The one name of an ability that has two. */
export function canonicalAbility(ability: Ability): Ability {
  return ability === "tinycloud.kv/delete" ? "tinycloud.kv/del" as Ability : ability;
}
