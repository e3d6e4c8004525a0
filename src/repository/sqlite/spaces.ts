// Hosted spaces and how full they are.

import type { SpaceId } from "../../capabilities/space_id.ts";
import type { Principal } from "../../tokens/did.ts";
import { type Hosting, hostingOf } from "../accept_rules.ts";
import type { Guards, Usage } from "../repository.ts";
import type { Database } from "./database.ts";
import { guardValues, IN_ORDER } from "./guards.ts";
import { isNull, number, type Row, spaceId, text } from "../rows.ts";

const NO = "SELECT no FROM space WHERE id = ?";
const CLOSED = "SELECT closed FROM space WHERE id = ?";
const USAGE = `
  SELECT s.no, s.used, s.max_bytes, s.closed, coalesce(e.held, 0) AS held, n.used AS total
  FROM space s JOIN node n ON n.id = 1 LEFT JOIN entry e ON e.space_no = s.no AND e.key = ?
  WHERE s.id = ?`;
const USAGE_GUARDED = `${USAGE} AND ${IN_ORDER}`;
const PAGE = "SELECT id FROM space WHERE id > ? ORDER BY id LIMIT ?";
const CREATE = "INSERT INTO space (id, owner, created_at) VALUES (?, ?, ?)";
const COUNT_CREATED = "UPDATE node SET spaces = spaces + 1 WHERE id = 1";
const COUNT_OWNED = "SELECT count(*) AS count FROM space WHERE owner = ?";
const COUNT = "SELECT spaces AS count FROM node WHERE id = 1";
const CHANGED =
  "UPDATE space SET used = used + ?, changes = changes + 1, changed_at = ? WHERE no = ?";
const USED = "SELECT used AS count FROM node WHERE id = 1";
const GROW_NODE = "UPDATE node SET used = used + ? WHERE id = 1";

/** The number by which tables refer to a space; undefined when it is not hosted. */
export function spaceNumber(database: Database, space: SpaceId): number | undefined {
  const row = database.one(NO, space);
  return row === undefined ? undefined : number(row, "no");
}

/** Whether nobody may use it; undefined when it is not hosted. */
export function isClosed(database: Database, space: SpaceId): boolean | undefined {
  const row = database.one(CLOSED, space);
  return row === undefined ? undefined : !isNull(row, "closed");
}

/** How it stands to a delegation that names it. */
export function hosting(database: Database, space: SpaceId): Hosting {
  const row = database.one(CLOSED, space);
  return row === undefined
    ? "absent"
    : hostingOf(isNull(row, "closed") ? null : text(row, "closed"));
}

export function usage(
  database: Database,
  space: SpaceId,
  key: string | undefined,
): Usage | undefined {
  const row = database.one(USAGE, key ?? null, space);
  return row === undefined ? undefined : usageOf(row);
}

/** Undefined too when the token was used, or something of its chain revoked. */
export function usageGuarded(
  database: Database,
  space: SpaceId,
  key: string | undefined,
  guards: Guards,
): Usage | undefined {
  const row = database.one(USAGE_GUARDED, key ?? null, space, ...guardValues(guards));
  return row === undefined ? undefined : usageOf(row);
}

function usageOf(row: Row): Usage {
  return {
    used: number(row, "used"),
    held: number(row, "held"),
    total: number(row, "total"),
    ...(isNull(row, "max_bytes") ? {} : { limit: number(row, "max_bytes") }),
    isClosed: !isNull(row, "closed"),
    hosting: number(row, "no"),
  };
}

export function spacesAfter(
  database: Database,
  after: SpaceId | undefined,
  limit: number,
): readonly SpaceId[] {
  return database.all(PAGE, after ?? "", limit).map((row) => spaceId(row, "id"));
}

export function ownsSpace(database: Database, owner: Principal): boolean {
  return countOwned(database, owner) > 0;
}

/** At most `spaces.per_owner` rows are counted. */
export function countOwned(database: Database, owner: Principal): number {
  return count(database, COUNT_OWNED, owner);
}

export function countSpaces(database: Database): number {
  return count(database, COUNT);
}

/** What all spaces hold. */
export function usedBytes(database: Database): number {
  return count(database, USED);
}

export function createSpace(
  database: Database,
  space: SpaceId,
  owner: Principal,
  now: number,
): void {
  database.run(CREATE, space, owner, now);
  database.run(COUNT_CREATED);
}

/** A put or deletion adds to what the space and all spaces hold; `bytes` may be negative. */
export function changed(database: Database, spaceNo: number, bytes: number, at: number): void {
  database.run(CHANGED, bytes, at, spaceNo);
  if (bytes !== 0) database.run(GROW_NODE, bytes);
}

function count(database: Database, sql: string, ...values: string[]): number {
  const row = database.one(sql, ...values);
  return row === undefined ? 0 : number(row, "count");
}
