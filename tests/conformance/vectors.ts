// Reads the packed vectors of tests/vectors and runs every one of a set, so that one test tells all
// that fail and how many ran.

import assert from "node:assert/strict";
import { z } from "zod";
import { NodeError } from "../../src/errors.ts";

/** One part of a packed set, checked against its schema. */
export async function vectorsOf<T>(set: string, part: string, schema: z.ZodType<T>): Promise<T[]> {
  const file = new URL(`../vectors/${set}.json`, import.meta.url);
  const parts = z.record(z.string(), z.array(z.unknown())).parse(
    JSON.parse(await Deno.readTextFile(file)),
  );
  return z.array(schema).parse(parts[part]);
}

/**
 * Runs the check on every vector and reports the count. Fails when a vector fails, naming each, or
 * when the set is not as large as expected: a set that lost vectors proves less than it claims.
 */
export function runAll<T>(
  set: string,
  expected: number,
  vectors: readonly T[],
  nameOf: (vector: T) => string,
  check: (vector: T) => void,
): void {
  const failures: string[] = [];
  let ran = 0;
  for (const vector of vectors) {
    ran++;
    try {
      check(vector);
    } catch (error) {
      failures.push(`${nameOf(vector)}: ${error instanceof Error ? error.message : error}`);
    }
  }
  // deno-lint-ignore no-console -- the counts are a product of this run
  console.log(`vectors: ${set} ${ran} of ${expected} ran`);
  assert.equal(ran, expected, `${set} holds another number of vectors`);
  assert.deepEqual(failures, [], `${failures.length} of ${ran} vectors of ${set} fail`);
}

/** Does the call refuse its input as a malformed token? Anything else that it throws is a fault. */
export function refuses(call: () => unknown): boolean {
  try {
    call();
    return false;
  } catch (error) {
    if (error instanceof NodeError && error.code === "token_malformed") return true;
    throw error;
  }
}

/**
 * Names of vectors that the contract answers otherwise than their publisher, each with the reason.
 * A row that no vector asked for is stale, and one that README.md of the vectors does not name is
 * hidden: `assertExact` fails for both.
 */
export class Differences {
  readonly #asked = new Set<string>();

  constructor(readonly reasons: Readonly<Record<string, string>>) {}

  has(name: string): boolean {
    const known = Object.hasOwn(this.reasons, name);
    if (known) this.#asked.add(name);
    return known;
  }

  async assertExact(): Promise<void> {
    const readme = await Deno.readTextFile(new URL("../vectors/README.md", import.meta.url));
    const names = Object.keys(this.reasons);
    assert.deepEqual(names.filter((name) => !this.#asked.has(name)), [], "stale");
    assert.deepEqual(names.filter((name) => !readme.includes(name)), [], "not in README.md");
  }
}

/** Bytes of hex text. */
export function hex(text: string): Uint8Array<ArrayBuffer> {
  assert.match(text, /^(?:[0-9a-f]{2})*$/i);
  return Uint8Array.from(text.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
}

/** Hex text of bytes. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** UTF-8 of text. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
