// UCAN 0.10.0 as a compact JWS: form, names, lengths, signature, identity (wire §3.2).

import assert from "node:assert/strict";
import fc from "fast-check";
import { cidOf, type Json, type SessionKey, signJwt } from "../../../client/mod.ts";
import { decodeUcan, verifyUcan } from "../../../src/tokens/ucan.ts";
import {
  aCid,
  ALICE,
  aUcan,
  base64url,
  GET,
  K256,
  KEY,
  malformation,
  NOW,
  OTHER,
  P256,
  refusalOf,
  SPACE,
} from "../../support/tokens.ts";

const verified = (token: string) => verifyUcan(decodeUcan(token));
const utf8 = (text: string) => new TextEncoder().encode(text);

for (const key of [KEY, P256, K256]) {
  Deno.test(`a UCAN by ${key.alg} says who, to whom, what and when`, async () => {
    const token = await aUcan(
      {
        proofs: [aCid("a"), aCid("b")],
        notBefore: NOW + 0.5,
        facts: [{ a: 1 }, "x"],
      },
      {},
      key,
    );
    const claims = verified(token);
    assert.equal(claims.kind, "ucan");
    assert.equal(claims.issuer, key.did);
    assert.equal(claims.audience, OTHER.did);
    assert.equal(claims.expiresAt, NOW + 60);
    assert.equal(claims.notBefore, NOW + 0.5);
    assert.equal(claims.nonce, "n");
    assert.deepEqual(claims.facts, [{ a: 1 }, "x"]);
    assert.deepEqual(claims.proofs, [aCid("a"), aCid("b")]);
    assert.deepEqual(claims.capabilities.map((each) => `${each.ability} ${each.resource.uri}`), [
      `${GET} ${SPACE}/kv/a`,
    ]);
    assert.equal(claims.cid, cidOf(utf8(token)));
    assert.equal(claims.token, token);
  });
}

Deno.test("what may be absent is absent, not undefined", async () => {
  const claims = verified(await aUcan({}, { payload: { nnc: undefined } }));
  assert.ok(!("notBefore" in claims) && !("nonce" in claims) && !("issuedAt" in claims));
  assert.deepEqual(claims.facts, []);
});

Deno.test("A#B is verified with A only", async () => {
  const claims = verified(await aUcan({}, { payload: { iss: `${KEY.did}#${OTHER.did}` } }));
  assert.equal(claims.issuer, KEY.did);
  const other = await aUcan({}, { payload: { iss: `${OTHER.did}#${KEY.did}` } });
  assert.equal(refusalOf(() => verified(other))?.code, "token_signature");
});

// Members of the header and payload: what is accepted, what is refused.

const CASES: readonly [part: "header" | "payload", members: object, why: string | undefined][] = [
  ["header", { jwk: undefined }, undefined],
  ["header", { jwk: OTHER.jwk }, undefined],
  ["header", { jwk: 1, kid: "x", cty: 2, x5c: [] }, undefined],
  ["header", { __proto__: { alg: "none" } }, undefined],
  ["header", { typ: undefined }, "typ is not JWT"],
  ["header", { typ: "jwt" }, "typ is not JWT"],
  ["header", { typ: "JWT " }, "typ is not JWT"],
  ["header", { typ: ["JWT"] }, "typ is not JWT"],
  ["header", { ucv: undefined }, "ucv is not 0.10.0"],
  ["header", { ucv: "0.9.1" }, "ucv is not 0.10.0"],
  ["header", { ucv: "0.10" }, "ucv is not 0.10.0"],
  ["header", { ucv: 0.1 }, "ucv is not 0.10.0"],
  ["header", { alg: undefined }, "alg is not text"],
  ["header", { alg: 1 }, "alg is not text"],
  ["header", { alg: ["EdDSA"] }, "alg is not text"],
  ["header", { alg: "none" }, "alg does not fit the issuer's key"],
  ["header", { alg: "None" }, "alg does not fit the issuer's key"],
  ["header", { alg: "" }, "alg does not fit the issuer's key"],
  ["header", { alg: "eddsa" }, "alg does not fit the issuer's key"],
  ["header", { alg: "Ed25519" }, "alg does not fit the issuer's key"],
  ["header", { alg: "HS256" }, "alg does not fit the issuer's key"],
  ["header", { alg: "ES256" }, "alg does not fit the issuer's key"],
  ["header", { alg: "ES256K" }, "alg does not fit the issuer's key"],
  ["header", { crit: [] }, "crit is not understood"],
  ["header", { crit: ["exp"] }, "crit is not understood"],
  ["header", { crit: null }, "crit is not understood"],
  ["header", { b64: false }, "b64 is not understood"],
  ["header", { b64: true }, "b64 is not understood"],
  ["payload", { crit: ["exp"] }, "crit is not understood"],
  ["payload", { b64: false }, "b64 is not understood"],

  ["payload", { iss: KEY.did }, undefined],
  ["payload", { iss: undefined }, "iss is not a DID"],
  ["payload", { iss: 1 }, "iss is not a DID"],
  ["payload", { iss: "" }, "iss is not a DID"],
  ["payload", { iss: [KEY.did] }, "iss is not a DID"],
  ["payload", { iss: `${KEY.did}/x` }, "iss is not a DID"],
  ["payload", { iss: "did:pkh:eip155:01:0x" }, "iss is not a DID"],
  ["payload", { iss: ALICE.did }, "the issuer is not a did:key"],
  ["payload", { iss: "did:web:example.org" }, "the issuer is not a did:key"],
  ["payload", { iss: P256.did }, "alg does not fit the issuer's key"],
  ["payload", { aud: ALICE.did.toLowerCase() }, undefined],
  ["payload", { aud: "did:web:example.org" }, undefined],
  ["payload", { aud: undefined }, "aud is not a DID"],
  ["payload", { aud: null }, "aud is not a DID"],
  ["payload", { aud: [OTHER.did] }, "aud is not a DID"],
  ["payload", { aud: "https://example.org" }, "aud is not a DID"],
  ["payload", { aud: OTHER.didUrl }, "aud is not a DID"],
  ["payload", { aud: `${OTHER.did}#` }, "aud is not a DID"],
  ["payload", { aud: `did:example:${"a".repeat(500)}` }, undefined],
  ["payload", { aud: `did:example:${"a".repeat(501)}` }, "aud is not a DID"],

  ["payload", { exp: 0 }, undefined],
  ["payload", { exp: -1 }, undefined],
  ["payload", { exp: 1e300 }, undefined],
  ["payload", { exp: 2 ** 53 + 2 }, undefined],
  ["payload", { exp: NOW + 0.25 }, undefined],
  ["payload", { exp: undefined }, "exp is missing"],
  ["payload", { exp: null }, "exp is not a time"],
  ["payload", { exp: "1" }, "exp is not a time"],
  ["payload", { exp: true }, "exp is not a time"],
  ["payload", { exp: [1] }, "exp is not a time"],
  ["payload", { exp: {} }, "exp is not a time"],
  ["payload", { nbf: 0 }, undefined],
  ["payload", { nbf: null }, "nbf is not a time"],
  ["payload", { nbf: "0" }, "nbf is not a time"],
  ["payload", { iat: "whenever", jti: null, sub: 1 }, undefined],

  ["payload", { nnc: "" }, undefined],
  ["payload", { nnc: "n".repeat(256) }, undefined],
  ["payload", { nnc: "é".repeat(128) }, undefined],
  ["payload", { nnc: "n".repeat(257) }, "nnc is longer than 256 bytes"],
  ["payload", { nnc: "é".repeat(129) }, "nnc is longer than 256 bytes"],
  ["payload", { nnc: null }, "nnc is not text"],
  ["payload", { nnc: 1 }, "nnc is not text"],

  ["payload", { fct: undefined }, undefined],
  ["payload", { fct: [] }, undefined],
  ["payload", { fct: [null, 1, { a: [] }] }, undefined],
  ["payload", { fct: null }, "fct is not a list"],
  ["payload", { fct: {} }, "fct is not a list"],
  ["payload", { fct: "x" }, "fct is not a list"],
  ["payload", { prf: [] }, undefined],
  ["payload", { prf: [aCid("a"), aCid("a")] }, undefined],
  ["payload", { prf: undefined }, "prf is not a list"],
  ["payload", { prf: null }, "prf is not a list"],
  ["payload", { prf: aCid("a") }, "prf is not a list"],
  ["payload", { prf: { 0: aCid("a") } }, "prf is not a list"],
  ["payload", { prf: [1] }, "a proof is not a CID"],
  ["payload", { prf: [null] }, "a proof is not a CID"],
  ["payload", { prf: [""] }, "a proof is not a CID"],
  ["payload", { prf: ["eyJhbGciOiJFZERTQSJ9.e30.x"] }, "a proof is not a CID"],
  ["payload", { att: {} }, undefined],
  ["payload", { att: undefined }, "att is not an object"],
  ["payload", { att: [] }, "att is not an object"],
  ["payload", { cap: {} }, undefined],
];
for (const [part, members, why] of CASES) {
  const told = Deno.inspect(members, { breakLength: Infinity }).slice(0, 70);
  Deno.test(`a UCAN with ${part} ${told} is ${why ?? "accepted"}`, async () => {
    const token = await aUcan({}, { [part]: members });
    const refusal = refusalOf(() => verified(token));
    assert.equal(refusal?.message, why === undefined ? undefined : `Malformed token: ${why}`);
  });
}

Deno.test("a number beyond all numbers is no time", async () => {
  const json = (exp: string) =>
    `{"iss":"${KEY.did}","aud":"${OTHER.did}","exp":${exp},"prf":[],"att":{}}`;
  const token = (exp: string) => aUcan({}, { payload: json(exp) });
  assert.equal(verified(await token("1e300")).expiresAt, 1e300);
  const endless = await token("1e400");
  assert.equal(malformation(() => verified(endless)), "exp is not a time");
});

// Names given twice, and what is no JSON, in either part.

const HEADER = '"alg":"EdDSA","typ":"JWT","ucv":"0.10.0"';
const PAYLOAD = `"iss":"${KEY.did}","aud":"${OTHER.did}","exp":${NOW},"prf":[],"att":{}`;
const TEXTS: readonly [header: string, payload: string, why: string | undefined][] = [
  [`{${HEADER}}`, `{${PAYLOAD}}`, undefined],
  [` {${HEADER}}\n`, `{${PAYLOAD}} `, undefined],
  [`{${HEADER},"alg":"EdDSA"}`, `{${PAYLOAD}}`, "the header has a name twice"],
  [`{${HEADER},"\\u0061lg":"none"}`, `{${PAYLOAD}}`, "the header has a name twice"],
  [`{${HEADER},"x":{"y":1,"y":2}}`, `{${PAYLOAD}}`, "the header has a name twice"],
  [`{${HEADER},"\\u0063rit":[]}`, `{${PAYLOAD}}`, "crit is not understood"],
  [`{${HEADER}}`, `{${PAYLOAD},"exp":1}`, "the payload has a name twice"],
  [`{${HEADER}}`, `{${PAYLOAD},"\\u0065xp":1}`, "the payload has a name twice"],
  [`{${HEADER}}`, `{${PAYLOAD},"fct":[{"a":1,"\\u0061":1}]}`, "the payload has a name twice"],
  [`{${HEADER}}`, `{${PAYLOAD},"nnc":"\\ud800"}`, "the payload is not plain text"],
  [`{${HEADER}}`, `{${PAYLOAD},"nnc":"\\u0000"}`, "the payload is not plain text"],
  [`\ufeff{${HEADER}}`, `{${PAYLOAD}}`, "the header is not JSON"],
  [`{${HEADER}}`, `{${PAYLOAD}}x`, "the payload is not JSON"],
  [`[{${HEADER}}]`, `{${PAYLOAD}}`, "the header is not an object"],
  [`{${HEADER}}`, `[{${PAYLOAD}}]`, "the payload is not an object"],
  [`{${HEADER}}`, "null", "the payload is not an object"],
  [`{${HEADER}}`, "", "the payload is not JSON"],
  ["", `{${PAYLOAD}}`, "the header is not JSON"],
];
for (const [header, payload, why] of TEXTS) {
  Deno.test(`a UCAN of ${header} and ${payload.slice(-30)} is ${why ?? "accepted"}`, async () => {
    const { header: token } = await signJwt(KEY, header, payload);
    const refusal = refusalOf(() => verified(token));
    assert.equal(refusal?.message, why === undefined ? undefined : `Malformed token: ${why}`);
  });
}

// The compact form.

const TOKEN = await aUcan();
const [H = "", P = "", S = ""] = TOKEN.split(".");
const THREE = "a UCAN has three parts";
const COMPACT: readonly [what: string, token: string, why: string][] = [
  ["of two parts", `${H}.${P}`, THREE],
  ["of four parts", `${TOKEN}.${S}`, THREE],
  ["with a dot after it", `${TOKEN}.`, THREE],
  ["with a dot before it", `.${TOKEN}`, THREE],
  ["of a dot", ".", THREE],
  ["of two dots", "..", "the header is not JSON"],
  ["without header", `.${P}.${S}`, "the header is not JSON"],
  ["without payload", `${H}..${S}`, "the payload is not JSON"],
  ["with a padded header", `${H}=.${P}.${S}`, "the header is not base64url"],
  ["with a padded payload", `${H}.${P}==.${S}`, "the payload is not base64url"],
  ["with a padded signature", `${TOKEN}==`, "the signature is not base64url"],
  [
    "with a signature in the other alphabet",
    `${H}.${P}.+${S.slice(1)}`,
    "the signature is not base64url",
  ],
  ["with a space in it", `${H}. ${P}.${S}`, "the payload is not base64url"],
  ["with a line feed after it", `${TOKEN}\n`, "the signature is not base64url"],
  ["with a header that is no UTF-8", `_w.${P}.${S}`, "the header is not UTF-8"],
  ["with a payload that is no UTF-8", `${H}._w.${S}`, "the payload is not UTF-8"],
];
for (const [what, token, why] of COMPACT) {
  Deno.test(`a UCAN ${what} is refused`, () => {
    assert.equal(malformation(() => decodeUcan(token)), why);
  });
}

Deno.test("bits beyond the signature's last byte are refused", () => {
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const last = digits.indexOf(S.slice(-1));
  const other = `${TOKEN.slice(0, -1)}${digits.charAt(last + 1)}`;
  assert.equal(malformation(() => decodeUcan(other)), "the signature is not canonical base64url");
});

Deno.test("a UCAN has 32 KiB, not a byte more", async () => {
  const withFact = (length: number) => aUcan({ facts: ["x".repeat(length)] });
  let length = (32 * 1024 - (await withFact(0)).length) / 4 * 3 - 4;
  let full = await withFact(length);
  for (let next = full; next.length <= 32 * 1024; next = await withFact(++length)) full = next;
  assert.ok(full.length > 32 * 1024 - 3);
  assert.equal(refusalOf(() => verified(full)), undefined);
  const long = await withFact(length);
  assert.equal(malformation(() => decodeUcan(long)), "it is longer than 32 KiB");
});

// Signature and identity.

const SIGNATURES: readonly [what: string, token: string][] = [
  ["without signature", `${H}.${P}.`],
  ["with 63 bytes", `${H}.${P}.${base64url(new Uint8Array(63))}`],
  ["with 65 bytes", `${H}.${P}.${base64url(new Uint8Array(65))}`],
  ["with zeros", `${H}.${P}.${base64url(new Uint8Array(64))}`],
  ["with another token's", `${H}.${P}.${(await aUcan({ nonce: "m" })).split(".")[2]}`],
  ["with another key's", `${H}.${P}.${await signatureBy(OTHER)}`],
  ["with an HMAC keyed by the public key", `${H}.${P}.${await hmacBy(KEY)}`],
];
for (const [what, token] of SIGNATURES) {
  Deno.test(`a UCAN ${what} is not verified`, () => {
    assert.equal(refusalOf(() => verified(token))?.code, "token_signature");
  });
}

async function signatureBy(key: SessionKey): Promise<string> {
  return base64url(await key.sign(utf8(`${H}.${P}`)));
}

async function hmacBy({ jwk }: SessionKey): Promise<string> {
  const secret = Uint8Array.fromBase64(jwk.x ?? "", { alphabet: "base64url" });
  const hmac = { name: "HMAC", hash: "SHA-512" };
  const key = await crypto.subtle.importKey("raw", secret, hmac, false, ["sign"]);
  return base64url(new Uint8Array(await crypto.subtle.sign(hmac, key, utf8(`${H}.${P}`))));
}

Deno.test("alg must fit the key, though the signature does", async () => {
  for (const [key, alg] of [[P256, "ES256K"], [K256, "ES256"], [P256, "EdDSA"]] as const) {
    const token = await aUcan({}, { header: { alg } }, key);
    assert.equal(malformation(() => verified(token)), "alg does not fit the issuer's key");
  }
});

const ORDERS = {
  ES256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  ES256K: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
} as const;
for (const [key, alg] of [[P256, "ES256"], [K256, "ES256K"]] as const) {
  Deno.test(`${alg}: n - s is another CID and the same identity`, async () => {
    const token = await aUcan({}, {}, key);
    const at = token.lastIndexOf(".") + 1;
    const signature = Uint8Array.fromBase64(token.slice(at), { alphabet: "base64url" });
    const s = BigInt(`0x${signature.slice(32).toHex()}`);
    const twin = (ORDERS[alg] - s).toString(16).padStart(64, "0");
    const other = token.slice(0, at) +
      base64url(Uint8Array.of(...signature.subarray(0, 32), ...Uint8Array.fromHex(twin)));

    const [ours, theirs] = [verified(token), verified(other)];
    assert.notEqual(theirs.cid, ours.cid);
    assert.equal(theirs.identity, ours.identity);
  });
}

const RESPELLED: readonly Json[] = [
  `{ ${HEADER}}`,
  `{"typ":"JWT","alg":"EdDSA","ucv":"0.10.0"}`,
];
for (const header of RESPELLED) {
  Deno.test(`signed anew as ${header} it is another identity`, async () => {
    const payload = `{${PAYLOAD}}`;
    const [one, other] = [
      await signJwt(KEY, `{${HEADER}}`, payload),
      await signJwt(KEY, header, payload),
    ];
    assert.notEqual(verified(other.header).identity, verified(one.header).identity);
  });
}

Deno.test("a character changed is refused", () => {
  const digits = "ABCDEFabcdef0123-_.=+/ \n\u00e9";
  fc.assert(
    fc.property(fc.nat(TOKEN.length - 1), fc.constantFrom(...digits), (at, digit) => {
      fc.pre(TOKEN.charAt(at) !== digit);
      const other = TOKEN.slice(0, at) + digit + TOKEN.slice(at + 1);
      assert.match(refusalOf(() => verified(other))?.code ?? "", /^token_(malformed|signature)$/);
    }),
    { numRuns: 300 },
  );
});
