// Reads of values (wire §6): one trip for the value and the guards of its reader, one for using the
// token up.

import type { SpaceId } from "../../capabilities/space_id.ts";
import type {
  Entry,
  InlineStep,
  Read,
  ReadOutcome,
  Repository,
  Standing,
  Usage,
  UseGuard,
} from "../repository.ts";
import { entry, isNull, number, type Row, text } from "../rows.ts";
import { nextText } from "../text_order.ts";
import { isWhole } from "../whole.ts";
import type { Value } from "./driver.ts";
import { attemptColumn, guardBytes, judge, revokedOf, usedOf } from "./guards.ts";
import { type HeldGuards, takesNoWrites } from "./held_guards.ts";
import { listOf, type Server, type Session } from "./server.ts";
import { spaceNumber, totalUsed } from "./spaces.ts";

const FIND = `
  SELECT e.hash, e.size, e.headers, e.inline
  FROM space s JOIN entry e ON e.space_no = s.no
  WHERE s.id = ? AND e."key" = ?`;
const ATTEMPT = "SELECT attempt FROM used_token WHERE guard = ?";
const RELEASE = "DELETE FROM used_token WHERE guard = ?";
const RELEASE_ATTEMPT = "DELETE FROM used_token WHERE guard = ? AND attempt = ?";
/** Some two milliseconds of hashing, and what a page of small values may take in memory. */
const MAX_VERIFIED_BYTES = 1024 * 1024;

export async function find(
  session: Session,
  space: SpaceId,
  key: string,
): Promise<Entry | undefined> {
  const row = await session.one(FIND, space, key);
  return row === undefined ? undefined : entry(row);
}

/**
 * Judges first, and uses the token up last: what is refused has used nothing. Of two at once the
 * database admits one.
 */
export async function admitRead(
  server: Server,
  held: HeldGuards,
  asked: Read,
  now: () => number,
  attempt: string,
): Promise<ReadOutcome> {
  let admitted: ReadOutcome | undefined;
  try {
    return await server.direct(async (session) => {
      const judged = await judgeRead(session, asked, attempt, now);
      if (judged.kind !== "admitted") return judged;
      admitted = judged;
      return await useForRead(server, session, asked.use, attempt) ? judged : { kind: "duplicate" };
    });
  } catch (error) {
    if (admitted === undefined || !takesNoWrites(error)) throw error;
    return held.use(asked.use) ? admitted : { kind: "duplicate" };
  }
}

async function judgeRead(
  session: Session,
  asked: Read,
  attempt: string,
  now: () => number,
): Promise<ReadOutcome> {
  const row = await looked(session, asked, "s.no, s.closed, e.hash, e.size, e.headers, e.inline");
  const used = usedOf(row, attempt);
  const revoked = number(row, "revoked") > 0 ? await revokedOf(session, asked.unrevoked) : [];
  const standings = { ...(used === "elsewhere" ? { used } : {}), revoked };
  const refusal = judge(standings, asked, now()) ?? missing(row, asked);
  if (refusal !== undefined) return refusal;
  return { kind: "admitted", ...(isNull(row, "hash") ? {} : { entry: entry(row) }) };
}

/** False when another call has used the token up. */
export async function useForRead(
  { dialect }: Server,
  session: Session,
  use: UseGuard,
  attempt: string,
): Promise<boolean> {
  const guard = guardBytes(use);
  if (await session.run(dialect.useForRead, guard, attempt, use.expiresAt) > 0) return true;
  const stored = await session.one(ATTEMPT, guard);
  return stored !== undefined && usedOf(stored, attempt) === "here";
}

/** One row, whatever is there: the guards, and of the space and the key what is asked for. */
async function looked(
  session: Session,
  { use, unrevoked, space, key }: Partial<Pick<Read, "space" | "key">> & {
    readonly use: Pick<UseGuard, "key"> | undefined;
    readonly unrevoked: Read["unrevoked"];
  },
  columns: string,
): Promise<Row> {
  const guard = attemptColumn(use);
  const { marks, values } = listOf(unrevoked);
  const row = await session.one(
    `SELECT ${guard.sql},
       (SELECT count(*) FROM revocation r WHERE r.identity IN ${marks}) AS revoked, ${columns}
     FROM node n LEFT JOIN space s ON s.id = ? LEFT JOIN entry e ON e.space_no = s.no AND e."key" = ?
     WHERE n.id = 1`,
    ...guard.values,
    ...values,
    space ?? null,
    key ?? null,
  );
  if (row === undefined) throw new TypeError("the database lacks its row of counters");
  return row;
}

function missing(row: Row, { space, key }: Read): ReadOutcome | undefined {
  if (space !== undefined && isNull(row, "no")) return { kind: "noSpace" };
  if (!isNull(row, "closed")) return { kind: "closed" };
  if (key !== undefined && isNull(row, "hash")) return { kind: "noKey" };
  return undefined;
}

/**
 * Of that attempt, or, where it is not known any more, of any. It may run twice, and meanwhile the
 * token may have been used again.
 */
export async function releaseRead(
  session: Session,
  key: string,
  attempt: string | undefined,
): Promise<void> {
  const guard = guardBytes({ key });
  if (attempt === undefined) await session.run(RELEASE, guard);
  else await session.run(RELEASE_ATTEMPT, guard, attempt);
}

export async function standing(
  session: Session,
  { use, identities, space, key, withTotal = false }: Parameters<Repository["standing"]>[0],
): Promise<Standing> {
  const asked = {
    use: use === undefined ? undefined : { key: use },
    unrevoked: identities,
    ...(space === undefined ? {} : { space }),
    ...(key === undefined ? {} : { key }),
  };
  const columns = "s.no, s.used, s.max_bytes, s.closed, coalesce(e.held, 0) AS held";
  const row = await looked(session, asked, columns);
  const revoked = number(row, "revoked") > 0 ? await revokedOf(session, identities) : [];
  const usage: Usage | undefined = isNull(row, "used") ? undefined : {
    used: number(row, "used"),
    held: number(row, "held"),
    ...(withTotal ? { total: await totalUsed(session) } : {}),
    ...(isNull(row, "max_bytes") ? {} : { limit: number(row, "max_bytes") }),
    isClosed: !isNull(row, "closed"),
    hosting: number(row, "no"),
  };
  return {
    used: !isNull(row, "attempt"),
    revoked: new Set(revoked),
    ...(usage === undefined ? {} : { usage }),
  };
}

export async function list(
  session: Session,
  space: SpaceId,
  prefix: string,
  after: string | undefined,
  limit: number,
): Promise<readonly string[]> {
  const end = nextText(prefix);
  const bounds: (readonly [sql: string, value: Value | undefined])[] = [
    ['e."key" >= ?', prefix],
    ['e."key" > ?', after],
    ['e."key" < ?', end],
  ];
  const asked = bounds.filter(([, value]) => value !== undefined);
  const rows = await session.all(
    `SELECT e."key" FROM space s JOIN entry e ON e.space_no = s.no
     WHERE s.id = ? ${asked.map(([sql]) => `AND ${sql}`).join(" ")}
     ORDER BY e."key" LIMIT ?`,
    space,
    ...asked.map(([, value]) => value ?? null),
    limit,
  );
  return rows.map((row) => text(row, "key"));
}

/** Sizes first, so that no more comes than is to be verified at a time. */
export async function verifyInline(
  session: Session,
  space: SpaceId,
  after: string | undefined,
  limit: number,
): Promise<InlineStep> {
  const spaceNo = await spaceNumber(session, space);
  if (spaceNo === undefined) return { values: 0, bytes: 0, damaged: [] };
  const beyond = after === undefined ? "" : 'AND e."key" > ?';
  const asked = [spaceNo, ...(after === undefined ? [] : [after])];
  const page = await session.all(
    `SELECT e."key", CASE WHEN e.inline IS NULL THEN 0 ELSE e.size END AS size
     FROM entry e WHERE e.space_no = ? ${beyond} ORDER BY e."key" LIMIT ?`,
    ...asked,
    limit,
  );
  let size = 0;
  const cut = page.findIndex((row) => (size += number(row, "size")) >= MAX_VERIFIED_BYTES);
  const last = page.at(cut);
  if (last === undefined) return { values: 0, bytes: 0, damaged: [] };
  const rows = await session.all(
    `SELECT e."key", e.hash, e.size, e.inline
     FROM entry e WHERE e.space_no = ? ${beyond} AND e."key" <= ? AND e.inline IS NOT NULL`,
    ...asked,
    text(last, "key"),
  );
  const damaged = rows.filter((row) => !isWhole(row))
    .map((row) => ({ key: text(row, "key"), hash: text(row, "hash") }));
  const isEnd = cut < 0 && page.length < limit;
  return {
    values: rows.length,
    bytes: size,
    damaged,
    ...(isEnd ? {} : { next: text(last, "key") }),
  };
}
