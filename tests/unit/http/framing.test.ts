// What frames a request (wire §3, §6): its length, its token.

import assert from "node:assert/strict";
import { bodyLength, tokenOf } from "../../../src/http/framing.ts";
import { refusalOf } from "../../support/tokens.ts";

/** A request with these headers; the platform's own would not let some of them be set. */
function withHeaders(headers: Record<string, string>): Request {
  return { headers: new Headers(headers) } as Request; // nothing else of it is read
}

const LENGTHS: readonly [text: string, length: number | undefined][] = [
  ["0", 0],
  ["3", 3],
  ["1073741824", 1073741824],
  ["999999999999999", 999999999999999],
  ["3, 3", undefined],
  ["3,3", undefined],
  ["+3", undefined],
  ["-3", undefined],
  ["3.0", undefined],
  ["0x3", undefined],
  ["1e3", undefined],
  ["3 3", undefined],
  ["", undefined],
  ["three", undefined],
  ["Infinity", undefined],
  ["18446744073709551616", undefined],
  ["9".repeat(400), undefined],
];
for (const [text, length] of LENGTHS) {
  Deno.test(`Content-Length ${text.slice(0, 30)} is ${length ?? "refused"}`, () => {
    const call = () => bodyLength(withHeaders({ "content-length": text }));
    if (length === undefined) assert.equal(refusalOf(call)?.code, "length_invalid");
    else assert.equal(call(), length);
  });
}

Deno.test("without Content-Length the length is not known", () => {
  assert.equal(bodyLength(withHeaders({})), undefined);
});

const CODINGS: readonly [coding: string, taken: boolean][] = [
  ["chunked", true],
  ["Chunked", true],
  [" chunked ", true],
  ["gzip, chunked", false],
  ["chunked, chunked", false],
  ["chunked;x=1", false],
  ["identity", false],
  ["xchunked", false],
  ["gzip", false],
  ["", false],
];
for (const [coding, taken] of CODINGS) {
  Deno.test(`Transfer-Encoding "${coding}" is ${taken ? "taken" : "refused"}`, () => {
    const refusal = refusalOf(() => bodyLength(withHeaders({ "transfer-encoding": coding })));
    assert.equal(refusal?.code, taken ? undefined : "request_malformed");
    assert.match(refusal?.message ?? "Malformed request: ", /^Malformed request: /);
  });
}

const TOKENS: readonly [value: string, token: string][] = [
  ["a.b.c", "a.b.c"],
  ["oWFh==", "oWFh=="],
  ["Bearer a.b.c", "a.b.c"],
  ["bearer a.b.c", "a.b.c"],
  ["BEARER a.b.c", "a.b.c"],
  ["Bearer   a.b.c", "a.b.c"],
  ["bearera.b.c", "bearera.b.c"],
  ["Basic a", "Basic a"], // no token of ours: the decoder refuses it
  ["Bearer Bearer a", "Bearer a"],
];
for (const [value, token] of TOKENS) {
  Deno.test(`Authorization "${value}" carries "${token}"`, () => {
    assert.equal(tokenOf(withHeaders({ authorization: value })), token);
  });
}

const NO_TOKENS: readonly [value: string | undefined, code: string][] = [
  [undefined, "token_missing"],
  ["", "token_missing"],
  ["   ", "token_missing"],
  ["a.b.c, d.e.f", "token_malformed"],
  ["a.b.c,", "token_malformed"],
  [", a.b.c", "token_malformed"],
  ["Bearer a, Bearer b", "token_malformed"],
];
for (const [value, code] of NO_TOKENS) {
  Deno.test(`Authorization ${Deno.inspect(value)} is ${code}`, () => {
    const headers: Record<string, string> = value === undefined ? {} : { authorization: value };
    assert.equal(refusalOf(() => tokenOf(withHeaders(headers)))?.code, code);
  });
}
