import assert from "node:assert/strict";
import { noMetrics } from "../../../src/telemetry/metrics.ts";
import { createMetrics } from "../../../src/telemetry/prometheus.ts";

const OPTIONS = {
  version: "1.2.3",
  codes: ["internal", "block_corrupt"],
  maxSpaces: 100,
  maxBytes: 5000,
  collectionIntervalSeconds: 600,
} as const;
const REMOVED = { blocks: 2, leftovers: 1, guards: 30, events: 4, delegations: 5 };

/** The value of a series in Prometheus text, or undefined. */
function valueOf(text: string, series: string): number | undefined {
  const line = text.split("\n").find((line) => line.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

Deno.test("wire 9: authorized invocations are a histogram by action", async () => {
  using metrics = createMetrics(OPTIONS);

  metrics.authorizedInvoke("tinycloud.kv/put", 0.003);
  metrics.authorizedInvoke("tinycloud.kv/put", 0.2);
  const text = await metrics.text();

  const name = "tinycloud_authorized_invoke_duration_seconds";
  assert.match(text, new RegExp(`^# TYPE ${name} histogram$`, "m"));
  const action = 'action="tinycloud.kv/put"';
  assert.equal(valueOf(text, `${name}_bucket{le="0.0025",${action}}`), 0);
  assert.equal(valueOf(text, `${name}_bucket{le="0.005",${action}}`), 1);
  assert.equal(valueOf(text, `${name}_bucket{le="+Inf",${action}}`), 2);
  assert.equal(valueOf(text, `${name}_count{${action}}`), 2);
  assert.equal(valueOf(text, `${name}_sum{${action}}`), 0.203);
});

Deno.test("wire 9: authorizations are a histogram by request", async () => {
  using metrics = createMetrics(OPTIONS);

  metrics.authorization("delegate", 0.001);
  const text = await metrics.text();

  const name = "tinycloud_authorization_duration_seconds";
  assert.match(text, new RegExp(`^# TYPE ${name} histogram$`, "m"));
  assert.equal(valueOf(text, `${name}_count{request="delegate"}`), 1);
});

Deno.test("what an operator needs is there", async () => {
  using metrics = createMetrics(OPTIONS);

  metrics.inFlight(true);
  metrics.inFlight(true);
  metrics.inFlight(false);
  metrics.answered("/invoke", 201, 0.02);
  metrics.answered("/invoke", 429, 2);
  metrics.limited("space");
  metrics.failed("block_corrupt");
  metrics.committed(7, 0.004);
  metrics.valueBytes("in", 1024);
  metrics.valueBytes("out", 10);
  metrics.databaseWork(2, 9);
  metrics.blocks("get", 0.25);
  metrics.damagedRead();
  metrics.collected("incomplete", REMOVED);
  metrics.stored(3, 4000);
  metrics.scrubbed("whole", 5, 500);
  metrics.scrubbed("damaged", 1, 0);
  metrics.health("database", true);
  metrics.health("blocks", false);
  const text = await metrics.text();

  const expected = {
    tinycloud_requests_in_flight: 1,
    'tinycloud_requests_total{route="/invoke",status="2xx"}': 1,
    'tinycloud_errors_total{code="block_corrupt"}': 1,
    tinycloud_commit_duration_seconds_sum: 0.004,
    tinycloud_commit_batch_size_sum: 7,
    tinycloud_commit_batch_size_count: 1,
    'tinycloud_value_bytes_total{direction="in"}': 1024,
    'tinycloud_value_bytes_total{direction="out"}': 10,
    'tinycloud_scrubbed_values_total{state="whole"}': 5,
    'tinycloud_scrubbed_values_total{state="damaged"}': 1,
    tinycloud_scrubbed_bytes_total: 500,
    'tinycloud_requests_total{route="/invoke",status="4xx"}': 1,
    'tinycloud_request_duration_seconds_count{route="/invoke"}': 1,
    'tinycloud_limited_total{by="space"}': 1,
    'tinycloud_limited_total{by="client"}': 0,
    'tinycloud_database_operations{state="running"}': 2,
    'tinycloud_database_operations{state="waiting"}': 9,
    'tinycloud_block_duration_seconds_sum{operation="get"}': 0.25,
    tinycloud_damaged_reads_total: 1,
    'tinycloud_collections_total{outcome="incomplete"}': 1,
    'tinycloud_collections_total{outcome="complete"}': 0,
    'tinycloud_collected_total{kind="guards"}': 30,
    tinycloud_collection_interval_seconds: 600,
    tinycloud_spaces_hosted: 3,
    tinycloud_spaces_limit: 100,
    tinycloud_stored_bytes: 4000,
    tinycloud_stored_limit_bytes: 5000,
    'tinycloud_healthy{store="database"}': 1,
    'tinycloud_healthy{store="blocks"}': 0,
    [`tinycloud_build_info{version="1.2.3",deno="${Deno.version.deno}"}`]: 1,
  };
  for (const [series, value] of Object.entries(expected)) {
    assert.equal(valueOf(text, series), value, series);
  }
  assert.ok((valueOf(text, "process_resident_memory_bytes") ?? 0) > 1e6);
  assert.ok((valueOf(text, "process_cpu_seconds_total") ?? 0) > 0);
  assert.ok((valueOf(text, "process_heap_bytes") ?? 0) > 1e5);
  assert.ok((valueOf(text, "process_start_time_seconds") ?? 0) > 1.7e9);
  assert.match(text, /^# TYPE tinycloud_event_loop_lag_seconds histogram$/m);
});

Deno.test("ten thousand made-up abilities and paths are one series each", async () => {
  using metrics = createMetrics(OPTIONS);

  await metrics.load();
  for (let i = 0; i < 10_000; i++) {
    metrics.authorizedInvoke(`attacker/${i}`, 0.001);
    metrics.answered(`/${i}`, i, 0.001);
  }
  const text = await metrics.text();

  const invoke = "tinycloud_authorized_invoke_duration_seconds_count";
  assert.equal(valueOf(text, `${invoke}{action="other"}`), 10_000);
  assert.ok(!text.includes("attacker"));
  const requests = text.match(/^tinycloud_requests_total\{.*$/gm) ?? [];
  assert.equal(requests.length, 6); // 1xx … 5xx, other
});

Deno.test("observations from before the library was loaded are counted once", async () => {
  using metrics = createMetrics(OPTIONS);

  metrics.failed("internal");
  const loading = metrics.load();
  metrics.failed("internal");
  await loading;
  metrics.failed("internal");
  await metrics.load();

  assert.equal(valueOf(await metrics.text(), 'tinycloud_errors_total{code="internal"}'), 3);
});

Deno.test("observations beyond what is kept before loading are lost", async () => {
  using metrics = createMetrics(OPTIONS);

  for (let i = 0; i < 10_003; i++) metrics.failed("internal");
  const text = await metrics.text();

  assert.equal(valueOf(text, 'tinycloud_errors_total{code="internal"}'), 10_000);
});

for (const odd of [NaN, -1, Infinity]) {
  Deno.test(`a measurement of ${odd} is ignored and throws nothing`, async () => {
    using metrics = createMetrics(OPTIONS);
    await metrics.load();

    metrics.authorizedInvoke("tinycloud.kv/get", odd);
    metrics.authorization("invoke", odd);
    metrics.committed(odd, 1);
    metrics.committed(1, odd);
    metrics.valueBytes("in", odd);
    metrics.stored(odd, odd);
    metrics.databaseWork(odd, odd);
    metrics.blocks("put", odd);
    metrics.answered("/invoke", 200, odd);
    metrics.collected("complete", { ...REMOVED, blocks: odd });
    metrics.scrubbed("missing", odd, odd);
    const text = await metrics.text();

    assert.equal(valueOf(text, "tinycloud_commit_batch_size_count"), 0);
    assert.equal(valueOf(text, "tinycloud_spaces_hosted"), 0);
    assert.ok(!text.includes("kv/get") && !text.includes('request="invoke"'));
    assert.ok(!text.includes('direction="in"') && !text.includes('state="waiting"'));
    assert.ok(!text.includes('operation="put"') && !text.includes('kind="blocks"'));
    assert.equal(valueOf(text, 'tinycloud_scrubbed_values_total{state="missing"}'), 0);
    assert.equal(valueOf(text, "tinycloud_scrubbed_bytes_total"), 0);
    assert.equal(valueOf(text, "tinycloud_stored_bytes"), 0);
    assert.ok(!text.includes("tinycloud_request_duration_seconds_count{"));
  });
}

for (const when of ["after", "while"] as const) {
  Deno.test(`metrics disposed ${when} loading leave no timer behind`, async () => {
    const { setInterval: set, clearInterval: clear } = globalThis;
    const running = new Set<unknown>();
    Object.assign(globalThis, {
      setInterval: (...args: Parameters<typeof set>) => {
        const timer = set(...args);
        running.add(timer);
        return timer;
      },
      clearInterval: (timer: Parameters<typeof clear>[0]) => {
        running.delete(timer);
        clear(timer);
      },
    });
    const metrics = createMetrics(OPTIONS);

    const loading = metrics.load();
    if (when === "after") await loading;
    const before = running.size;
    metrics[Symbol.dispose]();
    await loading;

    Object.assign(globalThis, { setInterval: set, clearInterval: clear });
    assert.equal(before, when === "after" ? 1 : 0);
    assert.equal(running.size, 0);
  });
}

Deno.test("every error code has a series from the start, so that its first increase is seen", async () => {
  using metrics = createMetrics(OPTIONS);

  const text = await metrics.text();

  for (const code of OPTIONS.codes) {
    assert.equal(valueOf(text, `tinycloud_errors_total{code="${code}"}`), 0);
  }
});

const LAST = "tinycloud_collection_last_success_timestamp_seconds";

for (const outcome of ["complete", "incomplete", "skipped", "failed"] as const) {
  const succeeds = outcome === "complete" || outcome === "incomplete";
  Deno.test(`a collection that ends as ${outcome} ${succeeds ? "counts" : "does not count"} as the last success`, async () => {
    using metrics = createMetrics(OPTIONS);
    await metrics.load();
    const before = Date.now() / 1000;

    metrics.collected(outcome, REMOVED);
    const text = await metrics.text();

    assert.equal(valueOf(text, `tinycloud_collections_total{outcome="${outcome}"}`), 1);
    const last = valueOf(text, LAST) ?? 0;
    if (succeeds) assert.ok(last >= before);
    else assert.equal(last, performance.timeOrigin / 1000);
  });
}

Deno.test("without storage.total there is no limit to be near to", async () => {
  using metrics = createMetrics({ ...OPTIONS, maxBytes: undefined });

  assert.ok(!(await metrics.text()).includes("tinycloud_stored_limit_bytes"));
});

Deno.test("two nodes in one process do not share metrics", async () => {
  using one = createMetrics(OPTIONS);
  using other = createMetrics(OPTIONS);

  one.failed("internal");

  const series = 'tinycloud_errors_total{code="internal"}';
  assert.equal(valueOf(await one.text(), series), 1);
  assert.equal(valueOf(await other.text(), series), 0);
});

Deno.test("metrics that are off take every observation", () => {
  noMetrics.inFlight(true);
  noMetrics.answered("/invoke", 200, 1);
  noMetrics.failed("internal");

  assert.deepEqual(
    Object.keys(noMetrics),
    Object.keys(createMetrics(OPTIONS)).filter((name) => !["load", "text"].includes(name)),
  );
});
