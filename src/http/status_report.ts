// What the node tells its operator about itself (`tinycloud status`), on the operator's listener only:
// nothing of a space, of a person or of a key.

import type { ErrorCode } from "../errors.ts";
import { inTime } from "../repository/server/in_time.ts";
import type { Activity, Rates } from "../telemetry/activity.ts";
import type { CollectionOutcome, Removed } from "../telemetry/metrics.ts";
import { fresh } from "./fresh.ts";
import type { Services } from "./route.ts";
import { STATUS } from "./status.ts";

export interface StatusReport {
  /** `unready`: a store does not do its work. */
  readonly state: "ready" | "unready" | "stopping";
  readonly version: string;
  readonly deno: string;
  readonly nodeId: string;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly uptimeSeconds: number;
  readonly stores: readonly StoreReport[];
  /** Null while the database does not say. */
  readonly spaces: number | null;
  readonly storedBytes: number | null;
  readonly requestsInFlight: number;
  readonly lastMinute: Rates;
  /** Null before the first run has ended. */
  readonly collection: {
    readonly outcome: CollectionOutcome;
    readonly endedAt: string;
    readonly removed: Removed;
  } | null;
  /** Since the start, newest first. */
  readonly errors: readonly ErrorReport[];
}

export interface StoreReport {
  readonly store: string;
  readonly kind: string;
  /** Null while it does its work. */
  readonly code: ErrorCode | null;
}

export interface ErrorReport {
  readonly code: ErrorCode;
  /** Of the answers that carried it. */
  readonly status: number;
  readonly count: number;
  readonly lastAt: string;
}

export interface ReportSources {
  readonly services: Services;
  readonly activity: Activity;
  readonly kinds: Readonly<Record<"database" | "blocks", string>>;
  readonly isStopping: () => boolean;
}

export interface Operator {
  /** Brings those metrics up to date that only change when they are looked at. */
  refreshMetrics(): Promise<void>;
  status(): Promise<StatusReport>;
}

/** Some databases have to add up what all spaces hold. */
const STORED_AGE_MS = 10_000;
const DEADLINE_MS = 1000;

export function operator({ services, activity, kinds, isStopping }: ReportSources): Operator {
  const { repository, clock, metrics, health } = services;
  const begunMs = clock.monotonicMs();

  /** Undefined while the database does not say. */
  const stored = fresh(STORED_AGE_MS, clock, async () => {
    const asked = Promise.all([repository.spaceCount(), repository.usedBytes()]);
    const [spaces, bytes] = await inTime(asked, DEADLINE_MS, "no answer in a second")
      .catch(() => []);
    return spaces === undefined || bytes === undefined ? undefined : { spaces, bytes };
  });

  return {
    async refreshMetrics() {
      const [now] = await Promise.all([stored(), health()]);
      if (now !== undefined) metrics.stored(now.spaces, now.bytes);
      const { running, waiting } = repository.workload();
      metrics.databaseWork(running, waiting);
    },
    async status() {
      const [now, stores] = await Promise.all([stored(), health()]);
      const isReady = stores.every(({ error }) => error === undefined);
      const [nowMs, nowSeconds] = [clock.monotonicMs(), clock.nowSeconds()];
      const uptimeSeconds = Math.round((nowMs - begunMs) / 1000);
      const timeAt = (atMs: number) => timestamp(nowSeconds - (nowMs - atMs) / 1000);
      const collection = activity.lastCollection();
      return {
        state: isStopping() ? "stopping" : isReady ? "ready" : "unready",
        version: services.version,
        deno: Deno.version.deno,
        nodeId: services.keys.nodeId,
        startedAt: timeAt(begunMs),
        uptimeSeconds,
        stores: stores.map(({ store, error }) => ({
          store,
          kind: kinds[store],
          code: error?.code ?? null,
        })),
        spaces: now?.spaces ?? null,
        storedBytes: now?.bytes ?? null,
        requestsInFlight: activity.inFlight,
        lastMinute: activity.rates(),
        collection: collection === undefined ? null : {
          outcome: collection.outcome,
          endedAt: timeAt(collection.atMs),
          removed: collection.removed,
        },
        errors: activity.errors().map(({ code, count, atMs }) => ({
          code,
          status: STATUS[code],
          count,
          lastAt: timeAt(atMs),
        })),
      };
    },
  };
}

function timestamp(unixSeconds: number): string {
  return new Date(Math.round(unixSeconds) * 1000).toISOString().replace(".000Z", "Z");
}

/** A report with one of everything: what comes over the network is compared with it. */
const SHAPE: StatusReport = {
  state: "ready",
  version: "",
  deno: "",
  nodeId: "",
  startedAt: "",
  uptimeSeconds: 0,
  stores: [{ store: "", kind: "", code: null }],
  spaces: null,
  storedBytes: null,
  requestsInFlight: 0,
  lastMinute: { seconds: 0, requests: 0, refused: 0, limited: 0, failed: 0 },
  collection: {
    outcome: "complete",
    endedAt: "",
    removed: { blocks: 0, leftovers: 0, guards: 0, events: 0, delegations: 0 },
  },
  errors: [{ code: "internal", status: 0, count: 0, lastAt: "" }],
};

/** The report that a JSON text holds; undefined when it is none. */
export function parseStatusReport(text: string): StatusReport | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return fits(value, SHAPE) ? value as StatusReport : undefined; // it has just been compared
  } catch {
    return undefined;
  }
}

/** Nothing that a terminal would act on. */
const PLAIN = /^[\x20-\x7e]{0,256}$/;

function fits(value: unknown, shape: unknown): boolean {
  if (typeof value === "string" && !PLAIN.test(value)) return false;
  if (shape === null) return ["string", "number"].includes(typeof value) || value === null;
  if (typeof shape !== "object") return typeof value === typeof shape;
  if (Array.isArray(shape)) {
    return Array.isArray(value) && value.every((each) => fits(each, shape[0]));
  }
  if (value === null) return shape === SHAPE.collection;
  return typeof value === "object" &&
    Object.entries(shape).every(([name, part]) => fits(Reflect.get(value, name), part));
}
