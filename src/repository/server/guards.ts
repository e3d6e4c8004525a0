// What is judged inside a commit, whatever else it does: token unused, chain unrevoked, in time.
//
// A guard is stored with the attempt that used it up: a random number of one call of the port. After a
// commit of which nobody knows whether it took place, the call runs again and finds its own attempt.

import type { Identity } from "../../tokens/cid.ts";
import type { GuardRefusal, Guards, UseGuard } from "../repository.ts";
import { identity, type Row, text } from "../rows.ts";
import type { Value } from "./driver.ts";
import { listOf, type Server, type Session } from "./server.ts";

/** What is known of the guards of a call. */
export interface Standings {
  /** The token was used up: by this very call, or another. */
  readonly used?: "here" | "elsewhere";
  readonly revoked: readonly Identity[];
}

export function newAttempt(): string {
  return crypto.randomUUID();
}

export function guardBytes({ key }: Pick<UseGuard, "key">): Uint8Array {
  return Uint8Array.fromHex(key);
}

/** SQL of one column, `attempt`, and its value: the attempt that used the token up, or NULL. */
export function attemptColumn(
  use: Pick<UseGuard, "key"> | undefined,
): { readonly sql: string; readonly values: readonly Value[] } {
  if (use === undefined) return { sql: "NULL AS attempt", values: [] };
  return {
    sql: "(SELECT u.attempt FROM used_token u WHERE u.guard = ?) AS attempt",
    values: [guardBytes(use)],
  };
}

export function usedOf(row: Row, attempt: string): Standings["used"] {
  if (row["attempt"] === null) return undefined;
  return text(row, "attempt") === attempt ? "here" : "elsewhere";
}

/** The first guard that refuses, in the port's order. */
export function judge(
  { used, revoked }: Standings,
  { validUntil }: Guards,
  now: number,
): GuardRefusal | undefined {
  if (used !== undefined) return { kind: "duplicate" };
  if (revoked.length > 0) return { kind: "revoked", identities: revoked };
  if (validUntil !== undefined && now >= validUntil) return { kind: "expired" };
  return undefined;
}

export async function standingsOf(
  session: Session,
  { use, unrevoked }: Guards,
  attempt: string,
): Promise<Standings> {
  const { sql, values } = attemptColumn(use);
  const row = use === undefined ? undefined : await session.one(`SELECT ${sql}`, ...values);
  const used = row === undefined ? undefined : usedOf(row, attempt);
  const revoked = await revokedOf(session, unrevoked);
  return { ...(used === undefined ? {} : { used }), revoked };
}

/** Those that are revoked, in the order given. */
export async function revokedOf(
  session: Session,
  identities: readonly Identity[],
): Promise<readonly Identity[]> {
  if (identities.length === 0) return [];
  const { marks, values } = listOf(identities);
  const rows = await session.all(
    `SELECT identity FROM revocation WHERE identity IN ${marks}`,
    ...values,
  );
  const revoked = new Set(rows.map((row) => identity(row, "identity")));
  return identities.filter((each) => revoked.has(each));
}

/** Within a transaction; false when another call has used it up meanwhile. */
export async function use(
  { dialect }: Server,
  session: Session,
  guard: UseGuard,
  attempt: string,
): Promise<boolean> {
  const sql = dialect.insertOrIgnore("used_token", ["guard", "attempt", "expires_at"]);
  return await session.run(sql, guardBytes(guard), attempt, guard.expiresAt) > 0;
}
