// The one transaction of a connection, for the group commit.

import { NodeError } from "../../errors.ts";
import type { Transaction } from "../group_commit.ts";
import type { Database } from "./database.ts";
import { isBusy, isFailedSync } from "./errors.ts";

const OVERWRITE = `
  INSERT INTO setting (name, value) VALUES ('store.overwritten', '')
  ON CONFLICT (name) DO UPDATE SET value = excluded.value`;

export class SqliteTransaction implements Transaction {
  readonly #database: Database;
  #durable: boolean | undefined;
  #lost: NodeError | undefined;

  constructor(database: Database) {
    this.#database = database;
  }

  begin(durable: boolean): void {
    if (this.#lost !== undefined) throw this.#lost;
    if (durable !== this.#durable) {
      // NORMAL never syncs at a commit, FULL syncs the log, and with it all commits before.
      this.#database.run(durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
      this.#durable = durable;
    }
    this.#database.run("BEGIN IMMEDIATE");
  }

  commit(): void {
    try {
      this.#database.run("COMMIT");
    } catch (error) {
      if (isFailedSync(error)) this.#giveUp(error);
      throw error;
    }
  }

  abandon(): void {
    if (this.#lost !== undefined) return;
    try {
      // A full disk has ended the transaction by itself.
      if (this.#database.inTransaction) this.#database.run("ROLLBACK");
    } catch (error) {
      this.#lost = new NodeError("storage_unavailable", undefined, { cause: error });
    }
  }

  savepoint(): void {
    this.#database.run("SAVEPOINT operation");
  }

  release(): void {
    this.#database.run("RELEASE operation");
  }

  undo(): void {
    this.#database.run("ROLLBACK TO operation");
    this.#database.run("RELEASE operation");
  }

  isBusy(error: unknown): boolean {
    return isBusy(error);
  }

  /**
   * After a failed sync nobody knows what the disk has, and a later sync that succeeds does not
   * mean that it has it now. So no write is taken until the process starts anew. The refused
   * transaction may stand whole in the log: a small one is written over it, so that the next start
   * does not find it.
   */
  #giveUp(cause: unknown): void {
    this.abandon();
    try {
      this.#database.run("BEGIN IMMEDIATE");
      this.#database.run(OVERWRITE);
      this.#database.run("COMMIT");
    } catch {
      // The write came before its sync, and it is the write that counts.
    }
    this.abandon();
    this.#lost = new NodeError("storage_unavailable", undefined, { cause });
  }
}
