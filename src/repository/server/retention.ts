// What `retention.events` removes (configuration.md). `../retention.ts` says in which order, and that
// nothing cites what goes.

import type { Cid } from "../../tokens/cid.ts";
import { EVERYBODY } from "../accept_rules.ts";
import { proofsOf } from "../citations.ts";
import type { Step } from "../repository.ts";
import { cid, cids, isNull, number, type Row, text } from "../rows.ts";
import { listOf, type Session } from "./server.ts";

const LAST_CHANGE = `
  SELECT at FROM event
  WHERE seq > (SELECT max(seq) FROM event) - 1000 AND kind IN ('put', 'del')
  ORDER BY seq DESC LIMIT 1`;
// An event without a later one stays, also where its value got lost: `check` finds that by it.
const EVENTS = `
  SELECT v.seq, CASE WHEN v.at < ? AND v.kind IN ('put', 'del') AND (
    EXISTS (
      SELECT 1 FROM entry e WHERE e.space_no = v.space_no AND e."key" = v."key" AND e.seq > v.seq)
    OR EXISTS (
      SELECT 1 FROM event l
      WHERE l.kind = 'del' AND l.space_no = v.space_no AND l."key" = v."key" AND l.seq > v.seq)
    ) THEN 1 ELSE 0 END AS is_replaced
  FROM event v WHERE v.seq > ? ORDER BY v.seq LIMIT ?`;

const IS_FORGETTABLE = `d.expires_at < ? AND d.host = 0
  AND NOT EXISTS (SELECT 1 FROM revocation r WHERE r.identity = d.identity)`;
const EXPIRED = `
  SELECT d.position, d.cid, CASE WHEN ${IS_FORGETTABLE} THEN 1 ELSE 0 END AS is_forgettable
  FROM delegation d WHERE d.position > ? ORDER BY d.position LIMIT ?`;
const CITATIONS = `
  SELECT v.seq, v.token, d.proofs, d.ancestors
  FROM event v LEFT JOIN delegation d ON d.position = v.seq
  WHERE v.seq > ? ORDER BY v.seq LIMIT ?`;

const SCOPES = "SELECT scope FROM delegation_scope WHERE position = ? ORDER BY scope";
const FORGET_SCOPES = "DELETE FROM delegation_scope WHERE position = ?";
const FORGET_DELEGATION = "DELETE FROM delegation WHERE position = ?";
const FORGET_EVENT = "DELETE FROM event WHERE seq = ?";

export async function lastChange(session: Session): Promise<number | undefined> {
  const row = await session.one(LAST_CHANGE);
  return row === undefined ? undefined : number(row, "at");
}

/** Within a transaction, as `forgetDelegations`. */
export async function forgetReplaced(
  session: Session,
  before: number,
  after: number,
  limit: number,
): Promise<Step<number>> {
  const rows = await session.all(EVENTS, before, after, limit);
  const replaced = rows.filter((row) => number(row, "is_replaced") === 1)
    .map((row) => number(row, "seq"));
  const { marks, values } = listOf(replaced);
  const found = replaced.length === 0
    ? 0
    : await session.run(`DELETE FROM event WHERE seq IN ${marks}`, ...values);
  return { found, ...next(rows, limit, "seq") };
}

export async function expiredDelegations(
  session: Session,
  before: number,
  after: number,
  limit: number,
): Promise<Step<readonly Cid[]>> {
  const rows = await session.all(EXPIRED, before, after, limit);
  const found = rows.filter((row) => number(row, "is_forgettable") === 1);
  return { found: found.map((row) => cid(row, "cid")), ...next(rows, limit, "position") };
}

export async function citations(
  session: Session,
  after: number,
  limit: number,
): Promise<Step<readonly Cid[]>> {
  const rows = await session.all(CITATIONS, after, limit);
  const found = rows.flatMap((row) =>
    isNull(row, "proofs")
      ? proofsOf(text(row, "token"))
      : [...cids(row, "proofs"), ...cids(row, "ancestors")]
  );
  return { found, ...next(rows, limit, "seq") };
}

export async function forgetDelegations(
  session: Session,
  asked: readonly Cid[],
  before: number,
): Promise<number> {
  const { marks, values } = listOf(asked);
  const rows = await session.all(
    `SELECT d.position, d.delegator, d.expires_at FROM delegation d
     WHERE d.cid IN ${marks} AND ${IS_FORGETTABLE}`,
    ...values,
    before,
  );
  for (const row of rows) {
    const position = number(row, "position");
    const scopes = (await session.all(SCOPES, position)).map((scope) => text(scope, "scope"));
    // A count is of those that were unexpired at its instant, so this one may be among them.
    const inScopes = listOf(scopes);
    await session.run(
      `UPDATE delegation_count SET live = live - 1
       WHERE scope IN ${inScopes.marks} AND delegator IN (?, ?) AND at < ?`,
      ...inScopes.values,
      EVERYBODY,
      text(row, "delegator"),
      number(row, "expires_at"),
    );
    await session.run(FORGET_SCOPES, position);
    await session.run(FORGET_DELEGATION, position);
    await session.run(FORGET_EVENT, position);
  }
  return rows.length;
}

function next(rows: readonly Row[], limit: number, column: string): { next?: number } {
  const last = rows.at(-1);
  return last === undefined || rows.length < limit ? {} : { next: number(last, column) };
}
