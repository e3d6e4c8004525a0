// What the node counts (wire §9), as plain methods: no caller knows the library behind them.

import type { ErrorCode } from "../errors.ts";

/**
 * None of them throws; a number that is negative or not finite is ignored. Nothing is labelled by
 * space, DID or key.
 */
export interface Metrics {
  /** A handler has begun (`true`) or ended (`false`). */
  inFlight(begun: boolean): void;
  /**
   * A request was answered after so many seconds, not counting what is still to be sent of a long
   * answer; `path` and `status` are labelled by route and class.
   */
  answered(path: string, status: number, seconds: number): void;
  /** A request was turned away by a limit of its client or of its space. */
  limited(by: "client" | "space"): void;
  /** An answer, or a failure behind it, carried this code. */
  failed(code: ErrorCode): void;
  /** The token and chain of a request were judged, whatever the outcome; seconds. */
  authorization(request: "delegate" | "invoke" | "revoke", seconds: number): void;
  /** An authorized invocation was carried out; seconds. Unknown abilities count as `other`. */
  authorizedInvoke(ability: string, seconds: number): void;
  /** One commit of the database, with how many requests rode in it; seconds. */
  committed(batchSize: number, seconds: number): void;
  /** Work that runs in the database, and that waits for its turn or a connection, now. */
  databaseWork(running: number, waiting: number): void;
  /** The block store did this; of a `get`, until its first bytes came; seconds. */
  blocks(operation: BlockOperation, seconds: number): void;
  /** Bytes of values received and stored (`in`), or read and sent (`out`). */
  valueBytes(direction: "in" | "out", bytes: number): void;
  /** A read has found a stored value damaged or missing. */
  damagedRead(): void;
  /** The scrub has read so many values of this state, and so many bytes. */
  scrubbed(
    state: "whole" | "missing" | "damaged" | "unreadable",
    values: number,
    bytes: number,
  ): void;
  /** A run of the collector has ended just now. */
  collected(outcome: CollectionOutcome, removed: Removed): void;
  /** How many spaces the node hosts now, and the bytes that they hold. */
  stored(spaces: number, bytes: number): void;
  /** What the last health check of a store said. */
  health(store: "database" | "blocks", healthy: boolean): void;
}

export type BlockOperation = "put" | "get" | "remove";

/**
 * - `complete`: all there was to do is done
 * - `incomplete`: the next run goes on from where it stopped
 * - `skipped`: another process was collecting
 * - `failed`: a store did not do what was asked of it
 */
export type CollectionOutcome = "complete" | "incomplete" | "skipped" | "failed";

/** What a run of the collector removed, in numbers. */
export interface Removed {
  readonly blocks: number;
  readonly leftovers: number;
  readonly guards: number;
  readonly events: number;
  readonly delegations: number;
}

type Observation = (metrics: Metrics) => void;

/** Metrics that hand every observation to `record`, to be made on other metrics, then or later. */
export function forwarding(record: (observe: Observation) => void): Metrics {
  return {
    inFlight: (begun) => record((to) => to.inFlight(begun)),
    answered: (path, status, seconds) => record((to) => to.answered(path, status, seconds)),
    limited: (by) => record((to) => to.limited(by)),
    failed: (code) => record((to) => to.failed(code)),
    authorization: (request, seconds) => record((to) => to.authorization(request, seconds)),
    authorizedInvoke: (ability, seconds) => record((to) => to.authorizedInvoke(ability, seconds)),
    committed: (batchSize, seconds) => record((to) => to.committed(batchSize, seconds)),
    databaseWork: (running, waiting) => record((to) => to.databaseWork(running, waiting)),
    blocks: (operation, seconds) => record((to) => to.blocks(operation, seconds)),
    valueBytes: (direction, bytes) => record((to) => to.valueBytes(direction, bytes)),
    damagedRead: () => record((to) => to.damagedRead()),
    scrubbed: (state, values, bytes) => record((to) => to.scrubbed(state, values, bytes)),
    collected: (outcome, removed) => record((to) => to.collected(outcome, removed)),
    stored: (spaces, bytes) => record((to) => to.stored(spaces, bytes)),
    health: (store, healthy) => record((to) => to.health(store, healthy)),
  };
}

/** For `prometheus.port = 0`: counts nothing. */
export const noMetrics: Metrics = forwarding(() => {});
