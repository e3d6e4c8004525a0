// What the fuzzer of parsers is told about one of them.

import assert from "node:assert/strict";
import { NodeError } from "../../src/errors.ts";
import { STATUS } from "../../src/http/status.ts";
import { type Alphabet, MAX_INPUT } from "./mutation.ts";

/** Where inputs are made: the whole input, or what lies inside it. */
export interface Layer {
  readonly samples: readonly string[];
  readonly alphabet: Alphabet;
  /** The samples are inputs themselves. */
  readonly isWhole?: true;
  /** JSON and CBOR are also changed as trees. */
  readonly syntax?: "json" | "cbor";
  /** The input around a changed inside: encoded, and perhaps signed anew. */
  wrap(inside: string): string | Promise<string>;
  /** What lies inside such an input; for those who look for slower ones. */
  readonly unwrap?: (input: string) => string;
}

/** A text of a size: the same shape at any. */
export type Shape = (size: number) => string;

export interface Target {
  readonly kind: string;
  /** Its part of all inputs, beside the parts of the others. */
  readonly share: number;
  readonly layers: readonly Layer[];
  /** One of any number of valid inputs, each long and each another, for parsers that remember. */
  readonly another?: (at: number) => string;
  /** Hostile shapes, each filled up to `maxSize`. */
  readonly shapes: Readonly<Record<string, Shape>>;
  /** Characters of the longest input that a client can bring before the parser. */
  readonly maxSize: number;
  /** It refuses longer ones itself. */
  readonly refusesLonger?: true;
  /** The parser itself; a refusal is a NodeError or undefined. */
  parse(input: string): unknown;
  /** Parses again and checks what the parser promises of it. Throws AssertionError. */
  check(input: string): void | Promise<void>;
}

interface Spec<T> extends Pick<Target, "kind" | "share" | "layers" | "another" | "refusesLonger"> {
  readonly shapes?: Target["shapes"];
  readonly maxSize?: number;
  parse(input: string): T;
  /** Asked only of what was taken. */
  promises?(input: string, value: NonNullable<Awaited<T>>): void | Promise<void>;
  /** Whether it must be taken, by other means; undefined: they cannot tell. */
  reference?(input: string): boolean | undefined;
}

export function target<T>(spec: Spec<T>): Target {
  const judge = (input: string, value: NonNullable<Awaited<T>> | undefined | null) => {
    const taken = value !== undefined && value !== null;
    const expected = spec.reference?.(input);
    if (expected !== undefined && expected !== taken) {
      assert.fail(taken ? "taken, and must be refused" : "refused, and must be taken");
    }
    return taken ? spec.promises?.(input, value) : undefined;
  };
  return {
    shapes: {},
    maxSize: MAX_INPUT,
    ...spec,
    check(input) {
      const value = attempt(() => spec.parse(input));
      // A promise of T or T itself: `await` costs more than most of the parsers.
      return value instanceof Promise
        ? value.catch(refusedOnly).then((value) => judge(input, value))
        : judge(input, value as Awaited<T> & NonNullable<unknown>);
    },
  };
}

function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    return refusedOnly(error);
  }
}

/** A refusal is no value; everything else that is thrown is thrown on. */
export function refusedOnly(error: unknown): undefined {
  if (!(error instanceof NodeError) || STATUS[error.code] >= 500) throw error;
}

/** The whole input as a layer. */
export function whole(samples: readonly string[], alphabet: Alphabet = "text"): Layer {
  return { samples, alphabet, isWhole: true, wrap: (inside) => inside };
}

const LONG = 1_000;

/**
 * A text that is equal when the values are, bytes and absent members included. A long text is
 * written once, however often it is there: a resource may come with a thousand abilities.
 */
export function fingerprint(value: unknown): string {
  const texts = new Map<string, number>();
  return JSON.stringify(value, function (this: unknown, name, part: unknown) {
    // What holds it knows it as it was before a `toJSON` of its own.
    const bytes: unknown = Object(this)[name];
    if (bytes instanceof Uint8Array) return `bytes ${bytes.toHex()}`;
    if (part instanceof Map) return ["map", ...part];
    if (typeof part === "number" && !Number.isFinite(part)) return `number ${part}`;
    if (typeof part === "bigint") return `bigint ${part}`;
    if (typeof part !== "string" || part.length < LONG) return part;
    const known = texts.get(part);
    if (known !== undefined) return `text ${known}`;
    texts.set(part, texts.size);
    return part;
  }) ?? "undefined";
}

/** Both say the same. */
export function same(one: unknown, other: unknown, what: string): void {
  const [first, second] = [fingerprint(one), fingerprint(other)];
  if (first !== second) assert.fail(`${what}: ${first.slice(0, 400)} and ${second.slice(0, 400)}`);
}

/** `unit` again and again between `before` and `after`, to a size. */
export function filled(before: string, unit: string, after = ""): Shape {
  return (size) => {
    const times = Math.floor((size - before.length - after.length) / unit.length);
    return before + unit.repeat(Math.max(0, times)) + after;
  };
}

/** Different parts, as many as fit, between `before` and `after`. */
export function counted(before: string, part: (at: number) => string, after = ""): Shape {
  return (size) => {
    const parts: string[] = [];
    let left = size - before.length - after.length;
    for (let at = 0;; at++) {
      const next = part(at);
      left -= next.length;
      if (left < 0) return before + parts.join("") + after;
      parts.push(next);
    }
  };
}

const UNITS = "a / . : %41 %2f %C3%A9 ? # @ 1. a/ ../ [".split(" ");

/** Each of many units filled up behind each beginning and before each end. */
export function fills(
  beginnings: readonly string[],
  ends: readonly string[] = ["", "\n"],
): Target["shapes"] {
  const shapes: Record<string, Shape> = {};
  for (const before of beginnings) {
    for (const unit of [...UNITS, "\n"]) {
      for (const after of ends) {
        shapes[JSON.stringify([before, unit, after])] = filled(before, unit, after);
      }
    }
  }
  return shapes;
}

/** Each of these units filled up between `before` and `after`. */
export function unitsIn(units: readonly string[], before: string, after = ""): Target["shapes"] {
  const shapes = units.map((unit) => [JSON.stringify(unit), filled(before, unit, after)] as const);
  return Object.fromEntries(shapes);
}
