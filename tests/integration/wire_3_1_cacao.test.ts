// wire §3 and §3.1: the Authorization header, and the CACAO: its encoding, its fields, its
// signature, its time and its ReCap. The recorded and foreign vectors are in tests/conformance.

import assert from "node:assert/strict";
import { decode } from "@ipld/dag-cbor";
import { base64, base64url } from "multiformats/bases/base64";
import {
  attenuation,
  type Attenuations,
  type CacaoFields,
  cacaoOfBytes,
  randomWallet,
  recapResource,
  recapStatement,
  resourceUri,
  sessionKeyFromSeed,
  spaceId,
  walletFromPrivateKey,
} from "../../client/mod.ts";
import { type Answer, ask, assertOk, assertRefused, type Refusal } from "../support/asking.ts";
import {
  bytes,
  canonical,
  head,
  indefinite,
  joined,
  map,
  type Pair,
  pairsOf,
  tagged,
  text,
  uint,
} from "../support/cbor_by_hand.ts";
import { startTestNode } from "../support/node.ts";
import {
  BAD_SIGNATURE,
  DELEGATION_TIME,
  EMPTY,
  MALFORMED,
  MISSING,
  NO_KEY,
  NO_PARENT,
  NO_SPACE,
  notAllowed,
  notGranted,
} from "../support/refusals.ts";
import { refusesUntouched } from "../support/state.ts";
import {
  accepted,
  allOfKv,
  aSession,
  cacao,
  GET,
  HOST,
  host,
  hostDid,
  hosting,
  post,
  PUT,
  rfc3339,
  ucan,
  use,
} from "../support/world.ts";

const node = await startTestNode({ env: { TINYCLOUD_STORAGE_DURABILITY: "normal" } });
Deno.test.afterAll(async () => await node[Symbol.asyncDispose]());

const ALICE = walletFromPrivateKey("31".repeat(32));
const MALLORY = walletFromPrivateKey("32".repeat(32));
const KEY = await sessionKeyFromSeed(new Uint8Array(32).fill(33));
const SPACE = await host(node, ALICE);
const KV = resourceUri(SPACE, "kv");
const ATT = attenuation(KV, [GET]);
const SECP256K1_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** A CACAO that is good but for what the fields say. */
const made = (fields: Partial<CacaoFields> = {}, overrides = {}) =>
  cacao(ALICE, KEY.didUrl, ATT, fields, overrides);

const refusesToken = (token: string, refusal: Refusal = MALFORMED) =>
  refusesUntouched(node, () => post(node, token), refusal);

// The header.

Deno.test("wire §3: no Authorization is told apart", async () => {
  await refusesUntouched(node, () => ask(node, "/delegate"), MISSING);
  await refusesUntouched(node, () => ask(node, "/invoke"), MISSING);
});

Deno.test("wire §3: a token in the query or the body is none", async () => {
  const { header } = await made();
  const query = () => ask(node, `/delegate?authorization=${header}`);
  await refusesUntouched(node, query, MISSING);
  await refusesUntouched(node, () => ask(node, "/delegate", { body: header }), MISSING);
});

for (const scheme of ["Bearer ", "bearer ", "BEARER ", "bEaReR "]) {
  Deno.test(`wire §3: ${scheme.trim()} before the token is accepted`, async () => {
    const { header } = await made();
    await accepted(node, { header: scheme + header });
    const session = await aSession(node, { wallet: ALICE, key: KEY });
    const child = await ucan(node, session, "did:x:y", ATT);
    await accepted(node, { header: scheme + child.header });
  });
}

Deno.test("wire §3: other words, more tokens and other shapes are refused", async () => {
  const { header } = await made();
  const { header: jwt } = await ucan(node, { key: KEY }, "did:x:y", ATT);
  for (
    const value of [
      `Basic ${header}`,
      `Bearer Bearer ${header}`,
      `Bearer: ${header}`,
      `${header}, ${header}`,
      `${header},`,
      `${jwt}, ${jwt}`,
      `${header} ${header}`,
      `${header} x`,
      ".",
      "..",
      "x.y",
      "-",
    ]
  ) await refusesToken(value);
});

Deno.test("wire §3: two Authorization headers are refused", async () => {
  const { header } = await made();
  const request = () => {
    const headers = new Headers([["authorization", header], ["authorization", header]]);
    return ask(node, "/delegate", { headers });
  };
  await refusesUntouched(node, request, MALFORMED);
});

// Base64url.

/** A token whose bytes have this remainder modulo 3, so padding of 2, 1 or no characters. */
async function withPadding(padding: 0 | 1 | 2): Promise<string> {
  for (let size = 8; size < 16; size++) {
    const { header } = await made({ nonce: "n".repeat(size) });
    if (header.length - header.replace(/=+$/, "").length === padding) return header;
  }
  throw new Error("unreachable: 3 sizes give 3 remainders");
}

for (const padding of [0, 1, 2] as const) {
  Deno.test(`wire §3.1: a token with ${padding} padding characters may go without`, async () => {
    const header = await withPadding(padding);
    await accepted(node, { header });
    await accepted(node, { header: header.replace(/=+$/, "") });
  });

  Deno.test(`wire §3.1: a token with ${padding} padding characters has no others`, async () => {
    const bare = (await withPadding(padding)).replace(/=+$/, "");
    for (let count = 1; count <= 4; count++) {
      if (count !== padding) await refusesToken(bare + "=".repeat(count));
    }
    await refusesToken(`=${bare}`);
  });
}

Deno.test("wire §3.1: bits behind the last byte are zero", async () => {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (const padding of [1, 2] as const) {
    const bare = (await withPadding(padding)).replace(/=+$/, "");
    const last = alphabet.indexOf(bare.at(-1) ?? "");
    await refusesToken(bare.slice(0, -1) + alphabet.charAt(last + 1));
  }
});

Deno.test("wire §3.1: the alphabet is base64url's", async () => {
  const { header, bytes: cbor } = await made();
  assert.match(header, /[-_]/);
  const middle = header.length / 2;
  for (
    const form of [
      base64.baseEncode(cbor),
      `${header.slice(0, middle)} ${header.slice(middle)}`,
      `${header.slice(0, middle)}\t${header.slice(middle)}`,
      `${header.slice(0, middle)}!${header.slice(middle)}`,
      `u${header}`,
      header.slice(0, -1) + "\u00e9",
    ]
  ) await refusesToken(form);
});

// CBOR: each of these would be good, were it not written so.

interface Parts {
  readonly h: Record<string, unknown>;
  readonly p: Record<string, unknown>;
  readonly s: { readonly t: string; readonly s: Uint8Array };
}
const GOOD = decode<Parts>((await made()).bytes);
const { h, p, s } = GOOD;
const top = (parts: Readonly<Record<string, Uint8Array>>) =>
  map(
    (["h", "p", "s"] as const).map((name) => [text(name), parts[name] ?? canonical(GOOD[name])]),
  );
/** The pairs of `p` with one value written otherwise. */
const withValue = (name: string, value: Uint8Array) =>
  map(pairsOf(p).map(([key, old]): Pair => isName(key, name) ? [key, value] : [key, old]));
const isName = (key: Uint8Array, name: string) => key.toHex() === text(name).toHex();
const nested = (depth: number) => joined(new Uint8Array(depth).fill(0x81), uint(1));

const WRITTEN: Readonly<Record<string, Uint8Array>> = {
  "with a byte behind": joined(canonical(GOOD), Uint8Array.of(0)),
  "with itself behind": joined(canonical(GOOD), canonical(GOOD)),
  "cut by a byte": canonical(GOOD).slice(0, -1),
  "cut to a byte": canonical(GOOD).slice(0, 1),
  "with a name twice": top({ p: map(doubled(pairsOf(p))) }),
  "with a part twice": map(doubled(pairsOf({ h, p, s }))),
  "with names out of order in p": top({ p: map(pairsOf(p).toReversed()) }),
  "with names sorted by letters only": top({
    p: map(pairsOf(p).toSorted(([a], [b]) => a.slice(1).toHex() < b.slice(1).toHex() ? -1 : 1)),
  }),
  "with parts out of order": map(pairsOf({ h, p, s }).toReversed()),
  "with names out of order in s": top({ s: map(pairsOf({ ...s }).toReversed()) }),
  "with an integer name": top({ p: map([[uint(1), text("x")], ...pairsOf(p)]) }),
  "with a name of bytes": map([[bytes(Uint8Array.of(104)), canonical(h)], ...pairsOf({ p, s })]),
  "as a map without length": indefinite(5, pairsOf({ h, p, s }).flat()),
  "with p as a map without length": top({ p: indefinite(5, pairsOf(p).flat()) }),
  "with a text without length": top({
    p: withValue("nonce", indefinite(3, [text(String(p.nonce))])),
  }),
  "with a signature without length": top({
    s: map([[text("s"), indefinite(2, [bytes(s.s)])], [text("t"), text(s.t)]]),
  }),
  "with a list without length": top({
    p: withValue("resources", indefinite(4, list("resources").map(canonical))),
  }),
  "with a long length of a text": top({ p: withValue("nonce", text(String(p.nonce), 1)) }),
  "with a long length of the signature": top({
    s: map([[text("s"), bytes(s.s, 2)], [text("t"), text(s.t)]]),
  }),
  "with a long length of a map": map(pairsOf({ h, p, s }), 1),
  "with a long integer": top({ p: withValue("version", uint(1, 1)) }),
  "with a very long integer": top({ p: withValue("version", uint(1, 8)) }),
  "with a tag": tagged(0, canonical(GOOD)),
  "with a self-describing tag": tagged(55799, canonical(GOOD)),
  "with a tag on a text": top({ p: withValue("iat", tagged(0, text(String(p.iat)))) }),
  "with a tag 42": top({ p: withValue("nonce", tagged(42, bytes(Uint8Array.of(0)))) }),
  "with version as a half float": top({
    p: withValue("version", Uint8Array.of(0xf9, 0x3c, 0)),
  }),
  "with version as a double": top({
    p: withValue("version", Uint8Array.of(0xfb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0)),
  }),
  "with null for a text": top({ p: withValue("nonce", Uint8Array.of(0xf6)) }),
  "with undefined for a text": top({ p: withValue("nonce", Uint8Array.of(0xf7)) }),
  "with true for version": top({ p: withValue("version", Uint8Array.of(0xf5)) }),
  "with a text that is not UTF-8": top({
    p: withValue("nonce", Uint8Array.of(0x62, 0xc3, 0x28)),
  }),
  "with a text that holds a surrogate": top({
    p: withValue("nonce", Uint8Array.of(0x63, 0xed, 0xa0, 0x80)),
  }),
  "with a list of 2^32 parts": top({ p: withValue("resources", head(4, 2 ** 32)) }),
  "with a text of 2^32 bytes": joined(map([]).slice(0, 0), head(3, 2 ** 32), text("x")),
  "with bytes of 2^63": Uint8Array.of(0x5b, 0x80, 0, 0, 0, 0, 0, 0, 0, 1),
  "with a map of 2^63 pairs": Uint8Array.of(0xbb, 0x80, 0, 0, 0, 0, 0, 0, 0, 1),
  "with a map of 2^64 - 1 pairs": Uint8Array.of(0xbb, ...new Uint8Array(8).fill(255), 1),
  "with lists nested 10^4 deep": nested(10_000),
  "with lists nested 10^4 deep in a field": top({ p: withValue("nonce", nested(10_000)) }),
  "with a reserved length": Uint8Array.of(0x7c, 0x61),
  "with nothing but a break": Uint8Array.of(0xff),
};

function doubled(pairs: readonly Pair[]): Pair[] {
  const [first, ...rest] = pairs;
  return first === undefined ? [] : [first, first, ...rest];
}

function list(name: string): unknown[] {
  const value = p[name];
  return Array.isArray(value) ? value : [];
}

Deno.test("wire §3.1: the message of the cases below is good as it is", async () => {
  await accepted(node, cacaoOfBytes(top({})));
});

for (const [how, cbor] of Object.entries(WRITTEN)) {
  Deno.test(`wire §3.1: CBOR ${how} is refused`, async () => {
    await refusesToken(cacaoOfBytes(cbor).header);
  });
}

const without = (part: Record<string, unknown>, name: string) => {
  const { [name]: _, ...rest } = part;
  return rest;
};

const FIELDS: Readonly<Record<string, unknown>> = {
  ...Object.fromEntries(
    ["aud", "iat", "iss", "nonce", "domain", "version"].map((name) => [
      `without ${name}`,
      { h, p: without(p, name), s },
    ]),
  ),
  "without h": { p, s },
  "without p": { h, s },
  "without s": { h, p },
  "without h.t": { h: {}, p, s },
  "without s.t": { h, p, s: { s: s.s } },
  "without s.s": { h, p, s: { t: s.t } },
  "with another h.t": { h: { t: "caip122" }, p, s },
  "with another s.t": { h, p, s: { ...s, t: "eip1271" } },
  "with an unknown part": { h, p, s, x: "y" },
  "with an unknown field in h": { h: { ...h, x: "y" }, p, s },
  "with an unknown field in p": { h, p: { ...p, x: "y" }, s },
  "with requestId for request_id": { h, p: { ...p, requestId: "y" }, s },
  "with an unknown field in s": { h, p, s: { ...s, m: "y" } },
  "with the version as text": { h, p: { ...p, version: "1" }, s },
  "with version 0": { h, p: { ...p, version: 0 }, s },
  "with version 2": { h, p: { ...p, version: 2 }, s },
  "with version 2^32 + 1": { h, p: { ...p, version: 2 ** 32 + 1 }, s },
  "with a number for aud": { h, p: { ...p, aud: 1 }, s },
  "with bytes for aud": { h, p: { ...p, aud: new Uint8Array(3) }, s },
  "with text for resources": { h, p: { ...p, resources: "urn:recap:x" }, s },
  "with numbers as resources": { h, p: { ...p, resources: [1] }, s },
  "with a list for the statement": { h, p: { ...p, statement: [p.statement] }, s },
  "with text for p": { h, p: "p", s },
  "with a list for h": { h: ["eip4361"], p, s },
  "with the signature as a list": { h, p, s: { ...s, s: [...s.s] } },
  "with the signature as text": { h, p, s: { ...s, s: "0x00" } },
  "with 64 bytes of signature": { h, p, s: { ...s, s: s.s.slice(0, 64) } },
  "with 66 bytes of signature": { h, p, s: { ...s, s: Uint8Array.of(...s.s, 0) } },
  "with no bytes of signature": { h, p, s: { ...s, s: new Uint8Array() } },
  "that is a list": [h, p, s],
  "that is text": "h",
  "that is an empty map": {},
};

for (const [how, value] of Object.entries(FIELDS)) {
  Deno.test(`wire §3.1: a CACAO ${how} is refused`, async () => {
    await refusesToken(cacaoOfBytes(canonical(value)).header);
  });
}

Deno.test("wire §3.1: every optional field may be there, and all but the ReCap absent", async () => {
  await accepted(
    node,
    await made({
      scheme: "https",
      requestId: "some id / of any kind?",
      notBefore: rfc3339(Date.now() / 1000 - 60),
      expirationTime: rfc3339(Date.now() / 1000 + 60),
      statement: "Sign in.",
      resources: ["https://example.org/terms", "ipfs://x"],
    }),
  );
  await accepted(node, await made());
});

// The grammar of fields; each message is signed as it stands.

const GRAMMAR: Readonly<Record<string, Partial<CacaoFields>>> = {
  "a newline in the domain": { domain: "a\nb" },
  "a newline in the statement": { statement: "a\nURI: did:x:y\nVersion: 1" },
  "a carriage return in the statement": { statement: "a\rb" },
  "a tab in the statement": { statement: "a\tb" },
  "a NUL in the statement": { statement: "a\0b" },
  "a DEL in the statement": { statement: "a\x7fb" },
  "a C1 control in the statement": { statement: "a\x85b" },
  "a newline in the nonce": { nonce: "a\nIssued At: 2025-01-01T00:00:00Z" },
  "a NUL in the nonce": { nonce: "a\0b" },
  "a newline in the uri": { uri: "did:x:y\nVersion: 1" },
  "a newline in a resource": { resources: ["urn:x\n- urn:y"] },
  "a newline in the request id": { requestId: "a\nb" },
  "a newline in the scheme": { scheme: "a\nb" },
  "a newline in iat": { issuedAt: "2025-01-01T00:00:00Z\n" },
  "an empty domain": { domain: "" },
  "a slash in the domain": { domain: "a/b" },
  "a space in the domain": { domain: "a b" },
  "a query in the domain": { domain: "a?b" },
  "a fragment in the domain": { domain: "a#b" },
  "a scheme in the domain": { domain: "https://a" },
  "a port that is no number": { domain: "a:b" },
  "two ports": { domain: "a:1:2" },
  "two users": { domain: "a@b@c" },
  "an open bracket in the domain": { domain: "[::1" },
  "an address that is none": { domain: "[::g]" },
  "a bad escape in the domain": { domain: "a%zz" },
  "a domain that is not ASCII": { domain: "ex\u00e4mple.org" },
  "an empty scheme": { scheme: "" },
  "a digit first in the scheme": { scheme: "1a" },
  "an underscore in the scheme": { scheme: "a_b" },
  "a colon in the scheme": { scheme: "https:" },
  "a uri that is none": { uri: "not a uri" },
  "a relative uri": { uri: "x/y" },
  "an empty uri": { uri: "" },
  "a uri with a bad escape": { uri: "did:x:%zz" },
  "a resource that is no URI": { resources: ["not a uri"] },
  "a resource with a bad escape": { resources: ["https://a/%zz"] },
  "an empty resource": { resources: [""] },
  "a relative resource": { resources: ["x/y"] },
};

for (const [what, fields] of Object.entries(GRAMMAR)) {
  Deno.test(`wire §3.1: ${what} is refused`, async () => {
    await refusesToken((await made(fields)).header);
  });
}

Deno.test("wire §3.1: an empty list of resources is refused", async () => {
  const { header } = await cacao(ALICE, KEY.did, undefined, {}, { p: { resources: [] } });
  await refusesToken(header);
});

const GRAMMATICAL: Readonly<Record<string, Partial<CacaoFields>>> = {
  "a domain with a port": { domain: "localhost:8000" },
  "a domain with an empty port": { domain: "localhost:" },
  "a domain with a user": { domain: "user:pass@host" },
  "an IPv6 address as domain": { domain: "[2001:db8::1]:8000" },
  "an escape in the domain": { domain: "a%20b" },
  "a scheme": { scheme: "chrome-extension" },
  "a statement in any script": { statement: "Привет, мир! 你好 🙂 e\u0301 \u202e \u2028 \u00a0" },
  "a statement that looks like fields": { statement: "URI: x Version: 1 - urn:y" },
  "an empty nonce": { nonce: "" },
  "a nonce of one character": { nonce: "x" },
  "a nonce of 5,000 characters": { nonce: "n".repeat(5000) },
  "a nonce that is no word": { nonce: "a b: \u00e9?" },
  "an empty request id": { requestId: "" },
};

for (const [what, fields] of Object.entries(GRAMMATICAL)) {
  Deno.test(`wire §3.1: ${what} is accepted`, async () => {
    await accepted(node, await made(fields));
  });
}

// Times.

const NO_TIMES = [
  "2025-01-01T00:00:00",
  "2025-01-01 00:00:00Z",
  "2025-01-01",
  "2025-02-30T00:00:00Z",
  "2025-02-29T00:00:00Z",
  "1900-02-29T00:00:00Z",
  "2025-04-31T00:00:00Z",
  "2025-00-01T00:00:00Z",
  "2025-13-01T00:00:00Z",
  "2025-01-00T00:00:00Z",
  "2025-01-01T24:00:00Z",
  "2025-01-01T00:60:00Z",
  "2025-01-01T00:00:60Z",
  "2025-01-01T23:59:60Z",
  "2016-12-31T23:59:60Z",
  "2025-01-01T00:00Z",
  "2025-01-01T00:00:00.Z",
  "2025-01-01T00:00:00,5Z",
  "2025-01-01T00:00:00+25:00",
  "2025-01-01T00:00:00+24:00",
  "2025-01-01T00:00:00+01:60",
  "2025-01-01T00:00:00+0100",
  "2025-01-01T00:00:00+01",
  "2025-01-01T00:00:00Z ",
  " 2025-01-01T00:00:00Z",
  "2025-01-01T00:00:00Zx",
  "2025-01-01T00:00:00ZZ",
  "+002025-01-01T00:00:00Z",
  "12025-01-01T00:00:00Z",
  "2025-1-1T00:00:00Z",
  "20250101T000000Z",
  "２０２５-01-01T00:00:00Z",
  "Wed, 01 Jan 2025 00:00:00 GMT",
  "1735689600",
  "1",
  "",
];

for (const time of NO_TIMES) {
  Deno.test(`wire §3.1: "${time}" is no time`, async () => {
    await refusesToken((await made({ issuedAt: time })).header);
    await refusesToken((await made({ expirationTime: time })).header);
    await refusesToken((await made({ notBefore: time })).header);
  });
}

for (
  const time of [
    "2025-01-01T00:00:00Z",
    "2025-01-01T00:00:00.5Z",
    "2025-01-01T00:00:00.123456789Z",
    "2025-01-01T00:00:00+02:00",
    "2025-01-01T00:00:00-23:59",
    "2025-01-01T00:00:00-00:00",
    "2024-02-29T23:59:59Z",
    "2000-02-29T00:00:00Z",
    "0001-01-01T00:00:00Z",
    // RFC 3339 §5.6 lets T and Z be written in lower case.
    "2025-01-01t00:00:00z",
  ]
) {
  Deno.test(`wire §3.1: "${time}" is a time`, async () => {
    await accepted(node, await made({ issuedAt: time, notBefore: time }));
  });
}

Deno.test("wire §3.1: iat is not judged", async () => {
  await accepted(node, await made({ issuedAt: "9999-12-31T23:59:59Z" }));
});

Deno.test("wire §3.1: the far end of time is one", async () => {
  await accepted(node, await made({ expirationTime: "9999-12-31T23:59:59.999Z" }));
});

const T = Math.floor(Date.now() / 1000) + 0.5;
for (
  const [what, fields, good] of [
    ["now is its exp", { expirationTime: rfc3339(T) }, true],
    ["now is a millisecond before its exp", { expirationTime: rfc3339(T + 0.001) }, true],
    ["now is a millisecond after its exp", { expirationTime: rfc3339(T - 0.001) }, false],
    ["its exp is long ago", { expirationTime: "1970-01-01T00:00:00Z" }, false],
    ["now is its nbf", { notBefore: rfc3339(T) }, false],
    ["now is a millisecond after its nbf", { notBefore: rfc3339(T - 0.001) }, true],
    ["now is a millisecond before its nbf", { notBefore: rfc3339(T + 0.001) }, false],
    ["an hour later it ends, written in another zone", { expirationTime: zoned(T + 3600) }, true],
    ["an hour ago it ended, written in another zone", { expirationTime: zoned(T - 3600) }, false],
  ] as const
) {
  Deno.test(`wire §3.1: a CACAO is ${good ? "good" : "refused"} when ${what}`, async () => {
    const { header } = await made(fields);
    node.clock.freeze(T);
    try {
      if (good) await accepted(node, { header });
      else await refusesToken(header, DELEGATION_TIME);
    } finally {
      node.clock.freeze(undefined);
    }
  });
}

/** The time in the zone nine and a half hours east. */
function zoned(seconds: number): string {
  return rfc3339(seconds + 9.5 * 3600).replace("Z", "+09:30");
}

// The signature.

/** The good message with another signature. */
const signedWith = (change: (signature: Uint8Array) => Uint8Array) =>
  cacaoOfBytes(canonical({ h, p, s: { ...s, s: change(Uint8Array.from(s.s)) } })).header;
const scalar = (value: bigint) => Uint8Array.fromHex(value.toString(16).padStart(64, "0"));
const RECOVERY = (s.s[64] ?? 0) - 27;

for (const v of [RECOVERY, RECOVERY + 27]) {
  Deno.test(`wire §3.1: v may be ${v < 27 ? "0 or 1" : "27 or 28"}`, async () => {
    await accepted(node, { header: signedWith((signature) => signature.with(64, v)) });
  });
}

const SIGNATURES: Readonly<Record<string, (signature: Uint8Array) => Uint8Array>> = {
  "with the other v": (signature) => signature.with(64, 28 - RECOVERY),
  "with the other v as 0 or 1": (signature) => signature.with(64, 1 - RECOVERY),
  ...Object.fromEntries(
    [2, 3, 26, 29, 30, 35, 37, 54, 255].map((v) => [
      `with v ${v}`,
      (signature: Uint8Array) => signature.with(64, v),
    ]),
  ),
  "with a high s": (signature) => {
    const low = BigInt(`0x${signature.slice(32, 64).toHex()}`);
    const other = 28 - RECOVERY;
    return joined(signature.slice(0, 32), scalar(SECP256K1_ORDER - low), Uint8Array.of(other));
  },
  "with r = 0": (signature) => joined(scalar(0n), signature.slice(32)),
  "with s = 0": (signature) => joined(signature.slice(0, 32), scalar(0n), signature.slice(64)),
  "with r = n": (signature) => joined(scalar(SECP256K1_ORDER), signature.slice(32)),
  "with s = n": (signature) =>
    joined(signature.slice(0, 32), scalar(SECP256K1_ORDER), signature.slice(64)),
  "with r of all ones": (signature) => joined(scalar(2n ** 256n - 1n), signature.slice(32)),
  "of zeros": () => new Uint8Array(65),
  "with a bit of r changed": (signature) => signature.with(5, (signature[5] ?? 0) ^ 1),
  "with a bit of s changed": (signature) => signature.with(40, (signature[40] ?? 0) ^ 1),
};

for (const [how, change] of Object.entries(SIGNATURES)) {
  Deno.test(`wire §3.1: a signature ${how} is refused`, async () => {
    await refusesToken(signedWith(change), BAD_SIGNATURE);
  });
}

Deno.test("wire §3.1: another wallet's signature is refused", async () => {
  const { header } = await cacao(MALLORY, KEY.did, ATT, {}, { p: { iss: ALICE.did } });
  await refusesToken(header, BAD_SIGNATURE);
});

const ALTERED: Readonly<Record<string, Record<string, unknown>>> = {
  aud: { aud: "did:x:y" },
  iat: { iat: "2025-01-01T00:00:00Z" },
  "iat in another spelling": { iat: String(p.iat).replace("Z", "+00:00") },
  exp: { exp: "2125-01-01T00:00:00Z" },
  nbf: { nbf: "2025-01-01T00:00:00Z" },
  nonce: { nonce: "another" },
  domain: { domain: "evil.example" },
  scheme: { scheme: "https" },
  request_id: { request_id: "1" },
  statement: { statement: `Hello. ${p.statement}` },
  "the chain of iss": { iss: ALICE.did.replace(":1:", ":10:") },
  resources: { resources: ["urn:x", ...list("resources")] },
};

for (const [name, altered] of Object.entries(ALTERED)) {
  Deno.test(`wire §3.1: the signature covers ${name}`, async () => {
    const changed = { h, p: { ...p, ...altered }, s };
    await refusesToken(cacaoOfBytes(canonical(changed)).header, BAD_SIGNATURE);
  });
}

// The ReCap.

/** A message whose last resource is this text behind `urn:recap:`, with the statement for `att`. */
const withRecap = (recap: string, statement = recapStatement(ATT)) =>
  cacao(ALICE, KEY.did, undefined, { statement, resources: [`urn:recap:${recap}`] });
const b64 = (json: string | Uint8Array) =>
  base64url.baseEncode(typeof json === "string" ? new TextEncoder().encode(json) : json);
const att = JSON.stringify(ATT);
const dense = JSON.stringify(KV);

const RECAPS: Readonly<Record<string, string>> = {
  "padded": pad(b64(`{"att":${att},"prf":[],"x":""}`)),
  "with a character behind": `${b64(`{"att":${att},"prf":[]}`)}!`,
  "in base64's own alphabet": base64.baseEncode(
    new TextEncoder().encode(`{"att":${att},"prf":[],"x":"???>>>"}`),
  ).replace(/=+$/, ""),
  "that is empty": "",
  "that is no JSON": b64("att"),
  "with text behind": b64(`{"att":${att},"prf":[]}x`),
  "with a comma behind": b64(`{"att":${att},"prf":[],}`),
  "with a BOM": b64(`\ufeff{"att":${att},"prf":[]}`),
  "that is not UTF-8": b64(
    joined(
      new TextEncoder().encode(`{"att":${att},"prf":[],"x":"`),
      Uint8Array.of(0xc3, 0x22, 0x7d),
    ),
  ),
  "with half a surrogate pair": b64(`{"att":${att},"prf":[],"x":"\\ud800"}`),
  "with a NUL in it": b64(`{"att":${att},"prf":[],"x":"\0"}`),
  "with a name twice": b64(`{"att":${att},"att":${att},"prf":[]}`),
  "with a name twice, once escaped": b64(`{"att":${att},"prf":[],"\\u0070rf":[]}`),
  "with an ignored name twice": b64(`{"att":${att},"prf":[],"x":1,"x":1}`),
  "with a resource twice": b64(
    `{"att":{${dense}:{"${GET}":[{}]},${dense}:{"${GET}":[{}]}},"prf":[]}`,
  ),
  "with an ability twice": b64(`{"att":{${dense}:{"${GET}":[{}],"${GET}":[{}]}},"prf":[]}`),
  "with a name twice in a caveat": b64(
    `{"att":{${dense}:{"${GET}":[{"a":1,"a":1}]}},"prf":[]}`,
  ),
  "without prf": b64(`{"att":${att}}`),
  "without att": b64(`{"prf":[]}`),
  "with prf null": b64(`{"att":${att},"prf":null}`),
  "with prf as text": b64(`{"att":${att},"prf":"z"}`),
  "with prf as an object": b64(`{"att":${att},"prf":{}}`),
  "with a number in prf": b64(`{"att":${att},"prf":[1]}`),
  "with no CID in prf": b64(`{"att":${att},"prf":["zzz"]}`),
  "with base32 in prf": b64(
    `{"att":${att},"prf":["bafkr4iaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]}`,
  ),
  "with att as a list": b64(`{"att":[${att}],"prf":[]}`),
  "with att null": b64(`{"att":null,"prf":[]}`),
  "with a list of abilities": b64(`{"att":{${dense}:["${GET}"]},"prf":[]}`),
  "with an object for caveats": b64(`{"att":{${dense}:{"${GET}":{}}},"prf":[]}`),
  "with no caveat, not even an empty one": b64(`{"att":{${dense}:{"${GET}":[]}},"prf":[]}`),
  "with null for caveats": b64(`{"att":{${dense}:{"${GET}":null}},"prf":[]}`),
  "that is a list": b64(`[{"att":${att},"prf":[]}]`),
  "with 10^4 brackets": b64("[".repeat(10_000)),
  "with 10^4 brackets in an ignored name": b64(
    `{"att":${att},"prf":[],"x":${"[".repeat(4000)}${"]".repeat(4000)}x}`,
  ),
  "with a comment": b64(`{"att":${att},"prf":[]/**/}`),
  "with single quotes": b64(`{'att':${att},"prf":[]}`),
};

function pad(text: string): string {
  const padded = text + "=".repeat((4 - text.length % 4) % 4);
  return padded === text ? `${text}====` : padded;
}

for (const [how, recap] of Object.entries(RECAPS)) {
  Deno.test(`wire §3.1: a ReCap ${how} is refused`, async () => {
    await refusesToken((await withRecap(recap)).header);
  });
}

for (
  const [how, json] of [
    ["as it should be", `{"att":${att},"prf":[]}`],
    ["with its members in the other order", `{"prf":[],"att":${att}}`],
    ["with other names", `{"att":${att},"prf":[],"x":[{"y":null}],"__proto__":{"att":1}}`],
    ["with spaces", ` { "att" : ${att} ,\n\t"prf" : [ ] } `],
    ["with escapes", `{"\\u0061tt":{"${KV.replace("t", "\\u0074")}":{"${GET}":[{}]}},"prf":[]}`],
    ["with two empty caveats", `{"att":{${dense}:{"${GET}":[{},{}]}},"prf":[]}`],
  ] as const
) {
  Deno.test(`wire §3.1, U6: a ReCap ${how} is accepted and authorizes`, async () => {
    const token = await withRecap(b64(json));
    await accepted(node, token);
    const resource = resourceUri(SPACE, "kv", "x");
    assertRefused(await use(node, { key: KEY, cid: token.cid }, GET, resource), NO_KEY);
  });
}

Deno.test("wire §3.1: __proto__ is plain data", async () => {
  for (
    const json of [
      `{"att":{"__proto__":{"${GET}":[{}]}},"prf":[]}`,
      `{"att":{${dense}:{"__proto__":[{}]}},"prf":[]}`,
      `{"__proto__":{"att":${att},"prf":[]}}`,
    ]
  ) await refusesToken((await withRecap(b64(json))).header);
  const name = "__proto__/constructor";
  await accepted(node, await cacao(ALICE, KEY.did, attenuation(KV, [name])));
});

Deno.test("wire §3.1: only the last resource is looked at for a ReCap", async () => {
  const recap = recapResource(ATT);
  const fields = { statement: recapStatement(ATT), resources: [recap, "urn:x"] };
  await refusesToken((await cacao(ALICE, KEY.did, undefined, fields)).header, EMPTY);

  const other = recapResource(allOfKv(spaceId(MALLORY.did)));
  const token = await made({ resources: [other] });
  assert.deepEqual((await accepted(node, token)).activated, [SPACE]);
});

Deno.test("wire §3.1: urn:recap: is matched as it is", async () => {
  for (const start of ["URN:RECAP:", "urn:Recap:", "urn:recap"]) {
    const resource = recapResource(ATT).replace("urn:recap:", start);
    const fields = { statement: recapStatement(ATT), resources: [resource] };
    await refusesToken((await cacao(ALICE, KEY.did, undefined, fields)).header, EMPTY);
  }
});

const SENTENCE = recapStatement(ATT);
const STATEMENTS: Readonly<Record<string, string | undefined>> = {
  "is absent": undefined,
  "says something else": "I am nice.",
  "only contains the text": `${SENTENCE} Not!`,
  "has a space behind": `${SENTENCE} `,
  "lacks the full stop": SENTENCE.slice(0, -1),
  "names another ability": SENTENCE.replace("'get'", "'put'"),
  "names an ability more": SENTENCE.replace("'get'", "'get', 'put'"),
  "names another resource": SENTENCE.replace("default/kv", "default/kv/a"),
  "counts from 0": SENTENCE.replace("(1)", "(0)"),
  "is in upper case": SENTENCE.toUpperCase(),
  "has two spaces": SENTENCE.replace(" (1)", "  (1)"),
};

for (const [how, statement] of Object.entries(STATEMENTS)) {
  Deno.test(`wire §3.1: a statement that ${how} is refused`, async () => {
    const fields = { ...(statement === undefined ? {} : { statement }) };
    const { header } = await cacao(ALICE, KEY.did, undefined, {
      ...fields,
      resources: [recapResource(ATT)],
    });
    await refusesToken(header);
  });
}

for (const before of ["Hello. ", "x", `${SENTENCE} `]) {
  Deno.test(`wire §3.1: "${before.slice(0, 10)}" may go before the statement's end`, async () => {
    const { bytes: _, ...token } = await withRecap(
      recapResource(ATT).slice("urn:recap:".length),
      before + SENTENCE,
    );
    await accepted(node, token);
  });
}

Deno.test("wire §3.1: the text comes from the strings as decoded, sorted by their bytes", async () => {
  const lower = SPACE.replace(ALICE.address, ALICE.address.toLowerCase());
  const many: Attenuations = {
    ...attenuation(resourceUri(SPACE, "kv", "b"), ["tinycloud.kv/put", GET]),
    ...attenuation(resourceUri(SPACE, "kv", "B"), [GET]),
    ...attenuation(resourceUri(SPACE, "kv", "a"), ["x.y/b", "x/c", "x.y/B", "x-y/a"]),
    ...attenuation(resourceUri(lower, "kv", "b"), ["tinycloud.kv/list"]),
  };

  const token = await cacao(ALICE, KEY.did, many);

  // The two spellings of one space are one, and so are the two of one resource.
  assert.deepEqual((await accepted(node, token)).activated, [SPACE]);
  const link = { key: KEY, cid: token.cid };
  const resource = resourceUri(SPACE, "kv", "b");
  assertRefused(await use(node, link, GET, resource), NO_KEY);
  assertOk(await use(node, link, "tinycloud.kv/list", resource));
});

Deno.test("wire §3.1: the sentence a wallet would show for canonical names is no other's", async () => {
  const lower = attenuation(KV.replace(ALICE.address, ALICE.address.toLowerCase()), [GET]);
  const resources = [recapResource(lower)];
  const fields = { statement: SENTENCE, resources };
  await refusesToken((await cacao(ALICE, KEY.did, undefined, fields)).header);
});

// Caveats.

const CAVEATED: Readonly<Record<string, string>> = {
  "a caveat": `[{"max":1}]`,
  "an empty and another caveat": `[{},{"max":1}]`,
};

/** Two spellings of one resource, in either order; only the first or the second has a caveat. */
const TWICE: readonly (readonly [first: string, second: string])[] = [
  [`[{}]`, `[{"max":1}]`],
  [`[{"max":1}]`, `[{}]`],
];

for (const [first, second] of TWICE) {
  Deno.test(`wire §3.1, U30: of one resource twice, ${first} and ${second} are a caveat`, async () => {
    const lower = SPACE.replace(ALICE.address, ALICE.address.toLowerCase());
    const [one, other] = [KV, resourceUri(lower, "kv")];
    const statement = recapStatement({ ...attenuation(one, [GET]), ...attenuation(other, [GET]) });
    const list = JSON.stringify({ [one]: { [GET]: "1" }, [other]: { [GET]: "2" } })
      .replace('"1"', first).replace('"2"', second);
    const token = await withRecap(b64(`{"att":${list},"prf":[]}`), statement);
    await accepted(node, token);

    const resource = resourceUri(SPACE, "kv", "x");
    const link = { key: KEY, cid: token.cid };
    await refusesUntouched(node, () => use(node, link, GET, resource), notAllowed(resource, GET));
    const child = await ucan(node, link, "did:x:y", attenuation(resource, [GET]));
    await refusesToken(child.header, notGranted(resource, GET));
  });
}

for (const [what, caveats] of Object.entries(CAVEATED)) {
  const resource = resourceUri(SPACE, "kv", "x");

  Deno.test(`wire §3.1, U30: a capability with ${what} is stored and authorizes nothing`, async () => {
    const token = await withRecap(b64(`{"att":{${dense}:{"${GET}":${caveats}}},"prf":[]}`));
    assert.deepEqual((await accepted(node, token)).activated, [SPACE]);

    const link = { key: KEY, cid: token.cid };
    await refusesUntouched(node, () => use(node, link, GET, resource), notAllowed(resource, GET));
    const child = await ucan(node, link, "did:x:y", attenuation(resource, [GET]));
    await refusesToken(child.header, notGranted(resource, GET));
  });

  Deno.test(`wire §3.1, U30: a host capability with ${what} hosts nothing`, async () => {
    const wallet = randomWallet();
    const space = spaceId(wallet.did);
    const hostAtt = attenuation(resourceUri(space, "space"), [HOST]);
    const json = JSON.stringify({ att: hostAtt, prf: [] }).replace("[{}]", caveats);
    const token = await cacao(wallet, await hostDid(node, space), undefined, {
      statement: recapStatement(hostAtt),
      resources: [`urn:recap:${b64(json)}`],
    });
    await refusesToken(token.header, NO_SPACE);
  });

  Deno.test(`wire §3.1, U30: an invocation with ${what} is refused`, async () => {
    const session = await aSession(node, { wallet: ALICE });
    const request = async (): Promise<Answer> => {
      const carried = { [resource]: { [PUT]: JSON.parse(caveats) } };
      return await use(node, session, PUT, resource, { attenuations: carried }, "1");
    };
    await refusesUntouched(node, request, notAllowed(resource, PUT));
  });
}

// What a token may not be taken for.

Deno.test("adversary 1: a CACAO does not invoke", async () => {
  const { header } = await made();
  await refusesUntouched(node, () => ask(node, "/invoke", { token: header }), MALFORMED);
});

Deno.test("adversary 1: a revocation CACAO is no delegation", async () => {
  const { cid } = await made();
  const plain = await cacao(ALICE, `ucan:${cid}`, undefined);
  await refusesToken(plain.header, EMPTY);
  const granting = await cacao(ALICE, `ucan:${cid}`, ATT);
  await refusesToken(granting.header, EMPTY);
});

Deno.test("wire §3.1: an aud that is a URI and no DID delegates to nobody", async () => {
  for (const uri of ["https://example.org/", "urn:x", "mailto:a@b.c", "did:x"]) {
    await refusesToken((await made({ uri })).header, EMPTY);
  }
});

Deno.test("wire §3.1: a message on behalf of somebody else's space needs a parent", async () => {
  const { header } = await cacao(MALLORY, KEY.did, ATT);
  await refusesToken(header, NO_PARENT);
  const host = await hosting(node, MALLORY, SPACE);
  await refusesToken(host.header, NO_PARENT);
});
