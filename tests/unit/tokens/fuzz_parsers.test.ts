// The parsers that a client's bytes reach, against inputs that no client sends (tests/fuzz): each
// gets a verdict, in time and in bounded memory, and canonical forms are stable.

import assert from "node:assert/strict";
import { fuzzParsers, MAX_MS, shapeVerdicts, type Tallies, TARGETS } from "../../fuzz/parsers.ts";
import { bytesKept } from "../../fuzz/parsers_memory.ts";
import { measured } from "../../support/measured.ts";

const INPUTS = 100_000;
const ROUNDS = 50;
const MIB = 1024 * 1024;

/** Each parses one hostile shape at its full size. */
const SHAPES = TARGETS.flatMap(({ parse, shapes, maxSize }) =>
  Object.values(shapes).map((shape) => () => parse(shape(maxSize)))
);

Deno.test("100,000 made-up inputs get a verdict, and whatever is taken keeps its promises", async () => {
  const tallies: Tallies[] = [];
  for (let seed = 1; seed <= ROUNDS; seed++) tallies.push(await fuzzParsers(seed, INPUTS / ROUNDS));

  let all = 0;
  const counts = TARGETS.map(({ kind }) => {
    const of = tallies.flatMap((tally) => tally[kind] ?? []);
    const tried = of.reduce((sum, { tried }) => sum + tried, 0);
    const taken = of.reduce((sum, { taken }) => sum + taken, 0);
    all += tried;
    assert.ok(taken > 0, `no input reached what lies behind the grammar of ${kind}`);
    return `${kind} ${tried} (${taken} taken)`;
  });
  measured(`${all} inputs put to parsers: ${counts.join(", ")}`);
  assert.ok(all >= INPUTS, `only ${all} inputs`);
});

Deno.test("hostile inputs of 64 KiB get a verdict in bounded time", async () => {
  const slowest = new Map<string, { readonly name: string; readonly ms: number }>();
  const findings: string[] = [];
  let ran = 0;
  for await (const { kind, name, ms, finding } of shapeVerdicts()) {
    ran++;
    if (finding !== undefined) findings.push(finding);
    if (ms > (slowest.get(kind)?.ms ?? 0)) slowest.set(kind, { name, ms });
  }

  const worst = [...slowest].toSorted(([, a], [, b]) => b.ms - a.ms).slice(0, 8)
    .map(([kind, { name, ms }]) => `${kind} ${ms.toFixed(1)} ms (${name})`);
  measured(`${ran} hostile shapes, the slowest: ${worst.join(", ")}; allowed: ${MAX_MS} ms`);
  assert.deepEqual(findings, []);
  assert.equal(ran, SHAPES.length);
  assert.ok(ran >= 1000, `only ${ran} shapes`);
});

Deno.test("a thousand hostile inputs of 64 KiB leave less than 1 MiB behind", async () => {
  const parse = (at: string) => SHAPES[Number(at)]?.();
  await bytesKept({ parse }, 1, String);

  const kept = await bytesKept({ parse }, SHAPES.length, String);

  measured(`${SHAPES.length} hostile inputs left ${(kept / 1024).toFixed(0)} KiB behind`);
  assert.ok(kept < MIB);
});

const REMEMBERED = 500;
/** Keys and results, with the platform's share; the inputs have up to 60 KiB each. */
const MAX_REMEMBERED_BYTES = 2_500;

for (const { another, ...target } of TARGETS) {
  if (another === undefined) continue;
  Deno.test(`of ${REMEMBERED} long inputs the parser of ${target.kind} remembers little`, async () => {
    await bytesKept(target, 1, another);
    const kept = await bytesKept(target, REMEMBERED, (at) => another(at + 1));

    measured(`${(kept / REMEMBERED).toFixed(0)} bytes remembered of each ${target.kind}`);
    assert.ok(kept <= REMEMBERED * MAX_REMEMBERED_BYTES);
  });
}

Deno.test("a seed makes the same inputs again", async () => {
  const counts = async () => {
    const tallies = await fuzzParsers(7, 300);
    return Object.entries(tallies).map(([kind, { tried, taken }]) => [kind, tried, taken]);
  };

  assert.deepEqual(await counts(), await counts());
});
