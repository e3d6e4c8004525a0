// What a database server's driver must do for us. Everything above it is written once for all servers;
// a driver says how to connect, how its failures read, and how its SQL differs.

import type { Row } from "../rows.ts";

export type Value = null | number | string | Uint8Array;

export interface Result {
  readonly rows: readonly Row[];
  /** Rows inserted, deleted, or changed by an update. */
  readonly changes: number;
  /** The number that an `insertNumbered` gave out. */
  readonly id: number | undefined;
}

export interface Connection {
  /** Runs one statement with `?` for its values; prepared once a connection. */
  query(sql: string, values: readonly Value[]): Promise<Result>;
  /** From now on no statement on it takes too long. */
  unhurried(): Promise<void>;
  /** Gives it back to the pool. */
  release(): void;
  /** Ends it at once: what runs on it fails, and nobody gets it again. */
  destroy(): void;
}

export type Failure =
  /** The server has undone the transaction, as it does to one of two that wait for each other. */
  | "undone"
  /** The connection is gone: whether a commit under way took place is not known. */
  | "lost"
  /** Another transaction has inserted the same key. */
  | "taken"
  | "full"
  | "readonly"
  | "other";

/**
 * Milliseconds that a driver's own time limits come after ours: whoever waits for a connection is
 * told so by us, and not by chance by the driver, whose word would be one for a lost connection.
 */
export const DRIVER_SLACK_MS = 1_000;

/** The SQL that servers do not share. */
export interface Dialect {
  /** Inserts a row, or several, but for those whose key is there. */
  insertOrIgnore(table: string, columns: readonly string[], rows?: number): string;
  /** Inserts one row, or sets all its other columns. */
  upsert(table: string, key: readonly string[], columns: readonly string[]): string;
  /** Inserts one row; `Result.id` is what `column` got. */
  insertNumbered(table: string, column: string, columns: readonly string[]): string;
  /** Deletes at most so many (the last `?`) of the rows that `where` names. */
  deleteSome(table: string, key: string, where: string, order: string): string;
  /** Has the next number of a column follow the largest that is there; absent: it does by itself. */
  readonly continueNumbers?: (table: string, column: string) => string;
  /**
   * Inserts a read's guard into `used_token` (guard, attempt, expires_at) without waiting for the
   * disk, where the server can; a guard that is there stays.
   */
  readonly useForRead: string;
}

export interface Driver {
  readonly dialect: Dialect;
  /** A connection of the pool, new or used; may wait for one. */
  connect(): Promise<Connection>;
  /** What a failure of `connect` or `query` means, by code and never by text. */
  failureOf(error: unknown): Failure;
  close(): Promise<void>;
}
