// Places and sizes of kv entries (wire §6), as far as they need no store.

import assert from "node:assert/strict";
import { entryOverhead } from "../../../src/spaces/change.ts";
import { placeOf } from "../../../src/spaces/place.ts";
import { aCapability, refusalOf, SPACE } from "../../support/tokens.ts";

const KEYS: readonly [resource: string, key: string][] = [
  [`${SPACE}/kv/a`, "a"],
  [`${SPACE}/kv/`, ""],
  [`${SPACE}/kv//a/`, "/a/"],
  [`${SPACE}/kv/%20%00`, "%20%00"],
  [`${SPACE}/kv/a?x#y`, "a"],
  [`${SPACE}/kv/${"k".repeat(1024)}`, "k".repeat(1024)],
];
for (const [resource, key] of KEYS) {
  Deno.test(`${resource.replace(SPACE, "…").slice(0, 30)} is the key "${key.slice(0, 9)}"`, () => {
    assert.equal(placeOf(aCapability(resource)).key, key);
  });
}

const NO_KEYS: readonly [resource: string, code: string][] = [
  [`${SPACE}/kv`, "inputs_invalid"],
  [`${SPACE}/kv?a`, "inputs_invalid"],
  [`${SPACE}/KV/a`, "inputs_invalid"],
  [`${SPACE}/kvx/a`, "inputs_invalid"],
  [`${SPACE}/kv/../a`, "inputs_invalid"],
  ["urn:a", "inputs_invalid"],
  [`${SPACE}/kv/${"k".repeat(1025)}`, "key_too_long"],
];
for (const [resource, code] of NO_KEYS) {
  Deno.test(`${resource.replace(SPACE, "…").slice(0, 30)} is no key: ${code}`, () => {
    assert.equal(refusalOf(() => placeOf(aCapability(resource)))?.code, code);
  });
}

Deno.test("a key costs its own bytes and those of its headers, names and values", () => {
  assert.equal(entryOverhead("", []), 0);
  assert.equal(entryOverhead("abc", []), 3);
  assert.equal(entryOverhead("abc", [["content-type", "a/b"], ["x-tinycloud-meta-a", ""]]), 36);
});
