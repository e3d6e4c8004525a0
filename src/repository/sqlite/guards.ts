// What is judged inside a commit, whatever else it does: token unused, chain unrevoked, in time.

import type { Identity } from "../../tokens/cid.ts";
import type { GuardRefusal, Guards } from "../repository.ts";
import type { Database } from "./database.ts";

const IS_REVOKED = "SELECT 1 FROM revocation WHERE identity = ?";

/** SQL: the token is unused and nothing of its chain revoked; takes what `guardValues` gives. */
export const IN_ORDER = `
  NOT EXISTS (SELECT 1 FROM used_token WHERE guard = unhex(?))
  AND NOT EXISTS (SELECT 1 FROM json_each(?) i CROSS JOIN revocation r ON r.identity = i.value)`;
const ARE_IN_ORDER = `SELECT 1 WHERE ${IN_ORDER}`;

export function guardValues({ use, unrevoked }: Guards): readonly [string | null, string] {
  return [use?.key ?? null, JSON.stringify(unrevoked)];
}

/** Is there nothing to refuse? One trip, where `judge` takes one for each guard. */
export function areInOrder(database: Database, guards: Guards, now: number): boolean {
  return now < (guards.validUntil ?? Infinity) &&
    database.one(ARE_IN_ORDER, ...guardValues(guards)) !== undefined;
}

/** The first guard that refuses, in the port's order. */
export function judge(
  database: Database,
  isUsed: (key: string) => boolean,
  guards: Guards,
  now: number,
): GuardRefusal | undefined {
  if (guards.use !== undefined && isUsed(guards.use.key)) return { kind: "duplicate" };
  const identities = revokedOf(database, guards.unrevoked);
  if (identities.length > 0) return { kind: "revoked", identities };
  const { validUntil } = guards;
  if (validUntil !== undefined && now >= validUntil) return { kind: "expired" };
  return undefined;
}

/** Those that are revoked, in the order given. */
export function revokedOf(
  database: Database,
  identities: readonly Identity[],
): readonly Identity[] {
  return identities.filter((identity) => database.one(IS_REVOKED, identity) !== undefined);
}
