// Holds the collector off while somebody needs blocks that the database may give up meanwhile, as a
// backup does. It is the collector's own lease, taken for a short time and renewed: after a crash it
// runs out. Who sleeps through it does not notice, and must be ready to miss a block.

import { NodeError } from "../errors.ts";
import { COLLECTOR_LEASE, Lease, type LeaseOptions, type Patience } from "./lease.ts";

export interface HoldOptions
  extends Omit<LeaseOptions, "seconds">, Pick<Partial<Patience>, "waiting" | "pollMs" | "waitMs"> {}

export interface Hold extends AsyncDisposable {
  /** Renews it, for so many seconds; false when somebody else has taken it. */
  renew(seconds?: number): Promise<boolean>;
}

/** A crash holds collections off for as long. */
export const HOLD_SECONDS = 5 * 60;
const RENEW_EVERY_MS = 60_000;
/** A collector's lease runs out after 15 minutes. */
const WAIT_MS = 16 * 60_000;

/**
 * Takes the lease, waiting for whoever has it; disposing gives it back. Throws `storage_unavailable`
 * after a long wait, and what the repository throws.
 */
export async function holdCollector(options: HoldOptions): Promise<Hold> {
  const { waitMs = WAIT_MS } = options;
  const lease = new Lease(COLLECTOR_LEASE, { ...options, seconds: HOLD_SECONDS });
  if (!await lease.wait({ ...options, waitMs })) {
    throw new NodeError("storage_unavailable", "the collection under way does not end: try later");
  }

  let last: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    // One that fails is followed by others before the lease runs out.
    last = last.then(() => lease.renew()).catch(() => {});
  }, RENEW_EVERY_MS);
  return {
    renew: (seconds) => lease.renew(seconds),
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await last;
      await lease.release();
    },
  };
}
