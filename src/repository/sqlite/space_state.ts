// What an operator decides about one space: its limit, whether it may be used. Within a transaction.

import type { SpaceId } from "../../capabilities/space_id.ts";
import type { SpaceState } from "../repository.ts";
import type { Database } from "./database.ts";

const SET_LIMIT = "UPDATE space SET max_bytes = ? WHERE id = ?";
const SET_STATE = "UPDATE space SET closed = ? WHERE id = ? AND closed IS ?";

export function setSpaceLimit(
  database: Database,
  space: SpaceId,
  bytes: number | undefined,
): boolean {
  return database.run(SET_LIMIT, bytes ?? null, space) > 0;
}

export function setSpaceState(
  database: Database,
  space: SpaceId,
  from: SpaceState,
  to: SpaceState,
): boolean {
  return database.run(SET_STATE, stored(to), space, stored(from)) > 0;
}

function stored(state: SpaceState): string | null {
  return state === "open" ? null : state;
}
