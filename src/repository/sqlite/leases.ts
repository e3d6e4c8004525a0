// Leases: work that one process does at a time, however many share the database.

import type { Database } from "./database.ts";

const TAKE = `
  INSERT INTO lease (name, holder, until) VALUES (?1, ?2, ?4)
  ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
  WHERE holder = excluded.holder OR until <= ?3`;
const RELEASE = "DELETE FROM lease WHERE name = ? AND holder = ?";

/** Within a transaction. */
export function takeLease(
  database: Database,
  name: string,
  holder: string,
  now: number,
  until: number,
): boolean {
  return database.run(TAKE, name, holder, now, until) > 0;
}

/** Within a transaction. */
export function releaseLease(database: Database, name: string, holder: string): void {
  database.run(RELEASE, name, holder);
}
