// Searches for counter-examples until the time is over, in rounds with a seed each:
//   deno run --no-prompt --allow-net=127.0.0.1 --allow-env --allow-read --allow-write --allow-sys \
//     tests/fuzz/main.ts --minutes 5 [--seed 1] [--only authority]
// A finding names its fuzzer and its seed; with that `--seed` the first round finds it again.

// deno-lint-ignore-file no-console -- a program for people

import { parseArgs } from "node:util";
import { authorityFuzzer } from "./authority.ts";
import type { Fuzzer } from "./fuzzer.ts";
import { parserFuzzer } from "./parsers.ts";

const FUZZERS: readonly Fuzzer[] = [authorityFuzzer, parserFuzzer];

/** How far one fuzzer's search has come. */
interface Search {
  readonly fuzzer: Fuzzer;
  readonly counts: Map<string, number>;
  rounds: number;
  ms: number;
}

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "1" },
    seed: { type: "string" },
    only: { type: "string" },
  },
});
const minutes = Number(values.minutes);
const firstSeed = values.seed === undefined
  ? crypto.getRandomValues(new Uint32Array(1))[0] ?? 0
  : Number(values.seed);
const chosen = FUZZERS.filter(({ name }) => values.only === undefined || values.only === name);
if (!(minutes > 0) || !Number.isInteger(firstSeed) || chosen.length === 0) {
  console.error(
    `--minutes takes a number, --seed a whole one, --only one of ` +
      FUZZERS.map(({ name }) => name).join(", "),
  );
  Deno.exit(2);
}

const searches = chosen.map((fuzzer): Search => ({
  fuzzer,
  counts: new Map(),
  rounds: 0,
  ms: 0,
}));
console.log(`seed ${firstSeed}`);
const found = await searchUntil(performance.now() + minutes * 60_000);
for (const search of searches) report(search);
if (found !== undefined) {
  console.error(found);
  Deno.exit(1);
}

/** The finding, if there is one. Who has had the least time goes next, so all have as much. */
async function searchUntil(end: number): Promise<string | undefined> {
  while (performance.now() < end) {
    const next = searches.reduce((least, other) => other.ms < least.ms ? other : least);
    // fast-check takes 32 bits.
    const seed = (firstSeed + next.rounds) | 0;
    const begun = performance.now();
    try {
      add(next.counts, await next.fuzzer.round(seed));
    } catch (error) {
      const told = error instanceof Error ? error.stack ?? error.message : String(error);
      return `${next.fuzzer.name}: found with --seed ${seed} --only ${next.fuzzer.name}\n${told}`;
    }
    next.rounds++;
    next.ms += performance.now() - begun;
  }
  return undefined;
}

function add(counts: Map<string, number>, more: Readonly<Record<string, number>>): void {
  for (const [kind, count] of Object.entries(more)) {
    counts.set(kind, (counts.get(kind) ?? 0) + count);
  }
}

function report({ fuzzer, counts, rounds, ms }: Search): void {
  console.log(`${fuzzer.name}: ${rounds} rounds in ${Math.round(ms / 1000)} s`);
  for (const [kind, count] of [...counts].sort(([a], [b]) => a < b ? -1 : 1)) {
    console.log(`  ${kind}: ${count}`);
  }
}
