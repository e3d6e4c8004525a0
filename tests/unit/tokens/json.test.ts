// JSON as tokens carry it (wire §3.2): what two parsers could read differently is refused.

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  isArray,
  isObject,
  type JsonValue,
  member,
  parseJson,
  unshared,
} from "../../../src/tokens/json.ts";
import { malformation, refusalOf } from "../../support/tokens.ts";

const TAKEN: readonly string[] = [
  "null",
  "0",
  "-0",
  '""',
  "[]",
  "{}",
  ' {\t"a" :\r\n1 , "b":[ ] } ',
  '{"a":{"a":{"a":1}}}',
  '[{"a":1},{"a":2}]',
  '{"a":["a","a",{"a":"a"}]}',
  '["a","a"]',
  '{"a":"a\\"b","b":"\\\\"}',
  '{"a\\\\":1,"a":2}',
  '{"":1,"a":2}',
  '{"__proto__":{"x":1},"constructor":2,"toString":3}',
  '{"\\ud83d\\ude00":1}',
  '{"é":1,"e\u0301":2}',
  '{"1e2":1,"100":2}',
  "1e400",
  "[".repeat(32) + "]".repeat(32),
];
for (const text of TAKEN) {
  Deno.test(`${text} is read as the platform reads it`, () => {
    assert.deepEqual(parseJson(text), JSON.parse(text));
  });
}

const DIGITS: readonly [text: string, written: string][] = [
  ['["7"]', '["\\u0037"]'],
  ['["1234567890","0"]', '["\\u0031234567890","\\u0030"]'],
  ['{"a":"7" ,"b":"89"\r\n\t}', '{"a":"\\u0037" ,"b":"\\u00389"\r\n\t}'],
  ['["a\\"7","b"]', '["a\\"\\u0037","b"]'],
  ['["12345678901"]', '["12345678901"]'],
  ['{"7":{"8" :7}}', '{"7":{"8" :7}}'],
  ['["7a","a7","-7"," 7","",7]', '["7a","a7","-7"," 7","",7]'],
];
for (const [text, written] of DIGITS) {
  Deno.test(`${text} is written ${written} before it is parsed, which is the same`, () => {
    assert.equal(unshared(text), written);
    assert.deepEqual(parseJson(text), JSON.parse(text));
    assert.deepEqual(JSON.parse(written), JSON.parse(text));
  });
}

const TWICE = "it has a name twice", PLAIN = "it is not plain text", NONE = "it is not JSON";
const DEEP = "it is nested too deeply";
const REFUSED: readonly [text: string, why: string][] = [
  ['{"a":1,"a":1}', TWICE],
  ['{"a":1,"b":2,"a":3}', TWICE],
  ['{"exp":1,"\\u0065xp":2}', TWICE],
  ['{"\\u0065xp":1,"\\u0065\\u0078p":2}', TWICE],
  ['{"a/b":1,"a\\/b":2}', TWICE],
  ['{"":1,"":2}', TWICE],
  ['{"\\"":1,"\\u0022":2}', TWICE],
  ['{"\\\\":1,"\\u005c":2}', TWICE],
  ['{"a":{"b":1,"b":2}}', TWICE],
  ['[[{"b":1,"b":2}]]', TWICE],
  ['{"a":{"a":1},"a":2}', TWICE],
  ['{"a":[1],"a" : [2]}', TWICE],
  ['{"a"\n:1,"a"\t:2}', TWICE],
  ['{"__proto__":1,"__proto__":2}', TWICE],
  ['{"\\ud83d\\ude00":1,"😀":2}', TWICE],
  ['"\\ud800"', PLAIN],
  ['{"\\udc00\\ud800":1}', PLAIN],
  ['["\\u0000"]', PLAIN],
  ['{"a\\u0000":1}', PLAIN],
  ['"\\x"', NONE],
  ['"\\u12"', NONE],
  ['"a', NONE],
  ['"a\\"', NONE],
  ['"', NONE],
  ['"\0"', NONE],
  ['"\n"', NONE],
  ["\ufeff{}", NONE],
  ["{} x", NONE],
  ["{}{}", NONE],
  ["", NONE],
  ["{'a':1}", NONE],
  ["{a:1}", NONE],
  ['{"a":1,}', NONE],
  ["[1,]", NONE],
  ["01", NONE],
  ["+1", NONE],
  ["NaN", NONE],
  ["]", NONE],
  ["}}}}", NONE],
  ["[}", NONE],
  ['{"a":1]', NONE],
  ["// c\n1", NONE],
  ["\u00a01", NONE],
  ["[".repeat(33) + "]".repeat(33), DEEP],
  ['{"a":'.repeat(33) + "1" + "}".repeat(33), DEEP],
];
for (const [text, why] of REFUSED) {
  Deno.test(`${Deno.inspect(text)} is refused: ${why}`, () => {
    assert.equal(malformation(() => parseJson(text, "it")), why);
  });
}

Deno.test("what is not named is called JSON", () => {
  assert.equal(malformation(() => parseJson("?")), "JSON is not JSON");
});

Deno.test("members are an object's own, whatever their name", () => {
  const object = parseJson('{"a":null,"__proto__":{"b":1}}');
  assert.ok(isObject(object));
  assert.equal(member(object, "a"), null);
  assert.deepEqual(member(object, "__proto__"), { b: 1 });
  for (const name of ["b", "toString", "constructor", "hasOwnProperty"]) {
    assert.equal(member(object, name), undefined);
  }
  const empty = parseJson("{}");
  assert.ok(isObject(empty));
  assert.equal(member(empty, "__proto__"), undefined);
});

const SHAPES: readonly [value: JsonValue | undefined, object: boolean, array: boolean][] = [
  [{}, true, false],
  [[], false, true],
  [null, false, false],
  [undefined, false, false],
  ["", false, false],
  [0, false, false],
];
for (const [value, object, array] of SHAPES) {
  Deno.test(`${Deno.inspect(value)} is ${object ? "" : "no "}object and ${array ? "a" : "no"} list`, () => {
    assert.equal(isObject(value), object);
    assert.equal(isArray(value), array);
  });
}

/** Writes a string with some of its characters escaped. */
function written(text: string, escapes: readonly boolean[]): string {
  const units = text.split("").map((unit, at) => {
    const code = `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
    return escapes[at % escapes.length] ? code : JSON.stringify(unit).slice(1, -1);
  });
  return `"${units.join("")}"`;
}

const escapes = fc.array(fc.boolean(), { minLength: 1, maxLength: 8 });
// Without NUL, which is refused whatever else is right.
const plain = fc.string({ unit: "grapheme", minLength: 1, maxLength: 6 });

Deno.test("a name given twice is refused, however its two texts are escaped", () => {
  const others = fc.dictionary(plain, fc.jsonValue({ maxDepth: 1, stringUnit: "grapheme" }));
  fc.assert(fc.property(plain, escapes, escapes, others, (name, first, second, others) => {
    const members = Object.entries(others).filter(([other]) => other !== name).map(
      ([other, value]) => `${JSON.stringify(other)}:${JSON.stringify(value)}`,
    );
    const text = [`${written(name, first)}:1`, ...members, `${written(name, second)}:2`].join(",");
    JSON.parse(`{${text}}`);
    assert.equal(malformation(() => parseJson(`[{${text}}]`, "it")), TWICE);
  }));
});

Deno.test("JSON without such names is what the platform makes of it", () => {
  const value = fc.jsonValue(
    { maxDepth: 4, stringUnit: "grapheme", noUnicodeString: false } as object,
  );
  fc.assert(fc.property(value, fc.nat(2), (value, indent) => {
    const text = JSON.stringify(value, null, indent);
    assert.deepEqual(parseJson(text), JSON.parse(text));
  }));
});

Deno.test("any text is taken as the platform takes it, or refused as malformed", () => {
  const signs = fc.constantFrom(...'{}[]:,"\\u0061ab1-.e \n\u0000\ud800', "true", '"a":', "null");
  fc.assert(
    fc.property(fc.array(signs, { maxLength: 24 }), (signs) => {
      const text = signs.join("");
      const refusal = refusalOf(() => assert.deepEqual(parseJson(text), JSON.parse(text)));
      assert.ok(refusal === undefined || refusal.code === "token_malformed");
    }),
    { numRuns: 500 },
  );
});
