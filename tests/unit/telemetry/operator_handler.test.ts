import assert from "node:assert/strict";
import { operatorHandler } from "../../../src/telemetry/operator_handler.ts";

const views = {
  metrics: () => Promise.resolve("a_total 1\n"),
  status: () => Promise.resolve({ state: "ready" }),
};
const scrape = operatorHandler(views);
const ask = (method: string, path: string) =>
  scrape(new Request(`http://127.0.0.1:8001${path}`, { method }));

const ANSWERS = [
  ["GET", "/metrics", 200, "a_total 1\n"],
  ["GET", "/metrics?name=x", 200, "a_total 1\n"],
  ["HEAD", "/metrics", 200, ""],
  ["GET", "/status", 200, '{"state":"ready"}'],
  ["HEAD", "/status", 200, ""],
  ["POST", "/status", 405, "Method not allowed"],
  ["GET", "/status/", 404, "Not found"],
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

for (
  const [path, type] of [
    ["/metrics", "text/plain; version=0.0.4; charset=utf-8"],
    ["/status", "application/json"],
  ] as const
) {
  Deno.test(`${path} is sent as ${type}`, async () => {
    const answer = await ask("GET", path);

    assert.equal(answer.headers.get("content-type"), type);
  });
}

Deno.test("a wrong method is told which ones there are", async () => {
  const answer = await ask("DELETE", "/metrics");

  assert.equal(answer.headers.get("allow"), "GET, HEAD");
});

for (const path of ["/metrics", "/status"]) {
  Deno.test(`${path} that cannot be read answers 503 without the reason`, async () => {
    const fails = () => Promise.reject(new Error("canary"));
    const broken = operatorHandler({ metrics: fails, status: fails });

    const answer = await broken(new Request(`http://127.0.0.1${path}`));

    assert.equal(answer.status, 503);
    assert.equal(await answer.text(), "Unavailable");
  });
}
