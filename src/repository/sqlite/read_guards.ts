// Guards of reads, which do not wait for the disk: a guard is kept in memory and goes along with the
// next commit, a moment later at most. It is forgotten here once that commit has been answered, and
// while the database takes no writes it stays.

import { NodeError } from "../../errors.ts";
import type { UseGuard } from "../repository.ts";

/** A guard takes some 200 bytes here. */
const MAX_IN_MEMORY = 100_000;
/** Bounds what a commit does for others. */
const MAX_RIDING = 1_000;
const FLUSH_AFTER_MS = 250;
const RETRY_AFTER_MS = 1_000;

export class ReadGuards {
  readonly #now: () => number;
  readonly #flush: () => Promise<unknown>;
  /** With their expiry. */
  readonly #waiting = new Map<string, number>();
  /** Those of the one commit that is in flight. */
  #riding = new Map<string, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isFlushing = false;
  #isClosed = false;

  /** `flush` brings about a commit. */
  constructor(now: () => number, flush: () => Promise<unknown>) {
    this.#now = now;
    this.#flush = flush;
  }

  has(key: string): boolean {
    return this.#waiting.has(key) || this.#riding.has(key);
  }

  /** Throws `storage_unavailable` when too many wait for a commit. */
  use({ key, expiresAt }: UseGuard): void {
    if (this.#size >= MAX_IN_MEMORY) this.forgetExpired(this.#now());
    if (this.#size >= MAX_IN_MEMORY) {
      throw new NodeError("storage_unavailable", undefined, {
        cause: new Error("too many used tokens wait to be stored"),
      });
    }
    this.#waiting.set(key, expiresAt);
    this.#flushIn(FLUSH_AFTER_MS);
    // Many reads a second fill a commit before its time. A failed one is not hurried.
    if (this.#waiting.size === MAX_RIDING) this.#flushNow();
  }

  /**
   * True when it had not left yet, so that nothing of it can be stored. One that rides stays until
   * the write that releases it: were its token admitted before, that write would take away the
   * guard of the second use.
   */
  release(key: string): boolean {
    return this.#waiting.delete(key);
  }

  /** How many. */
  forgetExpired(now: number): number {
    let count = 0;
    for (const [key, expiresAt] of this.#waiting) {
      if (expiresAt <= now && this.#waiting.delete(key)) count++;
    }
    return count;
  }

  /** Those that ride with the commit that starts now; `settle` says how it ended. */
  take(): readonly (readonly [key: string, expiresAt: number])[] {
    for (const [key, expiresAt] of this.#waiting) {
      if (this.#riding.size >= MAX_RIDING) break;
      this.#riding.set(key, expiresAt);
      this.#waiting.delete(key);
    }
    return [...this.#riding];
  }

  settle(areStored: boolean): void {
    if (!areStored) {
      for (const [key, expiresAt] of this.#riding) {
        this.#waiting.set(key, expiresAt);
      }
    }
    this.#riding.clear();
  }

  /** Stores what is in memory, as far as the database takes it. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (let before = Infinity; this.#size > 0 && this.#size < before;) {
      before = this.#size;
      await this.#flush().catch(() => {});
    }
  }

  get #size(): number {
    return this.#waiting.size + this.#riding.size;
  }

  #flushIn(delayMs: number): void {
    if (this.#isClosed || this.#isFlushing) return;
    this.#timer ??= setTimeout(() => this.#flushNow(), delayMs);
  }

  async #flushNow(): Promise<void> {
    if (this.#isClosed || this.#isFlushing) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isFlushing = true;
    // Nobody waits for it: a failure shows in the next write that somebody does wait for.
    const areStored = await this.#flush().then(() => true, () => false);
    this.#isFlushing = false;
    if (areStored && this.#waiting.size >= MAX_RIDING) this.#flushNow();
    else if (this.#waiting.size > 0) this.#flushIn(areStored ? FLUSH_AFTER_MS : RETRY_AFTER_MS);
  }
}
