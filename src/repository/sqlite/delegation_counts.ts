// How many delegations of a scope are unexpired. A token may name hundreds of scopes that hold
// thousands each, so they are not counted one by one: a stored count is brought up to date by what
// has expired since, and each delegation expires once.

import type { Principal } from "../../tokens/did.ts";
import { EVERYBODY } from "../accept_rules.ts";
import type { Database, Value } from "./database.ts";
import { number } from "../rows.ts";

const FIND = "SELECT live, at FROM delegation_count WHERE scope = ? AND delegator = ?";
const BETWEEN = `
  SELECT count(*) AS count FROM delegation_scope
  WHERE scope = ? AND until > ? AND until <= ?`;
const BETWEEN_BY = `
  SELECT count(*) AS count FROM delegation_scope
  WHERE scope = ? AND delegator = ? AND until > ? AND until <= ?`;
const KEEP = `
  INSERT INTO delegation_count (scope, delegator, live, at) VALUES (?, ?, ?, ?)
  ON CONFLICT (scope, delegator) DO UPDATE SET live = excluded.live, at = excluded.at`;

const WRONG = `
  SELECT n.scope, n.delegator, n.live, (
    SELECT count(*) FROM delegation_scope s
    WHERE s.scope = n.scope AND n.delegator IN ('', s.delegator) AND s.until > n.at) AS counted
  FROM delegation_count n`;
/** Counts that are not what the delegations say. */
export const WRONG_COUNTS = `SELECT scope, live, counted FROM (${WRONG}) WHERE live <> counted`;
/** Forgets them, so that they are counted anew. */
export const FORGET_WRONG_COUNTS = `
  DELETE FROM delegation_count WHERE (scope, delegator) IN
    (SELECT scope, delegator FROM (${WRONG}) WHERE live <> counted)`;

/** Within a transaction. Exact, also when the clock has gone back. */
export function countUnexpired(
  database: Database,
  scope: string,
  delegator: Principal | typeof EVERYBODY,
  now: number,
): number {
  const row = database.one(FIND, scope, delegator);
  const known = row === undefined ? 0 : number(row, "live");
  const live = known +
    (row === undefined
      ? between(database, scope, delegator, now, Infinity)
      : change(database, scope, delegator, number(row, "at"), now));
  // What it cost to find out is not paid again, even when the delegation is refused.
  if (live !== known) keepCount(database, scope, delegator, live, now);
  return live;
}

/** Within a transaction: so many are unexpired now. */
export function keepCount(
  database: Database,
  scope: string,
  delegator: Principal | typeof EVERYBODY,
  live: number,
  now: number,
): void {
  database.run(KEEP, scope, delegator, live, now);
}

function change(
  database: Database,
  scope: string,
  delegator: string,
  at: number,
  now: number,
): number {
  return at <= now
    ? -between(database, scope, delegator, at, now)
    : between(database, scope, delegator, now, at);
}

/** How many expire after one instant, until and with another. */
function between(
  database: Database,
  scope: string,
  delegator: string,
  after: number,
  until: number,
): number {
  const values: Value[] = delegator === EVERYBODY ? [scope] : [scope, delegator];
  const sql = delegator === EVERYBODY ? BETWEEN : BETWEEN_BY;
  const row = database.one(sql, ...values, after, until);
  return row === undefined ? 0 : number(row, "count");
}
