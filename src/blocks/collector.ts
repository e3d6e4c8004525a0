// The collector (invariant 5): removes what nothing refers to any more, a little at a time, beside
// the requests: blocks of deleted and replaced values, blocks that never got a key, what broken-off
// writes left, guards of expired tokens, and old events (`retention.events`). It stops anywhere, and
// the next run goes on from there.
//
// Why a put of the same content at the same moment wins. The collector removes a block only after
// the database has marked it as condemned, in one transaction with the check that no key refers to
// it; and it reports the burial only after the removal has ended. A put writes its block first and
// asks the database after. If its block was condemned in between, whether the file has gone, is
// going or will go, the database says so; the put then waits for the burial, after which no removal
// is under way, writes the block again and commits over that very grave. So no removal can come
// after the write of a block that a commit refers to. (src/repository/sqlite/blocks.ts has the proof.)
//
// That rests on one collector at a time, hence the lease; no removal begins when its last renewal is
// long past.

import { repeatedly } from "../pause.ts";
import type { CondemnedBlock, Repository } from "../repository/repository.ts";
import { forget, type Forgotten } from "../repository/retention.ts";
import type { Clock } from "../telemetry/clock.ts";
import type { Log } from "../telemetry/log.ts";
import type { CollectionOutcome, Metrics, Removed } from "../telemetry/metrics.ts";
import type { BlockName, Blocks } from "./blocks.ts";
import { COLLECTOR_LEASE, Lease } from "./lease.ts";
import { type Pace, restless } from "./pace.ts";
import { examineBlocks } from "./standing.ts";
import type { Staging } from "./staging.ts";

export interface CollectorOptions {
  readonly repository: Repository;
  readonly blocks: Blocks;
  /** Where uploads wait, if this process has any. */
  readonly staging?: Pick<Staging, "sweepLeftovers">;
  readonly clock: Clock;
  readonly log?: Log;
  /** Names this process in the lease. */
  readonly holder: string;
  /** How long the guard of a token may be needed: longest lifetime plus 60 s. */
  readonly guardSeconds: number;
  /** This process ends long before that: it forgets guards by the times of what was accepted. */
  readonly isBrief?: boolean;
  /** `retention.events`; absent: everything is kept. */
  readonly retentionSeconds?: number;
  /** How fast events are read; default: each step in a turn of its own. */
  readonly pace?: Pace;
  /** Strays and leftovers younger than this stay; default: a day. */
  readonly minAgeSeconds?: number;
  /**
   * Blocks of spaces that the database does not know. Kept (the default), since they are also what
   * a node sees that was started with the wrong database.
   */
  readonly unknownSpaces?: "keep" | "remove";
  /** Bounds of one run; default: 10,000 stored blocks examined, one minute. */
  readonly maxExamined?: number;
  readonly maxMs?: number;
}

/** What a run did, in numbers. */
export interface Collected {
  /** False when another process holds the lease: then nothing was done. */
  readonly ran: boolean;
  readonly dead: number;
  readonly strays: number;
  /** Seen and kept. */
  readonly ofUnknownSpaces: number;
  readonly leftovers: number;
  readonly guards: number;
  readonly graves: number;
  /** Events of invocations, and delegations, that retention removed. */
  readonly events: number;
  readonly delegations: number;
  /** Blocks that could not be removed; the next run tries again. */
  readonly failed: number;
  /** Whether everything there was to do is done. */
  readonly complete: boolean;
}

/** Small: a put of one of these contents waits until it is buried. */
const CONDEMN_BATCH = 32;
const SWEEP_BATCH = 1000;
/** As many failed removals in one run mean that the store is down, not that a file is odd. */
const MAX_FAILURES = 4;
const DAY_SECONDS = 86_400;

export class Collector {
  readonly #options: CollectorOptions;
  readonly #started: { readonly ms: number; readonly seconds: number };
  /** Where the search for strays goes on. */
  #examined: BlockName | undefined;
  /** The pass of retention that is under way, and when the last one ended. */
  #forgetting: AsyncGenerator<Forgotten, void, undefined> | undefined;
  #forgotMs = -Infinity;
  #reportedUnknown = 0;
  #running = false;

  /** To be made when the process starts: guards are swept by the time it has run since. */
  constructor(options: CollectorOptions) {
    this.#options = options;
    this.#started = { ms: options.clock.monotonicMs(), seconds: options.clock.nowSeconds() };
  }

  /**
   * One run, bounded by `maxMs` and `maxExamined`; an abort ends it after the step it is in. Throws
   * what the repository and the blocks throw, and an Error when a run is under way already.
   */
  async collectOnce(signal?: AbortSignal): Promise<Collected> {
    if (this.#running) throw new Error("A collection is under way already");
    this.#running = true;
    try {
      const run = new Run(this.#options, signal);
      if (!await run.lease.renew()) return { ...run.counts, ran: false, complete: false };
      try {
        await this.#collect(run);
      } finally {
        await run.releaseLease();
      }
      return { ...run.counts, ran: true, complete: !run.isIncomplete };
    } finally {
      this.#running = false;
    }
  }

  async #collect(run: Run): Promise<void> {
    const { repository, blocks, staging, guardSeconds, clock } = this.#options;
    const { counts } = run;
    const now = this.#cautiousNow();
    // A clock that was wrong at the start must not revive a token that is still good: by now all
    // guards from before have expired, whatever the time was.
    const isOld = clock.monotonicMs() - this.#started.ms >= guardSeconds * 1000;
    if (isOld || this.#options.isBrief === true) {
      const at = isOld ? now : await this.#provenNow(now) - guardSeconds;
      counts.guards = await run.sweep((limit) => repository.sweepUses(at, limit));
    }
    counts.graves = await run.sweep((limit) => repository.forgetGraves(now - DAY_SECONDS, limit));

    counts.dead += await run.removeAll(() => repository.unburied(CONDEMN_BATCH));
    counts.dead += await run.removeAll(() => repository.condemnBlocks(CONDEMN_BATCH));

    const before = now - (this.#options.minAgeSeconds ?? DAY_SECONDS);
    counts.leftovers = await blocks.sweepLeftovers(before);
    counts.leftovers += await staging?.sweepLeftovers(before) ?? 0;
    await this.#removeStrays(run, before);
    await this.#forgetOld(run, now);
  }

  /** A step of the pass after the other, in this run and the next, until it is at its end. */
  async #forgetOld(run: Run, now: number): Promise<void> {
    const { retentionSeconds, repository, clock, pace = restless() } = this.#options;
    if (retentionSeconds === undefined) return;
    if (this.#forgetting === undefined) {
      // A pass reads every event. Those that a day has made old can wait another.
      if (clock.monotonicMs() - this.#forgotMs < DAY_SECONDS * 1000) return;
      const before = await this.#provenNow(now) - retentionSeconds;
      this.#forgetting = forget(repository, before);
    }
    pace.begin();
    try {
      while (await run.goesOn()) {
        const { done, value } = await this.#forgetting.next();
        if (done === true) {
          this.#forgetting = undefined;
          this.#forgotMs = clock.monotonicMs();
          return;
        }
        run.counts.events += value.events;
        run.counts.delegations += value.delegations;
        await pace.spent(0, run.signal);
      }
    } catch (error) {
      this.#forgetting = undefined;
      throw error;
    }
  }

  /**
   * No later than the last put or deletion that was accepted. A clock that is years ahead refuses
   * every token of an honest client, so it is not followed where removing cannot be undone.
   */
  async #provenNow(now: number): Promise<number> {
    return Math.min(now, await this.#options.repository.lastChange() ?? -Infinity);
  }

  async #removeStrays(run: Run, before: number): Promise<void> {
    const { repository, blocks, unknownSpaces = "keep", maxExamined = 10_000 } = this.#options;
    const { counts } = run;
    let examined = 0;
    for await (const { block, space, live } of examineBlocks(repository, blocks, this.#examined)) {
      if (!await run.goesOn()) return;
      if (examined++ >= maxExamined) return run.leave();
      if (!live && block.modifiedAt < before) {
        if (space !== undefined) {
          const condemned = await repository.condemnStray(space, block.hash);
          if (condemned !== undefined && await run.remove(condemned)) counts.strays++;
        } else if (unknownSpaces === "remove") {
          await blocks.removeStray(block);
          counts.strays++;
        } else counts.ofUnknownSpaces++;
      }
      this.#examined = block;
    }
    this.#examined = undefined;
    this.#reportUnknown(counts.ofUnknownSpaces);
  }

  #reportUnknown(count: number): void {
    if (count > this.#reportedUnknown) {
      this.#options.log?.warn("collection.finished", {
        count,
        note: "stored blocks belong to no space of this database: is it the right one?" +
          " `check --repair` removes them",
      });
    }
    this.#reportedUnknown = count;
  }

  /** The wall clock, but never ahead of where it stood at the start plus the time since. */
  #cautiousNow(): number {
    const { clock } = this.#options;
    const elapsed = (clock.monotonicMs() - this.#started.ms) / 1000;
    return Math.min(clock.nowSeconds(), this.#started.seconds + elapsed);
  }
}

class Run {
  readonly counts = {
    dead: 0,
    strays: 0,
    ofUnknownSpaces: 0,
    leftovers: 0,
    guards: 0,
    graves: 0,
    events: 0,
    delegations: 0,
    failed: 0,
  };
  readonly lease: Lease;
  readonly signal: AbortSignal | undefined;
  readonly #options: CollectorOptions;
  readonly #startedMs: number;
  #stopped = false;
  #left = false;

  constructor(options: CollectorOptions, signal: AbortSignal | undefined) {
    this.#options = options;
    this.lease = new Lease(COLLECTOR_LEASE, options);
    this.signal = signal;
    this.#startedMs = options.clock.monotonicMs();
  }

  /** Whether something is left for the next run. */
  get isIncomplete(): boolean {
    return this.#stopped || this.#left;
  }

  /** Leaves the rest of one kind to the next run, and goes on with the others. */
  leave(): void {
    this.#left = true;
  }

  /** False when the run is to end: aborted, out of time, or without the lease. */
  async goesOn(): Promise<boolean> {
    const { clock, maxMs = 60_000 } = this.#options;
    const now = clock.monotonicMs();
    if (this.signal?.aborted || now - this.#startedMs > maxMs) this.#stopped = true;
    else if (!await this.lease.keep()) this.#stopped = true;
    return !this.#stopped;
  }

  /** Removes batches of condemned blocks, each to its end, until one is not full; how many. */
  async removeAll(nextBatch: () => Promise<readonly CondemnedBlock[]>): Promise<number> {
    let count = 0;
    while (await this.goesOn()) {
      const batch = await nextBatch();
      let removed = 0;
      for (const block of batch) if (await this.remove(block)) removed++;
      count += removed;
      // What could not be removed comes again: do not ask for it over and over.
      if (batch.length < CONDEMN_BATCH || removed === 0) break;
    }
    return count;
  }

  /** Removes and buries; false when it failed, so that it waits for the next run. */
  async remove(block: CondemnedBlock): Promise<boolean> {
    const { blocks, repository, clock, log } = this.#options;
    if (!this.lease.isTrusted && !await this.lease.renew()) {
      this.#stopped = true;
      return false;
    }
    const name = { space: block.space, block: block.hash };
    try {
      await blocks.remove(block.space, block.hash);
    } catch (cause) {
      log?.warn("collection.failed", { ...name, cause });
      if (++this.counts.failed >= MAX_FAILURES) throw cause;
      return false;
    }
    await repository.buryBlock(block, clock.nowSeconds());
    log?.debug("block.collected", name);
    return true;
  }

  async sweep(step: (limit: number) => Promise<number>): Promise<number> {
    let count = 0;
    while (await this.goesOn()) {
      const swept = await step(SWEEP_BATCH);
      count += swept;
      if (swept < SWEEP_BATCH) break;
    }
    return count;
  }

  async releaseLease(): Promise<void> {
    // After a failed removal the lease runs out by itself: the removal may still be under way.
    if (this.counts.failed === 0) await this.lease.release();
  }
}

/**
 * Collects now and then every `intervalMs` after the last run has ended, until it is disposed of,
 * which waits for the step under way. What a run throws is logged.
 */
export function startCollector(
  options: CollectorOptions & {
    readonly intervalMs: number;
    readonly metrics: Pick<Metrics, "collected">;
  },
): AsyncDisposable {
  const { clock, log, metrics, intervalMs } = options;
  const collector = new Collector(options);
  return repeatedly(async (signal) => {
    const startedMs = clock.monotonicMs();
    try {
      const collected = await collector.collectOnce(signal);
      const ms = Math.round(clock.monotonicMs() - startedMs);
      const blocks = collected.dead + collected.strays;
      if (blocks > 0) log?.info("collection.finished", { count: blocks, ms });
      const events = collected.events + collected.delegations;
      if (events > 0) log?.info("retention.finished", { count: events, ms });
      metrics.collected(outcomeOf(collected), removedBy(collected));
    } catch (cause) {
      metrics.collected("failed", NOTHING);
      log?.error("collection.failed", { cause });
    }
    return intervalMs;
  });
}

function outcomeOf({ ran, failed, complete }: Collected): CollectionOutcome {
  if (!ran) return "skipped";
  if (failed > 0) return "failed";
  return complete ? "complete" : "incomplete";
}

const NOTHING: Removed = { blocks: 0, leftovers: 0, guards: 0, events: 0, delegations: 0 };

function removedBy({ dead, strays, leftovers, guards, events, delegations }: Collected): Removed {
  return { blocks: dead + strays, leftovers, guards, events, delegations };
}
