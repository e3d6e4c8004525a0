// A collection by hand, for `gc` and `check --repair`: to its end, beside a node that may be
// collecting too. The two take turns by the lease.

import type { Blocks } from "../blocks/blocks.ts";
import { type Collected, Collector, type CollectorOptions } from "../blocks/collector.ts";
import { COLLECTOR_LEASE, Lease } from "../blocks/lease.ts";
import { leftoversIn } from "../blocks/temporary.ts";
import type { Config } from "../config/config.ts";
import type { Repository } from "../repository/repository.ts";
import { systemClock } from "../telemetry/clock.ts";
import type { Io } from "./command.ts";
import { progress } from "./progress.ts";

export interface CollectingOptions
  extends Pick<CollectorOptions, "unknownSpaces" | "retentionSeconds"> {
  readonly repository: Repository;
  readonly blocks: Blocks;
  readonly io: Io;
  /** Names this process in the lease. */
  readonly holder: string;
  readonly signal?: AbortSignal;
  /** How long a node that is collecting is waited for; default: longer than a run of its may take. */
  readonly waitMs?: number;
}

const WAIT_MS = 90_000;

/** The collector's lease, once it is free; undefined when it did not come free, or at an abort. */
export async function takeTurn(
  { repository, holder, io, signal, waitMs = WAIT_MS }: CollectingOptions,
): Promise<Lease | undefined> {
  const lease = new Lease(COLLECTOR_LEASE, { repository, clock: systemClock, holder });
  const waiting = () => io.complain("the node is collecting just now: waiting for it");
  const isTaken = await lease.wait({
    waiting,
    waitMs,
    ...(signal === undefined ? {} : { signal }),
  });
  return isTaken ? lease : undefined;
}

/** Undefined when the lease did not come free before it could do anything. */
export async function collectAll(
  { storage, auth }: Config,
  options: CollectingOptions,
): Promise<Collected | undefined> {
  const { io, signal } = options;
  const collector = new Collector({
    ...options,
    staging: {
      sweepLeftovers: (before) => leftoversIn(storage.stagingPath, before, { remove: true }),
    },
    clock: systemClock,
    guardSeconds: auth.maxInvocationLifetimeSeconds + 60,
    isBrief: true,
  });
  using shown = progress(io, "collected");
  let sum: Collected | undefined;
  // Between two runs the node may have its turn.
  while (await takeTurn(options) !== undefined) {
    const run = await collector.collectOnce(signal);
    sum = sum === undefined ? run : added(sum, run);
    shown.advance(removedIn(run));
    // What cannot be removed now is for the next time.
    if (run.complete || run.failed > 0 || signal?.aborted) break;
  }
  return sum;
}

function removedIn({ dead, strays, leftovers, guards, events, delegations }: Collected): number {
  return dead + strays + leftovers + guards + events + delegations;
}

function added(a: Collected, b: Collected): Collected {
  return {
    ran: true,
    dead: a.dead + b.dead,
    strays: a.strays + b.strays,
    ofUnknownSpaces: a.ofUnknownSpaces + b.ofUnknownSpaces,
    leftovers: a.leftovers + b.leftovers,
    guards: a.guards + b.guards,
    graves: a.graves + b.graves,
    events: a.events + b.events,
    delegations: a.delegations + b.delegations,
    failed: a.failed + b.failed,
    complete: b.complete,
  };
}
