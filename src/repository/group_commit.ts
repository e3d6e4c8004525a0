// One writer, many waiting: operations that wait together share one transaction and so one fsync.
// Each runs in a savepoint of its own, and a failing one is undone alone. It knows no SQL.

import { NodeError } from "../errors.ts";

/** The transaction of one database, driven synchronously. Every method may throw a NodeError. */
export interface Transaction {
  /** `durable`: the commit must survive a power cut. */
  begin(durable: boolean): void;
  commit(): void;
  /** Ends whatever is left of the transaction; never throws. */
  abandon(): void;
  savepoint(): void;
  release(): void;
  undo(): void;
  /** Does another process hold the write lock just now? */
  isBusy(error: unknown): boolean;
}

/** Work that nobody waits for and that goes along with the next commit. */
export interface Rider {
  ride(): void;
  /** The commit that it went along with succeeded. */
  arrived(): void;
}

interface Waiting {
  readonly durable: boolean;
  /** Runs it, and keeps its answer for later. */
  run(): void;
  answer(): void;
  reject(error: unknown): void;
}

export interface GroupCommitOptions {
  /** Operations that may wait; beyond, `storage_unavailable`. */
  readonly maxWaiting: number;
  /** Operations in one transaction: bounds how long it keeps the event loop. */
  readonly maxBatch: number;
  /** Attempts while another process writes, and milliseconds between two of them. */
  readonly busyAttempts: number;
  readonly busyPauseMs: number;
}

const DEFAULTS: GroupCommitOptions = {
  maxWaiting: 10_000,
  maxBatch: 256,
  busyAttempts: 200,
  busyPauseMs: 10,
};

export class GroupCommit {
  readonly #transaction: Transaction;
  readonly #rider: Rider | undefined;
  readonly #options: GroupCommitOptions;
  readonly #queue: Waiting[] = [];
  #idle: (() => void)[] = [];
  #scheduled = false;
  #busyAttempts = 0;
  #closed = false;

  constructor(transaction: Transaction, rider?: Rider, options?: Partial<GroupCommitOptions>) {
    this.#transaction = transaction;
    this.#rider = rider;
    this.#options = { ...DEFAULTS, ...options };
  }

  /**
   * Runs the operation in the next transaction; resolves with its result once that is committed.
   * When the operation throws, it alone is undone, and its error comes out as it is.
   */
  submit<T>(operation: () => T, durable: boolean): Promise<T> {
    if (this.#closed) return Promise.reject(unavailable("the store is closed"));
    if (this.#queue.length >= this.#options.maxWaiting) {
      return Promise.reject(unavailable("too many writes are waiting"));
    }
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    let answer = () => reject(unavailable("the operation did not run"));
    this.#queue.push({
      durable,
      run: () => {
        const result = operation();
        answer = () => resolve(result);
      },
      answer: () => answer(),
      reject,
    });
    this.#schedule();
    return promise;
  }

  /** Refuses new operations, and resolves when those that wait are answered. */
  async close(): Promise<void> {
    this.#closed = true;
    if (!this.#scheduled) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // After the events that are ready now, so that what they ask for commits together.
    setImmediate(() => this.#drain());
  }

  #drain(): void {
    const batch = this.#queue.slice(0, this.#options.maxBatch);
    if (this.#commit(batch) === "busy") {
      this.#busyAttempts++;
      setTimeout(() => this.#drain(), this.#options.busyPauseMs);
      return;
    }
    this.#busyAttempts = 0;
    this.#queue.splice(0, batch.length);
    this.#scheduled = false;
    if (this.#queue.length > 0) return this.#schedule();
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }

  #commit(batch: readonly Waiting[]): "busy" | "done" {
    const transaction = this.#transaction;
    const answers: (() => void)[] = [];
    try {
      transaction.begin(batch.some((waiting) => waiting.durable));
    } catch (error) {
      const again = transaction.isBusy(error) && this.#busyAttempts < this.#options.busyAttempts;
      if (again) return "busy";
      for (const waiting of batch) waiting.reject(error);
      return "done";
    }
    try {
      let riding = this.#rider !== undefined;
      if (this.#rider !== undefined) {
        const rider = this.#rider;
        this.#attempt(() => rider.ride(), () => riding = false);
      }
      for (const waiting of batch) {
        answers.push(() => waiting.answer());
        const index = answers.length - 1;
        this.#attempt(() => waiting.run(), (error) => {
          answers[index] = () => waiting.reject(error);
        });
      }
      transaction.commit();
      if (riding) this.#rider?.arrived();
    } catch (error) {
      transaction.abandon();
      for (const waiting of batch) waiting.reject(error);
      return "done";
    }
    for (const answer of answers) answer();
    return "done";
  }

  /** Throws only when the transaction itself is lost. */
  #attempt(run: () => void, failed: (error: unknown) => void): void {
    const transaction = this.#transaction;
    transaction.savepoint();
    try {
      run();
    } catch (error) {
      try {
        transaction.undo();
      } catch {
        // A full disk and its like end the whole transaction; its cause says more than the undo's.
        throw error;
      }
      failed(error);
      return;
    }
    transaction.release();
  }
}

function unavailable(cause: string): NodeError {
  return new NodeError("storage_unavailable", undefined, { cause: new Error(cause) });
}
