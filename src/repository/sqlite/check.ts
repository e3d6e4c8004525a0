// What `check` verifies in the store itself (configuration.md): engine, references, sizes, events,
// entries. Each question is one statement that sorts on disk where it has to sort, and each answer
// comes row by row: memory does not grow with the store.

import { turn } from "../../pause.ts";
import type { Finding } from "../repository.ts";
import { cidOfToken, isWhole } from "../whole.ts";
import type { Database } from "./database.ts";
import { WRONG_COUNTS } from "./delegation_counts.ts";
import { isNull, number, text } from "../rows.ts";

const ENGINE = "PRAGMA integrity_check(100)";
const FOREIGN_KEYS = "PRAGMA foreign_key_check";

const REFERENCES = `
  SELECT s.id AS space, c.hash, c.refs, c.counted, c.size, c.smallest, c.largest
  FROM (
    SELECT space_no, hash, sum(refs) AS refs, sum(counted) AS counted, max(block) AS size,
      min(size) AS smallest, max(size) AS largest
    FROM (
      SELECT space_no, hash, refs, 0 AS counted, size AS block, NULL AS size
      FROM block
      UNION ALL
      SELECT space_no, hash, 0, 1, NULL, size FROM entry WHERE inline IS NULL)
    GROUP BY space_no, hash) c
  JOIN space s ON s.no = c.space_no
  WHERE c.refs <> c.counted OR (c.counted > 0 AND (c.size <> c.smallest OR c.size <> c.largest))`;

const SIZES = `
  SELECT s.id AS space, s.used, coalesce(c.held, 0) AS held
  FROM space s LEFT JOIN (
    SELECT space_no, sum(held) AS held FROM entry GROUP BY space_no) c ON c.space_no = s.no
  WHERE s.used <> coalesce(c.held, 0)`;
const NODE = `
  SELECT n.used, n.spaces, (SELECT coalesce(sum(used), 0) FROM space) AS held,
    (SELECT count(*) FROM space) AS hosted
  FROM node n`;

const HELD = `e.size + octet_length(e.key) + (
    SELECT coalesce(sum(length(h.value ->> 0) + length(h.value ->> 1)), 0)
    FROM json_each(e.headers) h)`;
const ENTRIES = `
  SELECT s.id AS space, e.key, e.hash, e.size, e.held, ${HELD} AS counted,
    e.inline,
    v.kind = 'put' AND v.space_no = e.space_no AND v.key = e.key AND v.hash = e.hash
      AND v.size = e.size AS is_event
  FROM entry e JOIN space s ON s.no = e.space_no LEFT JOIN event v ON v.seq = e.seq
  ORDER BY e.id`;
// Keys come after what they replaced when a space is loaded, and go before it when it is erased.
const IS_WHOLE = "(s.closed IS NULL OR s.closed = 'blocked')";
const LAST_EVENTS = `
  SELECT s.id AS space, l.key
  FROM (
    SELECT space_no, key, max(seq) AS seq, kind FROM event WHERE key IS NOT NULL
    GROUP BY space_no, key) l
  JOIN space s ON s.no = l.space_no
  LEFT JOIN entry e ON e.space_no = l.space_no AND e.key = l.key
  WHERE ((l.kind = 'put') <> (e.id IS NOT NULL) OR e.seq <> l.seq) AND ${IS_WHOLE}`;

const EVENTS = "SELECT seq, cid, token FROM event WHERE seq > ? ORDER BY seq LIMIT ?";
const EVENTS_A_STEP = 500;
/** Of one kind; a store that is wrong throughout need not say so a million times. */
const MAX_FINDINGS = 1_000;

/**
 * Runs beside a writer: each kind is judged on one state of the store, and the loop is free between
 * two of them.
 */
export async function* check(database: Database): AsyncGenerator<Finding> {
  const steps = [engine, references, sizes, entries, lastEvents];
  for (const step of steps) {
    yield* bounded(step(database));
    await turn();
  }
  yield* events(database);
}

function* engine(database: Database): Generator<Finding> {
  for (const row of database.each(ENGINE)) {
    const what = text(row, "integrity_check");
    if (what !== "ok") yield { kind: "engine", what };
  }
  for (const row of database.each(FOREIGN_KEYS)) {
    yield { kind: "engine", what: `a row of ${text(row, "table")} refers to nothing` };
  }
}

function* references(database: Database): Generator<Finding> {
  for (const row of database.each(REFERENCES)) {
    const block = `block ${text(row, "hash")} of ${text(row, "space")}`;
    const [refs, counted] = [number(row, "refs"), number(row, "counted")];
    yield refs === counted
      ? { kind: "references", what: `${block}: its keys do not agree on its size` }
      : { kind: "references", what: `${block}: ${refs} references recorded, ${counted} found` };
  }
}

function* sizes(database: Database): Generator<Finding> {
  for (const row of database.each(SIZES)) {
    const [used, held] = [number(row, "used"), number(row, "held")];
    yield { kind: "size", what: `${text(row, "space")}: ${used} bytes recorded, ${held} found` };
  }
  for (const row of database.each(NODE)) {
    const [used, held] = [number(row, "used"), number(row, "held")];
    const [spaces, hosted] = [number(row, "spaces"), number(row, "hosted")];
    if (used !== held) {
      yield { kind: "size", what: `all spaces: ${used} bytes recorded, ${held} found` };
    }
    if (spaces !== hosted) {
      yield { kind: "size", what: `all spaces: ${spaces} recorded, ${hosted} found` };
    }
  }
  for (const row of database.each(WRONG_COUNTS)) {
    const [live, counted] = [number(row, "live"), number(row, "counted")];
    const what = `${text(row, "scope")}: ${live} delegations recorded, ${counted} found`;
    yield { kind: "size", what };
  }
}

function* entries(database: Database): Generator<Finding> {
  for (const row of database.each(ENTRIES)) {
    const entry = `${text(row, "space")}/kv/${text(row, "key")}`;
    const [held, counted] = [number(row, "held"), number(row, "counted")];
    if (held !== counted) {
      yield { kind: "size", what: `${entry}: ${held} bytes recorded, ${counted} found` };
    }
    if (!isNull(row, "inline") && !isWhole(row)) {
      yield { kind: "entry", what: `${entry}: its value in the database is damaged` };
    }
    if (row["is_event"] !== 1) {
      yield { kind: "entry", what: `${entry}: its value is not that of its event` };
    }
  }
}

function* lastEvents(database: Database): Generator<Finding> {
  for (const row of database.each(LAST_EVENTS)) {
    const entry = `${text(row, "space")}/kv/${text(row, "key")}`;
    yield { kind: "entry", what: `${entry}: it is not as its last event left it` };
  }
}

async function* events(database: Database): AsyncGenerator<Finding> {
  let after = 0;
  while (true) {
    const rows = database.all(EVENTS, after, EVENTS_A_STEP);
    for (const row of rows) {
      const [seq, cid] = [number(row, "seq"), text(row, "cid")];
      if (cidOfToken(text(row, "token")) !== cid) {
        yield { kind: "event", what: `event ${seq}: its bytes do not hash to ${cid}` };
      }
      after = seq;
    }
    if (rows.length < EVENTS_A_STEP) return;
    await turn();
  }
}

function* bounded(findings: Generator<Finding>): Generator<Finding> {
  // Taken whole before they are given out: a statement that is still reading would see what others
  // commit meanwhile.
  const taken: Finding[] = [];
  for (const finding of findings) {
    if (taken.push(finding) > MAX_FINDINGS) break;
  }
  yield* taken.slice(0, MAX_FINDINGS);
  const last = taken[MAX_FINDINGS];
  if (last !== undefined) yield { kind: last.kind, what: "there are more of this kind" };
}
