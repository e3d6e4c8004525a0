// The scrub (`storage.scrub`): reads every stored value in the background, and says which are not
// what was stored, while a backup still has them. It mends nothing; a put of the same content does.
//
// It is to be felt by nobody: it works a tenth of the time, reads ten megabytes a second at most,
// and one value at a time. One process of those that share a database scrubs, hence the lease; when
// the last one ended is a setting, so that restarts neither repeat nor prevent it.

import type { SpaceId } from "../capabilities/space_id.ts";
import { repeatedly } from "../pause.ts";
import type { Repository } from "../repository/repository.ts";
import type { Clock } from "../telemetry/clock.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Blocks } from "./blocks.ts";
import { Lease } from "./lease.ts";
import { spacesOf } from "./live.ts";
import { type Pace, paced } from "./pace.ts";
import { type Damage, verifyBlocks } from "./verify.ts";

export interface ScrubOptions {
  readonly repository: Repository;
  readonly blocks: Blocks;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Pick<Metrics, "scrubbed">;
  /** Names this process in the lease. */
  readonly holder: string;
  /** From the end of one scrub to the beginning of the next. */
  readonly intervalMs: number;
  /** Default: as above. */
  readonly pace?: Pace;
}

/** What one scrub saw, in numbers. */
export interface Scrubbed {
  /** False when another process holds the lease: then nothing was done. */
  readonly ran: boolean;
  /** Blocks and small values, whole or not, and their bytes. */
  readonly values: number;
  readonly bytes: number;
  readonly damaged: number;
  /** False when it was stopped before the end. */
  readonly complete: boolean;
}

const SHARE = 0.1;
const BYTES_PER_SECOND = 10_000_000;
const KEYS_A_STEP = 200;
/** As many values that cannot be read, one after the other, mean that the store is down. */
const MAX_UNREADABLE = 4;
/** Lines of one scrub; more would say that the store is lost, which these say too. */
const MAX_LINES = 1000;
/** After a failure, or while another process scrubs. */
const RETRY_MS = 10 * 60_000;
const ENDED = "scrub.ended";

/** Throws what the stores throw when they are down. Stops between two chunks when aborted. */
export async function scrubOnce(options: ScrubOptions, signal?: AbortSignal): Promise<Scrubbed> {
  const lease = new Lease("scrub", options);
  const run = new Run(options, lease, signal);
  if (!await lease.renew()) return { ...run.counts, ran: false, complete: false };
  try {
    const complete = await run.scrub();
    if (complete) await options.repository.setSetting(ENDED, String(options.clock.nowSeconds()));
    return { ...run.counts, ran: true, complete };
  } finally {
    await lease.release();
  }
}

class Run {
  readonly counts = { values: 0, bytes: 0, damaged: 0 };
  readonly #options: ScrubOptions;
  readonly #pace: Pace;
  readonly #lease: Lease;
  readonly #signal: AbortSignal | undefined;
  #unreadable = 0;

  constructor(options: ScrubOptions, lease: Lease, signal: AbortSignal | undefined) {
    this.#options = options;
    this.#lease = lease;
    this.#signal = signal;
    this.#pace = options.pace ??
      paced({ clock: options.clock, share: SHARE, bytesPerSecond: BYTES_PER_SECOND });
  }

  /** Whether it came to the end. */
  async scrub(): Promise<boolean> {
    for await (const space of spacesOf(this.#options.repository)) {
      if (!await this.#scrubInline(space) || !await this.#scrubBlocks(space)) return false;
    }
    return true;
  }

  async #scrubInline(space: SpaceId): Promise<boolean> {
    const { repository, metrics } = this.#options;
    let after: string | undefined;
    do {
      if (!await this.#goesOn()) return false;
      this.#pace.begin();
      const step = await repository.verifyInline(space, after, KEYS_A_STEP);
      this.counts.values += step.values;
      this.counts.bytes += step.bytes;
      metrics.scrubbed("whole", step.values - step.damaged.length, step.bytes);
      for (const { hash } of step.damaged) {
        this.#report(space, hash, {
          kind: "damaged",
          what: "in the database has other bytes than its hash says",
        });
      }
      after = step.next;
      await this.#pace.spent(step.bytes, this.#signal);
    } while (after !== undefined);
    return true;
  }

  async #scrubBlocks(space: SpaceId): Promise<boolean> {
    const { repository, blocks, metrics } = this.#options;
    const signal = this.#signal;
    const ports = { repository, blocks, pace: this.#pace, ...(signal ? { signal } : {}) };
    for await (const { hash, size, damage } of verifyBlocks(ports, space)) {
      this.counts.values++;
      if (damage === undefined) {
        this.counts.bytes += size;
        metrics.scrubbed("whole", 1, size);
        this.#unreadable = 0;
      } else this.#report(space, hash, damage, size);
      if (!await this.#goesOn()) return false;
    }
    return await this.#goesOn();
  }

  #report(space: SpaceId, hash: string, damage: Damage, bytes?: number): void {
    const { log, metrics } = this.#options;
    this.#unreadable = damage.kind === "unreadable" ? this.#unreadable + 1 : 0;
    if (this.#unreadable >= MAX_UNREADABLE) throw damage.cause;
    metrics.scrubbed(damage.kind, 1, 0);
    if (++this.counts.damaged > MAX_LINES) return;
    log.error("block.damaged", {
      space,
      block: hash,
      note: `the value ${damage.what}`,
      ...(bytes === undefined ? {} : { bytes }),
      ...(damage.cause === undefined ? {} : { cause: damage.cause }),
    });
  }

  /** False when it is to end: aborted, or without the lease. */
  async #goesOn(): Promise<boolean> {
    return !this.#signal?.aborted && await this.#lease.keep();
  }
}

/**
 * Scrubs whenever the last scrub, of whichever process, ended `intervalMs` ago, until it is disposed
 * of, which waits for the chunk that is being read. What a scrub throws is logged.
 */
export function startScrub(options: ScrubOptions): AsyncDisposable {
  const { repository, clock, log, intervalMs } = options;
  async function scrub(signal: AbortSignal): Promise<number> {
    const waitMs = await untilDue();
    if (waitMs > 0) return waitMs;
    const startedMs = clock.monotonicMs();
    const { ran, complete, values, bytes, damaged } = await scrubOnce(options, signal);
    if (!ran || !complete) return Math.min(intervalMs, RETRY_MS);
    const ms = Math.round(clock.monotonicMs() - startedMs);
    log.info("scrub.finished", { count: values, bytes, ms, note: `${damaged} damaged` });
    return intervalMs;
  }

  async function untilDue(): Promise<number> {
    const ended = Number(await repository.setting(ENDED) ?? -Infinity);
    const now = clock.nowSeconds();
    // One that ended in the future ended by a clock that was wrong.
    return ended > now ? 0 : ended * 1000 + intervalMs - now * 1000;
  }

  return repeatedly((signal) =>
    scrub(signal).catch((cause) => {
      log.error("scrub.failed", { cause });
      return Math.min(intervalMs, RETRY_MS);
    })
  );
}
