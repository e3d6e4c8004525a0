// Opens a SQLite database: file and folder, migrations, and who commits.

import { dirname } from "node:path";
import { cannotOpen, NodeError } from "../../errors.ts";
import type { Repository } from "../repository.ts";
import { connect, setBusyTimeout } from "./connection.ts";
import { keepCopy } from "./copy.ts";
import type { Database } from "./database.ts";
import { translate } from "./errors.ts";
import { LOAD_SETTING, refuseUnfinished } from "../loading.ts";
import { lacking, type Migration } from "../migrations.ts";
import { firstChange, migrate, pending } from "./migrate.ts";
import { MIGRATIONS } from "./migrations.ts";
import { setting } from "./settings.ts";
import { sqliteRepository } from "./sqlite_repository.ts";
import { type Writer, writerHere } from "./writer.ts";
import { WriterWorker } from "./writer_worker.ts";

export interface SqliteOptions {
  /** Of the file; `:memory:` keeps everything in memory. */
  readonly path: string;
  /** `storage.durability` */
  readonly durability: "full" | "normal";
  /** Unix seconds. */
  readonly now: () => number;
  /** Told where a copy of a SQLite file was kept before it was migrated. */
  readonly onCopy?: (path: string) => void;
  /** Told of every commit: how many requests it carried, and how many seconds it took. */
  readonly onCommit?: (batchSize: number, seconds: number) => void;
  /** Where a file's commits run (decision 0001); default: in a Worker. What is in memory has none. */
  readonly commits?: "worker" | "here";
  /**
   * Another store is to be loaded into it: a load that was cut off goes on, where everybody else is
   * refused; and what lacks a migration is refused, for it is no new store.
   */
  readonly loads?: boolean;
  /** Only tests have others. */
  readonly migrations?: readonly Migration[];
}

const MEMORY = ":memory:";
const CHECKPOINT_BUSY_MS = 1_000;

/**
 * Opens the store for reading and writing; creates what is missing (folder 0700, file 0600) and
 * applies the migrations that are missing, keeping a copy of the file as it was in
 * `{path}.before-NNNN`. Throws `storage_full`, `storage_readonly` or `storage_unavailable`; the
 * message is for the operator.
 */
export function openSqlite(options: SqliteOptions): Repository {
  const { path, durability, now, onCommit, commits = "worker" } = options;
  try {
    if (path !== MEMORY) prepareFile(options);
    const database = opened(path, false, (connection) => {
      migrate(connection, options.migrations ?? MIGRATIONS, now());
      if (options.loads !== true) refuseUnfinished(setting(connection, LOAD_SETTING), path);
    });
    const writer = path === MEMORY || commits === "here"
      ? writerHere(database)
      : writerBeside(database, path);
    return sqliteRepository(database, writer, {
      isDurable: durability === "full",
      now,
      ...(onCommit === undefined ? {} : { onCommit }),
    });
  } catch (error) {
    throw opening(path, error);
  }
}

/**
 * Opens an existing store for reading, beside whoever writes to it. Every write throws
 * `storage_readonly`.
 */
export function openSqliteReadOnly(path: string, now: () => number): Repository {
  try {
    const database = opened(path, true, (connection) => {
      const [first] = pending(connection, MIGRATIONS);
      if (first !== undefined) throw lacking(`The database ${path}`, first);
      refuseUnfinished(setting(connection, LOAD_SETTING), path);
    });
    return sqliteRepository(database, writerHere(database), { isDurable: true, now });
  } catch (error) {
    throw opening(path, error);
  }
}

/** A connection that `prepare` has not thrown at. */
function opened(
  path: string,
  readOnly: boolean,
  prepare: (connection: Database) => void,
): Database {
  const connection = connect(path, readOnly);
  try {
    prepare(connection);
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** This isolate's connection only reads from now on, and never waits. */
function writerBeside(database: Database, path: string): Writer {
  setBusyTimeout(database, 0);
  database.one("PRAGMA query_only = ON");
  return new WriterWorker(path);
}

/** Makes the file if it is missing, turns the log on, and keeps a copy of what will be migrated. */
function prepareFile({ path, onCopy, loads, migrations = MIGRATIONS }: SqliteOptions): void {
  createFile(path);
  let first: Migration | undefined;
  opened(path, false, (connection) => {
    first = firstChange(connection, migrations);
    if (first !== undefined && loads) throw lacking(`The database ${path}`, first);
    connection.one("PRAGMA journal_mode = WAL");
    if (first === undefined) return;
    // So that the file alone has all; a reader may hold this up for a moment.
    setBusyTimeout(connection, CHECKPOINT_BUSY_MS);
    connection.one("PRAGMA wal_checkpoint(TRUNCATE)");
  }).close();
  if (first === undefined) return;
  const copy = keepCopy(path, first.name.slice(0, 4));
  onCopy?.(copy);
}

/** Whatever the umask: 0700 for a new folder, 0600 for a new file and so for its companions. */
function createFile(path: string): void {
  try {
    Deno.mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    Deno.openSync(path, { createNew: true, write: true, mode: 0o600 }).close();
    Deno.chmodSync(path, 0o600);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
}

/** A failure with a sentence for the operator, who sees no more than that. */
function opening(path: string, error: unknown): NodeError {
  if (error instanceof NodeError && !(error.cause instanceof Error)) return error;
  return cannotOpen("the database", path, translate(error, path));
}
