// Erasing a space (repository.ts): each function is one bounded transaction under the lock of the
// space, and does nothing unless that is in the state `erasing`. Which delegations must stay, and why,
// stands in ../sqlite/erase.ts.

import type { SpaceId } from "../../capabilities/space_id.ts";
import type { Step } from "../repository.ts";
import { cid, number, type Row, text } from "../rows.ts";
import { unrefer } from "./blocks.ts";
import { listOf, type Server, type Session } from "./server.ts";
import { changed, lockNode, touch } from "./spaces.ts";

const LOCK = "SELECT no FROM space WHERE id = ? AND closed = 'erasing' FOR UPDATE";
const ENTRIES = `
  SELECT e."key", e.hash, e.held, CASE WHEN e.inline IS NULL THEN 1 ELSE 0 END AS is_block
  FROM entry e WHERE e.space_no = ? ORDER BY e."key" LIMIT ?`;
const LAST_EVENT = "SELECT coalesce(max(seq), 0) AS seq FROM event";
const ERASE_EVENTS = "DELETE FROM event WHERE seq > ? AND seq <= ? AND space_no = ?";

const IS_SHARED = `EXISTS (
  SELECT 1 FROM delegation_scope o WHERE o.position = s.position AND o.scope <> s.scope)`;
const OWN = `
  SELECT s.position, d.cid, d.delegatee, CASE WHEN ${IS_SHARED} THEN 1 ELSE 0 END AS is_shared
  FROM delegation_scope s JOIN delegation d ON d.position = s.position
  WHERE s.scope = ? AND s.position < ? ORDER BY s.position DESC LIMIT ?`;
const CHILDREN = "SELECT position FROM delegation WHERE delegator = ? AND parents LIKE ? LIMIT ?";
const FORGET_COUNTS = "DELETE FROM delegation_count WHERE scope = ?";

const LEFT = `
  SELECT (SELECT count(*) FROM entry e WHERE e.space_no = s.no) +
    (SELECT count(*) FROM block b WHERE b.space_no = s.no AND b.buried_at IS NULL) AS parts
  FROM space s WHERE s.no = ?`;
const BLOCKS_A_STEP = 10_000;
const ERASE_SPACE = "DELETE FROM space WHERE no = ?";
const UNCOUNT = "UPDATE node SET spaces = spaces - 1, changes = changes + 1 WHERE id = 1";

export async function eraseKeys(
  server: Server,
  space: SpaceId,
  limit: number,
  now: number,
): Promise<number> {
  return await server.transaction(async (session) => {
    const spaceNo = await lockErasing(session, space);
    if (spaceNo === undefined) return 0;
    const rows = await session.all(ENTRIES, spaceNo, limit);
    if (rows.length === 0) return 0;
    const { marks, values } = listOf(rows.map((row) => text(row, "key")));
    await session.run(
      `DELETE FROM entry WHERE space_no = ? AND "key" IN ${marks}`,
      spaceNo,
      ...values,
    );
    let held = 0;
    for (const row of rows) {
      if (number(row, "is_block") === 1) await unrefer(session, spaceNo, text(row, "hash"));
      held += number(row, "held");
    }
    await changed(session, spaceNo, -held, now);
    return rows.length;
  });
}

export async function eraseEvents(
  server: Server,
  space: SpaceId,
  after: number,
  limit: number,
): Promise<Step<number>> {
  return await server.transaction(async (session) => {
    const spaceNo = await lockErasing(session, space);
    if (spaceNo === undefined) return { found: 0 };
    const until = after + limit;
    const found = await session.run(ERASE_EVENTS, after, until, spaceNo);
    await touch(session, spaceNo);
    const last = await session.one(LAST_EVENT);
    const isEnd = last === undefined || until >= number(last, "seq");
    return { found, ...(isEnd ? {} : { next: until }) };
  });
}

export async function eraseDelegations(
  server: Server,
  space: SpaceId,
  after: number,
  limit: number,
): Promise<Step<number>> {
  return await server.transaction(async (session) => {
    const spaceNo = await lockErasing(session, space);
    if (spaceNo === undefined) return { found: 0 };
    const before = after === 0 ? Number.MAX_SAFE_INTEGER : after;
    const rows = await session.all(OWN, space, before, limit);
    const gone = new Set<number>();
    for (const row of rows) {
      if (number(row, "is_shared") === 1 || await isCited(session, row, gone)) continue;
      gone.add(number(row, "position"));
    }
    if (gone.size > 0) await erasePositions(session, [...gone]);
    await session.run(FORGET_COUNTS, space);
    await touch(session, spaceNo);
    const last = rows.at(-1);
    const isEnd = last === undefined || rows.length < limit;
    return { found: gone.size, ...(isEnd ? {} : { next: number(last, "position") }) };
  });
}

/** By others than those. Whoever accepts what rests on it holds the lock of this space (accept.ts). */
async function isCited(session: Session, row: Row, gone: ReadonlySet<number>): Promise<boolean> {
  const cited = `%"${cid(row, "cid")}"%`;
  const children = await session.all(CHILDREN, text(row, "delegatee"), cited, gone.size + 1);
  return children.some((child) => !gone.has(number(child, "position")));
}

async function erasePositions(session: Session, positions: readonly number[]): Promise<void> {
  const { marks, values } = listOf(positions);
  await session.run(`DELETE FROM delegation_scope WHERE position IN ${marks}`, ...values);
  await session.run(`DELETE FROM delegation WHERE position IN ${marks}`, ...values);
  await session.run(`DELETE FROM event WHERE seq IN ${marks}`, ...values);
}

export async function eraseSpace(server: Server, space: SpaceId): Promise<boolean> {
  let isDone: boolean | undefined;
  while (isDone === undefined) isDone = await eraseStep(server, space);
  return isDone;
}

/** Undefined: there are more of its blocks to remove first. */
async function eraseStep(server: Server, space: SpaceId): Promise<boolean | undefined> {
  const eraseBlocks = server.dialect.deleteSome("block", "grave", "space_no = ?", "hash");
  let isDone = false;
  return await server.transaction(async (session) => {
    await lockNode(session);
    const spaceNo = await lockErasing(session, space);
    // Gone since the commit of which nobody knew whether it took place.
    if (spaceNo === undefined) return isDone;
    const left = await session.one(LEFT, spaceNo);
    if (left === undefined || number(left, "parts") > 0) return false;
    const blocks = await session.run(eraseBlocks, spaceNo, BLOCKS_A_STEP);
    if (blocks === BLOCKS_A_STEP) return undefined;
    await session.run(ERASE_SPACE, spaceNo);
    await session.run(UNCOUNT);
    isDone = true;
    return true;
  });
}

async function lockErasing(session: Session, space: SpaceId): Promise<number | undefined> {
  const row = await session.one(LOCK, space);
  return row === undefined ? undefined : number(row, "no");
}
