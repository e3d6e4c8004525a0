// Looks for the inputs over which each parser takes longest: from the hostile shapes uphill, by time.
//
//     deno run --allow-read --allow-env tests/fuzz/parsers_slowest.ts [seconds a parser] [kind]

import { type Random, seeded } from "../support/random.ts";
import { fitted, mutated, once, oneOf } from "./mutation.ts";
import { TARGETS } from "./parsers.ts";
import { refusedOnly, type Target } from "./parsers_target.ts";

/** Inputs that the search goes on from. */
const KEPT = 8;
/** An input counts with the fastest of so many runs. */
const RUNS = 5;

interface Found {
  readonly input: string;
  readonly ms: number;
  readonly from: string;
}

/** The slowest input found in that time, in the fastest of its runs. */
export async function slowestOf(target: Target, seconds: number, seed: number): Promise<Found> {
  const random = seeded(seed);
  const end = performance.now() + seconds * 1000;
  const found: Found[] = [];
  const look = async (input: string, from: string) => {
    const least = found.length < KEPT ? 0 : (found.at(-1)?.ms ?? 0);
    const ms = await fastest(target, input, least);
    if (ms <= least) return;
    found.push({ input, ms, from });
    found.sort((a, b) => b.ms - a.ms);
    found.splice(KEPT);
  };
  for (const [name, shape] of Object.entries(target.shapes)) {
    await look(shape(target.maxSize), name);
  }
  for (const { samples, wrap } of target.layers) {
    for (const sample of samples.slice(0, 20)) await look(await wrap(sample), "sample");
  }
  while (performance.now() < end) {
    const { input, from } = oneOf(random, found);
    await look(await changed(target, input, random), from);
  }
  const [best] = found;
  if (best === undefined) throw new Error("nothing to begin with");
  return { ...best, ms: await fastest(target, best.input, 0) };
}

/** Milliseconds; no more runs than it takes to see that it is not beyond `least`. */
async function fastest({ parse }: Target, input: string, least: number): Promise<number> {
  let ms = Infinity;
  for (let run = 0; run < RUNS && ms > least; run++) {
    const begun = performance.now();
    try {
      await parse(input);
    } catch (error) {
      refusedOnly(error);
    }
    ms = Math.min(ms, performance.now() - begun);
  }
  return ms;
}

/** Changed inside, or filled up with a part of itself, changed or counted. */
async function changed(target: Target, input: string, random: Random): Promise<string> {
  const layer = oneOf(random, target.layers);
  const inside = layer.isWhole ? input : unwrapped(layer.unwrap, input);
  if (inside === undefined) return input;
  const room = layer.isWhole
    ? target.maxSize
    : Math.floor((target.maxSize - input.length) * 3 / 4) + inside.length;
  const other = once(random, 4)
    ? mutated([inside], layer.alphabet, random)
    : fitted(refilled(inside, room, random), layer.alphabet);
  const wrapped = await layer.wrap(other);
  return wrapped.length <= target.maxSize ? wrapped : input;
}

function unwrapped(
  unwrap: ((input: string) => string) | undefined,
  input: string,
): string | undefined {
  try {
    return unwrap?.(input);
  } catch {
    return undefined;
  }
}

function refilled(text: string, size: number, random: Random): string {
  const at = random.below(Math.min(text.length, 600) + 1);
  const end = text.length - random.below(Math.min(text.length - at, 60) + 1);
  const part = text.slice(at, at + 1 + random.below(40)) || "a";
  const unit = once(random, 2) ? part : mutated([part], "text", random).slice(0, 80) || "a";
  const isCounted = once(random, 3);
  const step = oneOf(random, [1, 1 << 16, 1 << 20, 1 << 21]);
  const parts: string[] = [];
  for (let left = size - at - (text.length - end), count = 0; left > 0; count++) {
    const next = isCounted ? unit.replace(/\d+|[a-z](?=[^a-z])/, String(count * step)) : unit;
    left -= next.length;
    if (left >= 0) parts.push(next);
  }
  return text.slice(0, at) + parts.join("") + text.slice(end);
}

function shown(input: string): string {
  return JSON.stringify(
    input.length <= 160 ? input : `${input.slice(0, 100)} … ${input.slice(-50)}`,
  );
}

if (import.meta.main) {
  const [seconds = "10", kind] = Deno.args;
  for (const target of TARGETS.filter((each) => kind === undefined || each.kind === kind)) {
    const { input, ms, from } = await slowestOf(target, Number(seconds), 1);
    const inside = target.layers.map(({ unwrap }) => unwrapped(unwrap, input)).find((each) => each);
    const line = `${target.kind}: ${ms.toFixed(2)} ms, ${input.length} characters, from ${from}`;
    Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n  ${shown(inside ?? input)}\n`));
  }
}
