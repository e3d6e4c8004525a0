// An answer that costs something, given again to whoever asks soon after.

import type { Clock } from "../telemetry/clock.ts";

/** Asks at most once in so many milliseconds, and never twice at a time. */
export function fresh<T>(
  maxAgeMs: number,
  clock: Pick<Clock, "monotonicMs">,
  ask: () => Promise<T>,
): () => Promise<T> {
  let last: { readonly at: number; readonly answer: Promise<T> } | undefined;
  let isAsking = false;
  return () => {
    const now = clock.monotonicMs();
    if (last === undefined || (!isAsking && now - last.at > maxAgeMs)) {
      isAsking = true;
      const answer = ask().finally(() => isAsking = false);
      last = { at: now, answer };
    }
    return last.answer;
  };
}
