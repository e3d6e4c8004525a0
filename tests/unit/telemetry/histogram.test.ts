import assert from "node:assert/strict";
import { Histogram as Theirs, type Metric, Registry } from "prom-client";
import { Histogram } from "../../../src/telemetry/histogram.ts";

const BUCKETS = [0.5, 1, 2.5];
const VALUES = [0, 0.25, 0.5, 0.500001, 1, 2.4, 2.5, 3, 1e9];

/** The same observations as our text and as the library's. */
async function texts(label: string | undefined, observed: readonly (readonly [number, string])[]) {
  const [ours, theirs] = [new Registry(), new Registry()];
  const own = new Histogram("x_seconds", "Help", label, BUCKETS);
  ours.registerMetric(own as unknown as Metric); // as in instruments.ts
  const their = new Theirs({
    name: "x_seconds",
    help: "Help",
    labelNames: label === undefined ? [] : [label],
    buckets: BUCKETS,
    registers: [theirs],
  });
  for (const [value, name] of observed) {
    own.observe(value, label === undefined ? undefined : name);
    their.observe(label === undefined ? {} : { [label]: name }, value);
  }
  return { ours: await ours.metrics(), theirs: await theirs.metrics() };
}

Deno.test("it reads as the library's, with a label", async () => {
  const observed = VALUES.flatMap((value) => [[value, "/invoke"], [value * 2, "other"]] as const);

  const { ours, theirs } = await texts("route", observed);

  assert.equal(ours, theirs);
  assert.match(ours, /x_seconds_bucket\{le="1",route="\/invoke"\} 5\n/);
});

Deno.test("it reads as the library's, without a label", async () => {
  const { ours, theirs } = await texts(undefined, VALUES.map((value) => [value, ""]));

  assert.equal(ours, theirs);
});

Deno.test("before anything was observed there is a series where there is no label", async () => {
  for (const label of [undefined, "route"]) {
    const { ours, theirs } = await texts(label, []);

    assert.equal(ours, theirs);
    assert.equal(ours.includes("x_seconds_count 0"), label === undefined);
  }
});

Deno.test("what cannot be added up is left out", () => {
  const histogram = new Histogram("x", "Help", undefined, BUCKETS);
  const before = JSON.stringify(histogram.get());

  for (const odd of [NaN, -1, Infinity, -Infinity]) histogram.observe(odd);

  assert.equal(JSON.stringify(histogram.get()), before);
});
