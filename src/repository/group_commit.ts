// Many waiting, one writer: writes that wait together are committed together and so share one
// fsync. One batch is in flight at a time; what comes meanwhile is the next one. It knows neither
// SQL nor where the commit runs (decision 0001).

import { NodeError } from "../errors.ts";
import type { Workload } from "./repository.ts";

export type Outcome = { readonly value: unknown } | { readonly error: NodeError };

/** Resolves with one outcome for each write once they are committed; a rejection is everybody's. */
export type Commit<W> = (batch: readonly W[]) => Promise<readonly Outcome[]>;

export interface GroupCommitOptions {
  /** Writes that may wait, and their bytes; beyond, `storage_unavailable`. */
  readonly maxWaiting: number;
  readonly maxWaitingBytes: number;
  /** Writes in one batch, and their bytes; one that is larger goes alone. */
  readonly maxBatch: number;
  readonly maxBatchBytes: number;
}

const DEFAULTS: GroupCommitOptions = {
  maxWaiting: 10_000,
  maxWaitingBytes: 64 * 1024 * 1024,
  maxBatch: 256,
  maxBatchBytes: 4 * 1024 * 1024,
};

/**
 * On a slow disk two half-sized groups would alternate, each waiting for the other's commit. A
 * short wait after a commit that took longer than this makes them one (decision 0001).
 */
const SLOW_COMMIT_MS = 4;
const MAX_WAIT_MS = 2;

interface Waiting<W> {
  readonly write: W;
  readonly bytes: number;
  readonly settle: PromiseWithResolvers<unknown>;
}

export class GroupCommit<W> {
  readonly #commit: Commit<W>;
  readonly #options: GroupCommitOptions;
  readonly #queue: Waiting<W>[] = [];
  #queuedBytes = 0;
  #lastCommitMs = 0;
  #underWay = 0;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(commit: Commit<W>, options?: Partial<GroupCommitOptions>) {
    this.#commit = commit;
    this.#options = { ...DEFAULTS, ...options };
  }

  /** Resolves with the value of its outcome, or rejects with the error of it. */
  submit(write: W, bytes: number): Promise<unknown> {
    const { maxWaiting, maxWaitingBytes } = this.#options;
    if (this.#closed) return Promise.reject(unavailable("the store is closed"));
    if (this.#queue.length >= maxWaiting || this.#queuedBytes >= maxWaitingBytes) {
      return Promise.reject(unavailable("too many writes are waiting"));
    }
    const settle = Promise.withResolvers<unknown>();
    this.#queue.push({ write, bytes, settle });
    this.#queuedBytes += bytes;
    this.#running ??= this.#run();
    return settle.promise;
  }

  /** Writes in the commit under way, and those that wait for the next. */
  get workload(): Workload {
    return { running: this.#underWay, waiting: this.#queue.length };
  }

  /** Refuses new writes, and resolves when those that wait are answered. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      await this.#gather();
      const batch = this.#take();
      this.#underWay = batch.length;
      const start = performance.now();
      try {
        const outcomes = await this.#commit(batch.map(({ write }) => write));
        batch.forEach(({ settle }, index) => answer(settle, outcomes[index]));
      } catch (error) {
        for (const { settle } of batch) settle.reject(error);
      }
      this.#lastCommitMs = performance.now() - start;
    }
    this.#underWay = 0;
    this.#running = undefined;
  }

  /** Requests that are ready now, or still waiting in their sockets, join: look while it grows. */
  async #gather(): Promise<void> {
    if (this.#lastCommitMs > SLOW_COMMIT_MS) {
      const waitMs = Math.min(MAX_WAIT_MS, this.#lastCommitMs / 4);
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
    for (let seen = 0; seen < this.#queue.length && seen < this.#options.maxBatch;) {
      seen = this.#queue.length;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #take(): readonly Waiting<W>[] {
    const { maxBatch, maxBatchBytes } = this.#options;
    let [count, bytes] = [0, 0];
    for (const waiting of this.#queue) {
      const isOver = count >= maxBatch || bytes + waiting.bytes > maxBatchBytes;
      if (count > 0 && isOver) break;
      count++;
      bytes += waiting.bytes;
    }
    this.#queuedBytes -= bytes;
    return this.#queue.splice(0, count);
  }
}

function answer(settle: PromiseWithResolvers<unknown>, outcome: Outcome | undefined): void {
  if (outcome === undefined) settle.reject(unavailable("the write was not answered"));
  else if ("error" in outcome) settle.reject(outcome.error);
  else settle.resolve(outcome.value);
}

function unavailable(cause: string): NodeError {
  return new NodeError("storage_unavailable", undefined, { cause: new Error(cause) });
}
