// Erasing a space (repository.ts): each function is one bounded step within a transaction, and does
// nothing unless the space is in the state `erasing`. Nobody uses it then, so nothing comes in again.

import type { SpaceId } from "../../capabilities/space_id.ts";
import type { Step } from "../repository.ts";
import { cid, number, text } from "../rows.ts";
import { unrefer } from "./blocks.ts";
import type { Database } from "./database.ts";
import { changed } from "./spaces.ts";

const ERASING = "SELECT no FROM space WHERE id = ? AND closed = 'erasing'";
const ENTRIES = `
  SELECT e.id, e.hash, e.held, e.inline IS NULL AS is_block
  FROM entry e WHERE e.space_no = ? ORDER BY e.key LIMIT ?`;
const ERASE_ENTRY = "DELETE FROM entry WHERE id = ?";
const LAST_EVENT = "SELECT coalesce(max(seq), 0) AS seq FROM event";
const ERASE_EVENTS = "DELETE FROM event WHERE seq > ? AND seq <= ? AND space_no = ?";

const IS_SHARED = `EXISTS (
  SELECT 1 FROM delegation_scope o WHERE o.position = s.position AND o.scope <> s.scope)`;
const OWN = `
  SELECT s.position, d.cid, d.delegatee, ${IS_SHARED} AS is_shared
  FROM delegation_scope s JOIN delegation d ON d.position = s.position
  WHERE s.scope = ? AND s.position < ? ORDER BY s.position DESC LIMIT ?`;
// Only its delegatee can have delegated on what it gives.
const CHILD = "SELECT 1 FROM delegation WHERE delegator = ? AND parents LIKE ? LIMIT 1";
const ERASE_SCOPES = "DELETE FROM delegation_scope WHERE position = ?";
const ERASE_DELEGATION = "DELETE FROM delegation WHERE position = ?";
const ERASE_EVENT = "DELETE FROM event WHERE seq = ?";
const FORGET_COUNTS = "DELETE FROM delegation_count WHERE scope = ?";

// What a key refers to is there with the key; of the rest, none is looked at that is buried.
const IS_LEFT = `
  SELECT 1 WHERE EXISTS (SELECT 1 FROM entry WHERE space_no = ?1)
    OR EXISTS (SELECT 1 FROM block WHERE space_no = ?1 AND refs = 0 AND grave IS NULL)
    OR EXISTS (
      SELECT 1 FROM block INDEXED BY block_unburied
      WHERE grave IS NOT NULL AND buried_at IS NULL AND space_no = ?1)`;
const ERASE_BLOCKS = `
  DELETE FROM block WHERE (space_no, hash) IN
    (SELECT space_no, hash FROM block WHERE space_no = ? LIMIT ?)`;
const BLOCKS_A_STEP = 5_000;
const ERASE_SPACE = "DELETE FROM space WHERE no = ?";
const UNCOUNT = "UPDATE node SET spaces = spaces - 1 WHERE id = 1";

export function eraseKeys(database: Database, space: SpaceId, limit: number, now: number): number {
  const spaceNo = erasing(database, space);
  if (spaceNo === undefined) return 0;
  const rows = database.all(ENTRIES, spaceNo, limit);
  let held = 0;
  for (const row of rows) {
    database.run(ERASE_ENTRY, number(row, "id"));
    if (number(row, "is_block") === 1) unrefer(database, spaceNo, text(row, "hash"));
    held += number(row, "held");
  }
  if (rows.length > 0) changed(database, spaceNo, -held, now);
  return rows.length;
}

export function eraseEvents(
  database: Database,
  space: SpaceId,
  after: number,
  limit: number,
): Step<number> {
  const spaceNo = erasing(database, space);
  if (spaceNo === undefined) return { found: 0 };
  const until = after + limit;
  const found = database.run(ERASE_EVENTS, after, until, spaceNo);
  const last = database.one(LAST_EVENT);
  const isEnd = last === undefined || until >= number(last, "seq");
  return { found, ...(isEnd ? {} : { next: until }) };
}

/**
 * Newest first: what rests on a delegation came after it, so it is gone by then, or stays. It may name
 * other spaces alone: who delegates cites more than is needed.
 */
export function eraseDelegations(
  database: Database,
  space: SpaceId,
  after: number,
  limit: number,
): Step<number> {
  if (erasing(database, space) === undefined) return { found: 0 };
  const rows = database.all(OWN, space, after === 0 ? Number.MAX_SAFE_INTEGER : after, limit);
  let found = 0;
  for (const row of rows) {
    const cited = `%"${cid(row, "cid")}"%`;
    const isCited = () => database.one(CHILD, text(row, "delegatee"), cited) !== undefined;
    if (number(row, "is_shared") === 1 || isCited()) continue;
    const position = number(row, "position");
    for (const sql of [ERASE_SCOPES, ERASE_DELEGATION, ERASE_EVENT]) database.run(sql, position);
    found++;
  }
  // Whoever needs them counts anew.
  database.run(FORGET_COUNTS, space);
  const last = rows.at(-1);
  const isEnd = last === undefined || rows.length < limit;
  return { found, ...(isEnd ? {} : { next: number(last, "position") }) };
}

/** Undefined: there are more of its blocks to remove first. */
export function eraseSpace(database: Database, space: SpaceId): boolean | undefined {
  const spaceNo = erasing(database, space);
  if (spaceNo === undefined || database.one(IS_LEFT, spaceNo) !== undefined) return false;
  if (database.run(ERASE_BLOCKS, spaceNo, BLOCKS_A_STEP) === BLOCKS_A_STEP) return undefined;
  database.run(ERASE_SPACE, spaceNo);
  database.run(UNCOUNT);
  return true;
}

function erasing(database: Database, space: SpaceId): number | undefined {
  const row = database.one(ERASING, space);
  return row === undefined ? undefined : number(row, "no");
}
