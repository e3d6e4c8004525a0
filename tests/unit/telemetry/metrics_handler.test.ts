import assert from "node:assert/strict";
import { metricsHandler } from "../../../src/telemetry/metrics_handler.ts";
import { createMetrics } from "../../../src/telemetry/prometheus.ts";

const scrape = metricsHandler({ text: () => Promise.resolve("a_total 1\n") });
const ask = (method: string, path: string) =>
  scrape(new Request(`http://127.0.0.1:8001${path}`, { method }));

const ANSWERS = [
  ["GET", "/metrics", 200, "a_total 1\n"],
  ["GET", "/metrics?name=x", 200, "a_total 1\n"],
  ["HEAD", "/metrics", 200, ""],
  ["POST", "/metrics", 405, "Method not allowed"],
  ["GET", "/", 404, "Not found"],
  ["GET", "/metrics/", 404, "Not found"],
  ["POST", "/invoke", 404, "Not found"],
] as const;

for (const [method, path, status, body] of ANSWERS) {
  Deno.test(`${method} ${path} on the metrics listener answers ${status}`, async () => {
    const answer = await ask(method, path);

    assert.equal(answer.status, status);
    assert.equal(await answer.text(), body);
  });
}

Deno.test("metrics are sent as Prometheus text", async () => {
  using metrics = createMetrics("1.2.3");

  const answer = await metricsHandler(metrics)(new Request("http://127.0.0.1/metrics"));

  assert.equal(answer.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  assert.match(await answer.text(), /^# HELP /);
});

Deno.test("a wrong method is told which ones there are", async () => {
  const answer = await ask("DELETE", "/metrics");

  assert.equal(answer.headers.get("allow"), "GET, HEAD");
});

Deno.test("metrics that cannot be read answer 503 without the reason", async () => {
  const broken = metricsHandler({ text: () => Promise.reject(new Error("canary")) });

  const answer = await broken(new Request("http://127.0.0.1/metrics"));

  assert.equal(answer.status, 503);
  assert.equal(await answer.text(), "Metrics unavailable");
});
