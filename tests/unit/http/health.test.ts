import assert from "node:assert/strict";
import { NodeError } from "../../../src/errors.ts";
import { healthCheck } from "../../../src/http/health.ts";
import { createLog } from "../../../src/telemetry/log.ts";

function checked(work: { ping: () => Promise<void>; probe: () => Promise<void> }) {
  const clock = { ms: 0 };
  const lines: string[] = [];
  const seen: unknown[] = [];
  const health = healthCheck({
    repository: { ping: () => work.ping() },
    blocks: { probe: () => work.probe() },
    clock: { nowSeconds: () => 0, monotonicMs: () => clock.ms },
    log: createLog({ level: "normal", format: "Text", write: (line) => lines.push(line) }),
    metrics: { health: (...args) => void seen.push(args) },
  });
  return { clock, lines, seen, health };
}

const works = () => Promise.resolve();

Deno.test("a store that throws something odd is told as internal, and does not reject", async () => {
  const { health } = checked({ ping: works, probe: () => Promise.reject(new Error("odd")) });

  const [database, blocks] = await health();

  assert.deepEqual([database?.store, database?.error], ["database", undefined]);
  assert.deepEqual([blocks?.store, blocks?.error?.code], ["blocks", "internal"]);
});

Deno.test("a store that does not answer is unavailable after a second", async () => {
  const never = new Promise<void>(() => {});
  const begun = performance.now();
  const { health } = checked({ ping: () => never, probe: works });

  const [database] = await health();

  assert.equal(database?.error?.code, "storage_unavailable");
  assert.ok(performance.now() - begun >= 990);
});

Deno.test("a change is logged once, and every check is counted", async () => {
  const work = { ping: works, probe: works };
  const { clock, lines, seen, health } = checked(work);
  const refuses = () => Promise.reject(new NodeError("storage_full"));

  for (const ping of [works, refuses, refuses, works, works]) {
    work.ping = ping;
    clock.ms += 2000;
    await health();
  }

  assert.deepEqual(lines.map((line) => line.split(" ").slice(1, 3).join(" ")), [
    "error database.unavailable",
    "info database.recovered",
  ]);
  assert.match(lines[0] ?? "", /code=storage_full/);
  assert.deepEqual(
    seen.filter((args) => Array.isArray(args) && args[0] === "database"),
    [true, false, false, true, true].map((healthy) => ["database", healthy]),
  );
});
