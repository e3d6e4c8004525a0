// wire §3.2, the UCAN: its segments, its header and payload, its keys and signatures, its time.
// The recorded and foreign vectors are in tests/conformance.

import assert from "node:assert/strict";
import { ed25519 } from "@noble/curves/ed25519.js";
import { p256 } from "@noble/curves/nist.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { base16 } from "multiformats/bases/base16";
import { base58btc } from "multiformats/bases/base58";
import { base64, base64url } from "multiformats/bases/base64";
import {
  attenuation,
  es256Key,
  es256kKey,
  resourceUri,
  type SessionKey,
  sessionKeyFromSeed,
  spaceId,
  walletFromPrivateKey,
} from "../../client/mod.ts";
import { ask, assertOk, assertRefused, type Refusal } from "../support/asking.ts";
import { joined } from "../support/cbor_by_hand.ts";
import { startTestNode } from "../support/node.ts";
import {
  BAD_SIGNATURE,
  DELEGATION_TIME,
  EMPTY,
  INVOCATION_TIME,
  MALFORMED,
  NO_KEY,
  notAllowed,
  notGranted,
  TOO_LONG_LIVED,
} from "../support/refusals.ts";
import { refusesUntouched } from "../support/state.ts";
import {
  accepted,
  allOfKv,
  aSession,
  cacao,
  GET,
  granted,
  hosting,
  invocation,
  now,
  post,
  PUT,
  ucan,
  use,
} from "../support/world.ts";

const node = await startTestNode({ env: { TINYCLOUD_STORAGE_DURABILITY: "normal" } });
Deno.test.afterAll(async () => await node[Symbol.asyncDispose]());

const ALICE = walletFromPrivateKey("41".repeat(32));
const SECRET = new Uint8Array(32).fill(42);
const ED = await sessionKeyFromSeed(SECRET);
const P256 = es256Key(SECRET);
const K256 = es256kKey(SECRET);
const SESSION = await aSession(node, { wallet: ALICE, key: ED });
const KV = resourceUri(SESSION.space, "kv");
const KEY_X = resourceUri(SESSION.space, "kv", "x");
const TO = "did:x:y";
const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const SECP256K1_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const ED25519_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

type Members = Readonly<Record<string, unknown>>;
const HEADER: Members = { alg: "EdDSA", typ: "JWT", ucv: "0.10.0" };
let count = 0;
const payload = (): Members => ({
  iss: ED.didUrl,
  aud: TO,
  exp: now(node) + 600,
  nnc: `nonce ${count++}`,
  prf: [SESSION.cid],
  att: attenuation(KV, [GET]),
});

const utf8 = (text: string) => new TextEncoder().encode(text);
const b64 = (value: string | Uint8Array) =>
  base64url.baseEncode(typeof value === "string" ? utf8(value) : value);
const json = (value: unknown) => b64(JSON.stringify(value));

/** A token of these two segments, signed as they stand. */
async function signed(header: string, body: string, key: SessionKey = ED): Promise<string> {
  return `${header}.${body}.${b64(await key.sign(utf8(`${header}.${body}`)))}`;
}

const withHeader = (members: Members) => signed(json({ ...HEADER, ...members }), json(payload()));
const withPayload = (members: Members) => signed(json(HEADER), json({ ...payload(), ...members }));
/** The payload's JSON, with a change in its text. */
const withText = (change: (text: string) => string | Uint8Array) =>
  signed(json(HEADER), b64(change(JSON.stringify(payload()))));

const refusesToken = (token: string, refusal: Refusal = MALFORMED) =>
  refusesUntouched(node, () => post(node, token), refusal);

Deno.test("wire §3.2: the token of the cases below is good as it is", async () => {
  await accepted(node, { header: await withPayload({}) });
});

// Segments.

Deno.test("wire §3.2: a token has three parts, none empty", async () => {
  const [header = "", body = "", signature = ""] = (await withPayload({})).split(".");
  for (
    const token of [
      `${header}.${body}`,
      `${header}.`,
      `${header}.${body}.${signature}.`,
      `${header}.${body}.${signature}.${signature}`,
      `.${header}.${body}.${signature}`,
      `.${body}.${signature}`,
      `${header}..${signature}`,
      `..${signature}`,
      `${body}.${header}.${signature}`,
    ]
  ) await refusesToken(token);
});

Deno.test("wire §3.2: a token without its signature is refused", async () => {
  const [header = "", body = ""] = (await withPayload({})).split(".");
  const answer = await post(node, `${header}.${body}.`);
  assert.equal(answer.status, 401);
  assert.match(answer.code ?? "", /^token_(malformed|signature)$/);
});

/** A text one character longer than full groups of four, so that its last character has spare bits. */
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const bitsBehind = (segment: string) =>
  segment.slice(0, -1) + ALPHABET.charAt(ALPHABET.indexOf(segment.at(-1) ?? "") + 1);

Deno.test("wire §3.2, U11: bits behind the last byte are zero", async () => {
  const [header, body] = [json({ ...HEADER, x: "" }), json({ ...payload(), x: "" })];
  for (let pad = 0; pad < 3; pad++) {
    const longer = json({ ...HEADER, x: "x".repeat(pad) });
    if (longer.length % 4 !== 0) await refusesToken(await signed(bitsBehind(longer), body));
    const more = json({ ...payload(), x: "x".repeat(pad) });
    if (more.length % 4 !== 0) await refusesToken(await signed(header, bitsBehind(more)));
  }
  // 64 bytes leave four bits.
  const token = await signed(header, body);
  await refusesToken(bitsBehind(token));
});

Deno.test("wire §3.2, U11: no padding, other alphabet or space in any segment", async () => {
  const [header, body] = [json({ ...HEADER, x: "???>>>" }), json({ ...payload(), x: "???>>>" })];
  const token = await signed(header, body);
  const [, , signature = ""] = token.split(".");
  const plain = (segment: string) => base64.baseEncode(base64url.baseDecode(segment));
  for (
    const bad of [
      await signed(`${header}=`, body),
      await signed(header, `${body}=`),
      await signed(header, `${body}==`),
      `${token}=`,
      `${token}==`,
      await signed(plain(header), body),
      await signed(header, plain(body)),
      await signed(`${header.slice(0, 8)} ${header.slice(8)}`, body),
      `${header}.${body}. ${signature}`,
      `${header}.${body}.${signature.slice(0, 9)}\t${signature.slice(9)}`,
      await signed(`u${header}`, body),
      await signed(header, `${body.slice(0, 9)}!${body.slice(9)}`),
    ]
  ) await refusesToken(bad);
});

// Header.

const HEADERS: Readonly<Record<string, Members>> = {
  "typ in lower case": { typ: "jwt" },
  "another typ": { typ: "ucan" },
  "no typ": { typ: undefined },
  "ucv 0.9.1": { ucv: "0.9.1" },
  "ucv 0.10": { ucv: "0.10" },
  "ucv 0.10.1": { ucv: "0.10.1" },
  "ucv as a number": { ucv: 0.1 },
  "no ucv": { ucv: undefined },
  "alg none": { alg: "none" },
  "alg None": { alg: "None" },
  "alg in lower case": { alg: "eddsa" },
  "alg in upper case": { alg: "EDDSA" },
  "alg as a number": { alg: -8 },
  "alg null": { alg: null },
  "alg as a list": { alg: ["EdDSA"] },
  "no alg": { alg: undefined },
  "alg HS256": { alg: "HS256" },
  "alg RS256": { alg: "RS256" },
  "alg Ed25519": { alg: "Ed25519" },
  "crit": { crit: ["exp"] },
  "an empty crit": { crit: [] },
  "crit null": { crit: null },
  "b64 false": { b64: false },
  "b64 true": { b64: true },
};

for (const [what, members] of Object.entries(HEADERS)) {
  Deno.test(`wire §3.2: a header with ${what} is refused`, async () => {
    await refusesToken(await withHeader(members));
  });
}

for (const name of ["crit", "b64"]) {
  Deno.test(`wire §3.2: ${name} in the payload is refused, whatever it says`, async () => {
    for (const value of [false, true, null, [], ["exp"]]) {
      await refusesToken(await withPayload({ [name]: value }));
      const overrides = { payload: { [name]: value } };
      const { header } = await invocation(node, SESSION, GET, KEY_X, {}, overrides);
      await refusesUntouched(node, () => ask(node, "/invoke", { token: header }), MALFORMED);
    }
  });
}

Deno.test("wire §3.2: alg none without a signature, and HS256 with the public key", async () => {
  const none = `${json({ ...HEADER, alg: "none" })}.${json(payload())}.`;
  await refusesToken(none);
  const text = `${json({ ...HEADER, alg: "HS256" })}.${json(payload())}`;
  const publicKey = base58btc.decode(ED.did.slice("did:key:".length)).subarray(2);
  await refusesToken(`${text}.${b64(hmac(sha256, publicKey, utf8(text)))}`);
});

const KEYS: readonly SessionKey[] = [ED, P256, K256];
for (const key of KEYS) {
  for (const { alg } of KEYS) {
    const fits = alg === key.alg;
    Deno.test(`wire §3.2: alg ${alg} is ${fits ? "right" : "wrong"} for ${key.did.slice(8, 12)}`, async () => {
      const session = await aSession(node, { wallet: ALICE, key });
      const members = { ...payload(), iss: key.didUrl, prf: [session.cid] };
      const token = await signed(json({ ...HEADER, alg }), json(members), key);
      if (fits) return void await accepted(node, { header: token });
      const answer = await post(node, token);
      // A wrong algorithm is a token that does not fit together, or a signature that cannot be.
      const { code } = answer.code === "token_signature" ? BAD_SIGNATURE : MALFORMED;
      assert.deepEqual([answer.status, answer.code], [401, code]);
    });
  }
}

Deno.test("wire §3.2: a jwk is ignored, whose ever it is", async () => {
  const other = await sessionKeyFromSeed(new Uint8Array(32).fill(43));
  for (const jwk of [ED.jwk, other.jwk, {}, null, "x", { kty: "RSA" }]) {
    await accepted(node, { header: await withHeader({ jwk }) });
  }
  // Signed by the key that the jwk says, which is not the issuer.
  const header = json({ ...HEADER, jwk: other.jwk });
  await refusesToken(await signed(header, json(payload()), other), BAD_SIGNATURE);
});

Deno.test("wire §3.2: other unknown names are ignored", async () => {
  await accepted(node, { header: await withHeader({ kid: "x", cty: 1, x: { y: [null] } }) });
  await accepted(node, { header: await withPayload({ sub: "x", jti: 1, meta: { y: [null] } }) });
});

// JSON.

const TEXTS: Readonly<Record<string, (text: string) => string | Uint8Array>> = {
  "a name twice": (text) => text.replace("{", `{"exp":1,`),
  "a name twice, once escaped": (text) => text.replace("{", `{"\\u0065xp":1,`),
  "an unknown name twice": (text) => text.replace("{", `{"x":1,"x":1,`),
  "a name twice in a fact": (text) => text.replace("{", `{"fct":[{"x":1,"x":1}],`),
  "a name twice in an unknown member": (text) => text.replace("{", `{"y":{"x":1,"\\u0078":1},`),
  "a BOM": (text) => `\ufeff${text}`,
  "text behind": (text) => `${text}x`,
  "an object behind": (text) => text + text,
  "a NUL behind": (text) => `${text}\0`,
  "a comma behind": (text) => text.replace(/\}$/, ",}"),
  "bytes that are no UTF-8": (text) =>
    joined(utf8(text.replace(/\}$/, `,"x":"`)), Uint8Array.of(0xff), utf8(`"}`)),
  "an overlong encoding": (text) =>
    joined(utf8(text.replace(/\}$/, `,"x":"`)), Uint8Array.of(0xc0, 0xaf), utf8(`"}`)),
  "half a surrogate pair": (text) => text.replace(/\}$/, `,"x":"\\udc00"}`),
  "half a surrogate pair in a name": (text) => text.replace(/\}$/, `,"\\ud800x":1}`),
  "half a surrogate pair in the nonce": (text) => text.replace(`"nnc":"`, `"nnc":"\\ud83d`),
  "a raw NUL in a text": (text) => text.replace(`"nnc":"`, `"nnc":"\0`),
  "a raw newline in a text": (text) => text.replace(`"nnc":"`, `"nnc":"\n`),
  "20,000 brackets": () => "[".repeat(20_000),
  "20,000 brackets in a member": (text) =>
    text.replace("{", `{"x":${"[".repeat(9_000)}${"]".repeat(9_000)},`),
  "20,000 braces": () => `{"a":`.repeat(4_000),
  "a number with a leading zero": (text) => text.replace(/"exp":/, `"exp":0`),
  "NaN": (text) => text.replace(/"exp":\d+/, `"exp":NaN`),
  "Infinity": (text) => text.replace(/"exp":\d+/, `"exp":Infinity`),
  "a hexadecimal number": (text) => text.replace(/"exp":\d+/, `"exp":0xffffffffff`),
  "a comment": (text) => text.replace("{", "{/**/"),
  "nothing": () => "{}",
  "a list": (text) => `[${text}]`,
  "a text": (text) => JSON.stringify(text),
  "null": () => "null",
};

for (const [what, change] of Object.entries(TEXTS)) {
  Deno.test(`wire §3.2: a payload that has ${what} is refused`, async () => {
    await refusesToken(await withText(change));
  });
}

Deno.test("wire §3.2: a header is JSON just as strictly", async () => {
  const text = JSON.stringify(HEADER);
  for (
    const bad of [
      text.replace("{", `{"alg":"EdDSA",`),
      text.replace("{", `{"\\u0061lg":"none",`),
      text.replace("{", `{"x":1,"x":1,`),
      `\ufeff${text}`,
      `${text}x`,
      `[${text}]`,
      "{}",
      "null",
    ]
  ) await refusesToken(await signed(b64(bad), json(payload())));
});

Deno.test("wire §3.2: escapes and spaces are JSON too, and the bytes received are signed", async () => {
  await accepted(node, {
    header: await withText((text) => ` ${text.replace(`"iss"`, `\n"\\u0069ss" `)}\r\n`),
  });
  // The same claims, signed in another text.
  const [header, body, signature] = (await withPayload({})).split(".");
  const other = b64(` ${new TextDecoder().decode(base64url.baseDecode(body ?? ""))}`);
  await refusesToken(`${header}.${other}.${signature}`, BAD_SIGNATURE);
});

// Payload.

const PAYLOADS: Readonly<Record<string, Members>> = {
  "no iss": { iss: undefined },
  "a number for iss": { iss: 1 },
  "an iss that is no DID": { iss: "me" },
  "an empty iss": { iss: "" },
  "no aud": { aud: undefined },
  "null for aud": { aud: null },
  "a list for aud": { aud: [TO] },
  "a fragment in aud": { aud: `${TO}#key-1` },
  "an aud that is no DID": { aud: "https://example.org/" },
  "no exp": { exp: undefined },
  "null for exp": { exp: null },
  "a text for exp": { exp: "99999999999" },
  "true for exp": { exp: true },
  "a list for exp": { exp: [99999999999] },
  "null for nbf": { nbf: null },
  "a text for nbf": { nbf: "1" },
  "a number for nnc": { nnc: 1 },
  "null for nnc": { nnc: null },
  "an object for fct": { fct: {} },
  "null for fct": { fct: null },
  "a text for fct": { fct: "x" },
  "no prf": { prf: undefined },
  "null for prf": { prf: null },
  "a text for prf": { prf: SESSION.cid },
  "a number in prf": { prf: [1] },
  "a link object in prf": { prf: [{ "/": SESSION.cid }] },
  "no CID in prf": { prf: ["x"] },
  "no att": { att: undefined },
  "null for att": { att: null },
  "a list for att": { att: [{ with: KV, can: GET }] },
  "a text for att": { att: KV },
  "a list of abilities": { att: { [KV]: [GET] } },
  "null for abilities": { att: { [KV]: null } },
  "no list of caveats": { att: { [KV]: { [GET]: {} } } },
  "an empty list of caveats": { att: { [KV]: { [GET]: [] } } },
  "a caveat that is no object": { att: { [KV]: { [GET]: [1] } } },
  "null for a caveat": { att: { [KV]: { [GET]: [null] } } },
  "null for caveats": { att: { [KV]: { [GET]: null } } },
  "a resource that is no URI": { att: { "a b": { [GET]: [{}] } } },
  "an ability that is none": { att: { [KV]: { get: [{}] } } },
};

for (const [what, members] of Object.entries(PAYLOADS)) {
  Deno.test(`wire §3.2: a payload with ${what} is refused`, async () => {
    await refusesToken(await withPayload(members));
  });
}

Deno.test("wire §3.2: an exp beyond all numbers is refused", async () => {
  for (const exp of ["1e400", "-1e400", `1${"0".repeat(400)}`]) {
    await refusesToken(await withText((text) => text.replace(/"exp":\d+/, `"exp":${exp}`)));
  }
});

Deno.test("wire §3.2: nbf, nnc and fct may be absent, facts be anything", async () => {
  await accepted(node, { header: await withPayload({ nnc: undefined }) });
  await accepted(node, { header: await withPayload({ nbf: now(node) - 1 }) });
  for (const fct of [[], [1, "x", null, { a: [{}] }]]) {
    await accepted(node, { header: await withPayload({ fct }) });
  }
});

Deno.test("wire §3.2: __proto__ is plain data", async () => {
  await accepted(node, {
    header: await withText((text) => text.replace("{", `{"__proto__":{"exp":1},`)),
  });
  for (
    const att of [`{"__proto__":{"${GET}":[{}]}}`, `{"${KV}":{"__proto__":[{}]}}`]
  ) await refusesToken(await withText((text) => text.replace(/"att":.*/, `"att":${att}}`)));
  const inherited = (text: string) =>
    text.replace(/"att":/, `"__proto__":{"att":`).replace(/\}$/, "}}");
  await refusesToken(await withText(inherited));
});

Deno.test("wire §3.2, U30: a caveat that is not understood narrows to nothing", async () => {
  const child = await sessionKeyFromSeed(new Uint8Array(32).fill(45));
  for (const caveats of [[{ max: 1 }], [{}, { max: 1 }]]) {
    const token = await ucan(node, SESSION, child.did, { [KV]: { [GET]: caveats } });
    await accepted(node, token);
    const link = { key: child, cid: token.cid };
    await refusesUntouched(node, () => use(node, link, GET, KEY_X), notAllowed(KEY_X, GET));
    await refusesToken(
      (await ucan(node, link, TO, attenuation(KEY_X, [GET]))).header,
      notGranted(KEY_X, GET),
    );
  }
});

Deno.test("wire §3.2, U30: of one resource twice, an empty and another caveat are a caveat", async () => {
  const child = await sessionKeyFromSeed(new Uint8Array(32).fill(45));
  const lower = KV.replace(ALICE.address, ALICE.address.toLowerCase());
  for (const [first, second] of [[[{}], [{ max: 1 }]], [[{ max: 1 }], [{}]]] as const) {
    const twice = { [KV]: { [GET]: first }, [lower]: { [GET]: second } };
    const token = await ucan(node, SESSION, child.did, twice);
    await accepted(node, token);
    const link = { key: child, cid: token.cid };
    await refusesUntouched(node, () => use(node, link, GET, KEY_X), notAllowed(KEY_X, GET));

    const [on, below] = [KEY_X, KEY_X.replace(ALICE.address, ALICE.address.toLowerCase())];
    const carried = { payload: { att: { [on]: { [GET]: first }, [below]: { [GET]: second } } } };
    const { header } = await invocation(node, SESSION, GET, KEY_X, {}, carried);
    const request = () => ask(node, "/invoke", { token: header });
    await refusesUntouched(node, request, notAllowed(KEY_X, GET));
  }
});

// Issuers.

/** did:key of these bytes, multicodec included. */
const didOf = (...bytes: number[]) => `did:key:${base58btc.encode(Uint8Array.from(bytes))}`;
const ed = ed25519.getPublicKey(SECRET);
const k = secp256k1.getPublicKey(SECRET, true);
const p = p256.getPublicKey(SECRET, true);
/** An x of secp256k1 that no point has, and one of P-256. */
const K_OFF = Uint8Array.of(2, ...new Uint8Array(31), 5);
const P_OFF = Uint8Array.of(2, ...new Uint8Array(31), 1);

const ISSUERS: Readonly<Record<string, readonly [string, SessionKey]>> = {
  "in base64url": [`did:key:${base64url.encode(Uint8Array.of(0xed, 1, ...ed))}`, ED],
  "in base16": [`did:key:${base16.encode(Uint8Array.of(0xed, 1, ...ed))}`, ED],
  "without its multibase letter": [ED.did.replace(":z", ":"), ED],
  "with a letter that base58 has not": [ED.did.replace("z6", "z0"), ED],
  "with a varint longer than need be": [didOf(0xed, 0x81, 0, ...ed), ED],
  "with the reference's old prefix": [didOf(0xed, ...ed), ED],
  "with a zero in front": [didOf(0, 0xed, 1, ...ed), ED],
  "of 31 bytes": [didOf(0xed, 1, ...ed.slice(1)), ED],
  "of 33 bytes": [didOf(0xed, 1, ...ed, 0), ED],
  "of no bytes": [didOf(0xed, 1), ED],
  "of X25519": [didOf(0xec, 1, ...ed), ED],
  "of RSA": [didOf(0x85, 0x24, ...ed), ED],
  "of Ed448": [didOf(0x83, 0x24, ...ed), ED],
  "of secp256k1, uncompressed": [didOf(0xe7, 1, ...secp256k1.getPublicKey(SECRET, false)), K256],
  "of secp256k1 with a byte more": [didOf(0xe7, 1, ...k, 0), K256],
  "of P-256, uncompressed": [didOf(0x80, 0x24, ...p256.getPublicKey(SECRET, false)), P256],
  "of P-256 with a byte less": [didOf(0x80, 0x24, ...p.slice(0, -1)), P256],
  "with white space": [`${ED.did} `, ED],
  "with a path": [`${ED.did}/x`, ED],
  "with a query": [`${ED.did}?x`, ED],
  "in another case": [ED.did.toUpperCase(), ED],
};

/** Rightly encoded, yet no point. The contract lets either be found first: no key, no signature. */
const NO_POINTS: typeof ISSUERS = {
  "of secp256k1 with a prefix of 4": [didOf(0xe7, 1, 4, ...k.slice(1)), K256],
  "of secp256k1 off its curve": [didOf(0xe7, 1, ...K_OFF), K256],
  "of P-256 with a prefix of 5": [didOf(0x80, 0x24, 5, ...p.slice(1)), P256],
  "of P-256 off its curve": [didOf(0x80, 0x24, ...P_OFF), P256],
};

for (const [what, [iss, key]] of Object.entries(ISSUERS)) {
  Deno.test(`wire §3.2: a did:key ${what} issues nothing`, async () => {
    const token = await signed(
      json({ ...HEADER, alg: key.alg }),
      json({ ...payload(), iss }),
      key,
    );
    await refusesUntouched(node, () => post(node, token), MALFORMED);
  });
}

for (const [what, [iss, key]] of Object.entries(NO_POINTS)) {
  Deno.test(`adversary 1: a did:key ${what} issues nothing`, async () => {
    const header = json({ ...HEADER, alg: key.alg });
    const token = await signed(header, json({ ...payload(), iss }), key);
    const { code } = await post(node, token);
    const refusal = code === BAD_SIGNATURE.code ? BAD_SIGNATURE : MALFORMED;
    await refusesUntouched(node, () => post(node, token), refusal);
  });
}

for (const iss of [ALICE.did, "did:web:example.org", "did:x:y", "did:ethr:0x00"]) {
  Deno.test(`wire §3.2: ${iss.slice(0, 12)} never signs a UCAN here`, async () => {
    const answer = await post(node, await withPayload({ iss }));
    // No key can be had of it: a token that cannot be read, or a signature that cannot be checked.
    const { code } = answer.code === "token_signature" ? BAD_SIGNATURE : MALFORMED;
    await refusesToken(await withPayload({ iss }), { ...MALFORMED, code, sentence: /./ });
  });
}

/** The eight points of small order, and encodings of them that are not canonical. */
const SMALL = [
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0000000000000000000000000000000000000000000000000000000000000080",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
  // y = p, p + 1 and the sign of a zero x.
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "0100000000000000000000000000000000000000000000000000000000000080",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

for (const hex of SMALL) {
  Deno.test(`adversary 1: the Ed25519 key ${hex.slice(0, 4)}…${hex.slice(-4)} signs nothing`, async () => {
    const iss = didOf(0xed, 1, ...Uint8Array.fromHex(hex));
    // R = sB, S = s holds for every message under the identity, whose multiples add nothing;
    // under the others for one message in eight at the least.
    const s = 7n;
    const signature = joined(
      ed25519.Point.BASE.multiply(s).toBytes(),
      Uint8Array.of(Number(s), ...new Uint8Array(31)),
    );
    for (let attempt = 0; attempt < 16; attempt++) {
      const text = `${json(HEADER)}.${json({ ...payload(), iss })}`;
      const answer = await post(node, `${text}.${b64(signature)}`);
      assert.equal(answer.status, 401);
      assert.match(answer.code ?? "", /^token_(malformed|signature)$/);
    }
  });
}

Deno.test("wire §3.2: no did:web is resolved", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let contacted = 0;
  const listening = (async () => {
    for await (const connection of listener) {
      contacted++;
      connection.close();
    }
  })();
  const { port } = listener.addr;
  for (const host of ["localhost", "127.0.0.1", "2130706433", "0x7f.1", "%5B::1%5D"]) {
    await refusesToken(await withPayload({ iss: `did:web:${host}%3A${port}` }));
  }
  assert.equal(contacted, 0);
  listener.close();
  await listening;
});

Deno.test("wire §3.2: a node that shall resolve did:web does not start in this version", async () => {
  await assert.rejects(startTestNode({ env: { TINYCLOUD_AUTH_DID_WEB: "true" } }), {
    name: "ConfigError",
    message: 'TINYCLOUD_AUTH_DID_WEB: auth.did_web = "true" is not in this version yet; ' +
      "it must be false",
  });
});

// Signatures.

const parts = async (key: SessionKey) => {
  const session = await aSession(node, { wallet: ALICE, key });
  const members = { ...payload(), iss: key.didUrl, prf: [session.cid] };
  const token = await signed(json({ ...HEADER, alg: key.alg }), json(members), key);
  const at = token.lastIndexOf(".");
  return { text: token.slice(0, at), signature: base64url.baseDecode(token.slice(at + 1)) };
};

for (const key of KEYS) {
  Deno.test(`wire §3.2: a changed bit of ${key.alg} anywhere is refused`, async () => {
    const { text, signature } = await parts(key);
    await accepted(node, { header: `${text}.${b64(signature)}` });
    for (const index of [0, 31, 32, 63]) {
      const changed = signature.with(index, (signature[index] ?? 0) ^ 1);
      await refusesToken(`${text}.${b64(changed)}`, BAD_SIGNATURE);
    }
    const other = text.replace(/\.(.*)$/, (_, body: string) =>
      `.${
        b64(
          new TextDecoder().decode(base64url.baseDecode(body)).replace("nonce", "Nonce"),
        )
      }`);
    await refusesToken(`${other}.${b64(signature)}`, BAD_SIGNATURE);
  });

  Deno.test(`wire §3.2: a signature of ${key.alg} has 64 bytes`, async () => {
    const { text, signature } = await parts(key);
    for (
      const bytes of [
        signature.slice(0, 63),
        signature.slice(1),
        Uint8Array.of(...signature, 0),
        Uint8Array.of(0, ...signature),
        new Uint8Array(1),
        new Uint8Array(64),
        new Uint8Array(64).fill(255),
      ]
    ) {
      const answer = await post(node, `${text}.${b64(bytes)}`);
      const { code } = answer.code === "token_signature" ? BAD_SIGNATURE : MALFORMED;
      assert.deepEqual([answer.status, answer.code], [401, code]);
      await refusesToken(`${text}.${b64(bytes)}`, { ...MALFORMED, code, sentence: /./ });
    }
  });
}

const big = (bytes: Uint8Array) => BigInt(`0x${bytes.toHex()}`);
const scalar = (value: bigint) => Uint8Array.fromHex(value.toString(16).padStart(64, "0"));

for (const [key, order] of [[P256, P256_ORDER], [K256, SECP256K1_ORDER]] as const) {
  Deno.test(`wire §3.2: ${key.alg} accepts either s`, async () => {
    const { text, signature } = await parts(key);
    const [r, s] = [signature.slice(0, 32), big(signature.slice(32))];
    for (const value of [s, order - s]) {
      await accepted(node, { header: `${text}.${b64(joined(r, scalar(value)))}` });
    }
  });

  Deno.test(`wire §3.2: r and s of ${key.alg} are in 1…n−1`, async () => {
    const { text, signature } = await parts(key);
    const [r, s] = [big(signature.slice(0, 32)), big(signature.slice(32))];
    for (
      const [a, b] of [
        [0n, s],
        [r, 0n],
        [0n, 0n],
        [order, s],
        [r, order],
        [r, 2n ** 256n - 1n],
        ...(s + order < 2n ** 256n ? [[r, s + order] as const] : []),
        ...(r + order < 2n ** 256n ? [[r + order, s] as const] : []),
      ] as const
    ) await refusesToken(`${text}.${b64(joined(scalar(a), scalar(b)))}`, BAD_SIGNATURE);
  });

  Deno.test(`wire §3.2: ${key.alg} in DER is refused`, async () => {
    const { text, signature } = await parts(key);
    const integer = (bytes: Uint8Array) => Uint8Array.of(2, 33, 0, ...bytes);
    const [r, s] = [integer(signature.slice(0, 32)), integer(signature.slice(32))];
    const der = Uint8Array.of(0x30, r.length + s.length, ...r, ...s);
    assert.equal((await post(node, `${text}.${b64(der)}`)).status, 401);
  });
}

Deno.test("adversary 1: S of Ed25519 is below the order", async () => {
  const { text, signature } = await parts(ED);
  const s = big(signature.slice(32).toReversed()) + ED25519_ORDER;
  const more = joined(signature.slice(0, 32), scalar(s).toReversed());
  await refusesToken(`${text}.${b64(more)}`, BAD_SIGNATURE);
});

// Time.

const T = Math.floor(Date.now() / 1000) + 0.25;

async function at(time: number, check: () => Promise<void>): Promise<void> {
  node.clock.freeze(time);
  try {
    await check();
  } finally {
    node.clock.freeze(undefined);
  }
}

const TIMES: readonly (readonly [string, Members, boolean])[] = [
  ["now is its exp", { exp: T }, true],
  ["now is a millisecond before its exp", { exp: T + 0.001 }, true],
  ["now is a millisecond after its exp", { exp: T - 0.001 }, false],
  ["now is its nbf", { nbf: T, exp: T + 60 }, true],
  ["now is a millisecond after its nbf", { nbf: T - 0.001, exp: T + 60 }, true],
  ["now is a millisecond before its nbf", { nbf: T + 0.001, exp: T + 60 }, false],
  ["its exp is 0", { exp: 0 }, false],
  ["its exp is negative", { exp: -1 }, false],
  ["its exp is before its nbf", { exp: T + 10, nbf: T + 20 }, false],
];

for (const [what, members, good] of TIMES) {
  Deno.test(`wire §3.2: a delegation is ${good ? "good" : "refused"} when ${what}`, async () => {
    const token = await withPayload(members);
    await at(T, async () => {
      if (good) await accepted(node, { header: token });
      else await refusesToken(token, DELEGATION_TIME);
    });
  });

  Deno.test(`wire §3.2: an invocation is ${good ? "good" : "refused"} when ${what}`, async () => {
    const overrides = { payload: members };
    const { header } = await invocation(node, SESSION, GET, KEY_X, {}, overrides);
    await at(T, async () => {
      const request = () => ask(node, "/invoke", { token: header });
      await refusesUntouched(node, request, good ? NO_KEY : INVOCATION_TIME);
    });
  });
}

for (
  const exp of [1e300, 2 ** 53 + 2, 8.64e12 + 1, Number.MAX_VALUE, 253402300800]
) {
  Deno.test(`adversary 1: a delegation may last until ${exp}, and be read`, async () => {
    const att = { ...allOfKv(SESSION.space), ...attenuation(readable(), [READ]) };
    const session = await aSession(node, { wallet: ALICE, att: () => att });
    const child = await granted(node, session, att, { expiration: exp, notBefore: 1 });
    assertRefused(await use(node, child, GET, KEY_X), NO_KEY);
    const answer = assertOk(await use(node, session, READ, readable()));
    const entry = JSON.parse(answer.text)[child.cid];
    assert.equal(entry.not_before, "1970-01-01T00:00:01.000Z");
    assert.equal(entry.expiry, undefined);
  });
}

/** As they stand in the token's text, beyond what a double or a Date can tell. */
const FAR_ENDS = ["1e300", "1.7976931348623157e308", "9007199254740993", "8640000000001.5"];

Deno.test("adversary 1: an exp beyond every date is no fault anywhere, as delegation or use", async () => {
  const att = { ...allOfKv(SESSION.space), ...attenuation(readable(), [READ]) };
  const session = await aSession(node, { wallet: ALICE, key: ED, att: () => att });
  for (const exp of FAR_ENDS) {
    const { cid } = await accepted(node, {
      header: await withText((text) => text.replace(/"exp":[^,]+/, `"exp":${exp}`)),
    });
    const answer = assertOk(await use(node, session, READ, readable()));
    const entry = JSON.parse(answer.text)[cid];
    assert.ok(entry !== undefined && entry.expiry === undefined, exp);

    const { header } = await invocation(node, SESSION, GET, KEY_X, { expiration: Number(exp) });
    await refusesUntouched(node, () => ask(node, "/invoke", { token: header }), TOO_LONG_LIVED);
  }
});

const READ = "tinycloud.capabilities/read";
function readable(): string {
  return resourceUri(SESSION.space, "capabilities", "all");
}

for (
  const [ahead, good] of [[300, true], [300.001, false], [301, false], [1e300, false]] as const
) {
  Deno.test(`wire §6, B22: an invocation ${ahead} s ahead is ${good ? "good" : "refused"}`, async () => {
    const { header } = await invocation(node, SESSION, GET, KEY_X, { expiration: T + ahead });
    await at(T, async () => {
      const request = () => ask(node, "/invoke", { token: header });
      await refusesUntouched(node, request, good ? NO_KEY : TOO_LONG_LIVED);
    });
  });
}

// Confusion.

Deno.test("adversary 1: a delegation is no invocation", async () => {
  const { header } = await ucan(node, SESSION, TO, attenuation(KEY_X, [PUT]), {
    expiration: now(node) + 60,
  });
  const request = () => ask(node, "/invoke", { token: header, body: "1" });
  await refusesUntouched(node, request, {
    status: 401,
    code: "token_audience",
    sentence: "Invocation is not addressed to this node",
  });
});

Deno.test("adversary 1: an invocation is no delegation", async () => {
  const { header } = await invocation(node, SESSION, GET, KEY_X);
  await refusesToken(header, EMPTY);
});

Deno.test("adversary 1: as many proofs or capabilities as a token has room for end soon", async () => {
  const proofs = Array.from(
    { length: 330 },
    (_, index) => base58btc.encode(Uint8Array.of(1, 0x55, 0x1e, 32, ...scalar(BigInt(index)))),
  );
  const many = Object.fromEntries(
    Array.from({ length: 200 }, (_, index) => [resourceUri(SESSION.space, "kv", `${index}`), {
      [GET]: [{}],
    }]),
  );
  for (
    const members of [{ prf: proofs }, { att: many, prf: [SESSION.cid, ...proofs.slice(0, 9)] }]
  ) {
    const token = await withPayload(members);
    const before = performance.now();
    const answer = await post(node, token);
    assert.ok(performance.now() - before < 1000);
    assert.deepEqual([answer.status, answer.code], [401, "proof_missing"]);
  }
});

Deno.test("wire §3.2: a UCAN of the space's owner's key needs no proof", async () => {
  await using open = await startTestNode({ env: { TINYCLOUD_SPACES_KEY_OWNERS: "true" } });
  const space = spaceId(ED.did);
  const to = assertOk(
    await ask(open, `/peer/generate/${encodeURIComponent(space)}`, { method: "GET" }),
  ).text;
  const host = await ucan(
    open,
    { key: ED },
    to,
    attenuation(`${space}/space`, ["tinycloud.space/host"]),
  );
  await accepted(open, host);
  const child = await sessionKeyFromSeed(new Uint8Array(32).fill(44));
  const grant = await ucan(open, { key: ED }, child.did, allOfKv(space));
  await accepted(open, grant);
  const link = { key: child, cid: grant.cid };
  assertRefused(await use(open, link, GET, resourceUri(space, "kv", "x")), NO_KEY);
  // Not in the wallet's space, where it is nobody.
  const stranger = await cacao(ALICE, child.did, attenuation(KV, [GET]));
  await post(open, (await hosting(open, ALICE, SESSION.space)).header);
  await accepted(open, stranger);
});
