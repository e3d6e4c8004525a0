/**
 * Keys that cannot stand in a URI as they are, are refused before anything is sent (wire §1).
 */
import assert from "node:assert/strict";
import { abilityName, checkedKey, resourceUri, spaceId } from "../../../client/names.ts";

const good = [
  "",
  "a",
  "notes/1",
  "/a//b/",
  "a.b/..c/d..",
  "a%20b",
  "%C3%BC",
  "~!$&'()*+,;=:@-_.",
  encodeURIComponent("ü/%?# "),
];

const bad = [
  "a b",
  "ü",
  "a?x",
  "a#x",
  "a%2",
  "a%zz",
  "%7E",
  "%41",
  "%2d",
  "%c3",
  "./a",
  "a/..",
  "a\n",
];

for (const key of good) {
  Deno.test(`${JSON.stringify(key)} is a key`, () => assert.equal(checkedKey(key), key));
}

for (const key of bad) {
  Deno.test(`${JSON.stringify(key)} is no key`, () => {
    assert.throws(() => checkedKey(key), /encodeURIComponent/);
  });
}

Deno.test("no path and the empty path name two resources", () => {
  assert.equal(resourceUri("tinycloud:x:y", "kv"), "tinycloud:x:y/kv");
  assert.equal(resourceUri("tinycloud:x:y", "kv", ""), "tinycloud:x:y/kv/");
});

Deno.test("a space id carries its owner's DID without its scheme", () => {
  assert.equal(spaceId("did:pkh:eip155:1:0xA", "n"), "tinycloud:pkh:eip155:1:0xA:n");
});

Deno.test("a short ability belongs to the service, a full one stays", () => {
  assert.equal(abilityName("kv", "get"), "tinycloud.kv/get");
  assert.equal(abilityName("kv", "other.ns/get"), "other.ns/get");
});
