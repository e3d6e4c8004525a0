// Hosted spaces, and the lock under which everything in one changes.
//
// The lock is that of the space's row. What is decided under it is written with a change to the row,
// also where nothing else of it changes: in a cluster whose servers do not share their locks, that is
// what makes two such transactions conflict when they commit.

import type { SpaceId } from "../../capabilities/space_id.ts";
import type { Principal } from "../../tokens/did.ts";
import { type Hosting, hostingOf } from "../accept_rules.ts";
import { isNull, number, spaceId, text } from "../rows.ts";
import { listOf, type Session } from "./server.ts";

const LOCK = "SELECT no FROM space WHERE id = ? FOR UPDATE";
const TOUCH = "UPDATE space SET changes = changes + 1 WHERE no = ?";
const CHANGED =
  "UPDATE space SET used = used + ?, changes = changes + 1, changed_at = ? WHERE no = ?";
const TOTAL = "SELECT coalesce(sum(used), 0) AS total FROM space";
const LOCK_NODE = "SELECT spaces FROM node WHERE id = 1 FOR UPDATE";
const TOUCH_NODE = "UPDATE node SET changes = changes + 1 WHERE id = 1";
const CREATE = "INSERT INTO space (id, owner, created_at) VALUES (?, ?, ?)";
const COUNT_CREATED = "UPDATE node SET spaces = spaces + ?, changes = changes + 1 WHERE id = 1";
const COUNT = "SELECT spaces FROM node WHERE id = 1";
const COUNT_OWNED = "SELECT count(*) AS count FROM space WHERE owner = ?";
const PAGE = "SELECT id FROM space WHERE id > ? ORDER BY id LIMIT ?";
const NO = "SELECT no FROM space WHERE id = ?";

export interface LockedSpace {
  readonly no: number;
  readonly hosting: Hosting;
}

export async function spaceNumber(session: Session, space: SpaceId): Promise<number | undefined> {
  const row = await session.one(NO, space);
  return row === undefined ? undefined : number(row, "no");
}

/** Within a transaction; undefined when it is not hosted. */
export async function lockSpace(session: Session, space: SpaceId): Promise<number | undefined> {
  const row = await session.one(LOCK, space);
  return row === undefined ? undefined : number(row, "no");
}

/** Within a transaction: locks those that are hosted, in one order for all. */
export async function lockSpaces(
  session: Session,
  spaces: readonly string[],
): Promise<ReadonlyMap<string, LockedSpace>> {
  if (spaces.length === 0) return new Map();
  const { marks, values } = listOf(spaces);
  const rows = await session.all(
    `SELECT no, id, closed FROM space WHERE id IN ${marks} ORDER BY id FOR UPDATE`,
    ...values,
  );
  return new Map(rows.map((row) => {
    const closed = isNull(row, "closed") ? null : text(row, "closed");
    return [text(row, "id"), { no: number(row, "no"), hosting: hostingOf(closed) }];
  }));
}

export async function hostedAmong(
  session: Session,
  spaces: readonly SpaceId[],
): Promise<ReadonlySet<SpaceId>> {
  if (spaces.length === 0) return new Set();
  const { marks, values } = listOf(spaces);
  const rows = await session.all(`SELECT id FROM space WHERE id IN ${marks}`, ...values);
  return new Set(rows.map((row) => spaceId(row, "id")));
}

export async function touch(session: Session, spaceNo: number): Promise<void> {
  await session.run(TOUCH, spaceNo);
}

/** A put or deletion adds to what the space holds; `bytes` may be negative. */
export async function changed(
  session: Session,
  spaceNo: number,
  bytes: number,
  at: number,
): Promise<void> {
  await session.run(CHANGED, bytes, at, spaceNo);
}

/** What all spaces hold. Within a transaction that has the node's lock it stays so. */
export async function totalUsed(session: Session): Promise<number> {
  const row = await session.one(TOTAL);
  return row === undefined ? 0 : number(row, "total");
}

/** Within a transaction, before any space is locked: nobody else hosts, or grows under a total. */
export async function lockNode(session: Session): Promise<void> {
  await session.one(LOCK_NODE);
}

export async function touchNode(session: Session): Promise<void> {
  await session.run(TOUCH_NODE);
}

/** Within a transaction that has the node's lock. */
export async function createSpace(
  session: Session,
  space: SpaceId,
  owner: Principal,
  now: number,
): Promise<void> {
  await session.run(CREATE, space, owner, now);
  await session.run(COUNT_CREATED, 1);
}

export async function countSpaces(session: Session): Promise<number> {
  const row = await session.one(COUNT);
  return row === undefined ? 0 : number(row, "spaces");
}

export async function countOwned(session: Session, owner: Principal): Promise<number> {
  const row = await session.one(COUNT_OWNED, owner);
  return row === undefined ? 0 : number(row, "count");
}

export async function spacesAfter(
  session: Session,
  after: SpaceId | undefined,
  limit: number,
): Promise<readonly SpaceId[]> {
  const rows = await session.all(PAGE, after ?? "", limit);
  return rows.map((row) => spaceId(row, "id"));
}
