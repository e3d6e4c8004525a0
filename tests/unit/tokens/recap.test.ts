// ReCap: capabilities inside a SIWE message and the sentence that tells them (wire §3.1; clients.md 1.4).

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  attenuation,
  recapResource,
  recapStatement as clientStatement,
} from "../../../client/mod.ts";
import { parseJson } from "../../../src/tokens/json.ts";
import { parseAttenuations } from "../../../src/tokens/attenuations.ts";
import { findRecap, parseRecap, recapStatement } from "../../../src/tokens/recap.ts";
import { aCid, base64url, GET, malformation, SPACE } from "../../support/tokens.ts";

const recap = (json: string) => `urn:recap:${base64url(json)}`;
const statement = (json: string) => recapStatement(parseAttenuations(parseJson(json)));
const OPENING = "I further authorize the stated URI to perform the following actions on my behalf:";
const RECAP = recapResource(attenuation(`${SPACE}/kv`, [GET]), [aCid("parent")]);

Deno.test("a ReCap has its attenuations and proofs", () => {
  assert.deepEqual(parseRecap(RECAP), {
    attenuations: [{ resource: `${SPACE}/kv`, ability: GET, caveated: false }],
    proofs: [aCid("parent")],
  });
});

Deno.test("other names beside att and prf are ignored, and members come in any order", () => {
  const read = parseRecap(recap('{"x":[1],"prf":[],"__proto__":{},"att":{}}'));
  assert.deepEqual(read, { attenuations: [], proofs: [] });
});

Deno.test("only the last resource counts, if it is a ReCap", () => {
  assert.equal(findRecap([]), undefined);
  assert.equal(findRecap(["urn:a"]), undefined);
  assert.equal(findRecap([RECAP, "urn:a"]), undefined);
  assert.equal(findRecap([recap("?"), "urn:recap"]), undefined);
  assert.equal(findRecap([RECAP, RECAP.replace("urn:", "URN:")]), undefined);
  assert.equal(findRecap([recap("?"), RECAP])?.proofs.length, 1);
  assert.equal(findRecap([recap("?"), "urn:a", RECAP])?.proofs.length, 1);
  assert.equal(findRecap([RECAP])?.proofs.length, 1);
});

const REFUSED: readonly [what: string, uri: string, why: string][] = [
  ["padded", `${recap('{"att":{},"prf":[] }')}==`, "the ReCap is not base64url"],
  ["in the other alphabet", "urn:recap:+w", "the ReCap is not base64url"],
  ["with bits beyond its last byte", `urn:recap:YR`, "the ReCap is not canonical base64url"],
  ["empty", "urn:recap:", "the ReCap is not JSON"],
  ["no UTF-8", "urn:recap:_w", "the ReCap is not UTF-8"],
  ["with a byte order mark", recap('\ufeff{"att":{},"prf":[]}'), "the ReCap is not JSON"],
  ["with text after it", recap('{"att":{},"prf":[]}x'), "the ReCap is not JSON"],
  ["a list", recap("[]"), "the ReCap is not an object"],
  ["null", recap("null"), "the ReCap is not an object"],
  ["without prf", recap('{"att":{}}'), "the ReCap's prf is not a list"],
  ["with prf null", recap('{"att":{},"prf":null}'), "the ReCap's prf is not a list"],
  ["with prf an object", recap('{"att":{},"prf":{}}'), "the ReCap's prf is not a list"],
  ["without att", recap('{"prf":[]}'), "att is not an object"],
  ["with att a list", recap('{"att":[],"prf":[]}'), "att is not an object"],
  ["with att twice", recap('{"att":{},"\\u0061tt":{},"prf":[]}'), "the ReCap has a name twice"],
  ["with prf twice", recap('{"att":{},"prf":[],"prf":[]}'), "the ReCap has a name twice"],
  [
    "with an ability twice",
    recap('{"att":{"urn:a":{"a/b":[{}],"a\\/b":[{}]}},"prf":[]}'),
    "the ReCap has a name twice",
  ],
  [
    "with a proof that is a number",
    recap('{"att":{},"prf":[1]}'),
    "a proof of the ReCap is not a base58 CID",
  ],
  [
    "with a proof in base32",
    recap(`{"att":{},"prf":["${aCid("parent")}"]}`),
    "a proof of the ReCap is not a base58 CID",
  ],
  ["with a proof that is no CID", recap('{"att":{},"prf":["z1"]}'), "a proof is not a CID"],
];
for (const [what, uri, why] of REFUSED) {
  Deno.test(`a ReCap that is ${what} is refused`, () => {
    assert.equal(malformation(() => findRecap(["urn:a", uri])), why);
  });
}

const STATEMENTS: readonly [what: string, att: string, tail: string][] = [
  ["no resource", "{}", ""],
  ["a resource without abilities", '{"urn:a":{}}', ""],
  ["one ability", '{"urn:a":{"n/x":[{}]}}', " (1) 'n': 'x' for 'urn:a'."],
  [
    "names in another order",
    '{"urn:a":{"n/z":[{}],"n/a":[{}],"n/B":[{}],"n/10":[{}],"n/9":[{}]}}',
    " (1) 'n': '10', '9', 'B', 'a', 'z' for 'urn:a'.",
  ],
  [
    "namespaces in another order",
    '{"urn:a":{"z/x":[{}],"a/x":[{}],"a-b/x":[{}],"B/x":[{}],"z/a":[{}]}}',
    " (1) 'B': 'x' for 'urn:a'. (2) 'a': 'x' for 'urn:a'. (3) 'a-b': 'x' for 'urn:a'." +
    " (4) 'z': 'a', 'x' for 'urn:a'.",
  ],
  [
    "resources in another order",
    '{"urn:b":{"n/x":[{}]},"urn:a/":{"n/x":[{}]},"urn:a":{"n/x":[{}]},"urn:B":{"n/x":[{}]}}',
    " (1) 'n': 'x' for 'urn:B'. (2) 'n': 'x' for 'urn:a'. (3) 'n': 'x' for 'urn:a/'." +
    " (4) 'n': 'x' for 'urn:b'.",
  ],
  [
    "caveats, which are not told",
    '{"urn:a":{"n/x":[{"only":"monday"}]}}',
    " (1) 'n': 'x' for 'urn:a'.",
  ],
  [
    "a resource in another letter case, told as it is written",
    '{"tinycloud:pkh:eip155:1:0xABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCD:d/kv":{"n/x":[{}]}}',
    " (1) 'n': 'x' for 'tinycloud:pkh:eip155:1:0xABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCD:d/kv'.",
  ],
];
for (const [what, att, tail] of STATEMENTS) {
  Deno.test(`the sentence for ${what}`, () => assert.equal(statement(att), OPENING + tail));
}

Deno.test("a sentence that no token has room for is not put together", () => {
  const abilities = (count: number) =>
    Array.from({ length: count }, (_, at) => `"n${at}/x":[{}]`).join();
  const att = (count: number) => `{"urn:${"a".repeat(4096)}":{${abilities(count)}}}`;
  assert.ok(statement(att(7)).length < 32 * 1024);
  const why = "the statement does not tell the ReCap";
  assert.equal(malformation(() => statement(att(8))), why);
});

const part = fc.string({ unit: fc.constantFrom(..."aBz019-_.+*"), minLength: 1, maxLength: 3 });
const ability = fc.tuple(part, part).map((parts) => parts.join("/"));
const resource = part.map((text) => `urn:${text}`);
const anAtt = fc.dictionary(resource, fc.dictionary(ability, fc.constant([{}]), { minKeys: 1 }));

Deno.test("the sentence does not depend on the order of members", () => {
  const shuffled = (object: object) => Object.fromEntries(Object.entries(object).reverse());
  fc.assert(fc.property(anAtt, (att) => {
    const other = shuffled(
      Object.fromEntries(Object.entries(att).map(([uri, all]) => [uri, shuffled(all)])),
    );
    assert.equal(statement(JSON.stringify(att)), statement(JSON.stringify(other)));
  }));
});

Deno.test("the sentence tells each ability once, under its namespace and resource", () => {
  fc.assert(fc.property(anAtt, (att) => {
    const told = [
      ...statement(JSON.stringify(att)).matchAll(
        / \(\d+\) '([^']+)': ('[^']+'(?:, '[^']+')*) for '([^']+)'\./g,
      ),
    ].flatMap(([, namespace, names = "", uri]) =>
      names.split(", ").map((name) => `${uri} ${namespace}/${name.slice(1, -1)}`)
    );
    const meant = Object.entries(att).flatMap(([uri, abilities]) =>
      Object.keys(abilities).map((ability) => `${uri} ${ability}`)
    );
    assert.deepEqual(told.toSorted(), meant.toSorted());
  }));
});

Deno.test("clients tell the same sentence, where their order is by namespace", () => {
  // The client sorts whole abilities; without signs below `/` in a namespace that is the same.
  const word = fc.string({ unit: fc.constantFrom(..."aBz019_"), minLength: 1, maxLength: 3 });
  const abilities = fc.tuple(word, word).map((parts) => parts.join("/"));
  const att = fc.dictionary(resource, fc.dictionary(abilities, fc.constant([{}]), { minKeys: 1 }));
  fc.assert(fc.property(att, (att) => {
    assert.equal(statement(JSON.stringify(att)), clientStatement(att));
  }));
});
