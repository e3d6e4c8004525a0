// Resources (wire §1): what is a space's, what is an encryption URN, what is opaque, what is no URI.

import assert from "node:assert/strict";
import fc from "fast-check";
import { parseResource } from "../../../src/capabilities/resource.ts";
import { ALICE, KEY, malformation, refusalOf, SPACE } from "../../support/tokens.ts";

const lower = SPACE.toLowerCase();
type Parts = { service: string; path?: string; query?: string; fragment?: string };

const OF_SPACES: readonly [tail: string, parts: Parts][] = [
  ["/kv", { service: "kv" }],
  ["/kv/", { service: "kv", path: "" }],
  ["/kv//", { service: "kv", path: "/" }],
  ["/kv/a", { service: "kv", path: "a" }],
  ["/kv/a/", { service: "kv", path: "a/" }],
  ["/kv//a", { service: "kv", path: "/a" }],
  ["/kv/a//b", { service: "kv", path: "a//b" }],
  ["/kv/%20", { service: "kv", path: "%20" }],
  ["/kv/%00", { service: "kv", path: "%00" }],
  ["/kv/%2F", { service: "kv", path: "%2F" }],
  ["/kv/%C3%A9", { service: "kv", path: "%C3%A9" }],
  ["/kv/:@+,;=&!$'()*~", { service: "kv", path: ":@+,;=&!$'()*~" }],
  ["/kv/...", { service: "kv", path: "..." }],
  ["/kv/.a", { service: "kv", path: ".a" }],
  ["/kv/__proto__", { service: "kv", path: "__proto__" }],
  ["/KV/a", { service: "KV", path: "a" }],
  ["/k:v@/a", { service: "k:v@", path: "a" }],
  ["/kv?x=1", { service: "kv", query: "x=1" }],
  ["/kv?", { service: "kv", query: "" }],
  ["/kv#", { service: "kv", fragment: "" }],
  ["/kv#f", { service: "kv", fragment: "f" }],
  ["/kv/a?x/../y?#f/?", { service: "kv", path: "a", query: "x/../y?", fragment: "f/?" }],
  ["/kv/#a?b", { service: "kv", path: "", fragment: "a?b" }],
];
for (const [tail, parts] of OF_SPACES) {
  Deno.test(`…${tail} is a space's ${Deno.inspect(parts)}`, () => {
    const expected = { kind: "space", uri: SPACE + tail, space: SPACE, owner: ALICE.did, ...parts };
    assert.deepEqual(parseResource(SPACE + tail), expected);
    assert.deepEqual(parseResource(lower + tail), expected, "by the owner's address in lower case");
  });
}

const NETWORKS: readonly [uri: string, canonical: string, owner: string][] = [
  [`urn:tinycloud:encryption:${ALICE.did}:n`, `urn:tinycloud:encryption:${ALICE.did}:n`, ALICE.did],
  [
    `urn:tinycloud:encryption:${ALICE.did.toLowerCase()}:n`,
    `urn:tinycloud:encryption:${ALICE.did}:n`,
    ALICE.did,
  ],
  [`urn:tinycloud:encryption:${KEY.did}:n%3A`, `urn:tinycloud:encryption:${KEY.did}:n%3A`, KEY.did],
];
for (const [uri, canonical, owner] of NETWORKS) {
  Deno.test(`${uri} is an encryption network of ${owner}`, () => {
    assert.deepEqual(parseResource(uri), { kind: "encryption", uri: canonical, owner });
    assert.deepEqual(parseResource(canonical), { kind: "encryption", uri: canonical, owner });
  });
}

const OPAQUE: readonly string[] = [
  "urn:x",
  "urn:cid:bafkr4i",
  "https://example.org/a/../b",
  "mailto:a@b.c",
  "tinycloud:",
  "tinycloud:x",
  SPACE,
  `${SPACE}/`,
  `${SPACE}//a`,
  `${SPACE}/?x`,
  `${SPACE}/#x`,
  `${SPACE}?/kv`,
  `${SPACE}#/kv`,
  `${SPACE}/kv/.`,
  `${SPACE}/kv/..`,
  `${SPACE}/kv/a/../b`,
  `${SPACE}/kv/./a`,
  `${SPACE}/./kv`,
  `${SPACE}/..`,
  `${SPACE}/kv/%61`,
  `${SPACE}/kv/%2f`,
  `${SPACE}/kv/%2E%2E/a`,
  `${SPACE}/kv?%61`,
  `${SPACE}/kv#%2f`,
  `${SPACE}/k%76/a`,
  SPACE.replace("tinycloud", "Tinycloud") + "/kv",
  SPACE.replace(":1:", ":01:") + "/kv",
  SPACE.replace("0x", "0X") + "/kv",
  SPACE.replace(":default", ":") + "/kv",
  "tinycloud://default/kv",
  "tinycloud:/kv",
  `${SPACE}${"x".repeat(513 - SPACE.length)}/kv`,
  "urn:tinycloud:encryption:",
  "urn:tinycloud:encryption:n",
  "urn:tinycloud:encryption::n",
  "urn:tinycloud:encryption:did:key:",
  `urn:tinycloud:encryption:${ALICE.did}:`,
  `urn:tinycloud:encryption:${ALICE.did}:n?x`,
  `urn:tinycloud:encryption:${ALICE.did}:n#x`,
  `urn:tinycloud:encryption:${KEY.did}#x:n`,
  `urn:tinycloud:encryption:${ALICE.did}:%6e`,
  `urn:tinycloud:encryption:${ALICE.did.replace(":1:", ":01:")}:n`,
  `urn:tinycloud:encryption:${ALICE.did.slice(4)}:n`,
  `URN:tinycloud:encryption:${ALICE.did}:n`,
];
for (const uri of OPAQUE) {
  Deno.test(`${uri.replace(SPACE, "…").slice(0, 70)} is opaque and stays as it is`, () => {
    assert.deepEqual(parseResource(uri), { kind: "opaque", uri });
  });
}

const NO_URIS: readonly string[] = [
  "",
  "x",
  "/kv",
  `${SPACE}/kv/%zz`,
  `${SPACE}/kv/%`,
  `${SPACE}/kv/a b`,
  `${SPACE}/kv/a\\b`,
  `${SPACE}/kv/"`,
  `${SPACE}/kv/[a]`,
  `${SPACE}/kv/\u00e9`,
  `${SPACE}/kv/\u0000`,
  `${SPACE}/kv#a#b`,
  `${SPACE}/kv\n`,
  ` ${SPACE}/kv`,
  SPACE.replace(":", "://") + "/kv",
];
for (const text of NO_URIS) {
  Deno.test(`${Deno.inspect(text.replace(SPACE, "…"))} makes its token malformed`, () => {
    assert.equal(malformation(() => parseResource(text)), "a resource is not a URI");
  });
}

Deno.test("what is parsed is its own canonical form, and keeps all but letter case", () => {
  const tail = fc.string({ unit: fc.constantFrom(..."aZ0/.:?#%26EeFf ~@"), maxLength: 14 });
  const head = fc.constantFrom(
    SPACE,
    lower,
    `urn:tinycloud:encryption:${ALICE.did.toLowerCase()}`,
    `urn:tinycloud:encryption:${KEY.did}`,
    "tinycloud:web:a",
    "urn:",
  );
  fc.assert(
    fc.property(head, fc.constantFrom("/kv", "/kv/", ":", ""), tail, (head, middle, tail) => {
      const text = head + middle + tail;
      const refusal = refusalOf(() => {
        const resource = parseResource(text);
        assert.deepEqual(parseResource(resource.uri), resource);
        assert.equal(resource.uri.toLowerCase(), text.toLowerCase());
        if (resource.kind !== "space") return;
        const { space, service, path, query, fragment } = resource;
        const after = (sign: string, part?: string) => part === undefined ? "" : sign + part;
        assert.equal(
          resource.uri,
          `${space}/${service}${after("/", path)}${after("?", query)}${after("#", fragment)}`,
        );
      });
      assert.ok(refusal === undefined || refusal.code === "token_malformed");
    }),
    { numRuns: 500 },
  );
});
