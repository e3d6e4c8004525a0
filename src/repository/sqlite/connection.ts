// A connection with the settings that every one of this program has.

import { DatabaseSync } from "node:sqlite";
import { Database } from "./database.ts";

/** While opening: another process may just be migrating, or closing. */
const OPENING_BUSY_MS = 10_000;
/** What one connection may keep of the file in memory; it fills as it is used. */
const CACHE_KIB = 8 * 1024;
/** What the log is cut back to after a burst. */
const JOURNAL_BYTES = 64 * 1024 * 1024;

/** Throws the driver's error when the file is missing and `readOnly`, or is no database. */
export function connect(path: string, readOnly = false): Database {
  const database = new Database(
    new DatabaseSync(path, {
      readOnly,
      timeout: OPENING_BUSY_MS,
      enableForeignKeyConstraints: true,
      enableDoubleQuotedStringLiterals: false,
    }),
  );
  try {
    database.one(`PRAGMA cache_size = -${CACHE_KIB}`);
    database.one(`PRAGMA journal_size_limit = ${JOURNAL_BYTES}`);
  } catch (error) {
    // What is no database shows here first.
    database.close();
    throw error;
  }
  return database;
}

/** How long a statement may wait for another process. It blocks its thread meanwhile. */
export function setBusyTimeout(database: Database, milliseconds: number): void {
  database.one(`PRAGMA busy_timeout = ${milliseconds}`);
}
