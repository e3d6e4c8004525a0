// An archive into a space that is `loading` (repository.ts). Within a transaction.

import type { SpaceId } from "../../capabilities/space_id.ts";
import type { Principal } from "../../tokens/did.ts";
import { heldBy } from "../change_rules.ts";
import type { HeldKey, ReplacedEvent } from "../repository.ts";
import { isNull, number } from "../rows.ts";
import { lastAccepted } from "../space_contents.ts";
import { refer } from "./blocks.ts";
import type { Database } from "./database.ts";
import { changed, createSpace, spaceNumber } from "./spaces.ts";
import { setSpaceState } from "./space_state.ts";

const LOADING = "SELECT no, changed_at FROM space WHERE id = ? AND closed = 'loading'";
const RECORD = `
  INSERT INTO event (kind, cid, token, at, space_no, key, hash, size)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;
const INSERT = `
  INSERT INTO entry (space_no, key, hash, size, held, seq, headers, inline)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;

export function createToLoad(
  database: Database,
  space: SpaceId,
  owner: Principal,
  createdAt: number,
): boolean {
  if (spaceNumber(database, space) !== undefined) return false;
  createSpace(database, space, owner, createdAt);
  return setSpaceState(database, space, "open", "loading");
}

export function loadSpace(
  database: Database,
  space: SpaceId,
  events: readonly ReplacedEvent[],
  keys: readonly HeldKey[],
): boolean {
  const row = database.one(LOADING, space);
  if (row === undefined) return false;
  const spaceNo = number(row, "no");
  for (const event of events) {
    const { kind, cid, token, at, key } = event;
    const [hash, size] = kind === "put" ? [event.hash, event.size] : [null, null];
    database.run(RECORD, kind, cid, token, at, spaceNo, key, hash, size);
  }
  let bytes = 0;
  for (const held of keys) {
    const { key, hash, size, inline = null, event: { cid, token, at } } = held;
    const seq = database.insert(RECORD, "put", cid, token, at, spaceNo, key, hash, size);
    const heldBytes = heldBy(key, held);
    const headers = JSON.stringify(held.headers);
    database.run(INSERT, spaceNo, key, hash, size, heldBytes, seq, headers, inline);
    if (inline === null) refer(database, spaceNo, hash, size);
    bytes += heldBytes;
  }
  const before = isNull(row, "changed_at") ? undefined : number(row, "changed_at");
  const last = lastAccepted(before, events, keys);
  if (last !== undefined) changed(database, spaceNo, bytes, last);
  return true;
}
