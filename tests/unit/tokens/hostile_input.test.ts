// Whatever bytes come in, a decoder ends with a value or with `token_malformed`, never with another
// exception, and its work grows as its input does (adversary.md, 1).

import assert from "node:assert/strict";
import fc from "fast-check";
import { encode } from "@ipld/dag-cbor";
import { recapResource } from "../../../client/mod.ts";
import { parseAbility } from "../../../src/capabilities/ability.ts";
import { parseResource } from "../../../src/capabilities/resource.ts";
import { parseSpaceId } from "../../../src/capabilities/space_id.ts";
import { capabilitiesOf, parseAttenuations } from "../../../src/tokens/attenuations.ts";
import { decodeCacao } from "../../../src/tokens/cacao.ts";
import { parseCid } from "../../../src/tokens/cid.ts";
import { principalOf } from "../../../src/tokens/did.ts";
import { publicKeyOf } from "../../../src/tokens/did_key.ts";
import { parseJson } from "../../../src/tokens/json.ts";
import { parseRecap } from "../../../src/tokens/recap.ts";
import { parseTimestamp } from "../../../src/tokens/timestamp.ts";
import { decodeUcan } from "../../../src/tokens/ucan.ts";
import { isAuthority, isUri } from "../../../src/tokens/uri.ts";
import {
  aCacao,
  aCid,
  ALICE,
  aUcan,
  base58,
  base64url,
  character,
  GET,
  KEY,
  NOW,
  refusalOf,
  SPACE,
} from "../../support/tokens.ts";

const DECODERS: Readonly<Record<string, (text: string) => unknown>> = {
  decodeCacao,
  decodeUcan,
  parseRecap: (text) => parseRecap(`urn:recap:${text}`),
  parseSpaceId,
  parseResource,
  parseAbility,
  parseCid,
  parseJson: (text) => parseJson(text),
  parseTimestamp,
  principalOf,
  "the key of a DID": (text) => publicKeyOf(principalOf(text)),
  isUri,
  isAuthority,
};

function endsWell(decode: (text: string) => unknown, text: string): void {
  const refusal = refusalOf(() => decode(text));
  assert.ok(refusal === undefined || refusal.code === "token_malformed", refusal?.code);
}

const ATT = { [`${SPACE}/kv/a`]: { [GET]: [{}] } };
const VALID: readonly string[] = [
  await aCacao({ attenuations: ATT, proofs: [aCid("p")] }),
  await aUcan({ proofs: [aCid("p")], facts: [{ a: [1, null] }], notBefore: 1.5 }),
  recapResource(ATT, [aCid("p")]).slice("urn:recap:".length),
  `${SPACE}/kv/a?b#c`,
  `urn:tinycloud:encryption:${ALICE.did}:n`,
  SPACE,
  KEY.didUrl,
  KEY.did,
  GET,
  aCid("p"),
  "2025-06-15T15:06:40.5+02:00",
  JSON.stringify(ATT),
];

const mutated = fc.tuple(
  fc.constantFrom(...VALID),
  fc.array(
    fc.record({
      at: fc.nat(),
      cut: fc.nat(3),
      insert: fc.string({ unit: character, maxLength: 2 }),
    }),
    { minLength: 1, maxLength: 3 },
  ),
).map(([text, changes]) =>
  changes.reduce((text, { at, cut, insert }) => {
    const place = at % (text.length + 1);
    return text.slice(0, place) + insert + text.slice(place + cut);
  }, text)
);
// As a header or a JSON text carries it: lone surrogates cannot come in.
const noise = fc.string({ unit: character, maxLength: 60 });

for (const [name, decode] of Object.entries(DECODERS)) {
  Deno.test(`${name} takes any text, or refuses it`, () => {
    for (const text of VALID) endsWell(decode, text);
    fc.assert(fc.property(mutated, (text) => endsWell(decode, text)), { numRuns: 300 });
    fc.assert(fc.property(noise, (text) => endsWell(decode, text)));
  });
}

Deno.test("a UCAN of any JSON is taken or refused", () => {
  const json = fc.jsonValue({ maxDepth: 3 });
  const value = fc.oneof(
    json,
    fc.record({
      iss: fc.oneof(fc.constant(KEY.did), json),
      aud: fc.oneof(fc.constant(KEY.did), json),
      exp: fc.oneof(fc.constant(NOW), json),
      prf: fc.oneof(fc.constant([]), json),
      att: fc.oneof(fc.constant(ATT), json),
      fct: json,
      nbf: json,
    }, { requiredKeys: [] }),
  );
  const header = base64url('{"alg":"EdDSA","typ":"JWT","ucv":"0.10.0"}');
  fc.assert(fc.property(value, (value) => {
    const payload = base64url(JSON.stringify(value));
    endsWell(decodeUcan, `${header}.${payload}.AA`);
    endsWell(decodeUcan, `${payload}.${payload}.AA`);
  }));
});

Deno.test("a CACAO of any values is taken or refused", () => {
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.uint8Array({ maxLength: 70 }),
    fc.constantFrom("eip4361", "eip191", 1, new Uint8Array(65)),
  );
  const part = fc.dictionary(fc.constantFrom("t", "s", "aud", "iss", "iat", "x"), value);
  const cacao = fc.record({ h: part, p: part, s: part });
  fc.assert(fc.property(cacao, (cacao) => {
    // What JSON has and dag-cbor has not, such as -0, is no encoding of anything.
    let bytes: Uint8Array;
    try {
      bytes = encode(cacao);
    } catch {
      return;
    }
    endsWell(decodeCacao, base64url(bytes));
  }));
});

// Bombs. A hang fails the run.

const SIZE = 32 * 1024;
const fill = (unit: string, size = SIZE) => unit.repeat(Math.floor(size / unit.length));
const header = base64url('{"alg":"EdDSA","typ":"JWT","ucv":"0.10.0"}');
const ucan = (payload: string) => `${header}.${base64url(payload)}.AA`;
const body = (rest: string) => ucan(`{"iss":"${KEY.did}","aud":"${KEY.did}","exp":1,${rest}}`);

const BOMBS: readonly [name: keyof typeof DECODERS, what: string, text: string][] = [
  ["parseJson", "100,000 lists", "[".repeat(100_000)],
  ["parseJson", "100,000 objects", '{"a":'.repeat(100_000)],
  ["parseJson", "100,000 ends", "]".repeat(100_000)],
  ["parseJson", "100,000 quotes", '"'.repeat(100_000)],
  ["parseJson", "100,000 backslashes in a string", `"${"\\".repeat(100_000)}`],
  ["parseJson", "50,000 escaped quotes", `"${'\\"'.repeat(50_000)}`],
  [
    "parseJson",
    "100,000 spaces behind each of many strings",
    `["a"${" ".repeat(100_000)},`.repeat(3),
  ],
  [
    "parseJson",
    "10,000 names",
    `{${Array.from({ length: 10_000 }, (_, at) => `"${at}":0`).join()}}`,
  ],
  ["parseJson", "a number of 100,000 digits", "9".repeat(100_000)],
  ["decodeUcan", "more than 32 KiB", "a".repeat(1_000_000)],
  ["decodeUcan", "dots alone", ".".repeat(SIZE)],
  ["decodeUcan", "lists within lists", ucan(fill("[", 24_000))],
  [
    "decodeUcan",
    "lists within lists, closed",
    body(`"fct":${"[".repeat(9000)}${"]".repeat(9000)}`),
  ],
  ["decodeUcan", "500 proofs", body(`"att":{},"prf":[${fill(`"z6",`, 22_000)}"z6"]`)],
  [
    "decodeUcan",
    "500 proofs that are CIDs",
    body(`"att":{},"prf":[${fill(`"${aCid("p")}",`, 23_000)}"${aCid("p")}"]`),
  ],
  [
    "decodeUcan",
    "proofs of 512 characters",
    body(`"att":{},"prf":[${fill(`"z${"5".repeat(511)}",`, 22_000)}"z6"]`),
  ],
  [
    "decodeUcan",
    "1,700 abilities on one resource",
    body(`"prf":[],"att":{"urn:a":{${fillAbilities(1700)}}}`),
  ],
  [
    "decodeUcan",
    "700 abilities on a resource of 12,000 characters",
    body(`"prf":[],"att":{"urn:${"a".repeat(12_000)}":{${fillAbilities(700)}}}`),
  ],
  ["decodeUcan", "a did:key of 512 characters", ucan(`{"iss":"did:key:z${fill("5", 503)}"}`)],
  ["the key of a DID", "512 characters", `did:key:z${"z".repeat(503)}`],
  ["the key of a DID", "503 ones", `did:key:z${"1".repeat(503)}`],
  ["principalOf", "a million characters", `did:example:${"a".repeat(1_000_000)}`],
  ["principalOf", "500 colons", `did:example:${":".repeat(500)}`],
  ["parseCid", "511 digits of base58", base58(new Uint8Array(370).fill(255))],
  ["parseCid", "a million characters", "z".repeat(1_000_000)],
  ["isUri", "a path of slashes", `a:${fill("/")}\n`],
  ["isUri", "a path of escapes", `a:${fill("%41")}%`],
  ["isUri", "an authority without end", `a://${fill("a")}@${fill("b")}@`],
  ["isUri", "colons in an authority", `a://${fill("1:")}[`],
  ["isUri", "a scheme without end", fill("a")],
  ["isUri", "questions", `a:${fill("?")}#${fill("?")}#`],
  ["isAuthority", "an address without end", `[${fill("1:")}]`],
  ["isAuthority", "letters and a space", `${fill("a")} `],
  ["parseResource", "a long path", `${SPACE}/kv/${fill("a/")}`],
  ["parseResource", "dots", `${SPACE}/kv/${fill("../")}`],
  ["parseResource", "colons in an encryption URN", `urn:tinycloud:encryption:${fill(":")}`],
  ["parseSpaceId", "a million characters", `tinycloud:${"a".repeat(1_000_000)}`],
  ["parseAbility", "a million characters", `a/${"b".repeat(1_000_000)}`],
  ["parseTimestamp", "a fraction of 32 KiB", `2025-06-15T15:06:40.${fill("1")}Z`],
  ["parseTimestamp", "a fraction without end", `2025-06-15T15:06:40.${fill("1")}`],
  ["parseRecap", "lists within lists", base64url(fill("[", 24_000))],
  ["decodeCacao", "more than 32 KiB", "o".repeat(1_000_000)],
  ["decodeCacao", "24,000 lists within lists", base64url(new Uint8Array(24_000).fill(0x81))],
  ["decodeCacao", "10,000 maps within maps", base64url(Uint8Array.fromHex("a16161".repeat(8000)))],
  ["decodeCacao", "24,000 tags within tags", base64url(Uint8Array.fromHex("d82a".repeat(12_000)))],
  ["decodeCacao", "a list of 2^32", base64url(Uint8Array.fromHex("9b0000000100000000"))],
  ["decodeCacao", "bytes of 2^63", base64url(Uint8Array.fromHex("5b8000000000000000"))],
  ["decodeCacao", "a map of 2^53", base64url(Uint8Array.fromHex("bb0020000000000000"))],
  [
    "decodeCacao",
    "a map of 5,000 names",
    base64url(encode(Object.fromEntries(Array.from({ length: 5000 }, (_, at) => [`${at}`, 0])))),
  ],
];

function fillAbilities(count: number): string {
  return Array.from({ length: count }, (_, at) => `"a/${at.toString(36)}":[{}]`).join();
}

for (const [name, what, text] of BOMBS) {
  Deno.test(`${name} survives ${what}`, () => {
    const decode = DECODERS[name];
    assert.ok(decode);
    endsWell(decode, text);
  });
}

Deno.test("the largest maps and lists of a token are bounded by the token", async () => {
  const many = await aUcan({}, { payload: { att: { "urn:a": abilities(1700) } } });
  assert.ok(many.length <= SIZE, `${many.length}`);
  assert.equal(decodeUcan(many).claims.capabilities.length, 1700);
});

function abilities(count: number): Record<string, readonly unknown[]> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, at) => [`a/${at.toString(36)}`, [{}]]),
  );
}

// Work, counted rather than timed: characters that regular expressions were given.

/** Runs the call, and adds up the length of all texts that it matches against a pattern. */
function matched(call: () => unknown): number {
  const { exec } = RegExp.prototype;
  let characters = 0;
  RegExp.prototype.exec = function (text) {
    characters += text.length;
    return exec.call(this, text);
  };
  try {
    refusalOf(call);
  } finally {
    RegExp.prototype.exec = exec;
  }
  return characters;
}

/** Capabilities whose text is `size` characters long, half of it in one resource's name. */
function oneLongResource(size: number): () => unknown {
  const count = Math.floor(size / 2 / 11);
  const att = { [`urn:${"a".repeat(size / 2)}`]: abilities(count) };
  const attenuations = parseAttenuations(parseJson(JSON.stringify(att)));
  return () => capabilitiesOf(attenuations);
}

function manyResources(size: number): () => unknown {
  const count = Math.floor(size / 40);
  const att = Object.fromEntries(
    Array.from({ length: count }, (_, at) => [`urn:${at}`, { "a/b": [{}] }]),
  );
  const attenuations = parseAttenuations(parseJson(JSON.stringify(att)));
  return () => capabilitiesOf(attenuations);
}

const WORK: Readonly<Record<string, (size: number) => () => unknown>> = {
  "abilities on one long resource": oneLongResource,
  "many resources": manyResources,
  "a long path": (size) => () => parseResource(`${SPACE}/kv/${"a".repeat(size)}`),
  "a path of escapes": (size) => () => parseResource(`${SPACE}/kv/${fill("%20", size)}`),
  "a long opaque URI": (size) => () => parseResource(`urn:${"a".repeat(size)}`),
};
for (const [what, make] of Object.entries(WORK)) {
  Deno.test(`twice the size of ${what} is twice the work, not four times`, () => {
    const [once, twice] = [matched(make(8 * 1024)), matched(make(16 * 1024))];
    assert.ok(once > 0);
    assert.ok(twice <= 3 * once, `${once} characters, then ${twice}`);
  });
}
