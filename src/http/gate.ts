// Who asks too much is told to wait (configuration.md, `limits.*`): so many requests a second, so
// many at once, for each name. Why not a library: decision 0006.

import { NodeError } from "../errors.ts";
import type { Clock } from "../telemetry/clock.ts";

export interface GateOptions {
  /** Requests in a second; 0: any number. */
  readonly rate: number;
  /** Requests at once; 0: any number. */
  readonly concurrency: number;
  readonly clock: Pick<Clock, "monotonicMs">;
}

/**
 * Lets a request of `name` in, and counts it as open until `end` settles. Throws `rate_limited`.
 * Bounded by what it counts: the names of one second, and those of open requests.
 */
export type Gate = (name: string, end: Promise<unknown>) => void;

export function gate({ rate, concurrency, clock }: GateOptions): Gate {
  const open = new Map<string, number>();
  const inThisSecond = new Map<string, number>();
  let began = -Infinity;

  function countRate(name: string): void {
    const now = clock.monotonicMs();
    if (now - began >= 1000) {
      inThisSecond.clear();
      began = now;
    }
    const count = inThisSecond.get(name) ?? 0;
    if (count >= rate) throw new NodeError("rate_limited");
    inThisSecond.set(name, count + 1);
  }

  function countOpen(name: string, end: Promise<unknown>): void {
    const count = open.get(name) ?? 0;
    if (count >= concurrency) throw new NodeError("rate_limited");
    open.set(name, count + 1);
    const leave = () => {
      const left = (open.get(name) ?? 1) - 1;
      if (left === 0) open.delete(name);
      else open.set(name, left);
    };
    end.then(leave, leave);
  }

  return (name, end) => {
    if (rate > 0) countRate(name);
    if (concurrency > 0) countOpen(name, end);
  };
}
