// What a route gets and gives.

import type { Gate } from "./gate.ts";
import type { StoreHealth } from "./health.ts";
import type { Ports } from "../spaces/ports.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Spans } from "../telemetry/spans.ts";

export interface Services extends Ports {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly version: string;
  readonly bodyIdleTimeoutMs: number;
  /** Lets so many invocations into a space (`limits.space_*`). */
  readonly spaceGate: Gate;
  /** How the stores are, at most a second ago. */
  readonly health: () => Promise<readonly StoreHealth[]>;
  readonly spans: Spans;
}

/** What the log line of a request says beside the request; filled in by its route. */
export interface Notes {
  space?: string;
  bytesIn?: number;
}

export interface RouteContext {
  readonly services: Services;
  readonly notes: Notes;
  readonly trace: string;
  /** Settles when the answer is sent, or its connection is gone. */
  readonly sent: Promise<void>;
  /** What the path holds after the route's prefix; empty for exact routes. */
  readonly rest: string;
}

export type Route = (request: Request, context: RouteContext) => Promise<Response>;

/** Does the work, and counts how long the judgement of its token and chain took, however it ends. */
export async function judging<T>(
  request: "delegate" | "invoke" | "revoke",
  { metrics, clock, spans }: Services,
  work: () => Promise<T>,
): Promise<T> {
  const begun = clock.monotonicMs();
  try {
    return await spans.within("authorize", work);
  } finally {
    metrics.authorization(request, (clock.monotonicMs() - begun) / 1000);
  }
}
