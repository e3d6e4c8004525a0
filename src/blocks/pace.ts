// Work that gives way: for each moment of it some moments of rest, and no more bytes than so many a
// second, so that requests beside it find disk and processor free.

import { pause, turn } from "../pause.ts";
import type { Clock } from "../telemetry/clock.ts";

export interface Pace {
  /** Work begins now. */
  begin(): void;
  /** Tells of work done since, with the bytes that it read; resolves when it may go on. */
  spent(bytes: number, signal?: AbortSignal): Promise<void>;
}

export interface PaceOptions {
  readonly clock: Clock;
  /** The part of the time that goes to work, over 0 and up to 1. */
  readonly share: number;
  readonly bytesPerSecond?: number;
  /** Only tests have another. */
  readonly rest?: (ms: number, signal?: AbortSignal) => Promise<void>;
}

/** Shorter rests are saved up: a timer is not that exact. */
const SHORTEST_REST_MS = 20;
/** After work that took so long because the whole machine stood still. */
const LONGEST_REST_MS = 10_000;

/** `begin` is due before the first work and after a time of something else. */
export function paced({ clock, share, bytesPerSecond, rest = pause }: PaceOptions): Pace {
  let since = clock.monotonicMs();
  let owedMs = 0;
  return {
    begin() {
      since = clock.monotonicMs();
    },
    async spent(bytes, signal) {
      const workedMs = clock.monotonicMs() - since;
      const byTime = workedMs * (1 / share - 1);
      const byBytes = bytesPerSecond === undefined ? 0 : bytes / bytesPerSecond * 1000 - workedMs;
      owedMs += Math.max(byTime, byBytes);
      if (owedMs < SHORTEST_REST_MS) await turn();
      else {
        await rest(Math.min(owedMs, LONGEST_REST_MS), signal);
        owedMs = 0;
      }
      since = clock.monotonicMs();
    },
  };
}

/** Goes on at once, after everybody else has had a turn. */
export function restless(): Pace {
  return { begin() {}, spent: () => turn() };
}
