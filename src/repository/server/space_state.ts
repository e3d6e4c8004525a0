// What an operator decides about one space: its limit, whether it may be used.

import type { SpaceId } from "../../capabilities/space_id.ts";
import type { SpaceState } from "../repository.ts";
import type { Server, Session } from "./server.ts";

const SET_LIMIT = "UPDATE space SET max_bytes = ?, changes = changes + 1 WHERE id = ?";

export async function setSpaceLimit(
  session: Session,
  space: SpaceId,
  bytes: number | undefined,
): Promise<boolean> {
  return await session.run(SET_LIMIT, bytes ?? null, space) > 0;
}

/** Whoever changes the space meanwhile has ended, or sees it. Run twice, it comes to the same. */
export async function setSpaceState(
  server: Server,
  space: SpaceId,
  from: SpaceState,
  to: SpaceState,
): Promise<boolean> {
  let isDone = false;
  return await server.transaction(async (session) => {
    const done = await moveState(session, space, from, to);
    // After a commit of which nobody knew whether it took place.
    const isThere = isDone && !done && await isIn(session, space, to);
    isDone ||= done;
    return done || isThere;
  });
}

/** Within a transaction. */
export async function moveState(
  session: Session,
  space: SpaceId,
  from: SpaceState,
  to: SpaceState,
): Promise<boolean> {
  const { sql, values } = where(from);
  const set = "UPDATE space SET closed = ?, changes = changes + 1 WHERE id = ? AND ";
  return await session.run(set + sql, stored(to), space, ...values) > 0;
}

async function isIn(session: Session, space: SpaceId, state: SpaceState): Promise<boolean> {
  const { sql, values } = where(state);
  const row = await session.one(`SELECT no FROM space WHERE id = ? AND ${sql}`, space, ...values);
  return row !== undefined;
}

function where(state: SpaceState): { readonly sql: string; readonly values: readonly string[] } {
  const closed = stored(state);
  return closed === null
    ? { sql: "closed IS NULL", values: [] }
    : { sql: "closed = ?", values: [closed] };
}

function stored(state: SpaceState): string | null {
  return state === "open" ? null : state;
}
