// Which tokens are used up, as far as the database knows (wire §6, replay). What reads have used up
// a moment ago may still be in memory (read_guards.ts).

import type { UseGuard } from "../repository.ts";
import type { Database } from "./database.ts";

const IS_USED = "SELECT 1 FROM used_token WHERE guard = unhex(?)";
const USE =
  "INSERT INTO used_token (guard, expires_at) VALUES (unhex(?), ?) ON CONFLICT DO NOTHING";
const USE_ALL = `
  INSERT INTO used_token (guard, expires_at)
  SELECT unhex(value ->> 0), value ->> 1 FROM json_each(?) WHERE true
  ON CONFLICT DO NOTHING`;
const RELEASE = "DELETE FROM used_token WHERE guard = unhex(?)";
const SWEEP = `
  DELETE FROM used_token WHERE guard IN
    (SELECT guard FROM used_token WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)`;

export function isUsed(database: Database, key: string): boolean {
  return database.one(IS_USED, key) !== undefined;
}

/** Within a transaction, as all below. */
export function use(database: Database, guard: UseGuard): void {
  database.run(USE, guard.key, guard.expiresAt);
}

/** `guards`: JSON, `[[key, expiresAt], …]`. */
export function useAll(database: Database, guards: string): void {
  database.run(USE_ALL, guards);
}

export function release(database: Database, key: string): void {
  database.run(RELEASE, key);
}

/** Forgets at most `limit` that expired by then; how many. */
export function sweep(database: Database, now: number, limit: number): number {
  return database.run(SWEEP, now, limit);
}
