// Who asks too much is told to wait (configuration.md, `limits.*`): so many requests a second, so
// many at once, for each name. Why not a library: decision 0006.

import { NodeError } from "../errors.ts";
import type { Clock } from "../telemetry/clock.ts";

export interface GateOptions {
  /** Requests a second, and at most that many in a burst; 0: any number. */
  readonly rate: number;
  /** Requests at once; 0: any number. */
  readonly concurrency: number;
  readonly clock: Pick<Clock, "monotonicMs">;
}

export interface Gate {
  /** Lets a request of `name` in, and counts it as open until `end` settles. Throws Limited. */
  enter(name: string, end: Promise<unknown>): void;
  /** Counts so many requests more; a debt is at most what five seconds pay back. */
  charge(name: string, requests: number): void;
}

/** `rate_limited`, and after how long another request would be let in. */
export class Limited extends NodeError {
  constructor(readonly waitMs: number) {
    super("rate_limited");
  }
}

/** What is left of a name's burst, at an instant. Below 0: a debt. */
interface Bucket {
  left: number;
  at: number;
}

const SWEEP_MS = 1000;
/**
 * What is refused is charged once it is answered, and as many as `concurrency` may be looked at by
 * then. With less debt they would cost their sender no more than a few.
 */
const DEBT_SECONDS = 5;

/** Remembers the names of open requests, and those of the last seven seconds. */
export function gate({ rate, concurrency, clock }: GateOptions): Gate {
  const open = new Map<string, number>();
  const buckets = new Map<string, Bucket>();
  let swept = clock.monotonicMs();

  /** The name's bucket as it is now. */
  function bucketOf(name: string): Bucket {
    const now = clock.monotonicMs();
    if (now - swept >= SWEEP_MS) sweep(now);
    const bucket = buckets.get(name) ?? { left: rate, at: now };
    bucket.left = leftOf(bucket, now);
    bucket.at = now;
    buckets.set(name, bucket);
    return bucket;
  }

  const leftOf = ({ left, at }: Bucket, now: number) =>
    Math.min(rate, left + (now - at) * rate / 1000);

  /** A full bucket is as good as none. */
  function sweep(now: number): void {
    swept = now;
    for (const [name, bucket] of buckets) {
      if (leftOf(bucket, now) === rate) buckets.delete(name);
    }
  }

  function countOpen(name: string, end: Promise<unknown>): void {
    const count = open.get(name) ?? 0;
    if (count >= concurrency) throw new Limited(1000);
    open.set(name, count + 1);
    const leave = () => {
      const left = (open.get(name) ?? 1) - 1;
      if (left === 0) open.delete(name);
      else open.set(name, left);
    };
    end.then(leave, leave);
  }

  return {
    enter(name, end) {
      if (rate > 0) {
        const bucket = bucketOf(name);
        if (bucket.left < 1) throw new Limited(Math.ceil((1 - bucket.left) * 1000 / rate));
        bucket.left -= 1;
      }
      if (concurrency > 0) countOpen(name, end);
    },
    charge(name, requests) {
      if (rate === 0) return;
      const bucket = bucketOf(name);
      bucket.left = Math.max(-DEBT_SECONDS * rate, bucket.left - requests);
    },
  };
}
