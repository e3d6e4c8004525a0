// Holds the collector off while somebody needs blocks that the database may give up meanwhile, as a
// backup does. It is the collector's own lease, taken for a short time and renewed: after a crash it
// runs out. Who sleeps through it does not notice, and must be ready to miss a block.

import { NodeError } from "../errors.ts";
import type { Repository } from "../repository/repository.ts";
import type { Clock } from "../telemetry/clock.ts";
import { COLLECTOR_LEASE } from "./lease.ts";

export interface HoldOptions {
  readonly repository: Pick<Repository, "takeLease" | "releaseLease">;
  readonly clock: Clock;
  /** Names who holds. One that is alone by other means has the same name every time. */
  readonly holder: string;
  /** Told when somebody else has the lease, once. */
  readonly waiting?: () => void;
  /** How often it asks, and for how long. */
  readonly pollMs?: number;
  readonly waitMs?: number;
}

export interface Hold extends AsyncDisposable {
  /** Renews it, for so many seconds; false when somebody else has taken it. */
  renew(seconds?: number): Promise<boolean>;
}

/** A crash holds collections off for as long. */
export const HOLD_SECONDS = 5 * 60;
const RENEW_EVERY_MS = 60_000;
const POLL_MS = 500;
/** A collector's lease runs out after 15 minutes. */
const WAIT_MS = 16 * 60_000;

/**
 * Takes the lease, waiting for whoever has it; disposing gives it back. Throws `storage_unavailable`
 * after a long wait, and what the repository throws.
 */
export async function holdCollector(options: HoldOptions): Promise<Hold> {
  const { repository, clock, holder, waiting, pollMs = POLL_MS, waitMs = WAIT_MS } = options;

  function renew(seconds = HOLD_SECONDS): Promise<boolean> {
    const now = clock.nowSeconds();
    return repository.takeLease(COLLECTOR_LEASE, holder, now, now + seconds);
  }

  const until = clock.monotonicMs() + waitMs;
  for (let tries = 0; !await renew(); tries++) {
    if (tries === 0) waiting?.();
    if (clock.monotonicMs() >= until) {
      throw new NodeError(
        "storage_unavailable",
        "the collection under way does not end: try later",
      );
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }

  let last: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    // One that fails is followed by others before the lease runs out.
    last = last.then(() => renew()).catch(() => {});
  }, RENEW_EVERY_MS);
  return {
    renew,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await last;
      await repository.releaseLease(COLLECTOR_LEASE, holder).catch(() => {});
    },
  };
}
