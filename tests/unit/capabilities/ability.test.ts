// Abilities (wire §1): `namespace/name`, compared exactly, without wildcards; one of them has two names.

import assert from "node:assert/strict";
import { canonicalAbility, parseAbility } from "../../../src/capabilities/ability.ts";
import { malformation } from "../../support/tokens.ts";

const NAMES: readonly string[] = [
  "tinycloud.kv/get",
  "tinycloud.kv/PUT",
  "a/b",
  "*/*",
  "kv/*",
  "A-b_c.d+e*f/0-_.+*",
  "./..",
  `a/${"b".repeat(510)}`,
];
for (const name of NAMES) {
  Deno.test(`${name.slice(0, 30)} is an ability, of ${name.length} bytes`, () => {
    assert.equal(parseAbility(name), name);
  });
}

const NONE: readonly string[] = [
  "",
  "/",
  "a",
  "a/",
  "/b",
  "a//b",
  "a/b/c",
  "a/b/",
  "a b/c",
  "a/b ",
  "a/b\n",
  "a:b/c",
  "a/b%20",
  "a/b'",
  "a/b,c",
  "a@b/c",
  "a~/b",
  "a/\u0431",
  "a/\u00e9",
  "a/b\0",
  "__proto__",
];
for (const name of NONE) {
  Deno.test(`${Deno.inspect(name)} is no ability`, () => {
    assert.equal(malformation(() => parseAbility(name)), "an ability is not namespace/name");
  });
}

Deno.test("an ability of 513 bytes is too long", () => {
  assert.equal(malformation(() => parseAbility(`a/${"b".repeat(511)}`)), "an ability is too long");
});

const CANONICAL: readonly [name: string, canonical: string][] = [
  ["tinycloud.kv/delete", "tinycloud.kv/del"],
  ["tinycloud.kv/del", "tinycloud.kv/del"],
  ["tinycloud.kv/Delete", "tinycloud.kv/Delete"],
  ["tinycloud.sql/delete", "tinycloud.sql/delete"],
  ["tinycloud.kv/deleted", "tinycloud.kv/deleted"],
];
for (const [name, canonical] of CANONICAL) {
  Deno.test(`${name} means ${canonical}`, () => {
    assert.equal(canonicalAbility(parseAbility(name)), canonical);
  });
}
