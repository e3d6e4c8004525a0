// Brings the schema up to this program: one transaction a migration, each recorded with the hash of
// its text, so that a changed or unknown one is noticed and nothing is touched.

import type { Database } from "./database.ts";
import { foreign, hashOf, type Migration, missing } from "../migrations.ts";
import { text } from "../rows.ts";

const CREATE_RECORD = `
  CREATE TABLE migration (
    name TEXT PRIMARY KEY, -- of the file
    hash TEXT NOT NULL,    -- BLAKE3 of its text, hex
    applied_at REAL NOT NULL
  ) STRICT`;

const HAS_TABLES = "SELECT 1 FROM sqlite_schema WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!' LIMIT 1";
const HAS_RECORD = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'migration'";
const APPLIED = "SELECT name, hash FROM migration ORDER BY name";
const RECORD = "INSERT INTO migration (name, hash, applied_at) VALUES (?, ?, ?)";

/**
 * The migrations that are missing, in order. Throws `storage_unavailable` with a sentence for the
 * operator when the database was made by something else, or by a newer version.
 */
export function pending(
  database: Database,
  migrations: readonly Migration[],
): readonly Migration[] {
  if (database.one(HAS_RECORD) === undefined) {
    if (database.one(HAS_TABLES) === undefined) return migrations;
    throw foreign();
  }
  const applied = database.all(APPLIED)
    .map((row) => ({ name: text(row, "name"), hash: text(row, "hash") }));
  return missing(applied, migrations);
}

/** The first migration that would change a database that has content; there is none to lose else. */
export function firstChange(
  database: Database,
  migrations: readonly Migration[],
): Migration | undefined {
  const [first] = pending(database, migrations);
  return database.one(HAS_RECORD) === undefined ? undefined : first;
}

/**
 * Applies what is missing. A second process that migrates at the same time waits, then finds
 * nothing to do.
 */
export function migrate(
  database: Database,
  migrations: readonly Migration[],
  now: number,
): void {
  if (pending(database, migrations).length === 0) return;
  while (applyNext(database, migrations, now));
}

/** False when nothing was missing. */
function applyNext(database: Database, migrations: readonly Migration[], now: number): boolean {
  database.run("BEGIN EXCLUSIVE");
  try {
    // Looked up under the lock: another process may have been faster.
    const [next] = pending(database, migrations);
    if (next !== undefined) {
      if (database.one(HAS_RECORD) === undefined) database.script(CREATE_RECORD);
      database.script(next.sql);
      database.run(RECORD, next.name, hashOf(next), now);
    }
    database.run("COMMIT");
    return next !== undefined;
  } catch (error) {
    if (database.inTransaction) database.run("ROLLBACK");
    throw error;
  }
}
