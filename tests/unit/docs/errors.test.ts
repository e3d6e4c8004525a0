// docs/errors.md tells of every code that the source has, and of no other.

import assert from "node:assert/strict";
import { type ErrorCode, NodeError } from "../../../src/errors.ts";
import { STATUS } from "../../../src/http/status.ts";
import { ERROR_ENTRIES } from "../../support/error_page.ts";

// `as`: the keys of a record of codes are codes.
const CODES = Object.keys(STATUS) as ErrorCode[];

/** A code whose sentence is given where it arises has itself instead. */
const sentenceOf = (code: ErrorCode) => new NodeError(code).message;

Deno.test("docs/errors.md has every code once, with its status", () => {
  const told = ERROR_ENTRIES.map(({ code, status }) => `${code} ${status}`);

  assert.deepEqual(told.toSorted(), CODES.map((code) => `${code} ${STATUS[code]}`).toSorted());
});

Deno.test("its sentences are those of the source, where these are fixed", () => {
  for (const { code, sentences } of ERROR_ENTRIES) {
    // `as`: see the test above.
    const fixed = sentenceOf(code as ErrorCode);
    if (fixed !== code) assert.deepEqual(sentences, [fixed], code);
    else assert.ok(sentences.length > 0, `${code} has a sentence`);
  }
});

Deno.test("each says what an app can do; what an operator can, where the fault is the node's", () => {
  for (const { code, status, text } of ERROR_ENTRIES) {
    assert.match(text, /^- App: \S/m, code);
    if (status >= 500) assert.match(text, /^- Operator: \S/m, code);
  }
});
