// The instruments of the metrics, made with prom-client. Only prometheus.ts imports this, late.
// Each answers one of an operator's questions, and stands in docs/metrics.md with its panel and its
// alert; a test compares them.

import process from "node:process";
import { Counter, Gauge, type Metric, Registry } from "prom-client";
import type { ErrorCode } from "../errors.ts";
import { measureEventLoop } from "./event_loop.ts";
import { Histogram } from "./histogram.ts";
import { knownAbility, knownRoute, statusClass } from "./labels.ts";
import type { Metrics } from "./metrics.ts";

export interface Instruments extends Metrics, Disposable {
  text(): Promise<string>;
}

/** What does not change while the node runs. */
export interface InstrumentOptions {
  readonly version: string;
  /** Each begins at 0: the first increase of a series that was not there is seen by no query. */
  readonly codes: readonly ErrorCode[];
  /** How many spaces the node may host, and the bytes that they may hold; absent: no limit. */
  readonly maxSpaces: number;
  readonly maxBytes: number | undefined;
  readonly collectionIntervalSeconds: number;
}

/** Seconds; from a cached read to an upload of a gigabyte. */
const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function createInstruments(options: InstrumentOptions): Instruments {
  const registry = new Registry();
  const registers = [registry];

  const counter = <L extends string>(name: string, help: string, labelNames: L[] = []) =>
    new Counter<L>({ name, help, labelNames, registers });
  const gauge = <L extends string>(name: string, help: string, labelNames: L[] = []) =>
    new Gauge<L>({ name, help, labelNames, registers });
  function histogram(name: string, help: string, label?: string, buckets = SECONDS): Histogram {
    const made = new Histogram(name, help, label, buckets);
    // Of a metric the registry uses `name` and `get` alone; its type names the library's classes.
    registry.registerMetric(made as unknown as Metric);
    return made;
  }

  // Is it healthy?
  const health = gauge("tinycloud_healthy", "1 while the store answers, else 0", ["store"]);
  const { version } = options;
  gauge("tinycloud_build_info", "1, labelled with what runs", ["version", "deno"])
    .set({ version, deno: Deno.version.deno }, 1);
  gauge("process_start_time_seconds", "Unix time at which the process started")
    .set(performance.timeOrigin / 1000);
  const resident = gauge("process_resident_memory_bytes", "Resident memory");
  const heap = gauge("process_heap_bytes", "Memory used on the JavaScript heap");

  // Is it slow, and where?
  const durations = histogram(
    "tinycloud_request_duration_seconds",
    "Time to answer a request, by route, without those that a limit turned away",
    "route",
  );
  const authorization = histogram(
    "tinycloud_authorization_duration_seconds",
    "Time to judge the token and chain of a request",
    "request",
  );
  const invoke = histogram(
    "tinycloud_authorized_invoke_duration_seconds",
    "Time from authority to outcome of authorized invocations, by ability",
    "action",
  );
  const commits = histogram(
    "tinycloud_commit_duration_seconds",
    "Time of one durable database commit",
  );
  const blocks = histogram(
    "tinycloud_block_duration_seconds",
    "Time of one operation of the block store; of a get, until its first bytes came",
    "operation",
  );

  // Is it failing, and how?
  const requests = counter(
    "tinycloud_requests_total",
    "Answers, by route and status class",
    ["route", "status"],
  );
  const errors = counter("tinycloud_errors_total", "Refusals and failures by code", ["code"]);
  for (const code of options.codes) errors.inc({ code }, 0);
  const damagedReads = counter(
    "tinycloud_damaged_reads_total",
    "Reads that found a stored value damaged or missing",
  );
  const scrubbed = counter(
    "tinycloud_scrubbed_values_total",
    "Stored values that the scrub has read, by state: whole, missing, damaged, unreadable",
    ["state"],
  );
  for (const state of ["whole", "missing", "damaged", "unreadable"]) scrubbed.inc({ state }, 0);
  const scrubbedBytes = counter("tinycloud_scrubbed_bytes_total", "Bytes that the scrub has read");

  // Is it full?
  const spaces = gauge("tinycloud_spaces_hosted", "Spaces hosted by this node");
  gauge("tinycloud_spaces_limit", "Spaces that it may host (spaces.max)").set(options.maxSpaces);
  const bytes = gauge("tinycloud_stored_bytes", "Bytes that all spaces together hold");
  if (options.maxBytes !== undefined) {
    gauge("tinycloud_stored_limit_bytes", "Bytes that they may hold, if limited (storage.total)")
      .set(options.maxBytes);
  }
  const valueBytes = counter(
    "tinycloud_value_bytes_total",
    "Bytes of values received and stored (in), or read and sent (out)",
    ["direction"],
  );

  // Is it being abused?
  const limited = counter(
    "tinycloud_limited_total",
    "Requests turned away by a limit of their client or of their space",
    ["by"],
  );
  for (const by of ["client", "space"]) limited.inc({ by }, 0);

  // Is it keeping up?
  const inFlight = gauge("tinycloud_requests_in_flight", "Requests being handled now");
  const work = gauge(
    "tinycloud_database_operations",
    "Work that runs in the database, and that waits for its turn or a connection, now",
    ["state"],
  );
  const batches = histogram(
    "tinycloud_commit_batch_size",
    "Requests that rode in one commit",
    undefined,
    [1, 2, 4, 8, 16, 32, 64, 128, 256],
  );
  const lag = histogram(
    "tinycloud_event_loop_lag_seconds",
    "How late a timer fired, sampled twice a second",
    undefined,
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
  );
  const cpu = counter("process_cpu_seconds_total", "Processor time used, of all threads");
  const collections = counter(
    "tinycloud_collections_total",
    "Runs of the collector, by outcome: complete, incomplete, skipped, failed",
    ["outcome"],
  );
  for (const outcome of ["complete", "incomplete", "skipped", "failed"]) {
    collections.inc({ outcome }, 0);
  }
  const lastCollection = gauge(
    "tinycloud_collection_last_success_timestamp_seconds",
    "Unix time of the last run of the collector that did not fail; at first, of the start",
  );
  lastCollection.set(performance.timeOrigin / 1000);
  gauge("tinycloud_collection_interval_seconds", "Time between two runs (storage.gc_interval)")
    .set(options.collectionIntervalSeconds);
  const collected = counter(
    "tinycloud_collected_total",
    "What the collector has removed, by kind: blocks, leftovers, guards, events, delegations",
    ["kind"],
  );

  const stopMeasuring = measureEventLoop((seconds) => lag.observe(seconds));
  let cpuSeen = 0;

  return {
    inFlight: (begun) => begun ? inFlight.inc() : inFlight.dec(),
    answered: (path, status, seconds) => {
      const route = knownRoute(path);
      requests.inc({ route, status: statusClass(status) });
      // What is turned away is also held back: how long says nothing of the node.
      if (status !== 429) durations.observe(seconds, route);
    },
    limited: (by) => limited.inc({ by }),
    failed: (code) => errors.inc({ code }),
    authorization: (request, seconds) => authorization.observe(seconds, request),
    authorizedInvoke: (ability, seconds) => invoke.observe(seconds, knownAbility(ability)),
    committed: (batchSize, seconds) => {
      if (!usable(batchSize) || !usable(seconds)) return;
      batches.observe(batchSize);
      commits.observe(seconds);
    },
    databaseWork: (running, waiting) => {
      if (usable(running)) work.set({ state: "running" }, running);
      if (usable(waiting)) work.set({ state: "waiting" }, waiting);
    },
    blocks: (operation, seconds) => blocks.observe(seconds, operation),
    valueBytes: (direction, count) => {
      if (usable(count)) valueBytes.inc({ direction }, count);
    },
    damagedRead: () => damagedReads.inc(),
    scrubbed: (state, values, count) => {
      if (usable(values)) scrubbed.inc({ state }, values);
      if (usable(count)) scrubbedBytes.inc(count);
    },
    collected: (outcome, removed) => {
      collections.inc({ outcome });
      if (outcome === "complete" || outcome === "incomplete") lastCollection.setToCurrentTime();
      for (const [kind, count] of Object.entries(removed)) {
        if (usable(count)) collected.inc({ kind }, count);
      }
    },
    stored: (count, held) => {
      if (usable(count)) spaces.set(count);
      if (usable(held)) bytes.set(held);
    },
    health: (store, healthy) => health.set({ store }, healthy ? 1 : 0),
    text: () => {
      const memory = Deno.memoryUsage();
      resident.set(memory.rss);
      heap.set(memory.heapUsed);
      const { user, system } = process.cpuUsage();
      const cpuNow = (user + system) / 1e6;
      cpu.inc(Math.max(0, cpuNow - cpuSeen));
      cpuSeen = cpuNow;
      return registry.metrics();
    },
    [Symbol.dispose]: stopMeasuring,
  };
}

// The library throws on a value that it cannot add up; a request must not fail for that.
function usable(value: number): boolean {
  return value >= 0 && value < Infinity;
}
