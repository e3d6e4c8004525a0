// What a parser made of its input, checked and written down again.

import assert from "node:assert/strict";
import { parseAbility } from "../../src/capabilities/ability.ts";
import type { Capability } from "../../src/capabilities/delegation.ts";
import { parseResource } from "../../src/capabilities/resource.ts";
import { type Cid, parseCid } from "../../src/tokens/cid.ts";
import { same } from "./parsers_target.ts";

/** JSON text of any JSON value, numbers beyond its range included. */
export function encodeJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(encodeJson)}]`;
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).map(([name, part]) =>
      `${JSON.stringify(name)}:${encodeJson(part)}`
    );
    return `{${members}}`;
  }
  if (value === Infinity) return "1e400";
  return value === -Infinity ? "-1e400" : JSON.stringify(value);
}

/** Capabilities and proofs are in their canonical forms, a capability once. */
export function assertCanonical(
  capabilities: readonly Capability[],
  proofs: readonly Cid[],
): void {
  for (const proof of proofs) assert.equal(parseCid(proof), proof);
  const seen = new Map<string, Set<string>>();
  for (const { resource, ability } of capabilities) {
    if (!seen.has(resource.uri)) {
      same(parseResource(resource.uri), resource, "a resource is not canonical");
    }
    assert.equal(parseAbility(ability), ability);
    const abilities = seen.get(resource.uri) ?? new Set();
    assert.ok(!abilities.has(ability), "a capability twice");
    seen.set(resource.uri, abilities.add(ability));
  }
}

/** `att` of canonical capabilities, as JSON text. */
export function attOf(capabilities: readonly Capability[]): string {
  const resources = Map.groupBy(capabilities, ({ resource }) => resource.uri);
  const entries = [...resources].map(([uri, group]) => {
    const abilities = group.map(({ ability, caveated }) =>
      `${JSON.stringify(ability)}:${caveated ? '[{"a":1}]' : "[{}]"}`
    );
    return `${JSON.stringify(uri)}:{${abilities}}`;
  });
  return `{${entries}}`;
}

/** In an order that does not count: by what is granted. */
export function sorted(capabilities: readonly Capability[]): readonly Capability[] {
  return capabilities.toSorted((a, b) =>
    compare(a.resource.uri, b.resource.uri) || compare(a.ability, b.ability)
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Names whose hash is their number, so that the platform's tables hold them in one bucket. */
export function sameBucket(at: number): string {
  return String((at + 1) * 2 ** 20);
}

/** The same for its table of short texts, into which `JSON.parse` looks for each value. */
export function sameTextBucket(at: number): string {
  return String((at + 1) * 2 ** 18);
}
