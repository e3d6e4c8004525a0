// What is judged inside a commit, whatever else it does: token unused, chain unrevoked, in time.

import type { Identity } from "../../tokens/cid.ts";
import type { GuardRefusal, Guards } from "../repository.ts";
import type { Database } from "./database.ts";

const IS_REVOKED = "SELECT 1 FROM revocation WHERE identity = ?";

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
