// `commit(batch) → answer`: one transaction, a savepoint for each write so that a failing one is
// undone alone. A plain function of a connection and data: a Worker runs it, and so may anybody who
// has a connection that takes writes.

import { NodeError } from "../../errors.ts";
import { setBusyTimeout } from "./connection.ts";
import type { Database } from "./database.ts";
import { isFailedSync } from "./errors.ts";
import { type Failure, failureOf } from "./failure.ts";
import { useAll } from "./used_tokens.ts";
import { UNCHECKED, type Write, type Writes, writesOn } from "./writes.ts";

export interface Batch {
  /** Unix seconds, against which guards are judged. */
  readonly now: number;
  /** Guards of reads that ride along, as `useAll` takes them. */
  readonly guards?: string;
  readonly writes: readonly Write[];
}

export type Answer =
  | {
    readonly kind: "committed";
    /** One for each write, in order. */
    readonly outcomes: readonly ({ readonly value: unknown } | { readonly failure: Failure })[];
    readonly areGuardsStored: boolean;
    /** From the beginning of the transaction to its end. */
    readonly seconds: number;
  }
  /** Nothing was changed. `isFinal`: no later batch will be taken either. */
  | { readonly kind: "failed"; readonly failure: Failure; readonly isFinal: boolean };

/** Another process that writes is waited for as long. */
const BUSY_MS = 2_000;

const OVERWRITE = `
  INSERT INTO setting (name, value) VALUES ('store.overwritten', '')
  ON CONFLICT (name) DO UPDATE SET value = excluded.value`;

export class Committer {
  readonly #database: Database;
  readonly #writes: Writes;
  #now = 0;
  #isDurable: boolean | undefined;
  #isChecked = true;
  #lost: NodeError | undefined;

  constructor(database: Database) {
    this.#database = database;
    this.#writes = writesOn(database, () => this.#now);
    setBusyTimeout(database, BUSY_MS);
  }

  /** Never throws. */
  commit({ now, guards, writes }: Batch): Answer {
    const start = performance.now();
    this.#now = now;
    try {
      const { areGuardsStored, outcomes } = this.#together(guards, writes) ??
        this.#oneByOne(guards, writes);
      this.#end();
      const seconds = (performance.now() - start) / 1000;
      return { kind: "committed", outcomes, areGuardsStored, seconds };
    } catch (error) {
      this.#abandon();
      return { kind: "failed", failure: failureOf(error), isFinal: this.#lost !== undefined };
    }
  }

  close(): void {
    this.#database.close();
  }

  /** All writes, or undefined and nothing when one fails: a savepoint for each costs a tenth. */
  #together(guards: string | undefined, writes: readonly Write[]) {
    this.#begin(writes);
    try {
      if (guards !== undefined) useAll(this.#database, guards);
      const outcomes = writes.map((write) => ({ value: this.#run(write) }));
      return { areGuardsStored: true, outcomes };
    } catch {
      // A full disk has ended the transaction by itself.
      if (this.#database.inTransaction) this.#database.run("ROLLBACK");
      return undefined;
    }
  }

  /** Each write for itself: what fails is undone alone. */
  #oneByOne(guards: string | undefined, writes: readonly Write[]) {
    this.#begin(writes);
    const areGuardsStored = guards === undefined ||
      "value" in this.#attempt(() => useAll(this.#database, guards));
    const outcomes = writes.map((write) => this.#attempt(() => this.#run(write)));
    return { areGuardsStored, outcomes };
  }

  #run({ method, args }: Write): unknown {
    // Type checking lost the tie between a method and its arguments; `Write` has it.
    const run = this.#writes[method] as (...args: readonly unknown[]) => unknown;
    return run(...args);
  }

  #begin(writes: readonly Write[]): void {
    if (this.#lost !== undefined) throw this.#lost;
    const isDurable = writes.some(({ isDurable }) => isDurable);
    if (isDurable !== this.#isDurable) {
      // NORMAL never syncs at a commit, FULL syncs the log, and with it all commits before.
      this.#database.run(isDurable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
      this.#isDurable = isDurable;
    }
    const isChecked = !writes.some(({ method }) => UNCHECKED.has(method));
    if (isChecked !== this.#isChecked) {
      this.#database.run(isChecked ? "PRAGMA foreign_keys = ON" : "PRAGMA foreign_keys = OFF");
      this.#isChecked = isChecked;
    }
    this.#database.run("BEGIN IMMEDIATE");
  }

  #end(): void {
    try {
      this.#database.run("COMMIT");
    } catch (error) {
      if (isFailedSync(error)) this.#giveUp(error);
      throw error;
    }
  }

  /** Throws only when the transaction itself is lost. */
  #attempt(run: () => unknown): { readonly value: unknown } | { readonly failure: Failure } {
    this.#database.run("SAVEPOINT operation");
    try {
      const value = run();
      this.#database.run("RELEASE operation");
      return { value };
    } catch (error) {
      try {
        this.#database.run("ROLLBACK TO operation");
        this.#database.run("RELEASE operation");
      } catch {
        // A full disk and its like end the whole transaction; its cause says more than the undo's.
        throw error;
      }
      return { failure: failureOf(error) };
    }
  }

  #abandon(): void {
    if (this.#lost !== undefined) return;
    try {
      // A full disk has ended the transaction by itself.
      if (this.#database.inTransaction) this.#database.run("ROLLBACK");
    } catch (error) {
      this.#lost = new NodeError("storage_unavailable", undefined, { cause: error });
    }
  }

  /**
   * After a failed sync nobody knows what the disk has, and a later sync that succeeds does not
   * mean that it has it now. So no write is taken until the process starts anew. The refused
   * transaction may stand whole in the log: a small one is written over it, so that the next start
   * does not find it.
   */
  #giveUp(cause: unknown): void {
    this.#abandon();
    try {
      this.#database.run("BEGIN IMMEDIATE");
      this.#database.run(OVERWRITE);
      this.#database.run("COMMIT");
    } catch {
      // The write came before its sync, and it is the write that counts.
    }
    this.#abandon();
    this.#lost = new NodeError("storage_unavailable", undefined, { cause });
  }
}
