// The headers that travel with a value (wire §6).

import assert from "node:assert/strict";
import { entryHeaders, etag, preconditionOf } from "../../../src/http/object_headers.ts";
import { keptHeaders } from "../../../src/spaces/kept_headers.ts";
import type { Entry } from "../../../src/repository/repository.ts";
import { refusalOf } from "../../support/tokens.ts";

const KEPT: readonly string[] = [
  "content-type",
  "content-encoding",
  "content-language",
  "content-disposition",
  "x-tinycloud-meta-a",
  "x-tinycloud-meta-",
];
for (const name of KEPT) {
  Deno.test(`${name} is kept`, () => {
    assert.deepEqual(keptHeaders(new Headers({ [name.toUpperCase()]: "v" })), [[name, "v"]]);
  });
}

const DROPPED: readonly string[] = [
  "authorization",
  "cache-control",
  "content-length",
  "content-location",
  "content-security-policy",
  "cookie",
  "etag",
  "location",
  "set-cookie",
  "access-control-allow-origin",
  "x-content-type-options",
  "x-content-type",
  "x-tinycloud-content-length",
  "x-tinycloud-error",
  "x-tinycloud-metadata",
  "tinycloud-trace-id",
];
for (const name of DROPPED) {
  Deno.test(`${name} is never kept`, () => {
    assert.deepEqual(keptHeaders(new Headers({ [name]: "v" })), []);
  });
}

const VALUES: readonly [what: string, value: string, kept: boolean][] = [
  ["visible ASCII", 'text/html; charset="utf-8" ~!', true],
  ["a tab within", "a\tb", true],
  ["bytes above ASCII", "\x80\xe9\xff", true],
  ["nothing", "", true],
  ["a control character", "a\x01b", false],
  ["an escape", "a\x1bb", false],
  ["DEL", "a\x7fb", false],
];
for (const [what, value, kept] of VALUES) {
  Deno.test(`a value with ${what} is ${kept ? "kept" : "refused"}`, () => {
    const call = () => keptHeaders(new Headers({ "content-type": value }));
    if (kept) assert.deepEqual(call(), [["content-type", value]]);
    else assert.equal(refusalOf(call)?.code, "request_malformed");
  });
}

const meta = (count: number, value = "") =>
  new Headers(
    Array.from({ length: count }, (_, at): [string, string] => [`x-tinycloud-meta-${at}`, value]),
  );

Deno.test("64 names are kept, 65 are refused", () => {
  assert.equal(keptHeaders(meta(64)).length, 64);
  assert.equal(refusalOf(() => keptHeaders(meta(65)))?.code, "headers_too_large");
});

Deno.test("names that are not kept do not count", () => {
  const headers = meta(64);
  headers.set("authorization", "x".repeat(10_000));
  assert.equal(keptHeaders(headers).length, 64);
});

Deno.test("8 KiB of names and values are kept, a byte more is refused", () => {
  const name = "content-type";
  const withValue = (length: number) => new Headers({ [name]: "v".repeat(length) });
  assert.equal(keptHeaders(withValue(8192 - name.length)).length, 1);
  const refusal = refusalOf(() => keptHeaders(withValue(8193 - name.length)));
  assert.equal(refusal?.code, "headers_too_large");
});

Deno.test("one name sent twice is one header of both values", () => {
  const headers = new Headers([["content-language", "de"], ["Content-Language", "en"]]);
  assert.deepEqual(keptHeaders(headers), [["content-language", "de, en"]]);
});

const HASH = "0123456789abcdef".repeat(4);
const TAG = `"blake3-${HASH}"`;
const CONDITIONS: readonly [headers: Record<string, string>, outcome: unknown][] = [
  [{}, undefined],
  [{ "if-none-match": "*" }, { kind: "absent" }],
  [{ "if-match": TAG }, { kind: "matches", hash: HASH }],
  [{ "if-none-match": TAG }, "refused"],
  [{ "if-none-match": '"*"' }, "refused"],
  [{ "if-none-match": "" }, "refused"],
  [{ "if-none-match": "*, *" }, "refused"],
  [{ "if-match": "*" }, "refused"],
  [{ "if-match": "" }, "refused"],
  [{ "if-match": `W/${TAG}` }, "refused"],
  [{ "if-match": `blake3-${HASH}` }, "refused"],
  [{ "if-match": TAG.toUpperCase() }, "refused"],
  [{ "if-match": `"blake3-${HASH.toUpperCase()}"` }, "refused"],
  [{ "if-match": `"blake3-${HASH.slice(1)}"` }, "refused"],
  [{ "if-match": `"blake3-${HASH}0"` }, "refused"],
  [{ "if-match": `"${HASH}"` }, "refused"],
  [{ "if-match": `${TAG}, ${TAG}` }, "refused"],
  [{ "if-match": TAG, "if-none-match": "*" }, "refused"],
  [{ "if-match": TAG, "if-none-match": TAG }, "refused"],
  [{ "if-match": "x", "if-none-match": "*" }, "refused"],
];
for (const [headers, outcome] of CONDITIONS) {
  Deno.test(`${JSON.stringify(headers).slice(0, 60)} is ${JSON.stringify(outcome)?.slice(0, 9)}`, () => {
    const call = () => preconditionOf(new Headers(headers));
    if (outcome === "refused") assert.equal(refusalOf(call)?.code, "request_malformed");
    else assert.deepEqual(call(), outcome);
  });
}

Deno.test("an ETag names the hash, strongly", () => assert.equal(etag(HASH), TAG));

Deno.test("a value is told with its headers, its ETag and what keeps it from being a page", () => {
  const entry: Entry = {
    hash: HASH,
    size: 3,
    // As a row of an older rule may hold it (B17).
    headers: [["content-type", "text/html"], ["set-cookie", "a=b"], ["x-tinycloud-meta-a", "1"]],
  };
  assert.deepEqual(Object.fromEntries(entryHeaders(entry)), {
    "cache-control": "private, no-cache",
    "content-security-policy": "sandbox",
    "content-type": "text/html",
    etag: TAG,
    "x-content-type-options": "nosniff",
    "x-tinycloud-meta-a": "1",
  });
});

Deno.test("a value without content-type gets none", () => {
  assert.equal(entryHeaders({ hash: HASH, size: 0, headers: [] }).get("content-type"), null);
});

Deno.test("a header that was sent again, empty, is kept as it will be answered", () => {
  const sent = new Headers([["content-type", "a"], ["content-type", ""]]);

  assert.deepEqual(keptHeaders(sent), [["content-type", "a,"]]);
});
