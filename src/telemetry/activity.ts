// What the node did lately, for `tinycloud status`: requests by the second for a minute, each error
// code once, the last collection. So it takes the same memory whatever happens.

import type { ErrorCode } from "../errors.ts";
import type { Clock } from "./clock.ts";
import type { CollectionOutcome, Metrics, Removed } from "./metrics.ts";

/** Requests answered within a span of time; the last three are parts of the first. */
export interface Rates {
  readonly seconds: number;
  readonly requests: number;
  /** 4xx without those that a limit turned away. */
  readonly refused: number;
  /** 429. */
  readonly limited: number;
  /** 5xx. */
  readonly failed: number;
}

/** How often a code was answered since the start, and when last, by the monotonic clock. */
export interface LastError {
  readonly code: ErrorCode;
  readonly count: number;
  readonly atMs: number;
}

export interface LastCollection {
  readonly outcome: CollectionOutcome;
  /** By the monotonic clock. */
  readonly atMs: number;
  readonly removed: Removed;
}

export interface Activity {
  /** The same metrics, of which it sees what goes in. */
  readonly metrics: Metrics;
  readonly inFlight: number;
  /** Of the last minute, or since the start. */
  rates(): Rates;
  /** Newest first. */
  errors(): readonly LastError[];
  lastCollection(): LastCollection | undefined;
}

const SECONDS = 60;
/** Counters of one second: requests, refused, limited, failed. */
const KINDS = 4;

export function watchActivity(metrics: Metrics, clock: Pick<Clock, "monotonicMs">): Activity {
  const begun = Math.floor(clock.monotonicMs() / 1000);
  const counts = new Uint32Array(SECONDS * KINDS);
  /** Which second the counters at its place are of. */
  const seconds = new Float64Array(SECONDS).fill(-1);
  const errors = new Map<ErrorCode, LastError>();
  let inFlight = 0;
  let collection: LastCollection | undefined;

  function count(status: number): void {
    const second = Math.floor(clock.monotonicMs() / 1000);
    const place = second % SECONDS;
    const at = place * KINDS;
    if (seconds[place] !== second) {
      seconds[place] = second;
      counts.fill(0, at, at + KINDS);
    }
    counts[at] = (counts[at] ?? 0) + 1;
    if (status < 400) return;
    const kind = at + (status === 429 ? 2 : status < 500 ? 1 : 3);
    counts[kind] = (counts[kind] ?? 0) + 1;
  }

  return {
    metrics: {
      ...metrics,
      inFlight(isBegun) {
        inFlight += isBegun ? 1 : -1;
        metrics.inFlight(isBegun);
      },
      answered(path, status, duration) {
        count(status);
        metrics.answered(path, status, duration);
      },
      failed(code) {
        const before = errors.get(code)?.count ?? 0;
        errors.set(code, { code, count: before + 1, atMs: clock.monotonicMs() });
        metrics.failed(code);
      },
      collected(outcome, removed) {
        collection = { outcome, atMs: clock.monotonicMs(), removed };
        metrics.collected(outcome, removed);
      },
    },
    get inFlight() {
      return inFlight;
    },
    rates() {
      const now = Math.floor(clock.monotonicMs() / 1000);
      const sums = [0, 0, 0, 0];
      for (const [place, second] of seconds.entries()) {
        if (second < 0 || second <= now - SECONDS) continue;
        for (let kind = 0; kind < KINDS; kind++) {
          sums[kind] = (sums[kind] ?? 0) + (counts[place * KINDS + kind] ?? 0);
        }
      }
      const [requests = 0, refused = 0, limited = 0, failed = 0] = sums;
      // The second that has begun counts as a whole one.
      return { seconds: Math.min(SECONDS, now - begun + 1), requests, refused, limited, failed };
    },
    errors: () => [...errors.values()].toSorted((a, b) => b.atMs - a.atMs),
    lastCollection: () => collection,
  };
}
