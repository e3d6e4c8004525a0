// The collector (invariant 5): removes what nothing refers to any more, a little at a time, beside
// the requests: blocks of deleted and replaced values, blocks that never got a key, what broken-off
// writes left, guards of expired tokens. It stops anywhere, and the next run goes on from there.
//
// Why a put of the same content at the same moment wins. The collector removes a block only after
// the database has marked it as condemned, in one transaction with the check that no key refers to
// it; and it reports the burial only after the removal has ended. A put writes its block first and
// asks the database after. If its block was condemned in between, whether the file has gone, is
// going or will go, the database says so; the put then waits for the burial, after which no removal
// is under way, writes the block again and commits over that very grave. So no removal can come
// after the write of a block that a commit refers to. (src/repository/sqlite/blocks.ts has the proof.)
//
// That rests on one collector at a time, hence the lease. It outlasts the renewals by far, for nodes
// whose clocks differ, and no removal begins when the last renewal is long past.

import type { CondemnedBlock, Repository } from "../repository/repository.ts";
import type { Clock } from "../telemetry/clock.ts";
import type { Log } from "../telemetry/log.ts";
import type { BlockName, Blocks } from "./blocks.ts";
import { examineBlocks } from "./standing.ts";
import type { Staging } from "./staging.ts";

export interface CollectorOptions {
  readonly repository: Repository;
  readonly blocks: Blocks;
  /** Where uploads wait, if this process has any. */
  readonly staging?: Pick<Staging, "sweepLeftovers">;
  readonly clock: Clock;
  readonly log?: Log;
  /**
   * Names this process in the lease. A process that is alone by other means (the lock of a SQLite
   * file) has the same name every time, and so goes on at once after a crash.
   */
  readonly holder: string;
  /** How long the guard of a token may be needed: longest lifetime plus 60 s. */
  readonly guardSeconds: number;
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
  /** Blocks that could not be removed; the next run tries again. */
  readonly failed: number;
  /** Whether everything there was to do is done. */
  readonly complete: boolean;
}

/** Whoever has it keeps every other from removing blocks. */
export const COLLECTOR_LEASE = "collector";
const LEASE_SECONDS = 15 * 60;
const RENEW_AFTER_MS = 60_000;
/** No removal begins later than this after a renewal. */
const TRUST_LEASE_MS = 5 * 60_000;
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
      if (!await run.renewLease()) return { ...run.counts, ran: false, complete: false };
      try {
        await this.#collect(run);
      } finally {
        await run.releaseLease();
      }
      return { ...run.counts, ran: true, complete: !run.stopped };
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
    if (clock.monotonicMs() - this.#started.ms >= guardSeconds * 1000) {
      counts.guards = await run.sweep((limit) => repository.sweepUses(now, limit));
    }
    counts.graves = await run.sweep((limit) => repository.forgetGraves(now - DAY_SECONDS, limit));

    counts.dead += await run.removeAll(() => repository.unburied(CONDEMN_BATCH));
    counts.dead += await run.removeAll(() => repository.condemnBlocks(CONDEMN_BATCH));

    const before = now - (this.#options.minAgeSeconds ?? DAY_SECONDS);
    counts.leftovers = await blocks.sweepLeftovers(before);
    counts.leftovers += await staging?.sweepLeftovers(before) ?? 0;
    await this.#removeStrays(run, before);
  }

  async #removeStrays(run: Run, before: number): Promise<void> {
    const { repository, blocks, unknownSpaces = "keep", maxExamined = 10_000 } = this.#options;
    const { counts } = run;
    let examined = 0;
    for await (const { block, space, live } of examineBlocks(repository, blocks, this.#examined)) {
      if (!await run.goesOn() || examined++ >= maxExamined) return run.stop();
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
    failed: 0,
  };
  readonly #options: CollectorOptions;
  readonly #signal: AbortSignal | undefined;
  readonly #startedMs: number;
  #renewed = { ms: -Infinity, seconds: -Infinity };
  #stopped = false;

  constructor(options: CollectorOptions, signal: AbortSignal | undefined) {
    this.#options = options;
    this.#signal = signal;
    this.#startedMs = options.clock.monotonicMs();
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** False when the run is to end: aborted, out of time, or without the lease. */
  async goesOn(): Promise<boolean> {
    const { clock, maxMs = 60_000 } = this.#options;
    const now = clock.monotonicMs();
    if (this.#signal?.aborted || now - this.#startedMs > maxMs) this.#stopped = true;
    else if (now - this.#renewed.ms > RENEW_AFTER_MS && !await this.renewLease()) {
      this.#stopped = true;
    }
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
    if (!this.#trustsLease() && !await this.renewLease()) {
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

  async renewLease(): Promise<boolean> {
    const { repository, clock, holder } = this.#options;
    // Taken before the call: the lease is at least as young as this says.
    const at = { ms: clock.monotonicMs(), seconds: clock.nowSeconds() };
    const held = await repository.takeLease(
      COLLECTOR_LEASE,
      holder,
      at.seconds,
      at.seconds + LEASE_SECONDS,
    );
    if (held) this.#renewed = at;
    return held;
  }

  async releaseLease(): Promise<void> {
    // After a failed removal the lease runs out by itself: the removal may still be under way.
    if (this.counts.failed > 0) return;
    await this.#options.repository.releaseLease(COLLECTOR_LEASE, this.#options.holder).catch(
      () => {},
    );
  }

  /** By both clocks: the monotonic one stands still while a virtual machine sleeps. */
  #trustsLease(): boolean {
    const { clock } = this.#options;
    return clock.monotonicMs() - this.#renewed.ms < TRUST_LEASE_MS &&
      clock.nowSeconds() - this.#renewed.seconds < TRUST_LEASE_MS / 1000;
  }
}

/**
 * Collects now and then every `intervalMs` after the last run has ended, until it is disposed of,
 * which waits for the step under way. What a run throws is logged.
 */
export function startCollector(
  options: CollectorOptions & { readonly intervalMs: number },
): AsyncDisposable {
  const { clock, log, intervalMs } = options;
  const collector = new Collector(options);
  const stopping = new AbortController();
  const { signal } = stopping;

  async function collect(): Promise<void> {
    const startedMs = clock.monotonicMs();
    try {
      const { dead, strays } = await collector.collectOnce(signal);
      const fields = { count: dead + strays, ms: Math.round(clock.monotonicMs() - startedMs) };
      if (fields.count > 0) log?.info("collection.finished", fields);
    } catch (cause) {
      log?.error("collection.failed", { cause });
    }
  }

  async function repeat(): Promise<void> {
    while (!signal.aborted) {
      await collect();
      await pause(intervalMs, signal);
    }
  }

  const ended = repeat();
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await ended;
    },
  };
}

/** Ends early, without an error, when aborted. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
  });
}
