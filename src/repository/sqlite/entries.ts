// Current values: find, list, and the two changes to a key (wire §6).

import type { SpaceId } from "../../capabilities/space_id.ts";
import type { ApplyOutcome, Change, Entry, Guards, InlineStep, Put } from "../repository.ts";
import { changeRefusal, condemnation, heldBy, type KeyState } from "../change_rules.ts";
import { blockState, refer, unrefer } from "./blocks.ts";
import { isWhole } from "../whole.ts";
import type { Database } from "./database.ts";
import { guardValues, IN_ORDER } from "./guards.ts";
import { entry, isNull, number, text } from "../rows.ts";
import { changed } from "./spaces.ts";

const FIND = `
  SELECT e.hash, e.size, e.headers, e.inline
  FROM space s JOIN entry e ON e.space_no = s.no
  WHERE s.id = ? AND e.key = ?`;

// The same for a read whose guards are in order, in one trip where three cost twice as much.
const FIND_GUARDED = `${FIND} AND s.closed IS NULL AND ${IN_ORDER}`;

// No text sorts between a prefix and the prefix followed by a byte that UTF-8 never has.
const LIST = `
  SELECT e.key
  FROM space s JOIN entry e ON e.space_no = s.no
  WHERE s.id = ?1 AND e.key >= ?2 AND e.key < CAST(CAST(?2 AS BLOB) || x'ff' AS TEXT)
  ORDER BY e.key LIMIT ?3`;
const LIST_AFTER = `
  SELECT e.key
  FROM space s JOIN entry e ON e.space_no = s.no
  WHERE s.id = ?1 AND e.key > ?4 AND e.key >= ?2
    AND e.key < CAST(CAST(?2 AS BLOB) || x'ff' AS TEXT)
  ORDER BY e.key LIMIT ?3`;

const VALUES = `
  SELECT e.key, e.hash, e.size, e.inline
  FROM space s JOIN entry e ON e.space_no = s.no
  WHERE s.id = ?1
  ORDER BY e.key LIMIT ?2`;
const VALUES_AFTER = `
  SELECT e.key, e.hash, e.size, e.inline
  FROM space s JOIN entry e ON e.space_no = s.no
  WHERE s.id = ?1 AND e.key > ?3
  ORDER BY e.key LIMIT ?2`;
/** Some two milliseconds of hashing. */
const MAX_VERIFIED_BYTES = 1024 * 1024;

const STATE = `
  SELECT s.no, s.used, s.max_bytes, s.closed, n.used AS total, e.id, e.hash, e.held, e.inline IS NULL AS is_block
  FROM space s JOIN node n ON n.id = 1 LEFT JOIN entry e ON e.space_no = s.no AND e.key = ?
  WHERE s.id = ?`;
const RECORD = `
  INSERT INTO event (kind, cid, token, at, space_no, key, hash, size)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;
const INSERT = `
  INSERT INTO entry (space_no, key, hash, size, held, seq, headers, inline)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;
const UPDATE = `
  UPDATE entry SET hash = ?, size = ?, held = ?, seq = ?, headers = ?, inline = ? WHERE id = ?`;
const DELETE = "DELETE FROM entry WHERE id = ?";

/** What stands under a key before a change, and its rows. */
interface State extends KeyState {
  readonly current?: NonNullable<KeyState["current"]> & { readonly id: number };
}

export function find(database: Database, space: SpaceId, key: string): Entry | undefined {
  const row = database.one(FIND, space, key);
  return row === undefined ? undefined : entry(row);
}

/** Undefined too when the token was used, or something of its chain revoked; time is not judged. */
export function findGuarded(
  database: Database,
  space: SpaceId,
  key: string,
  guards: Guards,
): Entry | undefined {
  const row = database.one(FIND_GUARDED, space, key, ...guardValues(guards));
  return row === undefined ? undefined : entry(row);
}

export function list(
  database: Database,
  space: SpaceId,
  prefix: string,
  after: string | undefined,
  limit: number,
): readonly string[] {
  const rows = after === undefined
    ? database.all(LIST, space, prefix, limit)
    : database.all(LIST_AFTER, space, prefix, limit, after);
  return rows.map((row) => text(row, "key"));
}

/** Row by row, so that no more is held than one value. */
export function verifyInline(
  database: Database,
  space: SpaceId,
  after: string | undefined,
  limit: number,
): InlineStep {
  const damaged: { key: string; hash: string }[] = [];
  let [seen, values, size] = [0, 0, 0];
  let last: string | undefined;
  const rows = after === undefined
    ? database.each(VALUES, space, limit)
    : database.each(VALUES_AFTER, space, limit, after);
  for (const row of rows) {
    seen++;
    last = text(row, "key");
    if (isNull(row, "inline")) continue;
    values++;
    size += number(row, "size");
    if (!isWhole(row)) damaged.push({ key: last, hash: text(row, "hash") });
    if (size >= MAX_VERIFIED_BYTES) break;
  }
  const isEnd = seen < limit && size < MAX_VERIFIED_BYTES;
  return { values, bytes: size, damaged, ...(last === undefined || isEnd ? {} : { next: last }) };
}

/** Within a transaction, once the guards are judged. What is refused has changed nothing. */
export function change(database: Database, asked: Change): ApplyOutcome {
  const state = stateOf(database, asked);
  if (state === undefined) return { kind: "noSpace" };
  const refusal = changeRefusal(state, asked);
  if (refusal !== undefined) return refusal;
  const { current, hosting: spaceNo } = state;
  const { effect } = asked;
  if (effect.kind === "del") {
    if (current !== undefined) remove(database, spaceNo, current, asked);
  } else {
    const { content, hash } = effect;
    const condemned = content.kind === "block"
      ? condemnation(blockState(database, spaceNo, hash), content.over)
      : undefined;
    if (condemned !== undefined) return condemned;
    put(database, state, asked, effect);
  }
  return { kind: "applied", ...(current === undefined ? {} : { previous: current.hash }) };
}

function stateOf(database: Database, { space, key }: Change): State | undefined {
  const row = database.one(STATE, key, space);
  if (row === undefined) return undefined;
  return {
    used: number(row, "used"),
    total: number(row, "total"),
    ...(isNull(row, "max_bytes") ? {} : { ownLimit: number(row, "max_bytes") }),
    isClosed: !isNull(row, "closed"),
    hosting: number(row, "no"),
    ...(isNull(row, "id") ? {} : {
      current: {
        id: number(row, "id"),
        hash: text(row, "hash"),
        held: number(row, "held"),
        isBlock: number(row, "is_block") === 1,
      },
    }),
  };
}

function put(database: Database, state: State, asked: Change, effect: Put): void {
  const { hosting: spaceNo, current } = state;
  const { hash, size, content } = effect;
  const held = heldBy(asked.key, effect);
  const headers = JSON.stringify(effect.headers);
  const inline = content.kind === "inline" ? content.bytes : null;
  const seq = record(database, spaceNo, asked, effect);
  if (inline === null) refer(database, spaceNo, hash, size);
  if (current === undefined) {
    database.run(INSERT, spaceNo, asked.key, hash, size, held, seq, headers, inline);
  } else {
    database.run(UPDATE, hash, size, held, seq, headers, inline, current.id);
    if (current.isBlock) unrefer(database, spaceNo, current.hash);
  }
  changed(database, spaceNo, held - (current?.held ?? 0), asked.event.at);
}

function remove(
  database: Database,
  spaceNo: number,
  current: NonNullable<State["current"]>,
  asked: Change,
): void {
  record(database, spaceNo, asked, undefined);
  database.run(DELETE, current.id);
  if (current.isBlock) unrefer(database, spaceNo, current.hash);
  changed(database, spaceNo, -current.held, asked.event.at);
}

function record(
  database: Database,
  spaceNo: number,
  { event, key }: Change,
  effect: Put | undefined,
): number {
  const kind = effect === undefined ? "del" : "put";
  const { cid, token, at } = event;
  const [hash, size] = [effect?.hash ?? null, effect?.size ?? null];
  return database.insert(RECORD, kind, cid, token, at, spaceNo, key, hash, size);
}
