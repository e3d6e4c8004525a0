// wire §1, worked out by hand.

import assert from "node:assert/strict";
import {
  isAbility,
  isSameAbility,
  isUnder,
  parseResource,
  principalOf,
} from "../../oracle/names.ts";
import { ADDRESS, OWNER, SPACE } from "./support.ts";

Deno.test("wire §1: a wallet's principal is its DID in EIP-55, whatever the case it came in", () => {
  for (const address of [ADDRESS, ADDRESS.toLowerCase(), `0x${ADDRESS.slice(2).toUpperCase()}`]) {
    assert.equal(principalOf(`did:pkh:eip155:1:${address}`), OWNER);
    assert.equal(principalOf(`did:pkh:eip155:1:${address}#blockchainAccountId`), OWNER);
  }
});

Deno.test("wire §1: other DIDs are compared as text, without their fragment", () => {
  assert.equal(principalOf("did:key:zA#zA"), "did:key:zA");
  assert.equal(principalOf("did:key:za"), "did:key:za");
});

for (
  const text of [
    `did:pkh:eip155:01:${ADDRESS}`,
    `did:pkh:eip155:0x1:${ADDRESS}`,
    `did:pkh:eip155:1:${ADDRESS.slice(0, -1)}`,
    `did:pkh:eip155:1:${ADDRESS}0`,
    `did:pkh:eip155:1:${ADDRESS.replace("0x", "0X")}`,
    "ucan:bafkr4i",
    "",
  ]
) {
  Deno.test(`wire §1: no DID: ${JSON.stringify(text)}`, () => {
    assert.equal(principalOf(text), undefined);
  });
}

/** What a grant on this path covers, of `kv`; undefined is no path. */
const COVERS: readonly [
  granted: string | undefined,
  yes: readonly (string | undefined)[],
  no: readonly (string | undefined)[],
][] = [
  [undefined, [undefined, "", "a", "a/b", "/"], []],
  ["a", ["a", "a/", "a//b", "a/b"], ["ab", "A", "", "/a", "a%20b", undefined]],
  ["a/", ["a/", "a/b", "a//b"], ["a", "ab", undefined]],
  ["", ["", "/", "/a", "//"], ["a", undefined]],
  ["/", ["/", "/a", "//"], ["", "a"]],
  ["a%20b", ["a%20b", "a%20b/c"], ["a", "a%20bc"]],
];

for (const [granted, yes, no] of COVERS) {
  Deno.test(`wire §1: what a grant on ${shown(granted)} covers`, () => {
    for (const path of yes) assert.ok(covers(granted, path), shown(path));
    for (const path of no) assert.ok(!covers(granted, path), shown(path));
  });
}

Deno.test("wire §1: space, service and fragment are equal; a query is ignored", () => {
  const under = (child: string, parent: string) => isUnder(resource(child), resource(parent));
  assert.ok(under(`${SPACE}/kv/a?x`, `${SPACE}/kv?y`));
  assert.ok(under(`${SPACE}/kv/a#f`, `${SPACE}/kv#f`));
  assert.ok(under(`${SPACE.toLowerCase()}/kv/a`, `${SPACE}/kv`));
  assert.ok(!under(`${SPACE}/kv/a`, `${SPACE}/kv#f`));
  assert.ok(!under(`${SPACE}/kv/a#f`, `${SPACE}/kv`));
  assert.ok(!under(`${SPACE}/kvx/a`, `${SPACE}/kv`));
  assert.ok(!under(`${SPACE}2/kv/a`, `${SPACE}/kv`));
  assert.ok(!under(`${SPACE.replace(":1:", ":10:")}/kv/a`, `${SPACE}/kv`));
});

const KINDS: readonly [kind: string | undefined, texts: readonly string[]][] = [
  ["space", [
    `${SPACE}/kv`,
    `${SPACE}/kv/`,
    `${SPACE}/kv//a`,
    `${SPACE}/kv/%20%00`,
    `${SPACE}/kv/a:@+,;=&!$'()*~`,
    "tinycloud:key:zKey:name/kv",
  ]],
  ["urn", [`urn:tinycloud:encryption:${OWNER}:default`]],
  ["opaque", [
    `${SPACE}`,
    `${SPACE}//a`,
    `${SPACE}/kv/%2f`,
    `${SPACE}/kv/%61`,
    `${SPACE}/kv/./a`,
    `${SPACE}/kv/a/../b`,
    `TinyCloud${SPACE.slice(9)}/kv`,
    SPACE.replace(":1:", ":01:") + "/kv",
    "tinycloud:default/kv",
    "https://example.com/",
    "urn:cid:bafkr4i",
  ]],
  [undefined, [`${SPACE}/kv/a b`, `${SPACE}/kv/%zz`, `${SPACE}/kv/%2`, `${SPACE}/kv/ä`, "kv", ""]],
];

for (const [kind, texts] of KINDS) {
  for (const text of texts) {
    Deno.test(`wire §1: ${kind ?? "no URI"}: ${JSON.stringify(text)}`, () => {
      assert.equal(parseResource(text)?.kind, kind);
    });
  }
}

Deno.test("wire §1: an ability is a namespace and a name, compared exactly but for one alias", () => {
  assert.ok(isAbility("tinycloud.kv/get") && isAbility("*/*") && isAbility("a-b_c.+*/x"));
  assert.ok(!isAbility("kv") && !isAbility("a/b/c") && !isAbility("/get") && !isAbility("a/é"));
  assert.ok(isSameAbility("tinycloud.kv/del", "tinycloud.kv/delete"));
  assert.ok(!isSameAbility("tinycloud.kv/get", "tinycloud.kv/GET"));
  assert.ok(!isSameAbility("tinycloud.kv/get", "tinycloud.kv/*"));
});

function covers(granted: string | undefined, path: string | undefined): boolean {
  return isUnder(kv(path), kv(granted));
}

function kv(path: string | undefined) {
  return resource(path === undefined ? `${SPACE}/kv` : `${SPACE}/kv/${path}`);
}

function resource(text: string) {
  const parsed = parseResource(text);
  assert.ok(parsed, text);
  return parsed;
}

function shown(path: string | undefined): string {
  return path === undefined ? "no path" : JSON.stringify(path);
}
