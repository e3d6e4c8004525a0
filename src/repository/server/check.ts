// What `check` verifies in the store itself (configuration.md): references, sizes, events, entries.
// The engine's own check of its files is its operator's. Each question is one statement, or goes
// through the rows in pages: memory does not grow with the store, here or there.

import type { Finding } from "../repository.ts";
import { isNull, number, type Row, storedHeaders, text } from "../rows.ts";
import { cidOfToken, isWhole } from "../whole.ts";
import { heldBy } from "../change_rules.ts";
import type { Server, Session } from "./server.ts";

const REFERENCES = `
  SELECT s.id AS space, c.hash, c.refs, c.counted, c.size, c.smallest, c.largest
  FROM (
    SELECT space_no, hash, sum(refs) AS refs, sum(counted) AS counted, max(block) AS size,
      min(size) AS smallest, max(size) AS largest
    FROM (
      SELECT space_no, hash, refs, 0 AS counted, size AS block, NULL AS size
      FROM block
      UNION ALL
      SELECT space_no, hash, 0, 1, NULL, size FROM entry WHERE inline IS NULL) u
    GROUP BY space_no, hash) c
  JOIN space s ON s.no = c.space_no
  WHERE c.refs <> c.counted OR (c.counted > 0 AND (c.size <> c.smallest OR c.size <> c.largest))
  LIMIT ?`;

const SIZES = `
  SELECT s.id AS space, s.used, coalesce(c.held, 0) AS held
  FROM space s LEFT JOIN (
    SELECT space_no, sum(held) AS held FROM entry GROUP BY space_no) c ON c.space_no = s.no
  WHERE s.used <> coalesce(c.held, 0)
  LIMIT ?`;
const NODE = "SELECT n.spaces, (SELECT count(*) FROM space) AS hosted FROM node n WHERE n.id = 1";
/** Counts that are not what the delegations say. */
export const WRONG_COUNTS = `
  SELECT w.scope, w.delegator, w.live, w.counted
  FROM (
    SELECT n.scope, n.delegator, n.live, (
      SELECT count(*) FROM delegation_scope s
      WHERE s.scope = n.scope AND n.delegator IN ('', s.delegator) AND s.until > n.at) AS counted
    FROM delegation_count n) w
  WHERE w.live <> w.counted
  LIMIT ?`;

const ENTRIES = `
  SELECT s.id AS space, e.space_no, e."key", e.hash, e.size, e.held, e.headers, e.inline,
    CASE WHEN v.kind = 'put' AND v.space_no = e.space_no AND v."key" = e."key" AND v.hash = e.hash
      AND v.size = e.size THEN 1 ELSE 0 END AS is_event
  FROM entry e JOIN space s ON s.no = e.space_no LEFT JOIN event v ON v.seq = e.seq`;
const FIRST_ENTRIES = `${ENTRIES} ORDER BY e.space_no, e."key" LIMIT ?`;
// What follows an entry in two parts, each found by the index: in one, joined by OR, every page would
// begin at the first entry.
const MORE_ENTRIES = `${ENTRIES}
  WHERE e.space_no = ? AND e."key" > ? ORDER BY e.space_no, e."key" LIMIT ?`;
const NEXT_ENTRIES = `${ENTRIES}
  WHERE e.space_no > ? ORDER BY e.space_no, e."key" LIMIT ?`;
/** With values of the largest inline size it still fits into memory. */
const ENTRIES_A_STEP = 20;
const STEPS_A_CONNECTION = 100;

// Keys come after what they replaced when a space is loaded, and go before it when it is erased.
const IS_WHOLE = "(s.closed IS NULL OR s.closed = 'blocked')";
const LAST_EVENTS = `
  SELECT s.id AS space, v."key"
  FROM (
    SELECT space_no, "key", max(seq) AS seq FROM event WHERE "key" IS NOT NULL
    GROUP BY space_no, "key") l
  JOIN event v ON v.seq = l.seq
  JOIN space s ON s.no = l.space_no
  LEFT JOIN entry e ON e.space_no = l.space_no AND e."key" = l."key"
  WHERE ((v.kind = 'put' AND e.hash IS NULL) OR (v.kind = 'del' AND e.hash IS NOT NULL)
    OR e.seq <> l.seq) AND ${IS_WHOLE}
  LIMIT ?`;

const EVENTS = "SELECT seq, cid, token FROM event WHERE seq > ? ORDER BY seq LIMIT ?";
const EVENTS_A_STEP = 500;
/** Of one kind; a store that is wrong throughout need not say so a million times. */
const MAX_FINDINGS = 1_000;

/** Runs beside nodes: each kind is judged on one state of the store. */
export async function* check(server: Server): AsyncGenerator<Finding> {
  for (const step of [references, sizes, lastEvents]) {
    const findings = await server.patient((session) => step(session, MAX_FINDINGS + 1));
    yield* findings.slice(0, MAX_FINDINGS);
    const more = findings[MAX_FINDINGS];
    if (more !== undefined) yield { kind: more.kind, what: "there are more of this kind" };
  }
  yield* entries(server);
  yield* events(server);
}

async function references(session: Session, limit: number): Promise<readonly Finding[]> {
  return (await session.all(REFERENCES, limit)).map((row) => {
    const block = `${text(row, "space")} ${text(row, "hash")}`;
    const [refs, counted] = [number(row, "refs"), number(row, "counted")];
    const what = refs === counted
      ? `${block}: it and its keys differ in its size`
      : `${block}: ${refs} references recorded, ${counted} found`;
    return { kind: "references", what };
  });
}

async function sizes(session: Session, limit: number): Promise<readonly Finding[]> {
  const spaces = (await session.all(SIZES, limit)).map((row) =>
    `${text(row, "space")}: ${number(row, "used")} bytes recorded, ${number(row, "held")} found`
  );
  const node = await session.one(NODE);
  const [recorded, hosted] = node === undefined
    ? [0, 0]
    : [number(node, "spaces"), number(node, "hosted")];
  const counts = (await session.all(WRONG_COUNTS, limit)).map((row) =>
    `${text(row, "scope")}: ${number(row, "live")} delegations recorded, ${
      number(row, "counted")
    } found`
  );
  const what = [
    ...spaces,
    ...(recorded === hosted ? [] : [`the node: ${recorded} spaces recorded, ${hosted} found`]),
    ...counts,
  ];
  return what.map((each) => ({ kind: "size", what: each }));
}

async function lastEvents(session: Session, limit: number): Promise<readonly Finding[]> {
  return (await session.all(LAST_EVENTS, limit)).map((row) => ({
    kind: "entry",
    what: `${text(row, "space")}/kv/${text(row, "key")}: it is not as its last event left it`,
  }));
}

async function* entries(server: Server): AsyncGenerator<Finding> {
  for (let after: Row | undefined, hasMore = true; hasMore;) {
    const from = after;
    const part = await server.patient((session) => entriesAfter(session, from));
    yield* part.findings;
    after = part.last;
    hasMore = after !== undefined;
  }
}

/** Of many small pages, and the last row of a full one: a connection for each would cost the most. */
async function entriesAfter(
  session: Session,
  after: Row | undefined,
): Promise<{ readonly findings: readonly Finding[]; readonly last: Row | undefined }> {
  const findings: Finding[] = [];
  let last = after;
  for (let step = 0; step < STEPS_A_CONNECTION; step++) {
    const rows = await entryRows(session, last);
    for (const row of rows) findings.push(...findingsOf(row));
    if (rows.length < ENTRIES_A_STEP) return { findings, last: undefined };
    last = rows.at(-1);
  }
  return { findings, last };
}

async function entryRows(session: Session, after: Row | undefined): Promise<readonly Row[]> {
  if (after === undefined) return await session.all(FIRST_ENTRIES, ENTRIES_A_STEP);
  const spaceNo = number(after, "space_no");
  const rest = await session.all(MORE_ENTRIES, spaceNo, text(after, "key"), ENTRIES_A_STEP);
  if (rest.length === ENTRIES_A_STEP) return rest;
  return [...rest, ...await session.all(NEXT_ENTRIES, spaceNo, ENTRIES_A_STEP - rest.length)];
}

function* findingsOf(row: Row): Generator<Finding> {
  const entry = `${text(row, "space")}/kv/${text(row, "key")}`;
  const [held, counted] = [number(row, "held"), heldIn(row)];
  if (held !== counted) {
    yield { kind: "size", what: `${entry}: ${held} bytes recorded, ${counted} found` };
  }
  if (!isNull(row, "inline") && !isWhole(row)) {
    yield { kind: "entry", what: `${entry}: its value in the database is damaged` };
  }
  if (number(row, "is_event") !== 1) {
    yield { kind: "entry", what: `${entry}: its value is not that of its event` };
  }
}

/** What an entry's own columns say that it holds. */
export function heldIn(row: Row): number {
  return heldBy(text(row, "key"), { size: number(row, "size"), headers: storedHeaders(row) });
}

async function* events(server: Server): AsyncGenerator<Finding> {
  let after = 0;
  while (true) {
    const from = after;
    const rows = await server.patient((session) => session.all(EVENTS, from, EVENTS_A_STEP));
    for (const row of rows) {
      const [seq, cid] = [number(row, "seq"), text(row, "cid")];
      if (cidOfToken(text(row, "token")) !== cid) {
        yield { kind: "event", what: `event ${seq}: its bytes do not hash to ${cid}` };
      }
      after = seq;
    }
    if (rows.length < EVENTS_A_STEP) return;
  }
}
