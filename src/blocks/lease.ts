// Work that one process does at a time, however many share the database (configuration.md, "beside a
// running node"). The lease outlasts its renewals by far, for nodes whose clocks differ.

import { pause } from "../pause.ts";
import type { Repository } from "../repository/repository.ts";
import type { Clock } from "../telemetry/clock.ts";

/** Whoever has it keeps every other from removing blocks. */
export const COLLECTOR_LEASE = "collector";
const LEASE_SECONDS = 15 * 60;
const RENEW_AFTER_MS = 60_000;
/** Nothing that would hurt a second holder begins later than this after a renewal. */
const TRUST_MS = 5 * 60_000;

export interface LeaseOptions {
  readonly repository: Pick<Repository, "takeLease" | "releaseLease">;
  readonly clock: Clock;
  /**
   * Names this process. One that is alone by other means (the lock of a SQLite file) has the same
   * name every time, and so goes on at once after a crash.
   */
  readonly holder: string;
  /** How long it lasts without a renewal; default: 15 minutes. */
  readonly seconds?: number;
}

export interface Patience {
  /** Told when somebody else has the lease, once. */
  readonly waiting?: () => void;
  readonly waitMs: number;
  /** How often it asks. */
  readonly pollMs?: number;
  readonly signal?: AbortSignal;
}

const POLL_MS = 500;

export class Lease {
  readonly #name: string;
  readonly #options: LeaseOptions;
  #renewed = { ms: -Infinity, seconds: -Infinity };

  constructor(name: typeof COLLECTOR_LEASE | "scrub", options: LeaseOptions) {
    this.#name = name;
    this.#options = options;
  }

  /** Takes or renews it; false while another holds it. */
  async renew(forSeconds = this.#options.seconds ?? LEASE_SECONDS): Promise<boolean> {
    const { repository, clock, holder } = this.#options;
    // Taken before the call: the lease is at least as young as this says.
    const at = { ms: clock.monotonicMs(), seconds: clock.nowSeconds() };
    const until = at.seconds + forSeconds;
    const held = await repository.takeLease(this.#name, holder, at.seconds, until);
    if (held) this.#renewed = at;
    return held;
  }

  /** Takes it once it is free; false when that took too long, or at an abort. */
  async wait({ waiting, waitMs, pollMs = POLL_MS, signal }: Patience): Promise<boolean> {
    const { clock } = this.#options;
    const until = clock.monotonicMs() + waitMs;
    for (let tries = 0; !signal?.aborted; tries++) {
      if (await this.renew()) return true;
      if (tries === 0) waiting?.();
      if (clock.monotonicMs() >= until) break;
      await pause(Math.min(pollMs, waitMs), signal);
    }
    return false;
  }

  /** Renews it when that is due; false when it is lost. */
  async keep(): Promise<boolean> {
    const age = this.#options.clock.monotonicMs() - this.#renewed.ms;
    return age <= RENEW_AFTER_MS || await this.renew();
  }

  /** By both clocks: the monotonic one stands still while a virtual machine sleeps. */
  get isTrusted(): boolean {
    const { clock } = this.#options;
    return clock.monotonicMs() - this.#renewed.ms < TRUST_MS &&
      clock.nowSeconds() - this.#renewed.seconds < TRUST_MS / 1000;
  }

  /** Gives it back; where that fails it runs out by itself. */
  async release(): Promise<void> {
    const { repository, holder } = this.#options;
    await repository.releaseLease(this.#name, holder).catch(() => {});
  }
}
