// Is the node able to do its work (wire §9)? Asked at most once a second, however often it is asked.

import type { Blocks } from "../blocks/blocks.ts";
import { NodeError } from "../errors.ts";
import type { Repository } from "../repository/repository.ts";
import type { Clock } from "../telemetry/clock.ts";
import type { Metrics } from "../telemetry/metrics.ts";

const MAX_AGE_MS = 1000;
const DEADLINE_MS = 1000;

export interface HealthPorts {
  readonly repository: Repository;
  readonly blocks: Blocks;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** A function that resolves when both stores answer, and rejects with `storage_…` otherwise. */
export function healthCheck(ports: HealthPorts): () => Promise<void> {
  let last: { readonly at: number; readonly result: Promise<void> } | undefined;
  return () => {
    const now = ports.clock.monotonicMs();
    if (last === undefined || now - last.at > MAX_AGE_MS) {
      const result = check(ports);
      // Whoever asked gets the failure; nobody asking is no reason to crash.
      result.catch(() => {});
      last = { at: now, result };
    }
    return last.result;
  };
}

async function check({ repository, blocks, metrics }: HealthPorts): Promise<void> {
  const answers = await Promise.allSettled([
    withinDeadline(repository.ping()),
    withinDeadline(blocks.probe()),
  ]);
  const [database, store] = answers;
  metrics.health("database", database?.status === "fulfilled");
  metrics.health("blocks", store?.status === "fulfilled");
  for (const answer of answers) if (answer.status === "rejected") throw answer.reason;
}

async function withinDeadline(work: Promise<void>): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new NodeError("storage_unavailable", undefined, { cause: "no answer in a second" }));
  }, DEADLINE_MS);
  try {
    await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
