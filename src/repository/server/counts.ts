// How many delegations of a scope are unexpired (../sqlite/delegation_counts.ts says why they are
// counted so). Within a transaction throughout, which locks the counts it asks for.

import { EVERYBODY } from "../accept_rules.ts";
import type { Principal } from "../../tokens/did.ts";
import type { NewDelegation } from "../repository.ts";
import { number, text } from "../rows.ts";
import { listOf, type Server, type Session } from "./server.ts";

/** `until` of what never expires: no engine's largest number is larger. */
export const NEVER = Number.MAX_VALUE;

const COLUMNS = ["scope", "delegator", "live", "at"] as const;

export interface Counts {
  /** Unexpired in the scope at the asked instant: one delegator's, or everybody's. */
  of(scope: string, delegator: Principal | typeof EVERYBODY): number;
  /** Stores a new count of that instant. */
  keep(scope: string, delegator: Principal | typeof EVERYBODY, live: number): Promise<void>;
}

/** Exact, also when the clock has gone back. Scopes are locked in one order for all. */
export async function countUnexpired(
  server: Server,
  session: Session,
  asked: NewDelegation["scopes"],
  delegator: Principal,
  now: number,
): Promise<Counts> {
  const counts = new Map<string, number>();
  if (asked.length > 0) {
    await addMissing(server, session, asked, delegator, now);
    const scopes = [...new Set(asked.map(({ scope }) => scope))];
    const { marks, values } = listOf(scopes);
    await session.all(
      `SELECT scope FROM delegation_count WHERE scope IN ${marks} AND delegator IN (?, ?)
       ORDER BY scope, delegator FOR UPDATE`,
      ...values,
      EVERYBODY,
      delegator,
    );
    // A number is made of what one driver sends as text: `least` of a text would compare digits.
    const rows = await session.all(
      `SELECT n.scope, n.delegator, n.live, n.at, (
         SELECT count(*) FROM delegation_scope s
         WHERE s.scope = n.scope AND s.until > least(n.at, ? + 0e0) AND s.until <= greatest(n.at, ? + 0e0)
           AND (n.delegator = ? OR s.delegator = n.delegator)) AS between_them
       FROM delegation_count n WHERE n.scope IN ${marks} AND n.delegator IN (?, ?)`,
      now,
      now,
      EVERYBODY,
      ...values,
      EVERYBODY,
      delegator,
    );
    for (const row of rows) {
      const name = nameOf(text(row, "scope"), text(row, "delegator"));
      const [live, between] = [number(row, "live"), number(row, "between_them")];
      counts.set(name, number(row, "at") <= now ? live - between : live + between);
    }
  }
  return {
    of: (scope, whose) => counts.get(nameOf(scope, whose)) ?? 0,
    async keep(scope, whose, live) {
      const sql = server.dialect.upsert("delegation_count", ["scope", "delegator"], COLUMNS);
      await session.run(sql, scope, whose, live, now);
      counts.set(nameOf(scope, whose), live);
    },
  };
}

/** Counts what has no row yet; where another transaction does so just now, it is waited for. */
async function addMissing(
  { dialect }: Server,
  session: Session,
  asked: NewDelegation["scopes"],
  delegator: Principal,
  now: number,
): Promise<void> {
  const scopes = asked.toSorted((a, b) => a.scope < b.scope ? -1 : 1);
  const { marks, values } = listOf(scopes.map(({ scope }) => scope));
  const rows = await session.all(
    `SELECT scope, delegator FROM delegation_count
     WHERE scope IN ${marks} AND delegator IN (?, ?)`,
    ...values,
    EVERYBODY,
    delegator,
  );
  const known = new Set(rows.map((row) => nameOf(text(row, "scope"), text(row, "delegator"))));
  for (const { scope, owned } of scopes) {
    // An owner is not bound, and so not counted.
    for (const whose of owned ? [EVERYBODY] : [EVERYBODY, delegator]) {
      if (known.has(nameOf(scope, whose))) continue;
      known.add(nameOf(scope, whose));
      const row = await session.one(
        `SELECT count(*) AS count FROM delegation_scope s
         WHERE s.scope = ? AND s.until > ? AND (? = ? OR s.delegator = ?)`,
        scope,
        now,
        whose,
        EVERYBODY,
        whose,
      );
      const live = row === undefined ? 0 : number(row, "count");
      await session.run(
        dialect.insertOrIgnore("delegation_count", COLUMNS),
        scope,
        whose,
        live,
        now,
      );
    }
  }
}

function nameOf(scope: string, delegator: string): string {
  return `${scope} ${delegator}`;
}
