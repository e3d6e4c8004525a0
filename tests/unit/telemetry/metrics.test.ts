import assert from "node:assert/strict";
import { noMetrics } from "../../../src/telemetry/metrics.ts";
import { createMetrics } from "../../../src/telemetry/prometheus.ts";

/** The value of a series in Prometheus text, or undefined. */
function valueOf(text: string, series: string): number | undefined {
  const line = text.split("\n").find((line) => line.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

Deno.test("wire 9: authorized invocations are a histogram by action", async () => {
  using metrics = createMetrics("1.2.3");

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
  using metrics = createMetrics("1.2.3");

  metrics.authorization("delegate", 0.001);
  const text = await metrics.text();

  const name = "tinycloud_authorization_duration_seconds";
  assert.match(text, new RegExp(`^# TYPE ${name} histogram$`, "m"));
  assert.equal(valueOf(text, `${name}_count{request="delegate"}`), 1);
});

Deno.test("what an operator needs is there", async () => {
  using metrics = createMetrics("1.2.3");

  metrics.inFlight(true);
  metrics.inFlight(true);
  metrics.inFlight(false);
  metrics.answered("/invoke", 201);
  metrics.failed("block_corrupt");
  metrics.committed(7, 0.004);
  metrics.valueBytes("in", 1024);
  metrics.valueBytes("out", 10);
  metrics.spaces(3);
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
    tinycloud_spaces_hosted: 3,
    'tinycloud_healthy{store="database"}': 1,
    'tinycloud_healthy{store="blocks"}': 0,
    [`tinycloud_build_info{version="1.2.3",deno="${Deno.version.deno}"}`]: 1,
    tinycloud_metrics_lost_total: 0,
  };
  for (const [series, value] of Object.entries(expected)) {
    assert.equal(valueOf(text, series), value, series);
  }
  assert.ok((valueOf(text, "process_resident_memory_bytes") ?? 0) > 1e6);
  assert.ok((valueOf(text, "process_heap_bytes") ?? 0) > 1e5);
  assert.ok((valueOf(text, "process_start_time_seconds") ?? 0) > 1.7e9);
  assert.match(text, /^# TYPE tinycloud_event_loop_lag_seconds histogram$/m);
});

Deno.test("ten thousand made-up abilities and paths are one series each", async () => {
  using metrics = createMetrics("1.2.3");

  await metrics.load();
  for (let i = 0; i < 10_000; i++) {
    metrics.authorizedInvoke(`attacker/${i}`, 0.001);
    metrics.answered(`/${i}`, i);
  }
  const text = await metrics.text();

  const invoke = "tinycloud_authorized_invoke_duration_seconds_count";
  assert.equal(valueOf(text, `${invoke}{action="other"}`), 10_000);
  assert.ok(!text.includes("attacker"));
  const requests = text.match(/^tinycloud_requests_total\{.*$/gm) ?? [];
  assert.equal(requests.length, 6); // 1xx … 5xx, other
});

Deno.test("observations from before the library was loaded are counted once", async () => {
  using metrics = createMetrics("1.2.3");

  metrics.failed("internal");
  const loading = metrics.load();
  metrics.failed("internal");
  await loading;
  metrics.failed("internal");
  await metrics.load();

  assert.equal(valueOf(await metrics.text(), 'tinycloud_errors_total{code="internal"}'), 3);
});

Deno.test("observations beyond what is kept before loading are counted as lost", async () => {
  using metrics = createMetrics("1.2.3");

  for (let i = 0; i < 10_003; i++) metrics.failed("internal");
  const text = await metrics.text();

  assert.equal(valueOf(text, 'tinycloud_errors_total{code="internal"}'), 10_000);
  assert.equal(valueOf(text, "tinycloud_metrics_lost_total"), 3);
});

for (const odd of [NaN, -1, Infinity]) {
  Deno.test(`a measurement of ${odd} is ignored and throws nothing`, async () => {
    using metrics = createMetrics("1.2.3");
    await metrics.load();

    metrics.authorizedInvoke("tinycloud.kv/get", odd);
    metrics.authorization("invoke", odd);
    metrics.committed(odd, 1);
    metrics.committed(1, odd);
    metrics.valueBytes("in", odd);
    metrics.spaces(odd);
    metrics.scrubbed("missing", odd, odd);
    const text = await metrics.text();

    assert.equal(valueOf(text, "tinycloud_commit_batch_size_count"), 0);
    assert.equal(valueOf(text, "tinycloud_spaces_hosted"), 0);
    assert.ok(!text.includes("kv/get") && !text.includes('request="invoke"'));
    assert.ok(!text.includes('direction="in"') && !text.includes('state="missing"'));
    assert.equal(valueOf(text, "tinycloud_scrubbed_bytes_total"), 0);
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
    const metrics = createMetrics("1.2.3");

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

Deno.test("two nodes in one process do not share metrics", async () => {
  using one = createMetrics("1.2.3");
  using other = createMetrics("1.2.3");

  one.failed("internal");

  assert.ok((await one.text()).includes('code="internal"'));
  assert.ok(!(await other.text()).includes('code="internal"'));
});

Deno.test("metrics that are off take every observation", () => {
  noMetrics.inFlight(true);
  noMetrics.answered("/invoke", 200);
  noMetrics.failed("internal");

  assert.deepEqual(
    Object.keys(noMetrics),
    Object.keys(createMetrics("1")).filter((name) => !["load", "text"].includes(name)),
  );
});
