// JSON of tokens, ReCaps and bodies (wire §3): RFC 8259 to the letter, and nothing that two parsers
// could read differently.

import assert from "node:assert/strict";
import { z } from "zod";
import { isArray, isObject, type JsonValue, parseJson } from "../../src/tokens/json.ts";
import { decodeUtf8 } from "../../src/tokens/text.ts";
import { Differences, hex, refuses, runAll, utf8, vectorsOf } from "./vectors.ts";

const parse = (bytes: Uint8Array): JsonValue => parseJson(decodeUtf8(bytes));

const DUPLICATE = "a name twice is refused (wire §3.1, §3.2)";
const NUL = "no text of a token holds NUL: databases cut it there";
/** The suite accepts it, we do not. */
const STRICTER = new Differences({
  y_object_duplicated_key: DUPLICATE,
  y_object_duplicated_key_and_value: DUPLICATE,
  y_object_escaped_null_in_key: NUL,
  y_string_null_escape: NUL,
});

const NOT_UTF8 = "JSON is UTF-8 (RFC 8259 §8.1)";
const SURROGATE = "a lone surrogate is no Unicode text, so UTF-8 cannot hold it";
/** The suite lets the parser choose (`i_`) or asks for the value only; we refuse it. */
const CHOSEN = new Differences({
  i_object_key_lone_2nd_surrogate: SURROGATE,
  i_string_1st_surrogate_but_2nd_missing: SURROGATE,
  i_string_1st_valid_surrogate_2nd_invalid: SURROGATE,
  i_string_incomplete_surrogate_and_escape_valid: SURROGATE,
  i_string_incomplete_surrogate_pair: SURROGATE,
  i_string_incomplete_surrogates_escape_valid: SURROGATE,
  i_string_invalid_lonely_surrogate: SURROGATE,
  i_string_invalid_surrogate: SURROGATE,
  "i_string_inverted_surrogates_U+1D11E": SURROGATE,
  i_string_lone_second_surrogate: SURROGATE,
  "i_string_UTF-16LE_with_BOM": NOT_UTF8,
  "i_string_UTF-8_invalid_sequence": NOT_UTF8,
  "i_string_UTF8_surrogate_U+D800": NOT_UTF8,
  "i_string_invalid_utf-8": NOT_UTF8,
  i_string_iso_latin_1: NOT_UTF8,
  i_string_lone_utf8_continuation_byte: NOT_UTF8,
  i_string_not_in_unicode_range: NOT_UTF8,
  i_string_overlong_sequence_2_bytes: NOT_UTF8,
  i_string_overlong_sequence_6_bytes: NOT_UTF8,
  i_string_overlong_sequence_6_bytes_null: NOT_UTF8,
  "i_string_truncated-utf-8": NOT_UTF8,
  i_string_utf16BE_no_BOM: NOT_UTF8,
  i_string_utf16LE_no_BOM: NOT_UTF8,
  i_structure_500_nested_arrays: "deeper than any token needs",
  "i_structure_UTF-8_BOM_empty_object": "a byte order mark is no JSON (RFC 8259 §8.1)",
  object_same_key_different_values: DUPLICATE,
  object_same_key_same_value: DUPLICATE,
  object_same_key_unclear_values: DUPLICATE,
  string_1_escaped_invalid_codepoint: SURROGATE,
  string_1_invalid_codepoint: NOT_UTF8,
  string_2_escaped_invalid_codepoints: SURROGATE,
  string_2_invalid_codepoints: NOT_UTF8,
  string_3_escaped_invalid_codepoints: SURROGATE,
  string_3_invalid_codepoints: NOT_UTF8,
  string_with_escaped_NULL: NUL,
});

Deno.test("the JSON test suite is answered as published, open questions strictly", async () => {
  const cases = await vectorsOf(
    "json-test-suite",
    "cases",
    z.object({
      name: z.string(),
      expect: z.enum(["accept", "reject", "either", "transform"]),
      hex: z.string(),
    }),
  );
  // The two that the packed set leaves out, for their size.
  const bombs = [
    { name: "n_structure_100000_opening_arrays", text: "[".repeat(100_000) },
    { name: "n_structure_open_array_object", text: `${'[{"":'.repeat(50_000)}\n` },
  ].map(({ name, text }) => ({ name, expect: "reject" as const, bytes: utf8(text) }));
  const all = [...cases.map((vector) => ({ ...vector, bytes: hex(vector.hex) })), ...bombs];

  runAll("json-test-suite", 340, all, ({ name }) => name, ({ name, expect, bytes }) => {
    const table = expect === "accept" ? STRICTER : CHOSEN;

    if (expect === "reject" || table.has(name)) {
      return assert.ok(refuses(() => parse(bytes)), "is accepted");
    }
    assert.deepEqual(parse(bytes), JSON.parse(new TextDecoder().decode(bytes)));
  });

  await STRICTER.assertExact();
  await CHOSEN.assertExact();
});

/** RFC 8785 (no lone surrogates here): names by UTF-16 code units, ECMAScript's numbers. */
function canonical(value: JsonValue): string {
  if (isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, of]) => `${JSON.stringify(name)}:${canonical(of)}`).join(",")}}`;
}

Deno.test("the inputs of the JCS pairs read as the values of their outputs", async () => {
  const cases = await vectorsOf(
    "jcs",
    "cases",
    z.object({ name: z.string(), input: z.string(), output: z.string() }),
  );

  runAll("jcs", 6, cases, ({ name }) => name, ({ input, output }) => {
    assert.equal(canonical(parseJson(input)), output);
    assert.deepEqual(parseJson(output), parseJson(input));
  });
});

// Valid and invalid alike: what makes the invalid ones so ($type, $bytes, $link, no floats) is
// atproto's meaning of JSON, and no token of ours carries such a record.
for (const [part, count] of [["jsonValid", 5], ["jsonInvalid", 12]] as const) {
  Deno.test(`atproto's data-model documents (${part}) read as JSON`, async () => {
    const [text = ""] = await vectorsOf("atproto-interop", part, z.string());
    const expected = z.array(z.unknown()).parse(JSON.parse(text));
    const rows = parseJson(text);
    assert.ok(isArray(rows));

    runAll(`atproto/data-model/${part}`, count, [...rows.entries()], String, ([at, row]) => {
      assert.ok(isObject(row));
      assert.deepEqual(row, expected[at]);
    });
  });
}
