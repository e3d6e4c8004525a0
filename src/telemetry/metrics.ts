// What the node counts (wire §9), as plain methods: no caller knows the library behind them.

import type { ErrorCode } from "../errors.ts";

/**
 * None of them throws; a number that is negative or not finite is ignored. Nothing is labelled by
 * space, DID or key.
 */
export interface Metrics {
  /** A handler has begun (`true`) or ended (`false`). */
  inFlight(begun: boolean): void;
  /** A request was answered; `path` and `status` are labelled by route and class. */
  answered(path: string, status: number): void;
  /** An answer, or a failure behind it, carried this code. */
  failed(code: ErrorCode): void;
  /** The token and chain of a request were judged, whatever the outcome; seconds. */
  authorization(request: "delegate" | "invoke" | "revoke", seconds: number): void;
  /** An authorized invocation was carried out; seconds. Unknown abilities count as `other`. */
  authorizedInvoke(ability: string, seconds: number): void;
  /** One commit of the database, with how many requests rode in it; seconds. */
  committed(batchSize: number, seconds: number): void;
  /** Bytes of values received and stored (`in`), or read and sent (`out`). */
  valueBytes(direction: "in" | "out", bytes: number): void;
  /** The scrub has read so many values of this state, and so many bytes. */
  scrubbed(
    state: "whole" | "missing" | "damaged" | "unreadable",
    values: number,
    bytes: number,
  ): void;
  /** How many spaces the node hosts now. */
  spaces(count: number): void;
  /** What the last health check of a store said. */
  health(store: "database" | "blocks", healthy: boolean): void;
}

type Observation = (metrics: Metrics) => void;

/** Metrics that hand every observation to `record`, to be made on other metrics, then or later. */
export function forwarding(record: (observe: Observation) => void): Metrics {
  return {
    inFlight: (begun) => record((to) => to.inFlight(begun)),
    answered: (path, status) => record((to) => to.answered(path, status)),
    failed: (code) => record((to) => to.failed(code)),
    authorization: (request, seconds) => record((to) => to.authorization(request, seconds)),
    authorizedInvoke: (ability, seconds) => record((to) => to.authorizedInvoke(ability, seconds)),
    committed: (batchSize, seconds) => record((to) => to.committed(batchSize, seconds)),
    valueBytes: (direction, bytes) => record((to) => to.valueBytes(direction, bytes)),
    scrubbed: (state, values, bytes) => record((to) => to.scrubbed(state, values, bytes)),
    spaces: (count) => record((to) => to.spaces(count)),
    health: (store, healthy) => record((to) => to.health(store, healthy)),
  };
}

/** For `prometheus.port = 0`: counts nothing. */
export const noMetrics: Metrics = forwarding(() => {});
