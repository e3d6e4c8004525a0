// `att`: resource → ability → caveats (wire §1, §3.1, §3.2).

import assert from "node:assert/strict";
import { capabilitiesOf, parseAttenuations } from "../../../src/tokens/attenuations.ts";
import { parseJson } from "../../../src/tokens/json.ts";
import { ALICE, GET, malformation, PUT, SPACE } from "../../support/tokens.ts";

const read = (json: string) => parseAttenuations(parseJson(json));
const capabilities = (json: string) =>
  capabilitiesOf(read(json)).map(({ resource, ability, caveated }) =>
    `${caveated ? "caveated " : ""}${ability} ${resource.uri}`
  );

const CAVEATS: readonly [caveats: string, caveated: boolean][] = [
  ["[{}]", false],
  ["[{},{},{}]", false],
  ['[{"a":1}]', true],
  ['[{},{"a":null}]', true],
  ['[{"__proto__":1}]', true],
  ['[{"":{}}]', true],
];
for (const [caveats, caveated] of CAVEATS) {
  Deno.test(`caveats ${caveats} ${caveated ? "narrow" : "mean none"}`, () => {
    assert.deepEqual(read(`{"urn:a":{"a/b":${caveats}}}`), [
      { resource: "urn:a", ability: "a/b", caveated },
    ]);
  });
}

const LIST = "caveats are not a list with an entry";
const REFUSED: readonly [att: string, why: string][] = [
  ["[]", "att is not an object"],
  ["null", "att is not an object"],
  ['"urn:a"', "att is not an object"],
  ['[{"urn:a":{}}]', "att is not an object"],
  ['{"urn:a":[]}', "an entry of att is not an object"],
  ['{"urn:a":null}', "an entry of att is not an object"],
  ['{"urn:a":"a/b"}', "an entry of att is not an object"],
  ['{"urn:a":{"a/b":[]}}', LIST],
  ['{"urn:a":{"a/b":{}}}', LIST],
  ['{"urn:a":{"a/b":null}}', LIST],
  ['{"urn:a":{"a/b":true}}', LIST],
  ['{"urn:a":{"a/b":[[]]}}', "a caveat is not an object"],
  ['{"urn:a":{"a/b":[null]}}', "a caveat is not an object"],
  ['{"urn:a":{"a/b":[{},"x"]}}', "a caveat is not an object"],
  ['{"urn:a":{"a/b":[{"x":1},0]}}', "a caveat is not an object"],
];
for (const [att, why] of REFUSED) {
  Deno.test(`att ${att} is refused`, () => assert.equal(malformation(() => read(att)), why));
}

Deno.test("a token without att is refused", () => {
  assert.equal(malformation(() => parseAttenuations(undefined)), "att is not an object");
});

const NO_NAMES: Readonly<Record<string, string>> = {
  '{"a b":{"a/b":[{}]}}': "a resource is not a URI",
  '{"__proto__":{"a/b":[{}]}}': "a resource is not a URI",
  '{"":{"a/b":[{}]}}': "a resource is not a URI",
  '{"urn:a":{"ab":[{}]}}': "an ability is not namespace/name",
  '{"urn:a":{"__proto__":[{}]}}': "an ability is not namespace/name",
};
for (const [att, why] of Object.entries(NO_NAMES)) {
  Deno.test(`the names in att ${att} are refused`, () => {
    assert.equal(malformation(() => capabilities(att)), why);
  });
}

Deno.test("a resource without abilities gives nothing", () => {
  assert.deepEqual(capabilities('{"urn:a":{}}'), []);
  assert.deepEqual(capabilities("{}"), []);
});

Deno.test("capabilities keep the token's order", () => {
  assert.deepEqual(
    capabilities('{"urn:b":{"b/z":[{}],"b/a":[{}]},"urn:a":{"a/1":[{}]}}'),
    ["b/z urn:b", "b/a urn:b", "a/1 urn:a"],
  );
});

Deno.test("one ability on two resources is two capabilities", () => {
  const att = '{"urn:a":{"a/b":[{"x":1}]},"urn:b":{"a/b":[{}]},"urn:c":{"a/b":[{}]}}';
  assert.deepEqual(capabilities(att), ["caveated a/b urn:a", "a/b urn:b", "a/b urn:c"]);
});

const lower = `${SPACE.replace(ALICE.address, ALICE.address.toLowerCase())}/kv/a`;

Deno.test("resources that are equal in canonical form are merged where the first stands", () => {
  const att = `{"${lower}":{"${PUT}":[{}]},"urn:x":{"a/b":[{}]},
    "${SPACE}/kv/a":{"${GET}":[{}],"${PUT}":[{}]}}`;
  assert.deepEqual(capabilities(att), [
    `${PUT} ${SPACE}/kv/a`,
    "a/b urn:x",
    `${GET} ${SPACE}/kv/a`,
  ]);
});

for (const [first, second] of [['[{"x":1}]', "[{}]"], ["[{}]", '[{"x":1}]']] as const) {
  Deno.test(`caveats ${first} and ${second} on two spellings of a resource narrow it`, () => {
    const att = `{"${lower}":{"${PUT}":${first}},"${SPACE}/kv/a":{"${PUT}":${second}}}`;
    assert.deepEqual(capabilities(att), [`caveated ${PUT} ${SPACE}/kv/a`]);
  });
}

Deno.test("both names of an ability are told apart here", () => {
  const att = '{"urn:a":{"tinycloud.kv/del":[{}],"tinycloud.kv/delete":[{}]}}';
  assert.equal(capabilities(att).length, 2);
});
