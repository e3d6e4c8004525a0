// Requests that were turned away for asking too much are not logged one by one: the flood would fill
// the disk that it could not fill otherwise.

import type { Clock } from "../telemetry/clock.ts";
import type { Fields } from "../telemetry/fields.ts";
import type { Log } from "../telemetry/log.ts";

const EVERY_MS = 10_000;

/** Counts, and logs the sum at most every ten seconds, with who was turned away last. */
export function createTally(
  { log, clock }: { readonly log: Log; readonly clock: Clock },
): (who: Pick<Fields, "client" | "space">) => void {
  let count = 0;
  let told = -Infinity;
  return (who) => {
    count++;
    const now = clock.monotonicMs();
    if (now - told < EVERY_MS) return;
    log.warn("requests.limited", { count, ...who });
    count = 0;
    told = now;
  };
}
