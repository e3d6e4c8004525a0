// The instruments of the metrics, made with prom-client. Only prometheus.ts imports this, late.

import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { measureEventLoop } from "./event_loop.ts";
import { knownAbility, knownRoute, statusClass } from "./labels.ts";
import type { Metrics } from "./metrics.ts";

export interface Instruments extends Metrics, Disposable {
  text(): Promise<string>;
}

/** Seconds; from a cached read to an upload of a gigabyte. */
const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** `lost`: observations that found no room before the instruments were made. */
export function createInstruments(version: string, lost: number): Instruments {
  const registry = new Registry();
  const registers = [registry];

  const counter = <L extends string>(name: string, help: string, labelNames: L[] = []) =>
    new Counter<L>({ name, help, labelNames, registers });
  const gauge = <L extends string>(name: string, help: string, labelNames: L[] = []) =>
    new Gauge<L>({ name, help, labelNames, registers });
  const histogram = <L extends string>(
    name: string,
    help: string,
    labelNames: L[] = [],
    buckets = SECONDS,
  ) => new Histogram<L>({ name, help, labelNames, buckets, registers });

  const invoke = histogram(
    "tinycloud_authorized_invoke_duration_seconds",
    "Time from authority to outcome of authorized invocations, by ability",
    ["action"],
  );
  const authorization = histogram(
    "tinycloud_authorization_duration_seconds",
    "Time to judge the token and chain of a request",
    ["request"],
  );
  const requests = counter(
    "tinycloud_requests_total",
    "Answers, by route and status class",
    ["route", "status"],
  );
  const inFlight = gauge("tinycloud_requests_in_flight", "Requests being handled now");
  const errors = counter("tinycloud_errors_total", "Refusals and failures by code", ["code"]);
  const commits = histogram(
    "tinycloud_commit_duration_seconds",
    "Time of one durable database commit",
  );
  const batches = histogram(
    "tinycloud_commit_batch_size",
    "Requests that rode in one commit",
    [],
    [1, 2, 4, 8, 16, 32, 64, 128, 256],
  );
  const bytes = counter(
    "tinycloud_value_bytes_total",
    "Bytes of values received and stored (in), or read and sent (out)",
    ["direction"],
  );
  const scrubbed = counter(
    "tinycloud_scrubbed_values_total",
    "Stored values that the scrub has read, by state: whole, missing, damaged, unreadable",
    ["state"],
  );
  const scrubbedBytes = counter("tinycloud_scrubbed_bytes_total", "Bytes that the scrub has read");
  const spaces = gauge("tinycloud_spaces_hosted", "Spaces hosted by this node");
  const health = gauge("tinycloud_healthy", "1 while the store answers, else 0", ["store"]);
  const lag = histogram(
    "tinycloud_event_loop_lag_seconds",
    "How late a timer fired, sampled twice a second",
    [],
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
  );
  counter(
    "tinycloud_metrics_lost_total",
    "Observations made before metrics were loaded and beyond what could be kept",
  ).inc(lost);
  gauge(
    "tinycloud_build_info",
    "1, labelled with what runs",
    ["version", "deno"],
  ).set({ version, deno: Deno.version.deno }, 1);
  gauge("process_start_time_seconds", "Unix time at which the process started")
    .set(performance.timeOrigin / 1000);
  const resident = gauge("process_resident_memory_bytes", "Resident memory");
  const heap = gauge("process_heap_bytes", "Memory used on the JavaScript heap");

  const stopMeasuring = measureEventLoop((seconds) => lag.observe(seconds));

  return {
    inFlight: (begun) => begun ? inFlight.inc() : inFlight.dec(),
    answered: (path, status) =>
      requests.inc({ route: knownRoute(path), status: statusClass(status) }),
    failed: (code) => errors.inc({ code }),
    authorization: (request, seconds) => {
      if (usable(seconds)) authorization.observe({ request }, seconds);
    },
    authorizedInvoke: (ability, seconds) => {
      if (usable(seconds)) invoke.observe({ action: knownAbility(ability) }, seconds);
    },
    committed: (batchSize, seconds) => {
      if (!usable(batchSize) || !usable(seconds)) return;
      batches.observe(batchSize);
      commits.observe(seconds);
    },
    valueBytes: (direction, count) => {
      if (usable(count)) bytes.inc({ direction }, count);
    },
    scrubbed: (state, values, count) => {
      if (usable(values)) scrubbed.inc({ state }, values);
      if (usable(count)) scrubbedBytes.inc(count);
    },
    spaces: (count) => {
      if (usable(count)) spaces.set(count);
    },
    health: (store, healthy) => health.set({ store }, healthy ? 1 : 0),
    text: () => {
      const memory = Deno.memoryUsage();
      resident.set(memory.rss);
      heap.set(memory.heapUsed);
      return registry.metrics();
    },
    [Symbol.dispose]: stopMeasuring,
  };
}

// The library throws on a value that it cannot add up; a request must not fail for that.
function usable(value: number): boolean {
  return value >= 0 && value < Infinity;
}
