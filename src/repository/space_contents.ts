// What a space holds, page by page, with the signed bytes that say so: by the SQL that all engines
// share. For operators; no request reads it.

import type { SpaceId } from "../capabilities/space_id.ts";
import { principalOf } from "../tokens/did.ts";
import type { Select } from "./pages.ts";
import type {
  HeldKey,
  KeptDelegation,
  ReplacedEvent,
  SpaceFacts,
  SpaceState,
  Step,
} from "./repository.ts";
import { damaged, entry, isNull, number, type Row, text } from "./rows.ts";

const FACTS = `
  SELECT s.owner, s.created_at, s.used, s.changes, s.changed_at, s.max_bytes, s.closed,
    (SELECT count(*) FROM entry e WHERE e.space_no = s.no) AS entries,
    (SELECT count(*) FROM delegation_scope d WHERE d.scope = s.id) AS delegations
  FROM space s WHERE s.id = ?`;

const SIZE = `e."key", CASE WHEN e.inline IS NULL THEN 0 ELSE e.size END AS size`;
const KEYS = "space s JOIN entry e ON e.space_no = s.no";
const KEYS_AND_PUTS = `${KEYS} JOIN event v ON v.seq = e.seq`;
/** Of small values in a page; one larger value is a page of its own. */
const PAGE_BYTES = 1024 * 1024;

// A window of the event log: it has no index by space, which every put would pay for.
const REPLACED = `
  SELECT v.seq, v.kind, v.cid, v.token, v.at, v."key", v.hash, v.size
  FROM space s JOIN event v ON v.space_no = s.no
  WHERE s.id = ? AND v.seq > ? AND v.seq <= ? AND NOT EXISTS (
    SELECT 1 FROM entry e WHERE e.space_no = v.space_no AND e."key" = v."key" AND e.seq = v.seq)
  ORDER BY v.seq`;
const LAST_EVENT = "SELECT coalesce(max(seq), 0) AS seq FROM event";

const DELEGATIONS = `
  SELECT p.position, v.token, v.at, r.token AS revocation, r.at AS revoked_at
  FROM delegation_scope p
    JOIN delegation d ON d.position = p.position
    JOIN event v ON v.seq = p.position
    LEFT JOIN revocation t ON t.identity = d.identity
    LEFT JOIN event r ON r.seq = t.seq
  WHERE p.scope = ? AND p.position > ? ORDER BY p.position LIMIT ?`;

export async function factsOf(select: Select, id: SpaceId): Promise<SpaceFacts | undefined> {
  const [row] = await select(FACTS, id);
  if (row === undefined) return undefined;
  return {
    id,
    owner: principalOf(text(row, "owner")),
    createdAt: number(row, "created_at"),
    keys: number(row, "entries"),
    usedBytes: number(row, "used"),
    ...(isNull(row, "max_bytes") ? {} : { limitBytes: number(row, "max_bytes") }),
    state: isNull(row, "closed") ? "open" : stateIn(row),
    changes: number(row, "changes"),
    ...(isNull(row, "changed_at") ? {} : { changedAt: number(row, "changed_at") }),
    delegations: number(row, "delegations"),
  };
}

/** Sizes first, so that no more comes than a page may hold. */
export async function heldKeys(
  select: Select,
  space: SpaceId,
  after: string | undefined,
  limit: number,
): Promise<readonly HeldKey[]> {
  for (let from = after;;) {
    const which = `s.id = ? ${from === undefined ? "" : 'AND e."key" > ?'}`;
    const bound = from === undefined ? [space] : [space, from];
    const page = await select(
      `SELECT ${SIZE} FROM ${KEYS} WHERE ${which} ORDER BY e."key" LIMIT ?`,
      ...bound,
      limit,
    );
    let size = 0;
    const cut = page.findIndex((row) => (size += number(row, "size")) >= PAGE_BYTES);
    const last = page.at(cut);
    if (last === undefined) return [];
    const rows = await select(
      `SELECT e."key", e.hash, e.size, e.headers, e.inline, v.cid, v.token, v.at
       FROM ${KEYS_AND_PUTS} WHERE ${which} AND e."key" <= ? ORDER BY e."key" LIMIT ?`,
      ...bound,
      text(last, "key"),
      limit,
    );
    if (rows.length > 0) {
      return rows.map((row) => ({ key: text(row, "key"), ...entry(row), event: eventIn(row) }));
    }
    // All were deleted between the two looks: an empty page would say that there are no more.
    from = text(last, "key");
  }
}

/** What a later event has replaced: among the next `limit` numbers of the log, of all spaces. */
export async function replacedEvents(
  select: Select,
  space: SpaceId,
  after: number,
  limit: number,
): Promise<Step<readonly ReplacedEvent[]>> {
  const [last] = await select(LAST_EVENT);
  const until = after + limit;
  const rows = await select(REPLACED, space, after, until);
  const found = rows.map((row): ReplacedEvent => {
    const event = { key: text(row, "key"), ...eventIn(row) };
    return text(row, "kind") === "del"
      ? { kind: "del", ...event }
      : { kind: "put", ...event, hash: text(row, "hash"), size: number(row, "size") };
  });
  const isEnd = last === undefined || until >= number(last, "seq");
  return { found, ...(isEnd ? {} : { next: until }) };
}

/** Each after those that it rests on. */
export async function keptDelegations(
  select: Select,
  space: SpaceId,
  after: number,
  limit: number,
): Promise<Step<readonly KeptDelegation[]>> {
  const rows = await select(DELEGATIONS, space, after, limit);
  const last = rows.at(-1);
  return {
    found: rows.map((row) => ({
      token: text(row, "token"),
      at: number(row, "at"),
      ...(isNull(row, "revocation")
        ? {}
        : { revocation: { token: text(row, "revocation"), at: number(row, "revoked_at") } }),
    })),
    ...(last === undefined || rows.length < limit ? {} : { next: number(last, "position") }),
  };
}

/** When the last of these was accepted, or what was there before them; undefined: nothing was. */
export function lastAccepted(
  before: number | undefined,
  events: readonly ReplacedEvent[],
  keys: readonly HeldKey[],
): number | undefined {
  let last = before;
  for (const { at } of [...events, ...keys.map(({ event }) => event)]) {
    if (last === undefined || at > last) last = at;
  }
  return last;
}

function eventIn(row: Row): HeldKey["event"] {
  return { cid: text(row, "cid"), token: text(row, "token"), at: number(row, "at") };
}

function stateIn(row: Row): Exclude<SpaceState, "open"> {
  const state = text(row, "closed");
  if (state === "blocked" || state === "loading" || state === "erasing") return state;
  throw damaged("closed");
}
