// Is the node able to do its work (wire §9)? Asked at most once a second, however often it is asked.

import type { Blocks } from "../blocks/blocks.ts";
import { NodeError } from "../errors.ts";
import type { Repository } from "../repository/repository.ts";
import { inTime } from "../repository/server/in_time.ts";
import type { Clock } from "../telemetry/clock.ts";
import type { Fields } from "../telemetry/fields.ts";
import type { Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { fresh } from "./fresh.ts";

const MAX_AGE_MS = 1000;
const DEADLINE_MS = 1000;

export interface HealthPorts {
  readonly repository: Pick<Repository, "ping">;
  readonly blocks: Pick<Blocks, "probe">;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Pick<Metrics, "health">;
}

export interface StoreHealth {
  readonly store: "database" | "blocks";
  /** Why it does not do its work: `storage_…`; absent while it does. */
  readonly error?: NodeError;
}

/** How both stores are, at most a second ago; never rejects. Says in the log when that changes. */
export function healthCheck(ports: HealthPorts): () => Promise<readonly StoreHealth[]> {
  const { repository, blocks, clock } = ports;
  const tell = teller(ports);
  return fresh(MAX_AGE_MS, clock, async () => {
    const health = await Promise.all([
      healthOf("database", () => repository.ping()),
      healthOf("blocks", () => blocks.probe()),
    ]);
    for (const each of health) tell(each);
    return health;
  });
}

function teller({ log, metrics }: HealthPorts): (health: StoreHealth) => void {
  const lines = {
    database: {
      lost: (fields: Fields) => log.error("database.unavailable", fields),
      back: () => log.info("database.recovered"),
    },
    blocks: {
      lost: (fields: Fields) => log.error("blocks.unavailable", fields),
      back: () => log.info("blocks.recovered"),
    },
  };
  const unavailable = new Set<StoreHealth["store"]>();
  return ({ store, error }) => {
    metrics.health(store, error === undefined);
    if (error === undefined) {
      if (unavailable.delete(store)) lines[store].back();
    } else if (!unavailable.has(store)) {
      unavailable.add(store);
      lines[store].lost({ code: error.code, cause: error });
    }
  };
}

async function healthOf(
  store: StoreHealth["store"],
  work: () => Promise<void>,
): Promise<StoreHealth> {
  try {
    await inTime(work(), DEADLINE_MS, "no answer in a second");
    return { store };
  } catch (cause) {
    const error = cause instanceof NodeError
      ? cause
      : new NodeError("internal", undefined, { cause });
    return { store, error };
  }
}
