// Brings the schema up to this program: one transaction a migration, each recorded with the hash of
// its text, so that a changed or unknown one is noticed and nothing is touched.

import { blake3Hex } from "../../blake3.ts";
import { NodeError } from "../../errors.ts";
import type { Database } from "./database.ts";
import { text } from "./rows.ts";

export interface Migration {
  /** `NNNN_name.sql` */
  readonly name: string;
  readonly sql: string;
}

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
    throw refusal("The database holds tables of another program; nothing was changed.");
  }
  const applied = database.all(APPLIED);
  applied.forEach((row, index) => {
    const name = text(row, "name");
    const known = migrations[index];
    if (known?.name !== name) {
      throw refusal(
        `The database was made by another version of this program (${name}); ` +
          "use that version or a newer one. Nothing was changed.",
      );
    }
    if (blake3Hex(new TextEncoder().encode(known.sql)) !== text(row, "hash")) {
      throw refusal(
        `The migration ${name} differs from the one that was applied to the database. ` +
          "Nothing was changed.",
      );
    }
  });
  return migrations.slice(applied.length);
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
      database.run(RECORD, next.name, blake3Hex(new TextEncoder().encode(next.sql)), now);
    }
    database.run("COMMIT");
    return next !== undefined;
  } catch (error) {
    if (database.inTransaction) database.run("ROLLBACK");
    throw error;
  }
}

function refusal(sentence: string): NodeError {
  return new NodeError("storage_unavailable", sentence);
}
