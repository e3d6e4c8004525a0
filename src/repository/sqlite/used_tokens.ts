// Which tokens are used up (wire §6, replay). A change uses its token in its own commit. A read
// does not wait for the disk: its guard is kept in memory and goes along with the next commit, a
// moment later at most; while the database takes no writes it stays here.

import { NodeError } from "../../errors.ts";
import type { Rider } from "../group_commit.ts";
import type { UseGuard } from "../repository.ts";
import type { Database } from "./database.ts";

const IS_USED = "SELECT 1 FROM used_token WHERE guard = unhex(?)";
const USE =
  "INSERT INTO used_token (guard, expires_at) VALUES (unhex(?), ?) ON CONFLICT DO NOTHING";
const RELEASE = "DELETE FROM used_token WHERE guard = unhex(?)";
const SWEEP = `
  DELETE FROM used_token WHERE guard IN
    (SELECT guard FROM used_token WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)`;

/** A guard takes some 200 bytes here. */
const MAX_IN_MEMORY = 100_000;
/** Bounds what a commit does for others. */
const MAX_RIDING = 1_000;
const FLUSH_AFTER_MS = 250;
const RETRY_AFTER_MS = 1_000;

export class UsedTokens implements Rider {
  readonly #database: Database;
  readonly #now: () => number;
  readonly #flush: () => Promise<unknown>;
  /** Guards that no commit has taken along yet, with their expiry. */
  readonly #inMemory = new Map<string, number>();
  #riding: readonly string[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  /** `flush` brings about a commit. */
  constructor(database: Database, now: () => number, flush: () => Promise<unknown>) {
    this.#database = database;
    this.#now = now;
    this.#flush = flush;
  }

  has(key: string): boolean {
    return this.#inMemory.has(key) || this.#database.one(IS_USED, key) !== undefined;
  }

  /** Within a transaction. */
  use(guard: UseGuard): void {
    this.#database.run(USE, guard.key, guard.expiresAt);
  }

  /** Without one. Throws `storage_unavailable` when too many guards wait for a commit. */
  useInMemory(guard: UseGuard): void {
    if (this.#inMemory.size >= MAX_IN_MEMORY) this.#forgetExpired(this.#now());
    if (this.#inMemory.size >= MAX_IN_MEMORY) {
      throw new NodeError("storage_unavailable", undefined, {
        cause: new Error("too many used tokens wait to be stored"),
      });
    }
    this.#inMemory.set(guard.key, guard.expiresAt);
    this.#flushIn(FLUSH_AFTER_MS);
  }

  /** True when it was still in memory, and so is released already. */
  releaseInMemory(key: string): boolean {
    return this.#inMemory.delete(key);
  }

  /** Within a transaction. */
  release(key: string): void {
    this.#inMemory.delete(key);
    this.#database.run(RELEASE, key);
  }

  /** Within a transaction. How many it forgot, at most `limit` of those stored. */
  sweep(now: number, limit: number): number {
    return this.#forgetExpired(now) + this.#database.run(SWEEP, now, limit);
  }

  ride(): void {
    this.#riding = [];
    const riding: string[] = [];
    for (const [key, expiresAt] of this.#inMemory) {
      if (riding.length >= MAX_RIDING) break;
      this.use({ key, expiresAt });
      riding.push(key);
    }
    this.#riding = riding;
  }

  arrived(): void {
    for (const key of this.#riding) this.#inMemory.delete(key);
    this.#riding = [];
  }

  /** Stores what is in memory, as far as the database takes it. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    let before = Infinity;
    while (this.#inMemory.size > 0 && this.#inMemory.size < before) {
      before = this.#inMemory.size;
      await this.#flush().catch(() => {});
    }
  }

  #forgetExpired(now: number): number {
    let count = 0;
    for (const [key, expiresAt] of this.#inMemory) {
      if (expiresAt <= now && this.#inMemory.delete(key)) count++;
    }
    return count;
  }

  #flushIn(delayMs: number): void {
    if (this.#timer !== undefined || this.#closed) return;
    this.#timer = setTimeout(async () => {
      // Nobody waits for it: a failure shows in the next write that somebody does wait for.
      const stored = await this.#flush().then(() => true, () => false);
      this.#timer = undefined;
      if (this.#inMemory.size > 0) this.#flushIn(stored ? FLUSH_AFTER_MS : RETRY_AFTER_MS);
    }, delayMs);
  }
}
