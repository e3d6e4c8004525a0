// An archive into a space that is `loading` (repository.ts), under the lock of the space.

import { blake3Hex } from "../../blake3.ts";
import type { SpaceId } from "../../capabilities/space_id.ts";
import type { Principal } from "../../tokens/did.ts";
import { encodeUtf8 } from "../../tokens/text.ts";
import { heldBy } from "../change_rules.ts";
import type { HeldKey, ReplacedEvent } from "../repository.ts";
import { isNull, number } from "../rows.ts";
import { lastAccepted } from "../space_contents.ts";
import { blockState, refer } from "./blocks.ts";
import { newAttempt, use } from "./guards.ts";
import { moveState } from "./space_state.ts";
import type { Server } from "./server.ts";
import { changed, createSpace, lockNode, spaceNumber } from "./spaces.ts";

const LOCK = "SELECT no, changed_at FROM space WHERE id = ? AND closed = 'loading' FOR UPDATE";
const EVENT = ["kind", "cid", "token", "at", "space_no", '"key"', "hash", "size"] as const;
const INSERT = `
  INSERT INTO entry (hash, size, held, seq, headers, inline, space_no, "key")
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;
/** Longer than a call may take. */
const ATTEMPT_SECONDS = 3_600;

export async function createToLoad(
  server: Server,
  space: SpaceId,
  owner: Principal,
  createdAt: number,
): Promise<boolean> {
  let isDone = false;
  return await server.transaction(async (session) => {
    await lockNode(session);
    // There already: by the commit of which nobody knew whether it took place, or by somebody else.
    if (await spaceNumber(session, space) !== undefined) return isDone;
    await createSpace(session, space, owner, createdAt);
    isDone = true;
    return await moveState(session, space, "open", "loading");
  });
}

export async function loadSpace(
  server: Server,
  space: SpaceId,
  events: readonly ReplacedEvent[],
  keys: readonly HeldKey[],
  now: number,
): Promise<boolean> {
  // By which a call finds out what became of a commit of which nobody knew whether it took place.
  const attempt = newAttempt();
  const guard = { key: blake3Hex(encodeUtf8(attempt)), expiresAt: now + ATTEMPT_SECONDS };
  return await server.transaction(async (session) => {
    const row = await session.one(LOCK, space);
    if (row === undefined) return false;
    if (!await use(server, session, guard, attempt)) return true;
    const spaceNo = number(row, "no");
    const record = server.dialect.insertNumbered("event", "seq", EVENT);
    for (const event of events) {
      const { kind, cid, token, at, key } = event;
      const [hash, size] = kind === "put" ? [event.hash, event.size] : [null, null];
      await session.insert(record, kind, cid, token, at, spaceNo, key, hash, size);
    }
    let bytes = 0;
    for (const held of keys) {
      const { key, hash, size, inline = null, event: { cid, token, at } } = held;
      const seq = await session.insert(record, "put", cid, token, at, spaceNo, key, hash, size);
      const heldBytes = heldBy(key, held);
      const headers = JSON.stringify(held.headers);
      await session.run(INSERT, hash, size, heldBytes, seq, headers, inline, spaceNo, key);
      if (inline === null) {
        const { isThere } = await blockState(session, spaceNo, hash);
        await refer(session, spaceNo, hash, size, isThere);
      }
      bytes += heldBytes;
    }
    const before = isNull(row, "changed_at") ? undefined : number(row, "changed_at");
    const last = lastAccepted(before, events, keys);
    if (last !== undefined) await changed(session, spaceNo, bytes, last);
    return true;
  });
}
