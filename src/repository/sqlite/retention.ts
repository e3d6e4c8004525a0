// What `retention.events` removes (configuration.md): events that a later one has replaced, and
// delegations that expired. `../retention.ts` says in which order, and that nothing cites them.

import type { Cid } from "../../tokens/cid.ts";
import { proofsOf } from "../citations.ts";
import type { Step } from "../repository.ts";
import type { Database } from "./database.ts";
import { cid, cids, isNull, number, type Row, text } from "../rows.ts";

const LAST_CHANGE = `
  SELECT at FROM event
  WHERE seq > (SELECT max(seq) FROM event) - 1000 AND kind IN ('put', 'del')
  ORDER BY seq DESC LIMIT 1`;

// A key that has a value was last changed by the value's event, one that has none by a deletion. An
// event without a later one stays, also where its value got lost: `check` finds that by it.
const EVENTS = `
  SELECT v.seq, v.at < ? AND v.kind IN ('put', 'del') AND (
    EXISTS (
      SELECT 1 FROM entry e WHERE e.space_no = v.space_no AND e.key = v.key AND e.seq > v.seq)
    OR EXISTS (
      SELECT 1 FROM event l
      WHERE l.kind = 'del' AND l.space_no = v.space_no AND l.key = v.key AND l.seq > v.seq)
    ) AS is_replaced
  FROM event v WHERE v.seq > ? ORDER BY v.seq LIMIT ?`;
const FORGET_EVENTS = "DELETE FROM event WHERE seq IN (SELECT value FROM json_each(?))";

const IS_FORGETTABLE = `d.expires_at < ?1 AND d.host = 0
  AND NOT EXISTS (SELECT 1 FROM revocation r WHERE r.identity = d.identity)`;
const EXPIRED = `
  SELECT d.position, d.cid, ifnull(${IS_FORGETTABLE}, 0) AS is_forgettable
  FROM delegation d WHERE d.position > ?2 ORDER BY d.position LIMIT ?3`;
const CITATIONS = `
  SELECT v.seq, v.token, d.proofs, d.ancestors
  FROM event v LEFT JOIN delegation d ON d.position = v.seq
  WHERE v.seq > ? ORDER BY v.seq LIMIT ?`;

const FORGETTABLE = `
  SELECT d.position, d.delegator, d.expires_at
  FROM json_each(?2) c CROSS JOIN delegation d ON d.cid = c.value
  WHERE ${IS_FORGETTABLE}`;
// A count is of those that were unexpired at its instant, so this one may be among them.
const UNCOUNT = `
  UPDATE delegation_count SET live = live - 1
  WHERE scope IN (SELECT s.scope FROM delegation_scope s WHERE s.position = ?1)
    AND delegator IN ('', ?2) AND at < ?3`;
const FORGET_SCOPES = "DELETE FROM delegation_scope WHERE position = ?";
const FORGET_DELEGATION = "DELETE FROM delegation WHERE position = ?";
const FORGET_EVENT = "DELETE FROM event WHERE seq = ?";

export function lastChange(database: Database): number | undefined {
  const row = database.one(LAST_CHANGE);
  return row === undefined ? undefined : number(row, "at");
}

/** Within a transaction, as `forgetDelegations`. */
export function forgetReplaced(
  database: Database,
  before: number,
  after: number,
  limit: number,
): Step<number> {
  const rows = database.all(EVENTS, before, after, limit);
  const replaced = rows.filter((row) => number(row, "is_replaced") === 1);
  const found = replaced.length === 0
    ? 0
    : database.run(FORGET_EVENTS, JSON.stringify(replaced.map((row) => number(row, "seq"))));
  return { found, ...next(rows, limit, "seq") };
}

export function expiredDelegations(
  database: Database,
  before: number,
  after: number,
  limit: number,
): Step<readonly Cid[]> {
  const rows = database.all(EXPIRED, before, after, limit);
  const found = rows.filter((row) => number(row, "is_forgettable") === 1);
  return { found: found.map((row) => cid(row, "cid")), ...next(rows, limit, "position") };
}

export function citations(
  database: Database,
  after: number,
  limit: number,
): Step<readonly Cid[]> {
  const rows = database.all(CITATIONS, after, limit);
  const found = rows.flatMap((row) =>
    isNull(row, "proofs")
      ? proofsOf(text(row, "token"))
      : [...cids(row, "proofs"), ...cids(row, "ancestors")]
  );
  return { found, ...next(rows, limit, "seq") };
}

export function forgetDelegations(
  database: Database,
  asked: readonly Cid[],
  before: number,
): number {
  const rows = database.all(FORGETTABLE, before, JSON.stringify(asked));
  for (const row of rows) {
    const position = number(row, "position");
    database.run(UNCOUNT, position, text(row, "delegator"), number(row, "expires_at"));
    database.run(FORGET_SCOPES, position);
    database.run(FORGET_DELEGATION, position);
    database.run(FORGET_EVENT, position);
  }
  return rows.length;
}

function next(rows: readonly Row[], limit: number, column: string): { next?: number } {
  const last = rows.at(-1);
  return last === undefined || rows.length < limit ? {} : { next: number(last, column) };
}
