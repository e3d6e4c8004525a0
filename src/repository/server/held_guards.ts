// Guards of reads that a server could not store, since it takes no writes just now (wire §6, replay):
// this node alone holds them, and brings them to the database once it takes writes again.

import { NodeError } from "../../errors.ts";
import type { UseGuard } from "../repository.ts";
import { unavailable } from "./in_time.ts";

/** A guard takes some 200 bytes here. */
const MAX_HELD = 100_000;
const RETRY_MS = 1_000;

export class HeldGuards implements AsyncDisposable {
  readonly #held = new Map<string, number>();
  readonly #store: (guard: UseGuard) => Promise<void>;
  readonly #now: () => number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #storing: Promise<void> | undefined;
  #isClosed = false;

  constructor(store: (guard: UseGuard) => Promise<void>, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  has(key: string): boolean {
    return this.#held.has(key);
  }

  /** False when it is held already. Throws `storage_unavailable` when too many are. */
  use({ key, expiresAt }: UseGuard): boolean {
    if (this.#held.has(key)) return false;
    if (this.#held.size >= MAX_HELD) throw unavailable("too many used tokens wait to be stored");
    this.#held.set(key, expiresAt);
    this.#retryLater();
    return true;
  }

  /** False when it was not held; one that was stored meanwhile is the database's. */
  release(key: string): boolean {
    return this.#held.delete(key);
  }

  /** Stores what is held, as far as the database takes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#storing;
    if (this.#held.size > 0) await this.#storeAll();
  }

  #retryLater(): void {
    if (this.#isClosed) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#storing = this.#storeAll().finally(() => {
        this.#storing = undefined;
        if (this.#held.size > 0) this.#retryLater();
      });
    }, RETRY_MS);
  }

  /** Ends at the first that is not taken. */
  async #storeAll(): Promise<void> {
    for (const [key, expiresAt] of this.#held) {
      try {
        if (expiresAt > this.#now()) await this.#store({ key, expiresAt });
      } catch {
        return;
      }
      this.#held.delete(key);
    }
  }
}

/** Whether the database answers, but takes no writes. */
export function takesNoWrites(error: unknown): boolean {
  return error instanceof NodeError &&
    (error.code === "storage_readonly" || error.code === "storage_full");
}
