// Throws made-up inputs at every parser that a client's bytes reach. Each must answer with a verdict,
// a value or a NodeError, the same each time; in bounded time and memory; whatever it takes must
// keep what the parser promises (parsers_*.ts); and nothing may be left behind.

import assert from "node:assert/strict";
import { NodeError } from "../../src/errors.ts";
import { STATUS } from "../../src/http/status.ts";
import { type Random, seeded } from "../support/random.ts";
import type { Fuzzer } from "./fuzzer.ts";
import { fitted, mutated, noise, once, oneOf } from "./mutation.ts";
import { CACAO_TARGETS } from "./parsers_cacao.ts";
import { HTTP_TARGETS } from "./parsers_http.ts";
import { JSON_TARGETS } from "./parsers_json.ts";
import { NAMES } from "./parsers_names.ts";
import { REQUESTS } from "./parsers_request.ts";
import { SPELLINGS } from "./parsers_spelling.ts";
import { CBOR_SYNTAX, JSON_SYNTAX } from "./parsers_syntax.ts";
import { fingerprint, type Layer, type Target } from "./parsers_target.ts";
import { UCAN_TARGETS } from "./parsers_ucan.ts";
import { USES } from "./parsers_uses.ts";
import { mutatedTree, treeOf } from "./parsers_trees.ts";

export const TARGETS: readonly Target[] = [
  ...UCAN_TARGETS,
  ...CACAO_TARGETS,
  ...JSON_TARGETS,
  ...NAMES,
  ...SPELLINGS,
  ...USES,
  ...HTTP_TARGETS,
  ...REQUESTS,
];

/**
 * No input may take longer than this, in the fastest of its runs: five times what is wanted, and more
 * where the machine is slow, or counts what it runs.
 */
export const MAX_MS = Math.max(25, 12 * machineMs());
/** An input is run again as often as this before it counts as slow. */
const RUNS = 10;
/** Beyond this an input is run again to see whether it really is slow. */
const WORTH_ANOTHER_LOOK_MS = 2;

/** What a round did with one kind. */
export interface Tally {
  tried: number;
  taken: number;
  /** The slowest input in the fastest of its runs. */
  slowestMs: number;
  slowest: string;
}
export type Tallies = Readonly<Record<string, Tally>>;

/** Inputs of one round of the fuzzer, about. */
const ROUND = 2_000;

export const parserFuzzer: Fuzzer = {
  name: "parsers",
  async round(seed) {
    const tallies = await fuzzParsers(seed, ROUND);
    return Object.fromEntries(Object.entries(tallies).map(([kind, { tried }]) => [kind, tried]));
  },
};

/** At least `count` inputs from a seed, of every kind. Throws on a finding, with the input. */
export async function fuzzParsers(seed: number, count: number): Promise<Tallies> {
  const random = seeded(seed);
  const tallies: Record<string, Tally> = {};
  const shares = TARGETS.reduce((sum, { share }) => sum + share, 0);
  for (const target of TARGETS) {
    const tally: Tally = { tried: 0, taken: 0, slowestMs: 0, slowest: "" };
    tallies[target.kind] = tally;
    for (let left = Math.ceil(target.share * count / shares); left > 0; left--) {
      const { how, input } = await inputFor(target, random);
      try {
        await judge(target, input, tally);
        if (once(random, 8)) await assertUnchanged(target);
      } catch (error) {
        throw finding(target, seed, how, input, error);
      }
    }
    await assertUnchanged(target);
  }
  assert.deepEqual(intrinsics(), INTRINSICS, `seed ${seed} left something behind on a prototype`);
  return tallies;
}

type How = "sample" | "noise" | "mutated" | "tree";
const HOW: readonly How[] = [
  "sample",
  "noise",
  "mutated",
  "mutated",
  "mutated",
  "tree",
  "tree",
  "tree",
];

interface Made {
  readonly how: string;
  readonly input: string;
}

async function inputFor(target: Target, random: Random): Promise<Made> {
  const { layers, shapes, maxSize, refusesLonger } = target;
  const names = Object.keys(shapes);
  if (names.length > 0 && once(random, 150)) {
    const how = oneOf(random, names);
    const longest = refusesLonger ? maxSize * 3 / 2 : maxSize;
    const size = oneOf(random, [maxSize, longest, random.below(maxSize), 200, 300, 512, 1024]);
    return { how: `shape ${how}`, input: shapes[how]?.(size) ?? "" };
  }
  const layer = oneOf(random, layers);
  const how = oneOf(random, HOW);
  return { how, input: await layer.wrap(insideOf(layer, how, random)) };
}

function insideOf(layer: Layer, how: How, random: Random): string {
  const { alphabet, samples, syntax } = layer;
  if (how === "sample") return oneOf(random, samples);
  if (how === "noise") return noise(alphabet, random);
  const isTree = how === "tree" && syntax !== undefined;
  return isTree ? treeInside(layer, syntax, random) : mutated(samples, alphabet, random);
}

function treeInside(
  { samples, alphabet }: Layer,
  syntax: "json" | "cbor",
  random: Random,
): string {
  const rules = syntax === "json" ? JSON_SYNTAX : CBOR_SYNTAX;
  const tree = treeOf(rules.read(oneOf(random, samples)), rules);
  return fitted(rules.write(mutatedTree(tree, rules, random), random), alphabet);
}

/** What came of one hostile shape at its full size. */
export interface ShapeVerdict {
  readonly kind: string;
  readonly name: string;
  readonly ms: number;
  /** What is wrong, if anything is. */
  readonly finding?: string;
}

/** The verdict on every hostile shape, one after the other. */
export async function* shapeVerdicts(): AsyncGenerator<ShapeVerdict> {
  for (const target of TARGETS) {
    const { kind, maxSize } = target;
    for (const [name, shape] of Object.entries(target.shapes)) {
      const tally: Tally = { tried: 0, taken: 0, slowestMs: 0, slowest: "" };
      const input = shape(maxSize);
      try {
        assert.ok(input.length <= maxSize, "too long to be read at all");
        await judge(target, input, tally);
        yield { kind, name, ms: tally.slowestMs };
      } catch (error) {
        const { message } = finding(target, 0, `shape ${name}`, input.slice(0, 80), error);
        yield { kind, name, ms: tally.slowestMs, finding: message };
      }
    }
  }
}

/** A verdict, the same twice, in time, and all that the parser promises. */
async function judge(target: Target, input: string, tally: Tally): Promise<void> {
  const first = await verdictOf(target, input);
  tally.tried++;
  if (first.taken) tally.taken++;
  let ms = first.ms;
  // What is remembered from the first time must say the same.
  const second = await verdictOf(target, input);
  assert.equal(second.said, first.said, "another verdict the second time");
  ms = Math.min(ms, second.ms);
  for (let runs = 2; runs < RUNS && ms > WORTH_ANOTHER_LOOK_MS; runs++) {
    ms = Math.min(ms, (await verdictOf(target, input)).ms);
  }
  if (ms > tally.slowestMs) Object.assign(tally, { slowestMs: ms, slowest: input });
  assert.ok(ms <= MAX_MS, `${ms.toFixed(1)} ms in the fastest of ${RUNS} runs`);
  await target.check(input);
}

interface Verdict {
  readonly taken: boolean;
  readonly said: string;
  readonly ms: number;
}

async function verdictOf({ parse }: Target, input: string): Promise<Verdict> {
  const begun = performance.now();
  try {
    const parsing = parse(input);
    const value = parsing instanceof Promise ? await parsing : parsing;
    const ms = performance.now() - begun;
    return { taken: value !== undefined && value !== null, said: fingerprint(value), ms };
  } catch (error) {
    const ms = performance.now() - begun;
    if (!(error instanceof NodeError)) throw error;
    assert.ok(STATUS[error.code] < 500, `the parser failed: ${error.code}`);
    return { taken: false, said: `${error.code}: ${error.message}`, ms };
  }
}

/** What valid samples were taken for before anything else had been parsed. */
const verdictsOnSamples = new Map<string, readonly string[]>();

/** A valid sample still means the same, whatever was parsed before it. */
async function assertUnchanged(target: Target): Promise<void> {
  const verdicts = await sampleVerdicts(target);
  const known = verdictsOnSamples.get(target.kind) ?? verdicts;
  verdictsOnSamples.set(target.kind, known);
  assert.deepEqual(verdicts, known, "a sample means something else than before");
}

async function sampleVerdicts(target: Target): Promise<readonly string[]> {
  const verdicts: string[] = [];
  const samples = target.layers.flatMap(({ isWhole, samples }) => isWhole ? samples : []);
  for (const sample of samples.slice(0, 6)) verdicts.push((await verdictOf(target, sample)).said);
  return verdicts;
}

/** What a parser could leave behind for everybody: members of what all values inherit from. */
function intrinsics(): string[] {
  const shared = { Object, Array, String, Number, Map, Set, Promise, Function, Uint8Array, Error };
  return Object.entries(shared).flatMap(([name, constructor]) =>
    [...Reflect.ownKeys(constructor), "prototype:", ...Reflect.ownKeys(constructor.prototype)]
      .map((key) => `${name}.${String(key)}`)
  );
}

const INTRINSICS = intrinsics();
for (const target of TARGETS) await assertUnchanged(target);

const MAX_SHOWN = 2_000;

function finding(
  { kind }: Target,
  seed: number,
  how: string,
  input: string,
  cause: unknown,
): Error {
  const shown = JSON.stringify(input.slice(0, MAX_SHOWN));
  const rest = input.length > MAX_SHOWN ? ` and ${input.length - MAX_SHOWN} characters more` : "";
  const what = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
  return new Error(`${kind}, seed ${seed}, ${how}: ${what}\ninput: ${shown}${rest}`, { cause });
}

/** A piece of work that takes two milliseconds on the machine of the bound, in its fastest run. */
function machineMs(): number {
  let fastest = Infinity;
  for (let run = 0; run < 10; run++) {
    const begun = performance.now();
    const seen = new Map<string, number>();
    for (let at = 0; at < 50_000; at++) seen.set(`name ${at % 5_000}`, at);
    fastest = Math.min(fastest, performance.now() - begun);
  }
  return fastest;
}
