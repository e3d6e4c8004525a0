// Opens a SQLite database: file and folder, pragmas, migrations.

import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { NodeError } from "../../errors.ts";
import type { Repository } from "../repository.ts";
import { Database } from "./database.ts";
import { translate } from "./errors.ts";
import { migrate, type Migration, pending } from "./migrate.ts";
import { MIGRATIONS } from "./migrations.ts";
import { sqliteRepository } from "./sqlite_repository.ts";

export interface SqliteOptions {
  /** Of the file; `:memory:` keeps everything in memory. */
  readonly path: string;
  /** `storage.durability` */
  readonly durability: "full" | "normal";
  /** Unix seconds. */
  readonly now: () => number;
  /** Told what an operator should know, such as where a copy was kept. */
  readonly log?: (event: string, fields: Readonly<Record<string, string>>) => void;
  /** Only tests have others. */
  readonly migrations?: readonly Migration[];
}

const MEMORY = ":memory:";
/** While opening: another process may just be migrating, or closing. */
const OPENING_BUSY_MS = 10_000;
const CACHE_KIB = 16 * 1024;
/** What the log is cut back to after a burst. */
const JOURNAL_BYTES = 64 * 1024 * 1024;

/**
 * Opens the store for reading and writing; creates what is missing (folder 0700, file 0600) and
 * applies the migrations that are missing, keeping a copy of the file as it was in
 * `{path}.before-NNNN`. Throws `storage_full`, `storage_readonly` or `storage_unavailable`; the
 * message is for the operator.
 */
export function openSqlite(options: SqliteOptions): Repository {
  const { path, durability, now, log, migrations = MIGRATIONS } = options;
  if (path !== MEMORY) createFile(path);
  const database = connect(path, false);
  try {
    if (path !== MEMORY) database.one("PRAGMA journal_mode = WAL");
    database.one(`PRAGMA journal_size_limit = ${JOURNAL_BYTES}`);
    migrate(database, migrations, now(), (first) => {
      if (path === MEMORY) return;
      const copy = keepCopy(database, path, first);
      log?.("database.copied", { path: copy });
    });
    // From here on the group commit waits for other writers, with the event loop free.
    database.one("PRAGMA busy_timeout = 0");
  } catch (error) {
    database.close();
    throw opening(path, error);
  }
  return sqliteRepository(database, { durable: durability === "full", now });
}

/**
 * Opens an existing store for reading, beside whoever writes to it. Every write throws
 * `storage_readonly`.
 */
export function openSqliteReadOnly(path: string, now: () => number): Repository {
  const database = connect(path, true);
  try {
    const [first] = pending(database, MIGRATIONS);
    if (first !== undefined) {
      throw new NodeError(
        "storage_unavailable",
        `The database ${path} lacks the migration ${first.name}: run \`tinycloud migrate\` first.`,
      );
    }
    database.one("PRAGMA busy_timeout = 0");
  } catch (error) {
    database.close();
    throw opening(path, error);
  }
  return sqliteRepository(database, { durable: true, now });
}

function connect(path: string, readOnly: boolean): Database {
  try {
    const handle = new DatabaseSync(path, {
      readOnly,
      timeout: OPENING_BUSY_MS,
      enableForeignKeyConstraints: true,
      enableDoubleQuotedStringLiterals: false,
    });
    const database = new Database(handle);
    database.one(`PRAGMA cache_size = -${CACHE_KIB}`);
    return database;
  } catch (error) {
    throw opening(path, error);
  }
}

/** Whatever the umask: 0700 for a new folder, 0600 for a new file and so for its companions. */
function createFile(path: string): void {
  try {
    Deno.mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    Deno.openSync(path, { createNew: true, write: true, mode: 0o600 }).close();
    Deno.chmodSync(path, 0o600);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return;
    throw opening(path, error);
  }
}

/** A whole copy of the database as it is, under a name that only a whole copy has. */
function keepCopy(database: Database, path: string, first: Migration): string {
  const copy = `${path}.before-${first.name.slice(0, 4)}`;
  const unfinished = `${copy}.tmp`;
  // SQLite fills an empty file, whose mode is ours.
  Deno.openSync(unfinished, { create: true, truncate: true, write: true, mode: 0o600 }).close();
  database.run("VACUUM INTO ?", unfinished);
  const file = Deno.openSync(unfinished, { write: true });
  file.syncSync();
  file.close();
  Deno.renameSync(unfinished, copy);
  return copy;
}

/** A failure with a sentence for the operator, who sees no more than that. */
function opening(path: string, error: unknown): NodeError {
  const translated = translate(error);
  if (error instanceof NodeError && !(error.cause instanceof Error)) return error;
  const reason = translated.cause instanceof Error ? translated.cause.message : "";
  return new NodeError(translated.code, `Cannot open the database ${path}: ${reason}`, {
    cause: translated.cause,
  });
}
