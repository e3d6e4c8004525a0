// CACAO: form, grammar, signature, and what the message grants (wire §3.1).

import assert from "node:assert/strict";
import fc from "fast-check";
import { encode } from "@ipld/dag-cbor";
import {
  attenuation,
  type Cacao as Signed,
  cidOf,
  encodeCacao,
  recapResource,
  recapStatement,
  signCacao,
} from "../../../client/mod.ts";
import { decodeCacao, verifyCacao } from "../../../src/tokens/cacao.ts";
import type { Claims } from "../../../src/tokens/claims.ts";
import {
  aCacao,
  aCid,
  ALICE,
  base64url,
  BOB,
  GET,
  KEY,
  malformation,
  NOW,
  PUT,
  refusalOf,
  SPACE,
} from "../../support/tokens.ts";

const verified = (token: string): Claims => verifyCacao(decodeCacao(token));
const ATT = attenuation(`${SPACE}/kv`, [GET, PUT]);
const TOKEN = await aCacao({ attenuations: ATT, proofs: [aCid("parent")] });
const BYTES = Uint8Array.fromBase64(TOKEN, { alphabet: "base64url" });
const hex = ALICE.address.slice(2);

Deno.test("a wallet's message says who, to whom, what and when", async () => {
  const claims = verified(
    await aCacao({
      attenuations: ATT,
      proofs: [aCid("parent")],
      expirationTime: "2025-06-15T15:07:40.5Z",
      notBefore: "2025-06-15T17:06:00+02:00",
    }),
  );
  assert.equal(claims.kind, "cacao");
  assert.equal(claims.issuer, ALICE.did);
  assert.equal(claims.audience, KEY.did);
  assert.deepEqual(claims.capabilities.map(({ ability }) => ability), [GET, PUT]);
  assert.deepEqual(claims.proofs, [aCid("parent")]);
  assert.equal(claims.issuedAt, NOW);
  assert.equal(claims.expiresAt, NOW + 60.5);
  assert.equal(claims.notBefore, NOW - 40);
});

Deno.test("a message without bounds has none, not bounds that are undefined", () => {
  const claims = verified(TOKEN);
  assert.ok(!("expiresAt" in claims) && !("notBefore" in claims));
});

Deno.test("a token is named by its bytes and kept padded, however it was sent", () => {
  const claims = verified(TOKEN.replace(/=+$/, ""));
  assert.equal(claims.cid, cidOf(BYTES));
  assert.equal(claims.token, BYTES.toBase64({ alphabet: "base64url" }));
  assert.equal(verified(claims.token).cid, claims.cid);
});

// Form: what is accepted and refused beside the fields of the payload.

const PAYLOAD = {
  aud: KEY.did,
  iat: "2025-06-15T15:06:40Z",
  iss: ALICE.did,
  nonce: "n",
  domain: "app.example",
  version: 1,
};
const SIGNATURE = new Uint8Array(65);
type Part = Readonly<Record<string, unknown>>;

/** The header form of any `{h, p, s}`: by default one that is well-formed, though nobody signed it. */
function packed(
  { h = {}, p = {}, s = {}, top = {} }: { h?: Part; p?: Part; s?: Part; top?: Part },
) {
  return encodeCacao({
    h: { t: "eip4361", ...h },
    p: { ...PAYLOAD, ...p },
    s: { t: "eip191", s: SIGNATURE, ...s },
    ...top,
  }).header;
}

Deno.test("the least that a CACAO holds is accepted", () => {
  assert.deepEqual(decodeCacao(packed({})).fields, {
    domain: PAYLOAD.domain,
    aud: PAYLOAD.aud,
    iat: PAYLOAD.iat,
    nonce: PAYLOAD.nonce,
  });
});

const FORMS: readonly [what: string, token: string, why: string][] = [
  ["empty", "", "the CACAO is not dag-cbor"],
  ["no base64url", "a+b", "the CACAO is not base64url"],
  ["a list", base64url(encode([])), "the CACAO is not a map"],
  ["a text", base64url(encode("x")), "the CACAO is not a map"],
  ["null", base64url(encode(null)), "the CACAO is not a map"],
  ["bytes", base64url(encode(SIGNATURE)), "the CACAO is not a map"],
  ["an empty map", base64url(encode({})), "the CACAO lacks h"],
  ["without p", packed({ top: { p: undefined } }), "the CACAO lacks p"],
  ["without s", packed({ top: { s: undefined } }), "the CACAO lacks s"],
  ["with a member more", packed({ top: { x: 1 } }), "the CACAO has a member that is not known"],
  ["with a header that is a text", packed({ top: { h: "eip4361" } }), "h is not a map"],
  ["with an empty header", packed({ top: { h: {} } }), "h lacks t"],
  ["with a member more in h", packed({ h: { x: 1 } }), "h has a member that is not known"],
  ["of type caip122", packed({ h: { t: "caip122" } }), "the CACAO is not of type eip4361"],
  ["of type EIP4361", packed({ h: { t: "EIP4361" } }), "the CACAO is not of type eip4361"],
  ["of type null", packed({ h: { t: null } }), "the CACAO is not of type eip4361"],
  ["with s that is bytes", packed({ top: { s: SIGNATURE } }), "s is not a map"],
  ["without s.s", packed({ s: { s: undefined } }), "s lacks s"],
  ["without s.t", packed({ s: { t: undefined } }), "s lacks t"],
  ["with a member more in s", packed({ s: { m: {} } }), "s has a member that is not known"],
  ["signed by eip1271", packed({ s: { t: "eip1271" } }), "the signature is not of type eip191"],
  [
    "with a signature in hex",
    packed({ s: { s: "00".repeat(65) } }),
    "the signature is not 65 bytes",
  ],
  ["with 64 bytes", packed({ s: { s: new Uint8Array(64) } }), "the signature is not 65 bytes"],
  ["with 66 bytes", packed({ s: { s: new Uint8Array(66) } }), "the signature is not 65 bytes"],
  ["with no bytes", packed({ s: { s: new Uint8Array() } }), "the signature is not 65 bytes"],
  ["with p that is a list", packed({ top: { p: [] } }), "p is not a map"],
  ["with p that is null", packed({ top: { p: null } }), "p is not a map"],
];
for (const [what, token, why] of FORMS) {
  Deno.test(`a CACAO that is ${what} is refused`, () => {
    assert.equal(malformation(() => decodeCacao(token)), why);
  });
}

Deno.test("a CACAO with a byte after it is refused", () => {
  assert.ok(malformation(() => decodeCacao(base64url(Uint8Array.of(...BYTES, 0)))));
});

Deno.test("a CACAO has 32 KiB in its header form, not a byte more", () => {
  const withNonce = (length: number) => packed({ p: { nonce: "n".repeat(length) } });
  const { length } = Uint8Array.fromBase64(withNonce(300), { alphabet: "base64url" });
  const longest = 32 * 1024 / 4 * 3 - (length - 300);
  const [full, long] = [withNonce(longest), withNonce(longest + 1)];
  assert.equal(full.length, 32 * 1024);
  assert.equal(refusalOf(() => decodeCacao(full)), undefined);
  assert.equal(malformation(() => decodeCacao(long)), "it is longer than 32 KiB");
});

for (const name of ["aud", "iat", "iss", "nonce", "domain", "version"]) {
  Deno.test(`a payload without ${name} is refused`, () => {
    assert.equal(
      malformation(() => decodeCacao(packed({ p: { [name]: undefined } }))),
      `p lacks ${name}`,
    );
  });
}

const ADDRESS = "iss is not a DID";
const AUTHORITY = "domain is not an authority", URI = "aud is not a URI";
const PAYLOADS: readonly [p: Part, why: string | undefined][] = [
  [{ version: 1 }, undefined],
  [{ version: "1" }, "version is not 1"],
  [{ version: 2 }, "version is not 1"],
  [{ version: 0 }, "version is not 1"],
  [{ version: true }, "version is not 1"],
  [{ version: null }, "version is not 1"],
  [{ version: 1.5 }, "version is not 1"],
  [{ type: "x" }, "p has a member that is not known"],
  [{ requestId: "x" }, "p has a member that is not known"],
  [{ ["__proto__x"]: "x" }, "p has a member that is not known"],
  [{ constructor: "x" }, "p has a member that is not known"],
  ...["aud", "iat", "iss", "nonce", "domain"].map((name): [Part, string] => [
    { [name]: null },
    `${name} is not text`,
  ]),
  ...["exp", "nbf", "scheme", "statement", "request_id"].map((name): [Part, string] => [
    { [name]: null },
    `${name} is not text`,
  ]),
  [{ nonce: 1 }, "nonce is not text"],
  [{ iat: NOW }, "iat is not text"],
  [{ statement: ["x"] }, "statement is not text"],
  [{ statement: new Uint8Array(1) }, "statement is not text"],

  [{ iss: ALICE.did.toLowerCase() }, undefined],
  [{ iss: `did:pkh:eip155:1:0x${hex.toUpperCase()}` }, undefined],
  [{ iss: `did:pkh:eip155:18446744073709551617:0x${hex}` }, undefined],
  [{ iss: `${ALICE.did}#x` }, ADDRESS],
  [{ iss: `${ALICE.did}#` }, ADDRESS],
  [{ iss: `did:pkh:eip155:01:0x${hex}` }, ADDRESS],
  [{ iss: `did:pkh:eip155:0x1:0x${hex}` }, ADDRESS],
  [{ iss: `did:pkh:eip155:1:0X${hex}` }, ADDRESS],
  [{ iss: `did:pkh:eip155:1:0x${hex.slice(1)}` }, ADDRESS],
  [{ iss: `did:pkh:eip155:1:0x${hex}0` }, ADDRESS],
  [{ iss: `0x${hex}` }, ADDRESS],
  [{ iss: "" }, ADDRESS],
  [{ iss: KEY.did }, "the issuer is not a did:pkh:eip155"],
  [{ iss: "did:pkh:solana:x:y" }, "the issuer is not a did:pkh:eip155"],

  [{ domain: "localhost:8080" }, undefined],
  [{ domain: "u@[::1]:80" }, undefined],
  [{ domain: "" }, AUTHORITY],
  [{ domain: "https://app.example" }, AUTHORITY],
  [{ domain: "app.example/" }, AUTHORITY],
  [{ domain: "app example" }, AUTHORITY],
  [{ domain: "\u00e9.example" }, AUTHORITY],
  [{ domain: "app.example\n" }, "domain holds a control character"],
  [{ scheme: "https" }, undefined],
  [{ scheme: "" }, "scheme is not a URI scheme"],
  [{ scheme: "https:" }, "scheme is not a URI scheme"],
  [{ scheme: "1a" }, "scheme is not a URI scheme"],
  [{ scheme: "https\n" }, "scheme holds a control character"],

  [{ aud: "ucan:bafkr4i" }, undefined],
  [{ aud: "https://a/?b#c" }, undefined],
  [{ aud: "" }, URI],
  [{ aud: "a" }, URI],
  [{ aud: "a:b c" }, URI],
  [{ aud: "a:%zz" }, URI],
  [{ aud: "a:\u00e9" }, URI],
  [{ aud: "a:b\nVersion: 1" }, "aud holds a control character"],

  [{ nonce: "" }, undefined],
  [{ nonce: "x".repeat(1000) }, undefined],
  [{ nonce: "a b\u2028é" }, undefined],
  [{ nonce: "a\nb" }, "nonce holds a control character"],
  [{ nonce: "a\0" }, "nonce holds a control character"],
  [{ nonce: "a\u0085" }, "nonce holds a control character"],
  [{ nonce: "a\u009f" }, "nonce holds a control character"],
  [{ nonce: "a\u007f" }, "nonce holds a control character"],
  [{ statement: "" }, undefined],
  [{ statement: "“I accept” \u{1f600}\u202e" }, undefined],
  [{ statement: "a\nb" }, "statement holds a control character"],
  [{ statement: "a\r" }, "statement holds a control character"],
  [{ statement: "a\tb" }, "statement holds a control character"],
  [{ request_id: "" }, undefined],
  [{ request_id: "a b" }, undefined],
  [{ request_id: "a\u001b" }, "request_id holds a control character"],

  [{ iat: "2025-06-15T15:06:40+02:00" }, undefined],
  [{ iat: "2025-06-15T15:06:40" }, "iat is not an RFC 3339 time"],
  [{ iat: "" }, "iat is not an RFC 3339 time"],
  [{ iat: "2025-06-15T15:06:40Z\n" }, "iat holds a control character"],
  [{ exp: "2025-06-15T15:06:40Z" }, undefined],
  [{ exp: "2025-02-30T15:06:40Z" }, "exp is not an RFC 3339 time"],
  [{ exp: "2016-12-31T23:59:60Z" }, "exp is not an RFC 3339 time"],
  [{ nbf: "2025-06-15T15:06:40Z" }, undefined],
  [{ nbf: "2025-06-15T15:06:40+25:00" }, "nbf is not an RFC 3339 time"],

  [{ resources: ["a:", "urn:b"] }, undefined],
  [{ resources: [] }, "resources is not a list with an entry"],
  [{ resources: null }, "resources is not a list with an entry"],
  [{ resources: "urn:a" }, "resources is not a list with an entry"],
  [{ resources: { 0: "urn:a" } }, "resources is not a list with an entry"],
  [{ resources: ["urn:a", null] }, "a resource is not text"],
  [{ resources: ["urn:a", ""] }, "a resource is not a URI"],
  [{ resources: ["a b", "urn:a"] }, "a resource is not a URI"],
  [{ resources: ["urn:a\n- urn:b"] }, "a resource holds a control character"],
];
for (const [p, why] of PAYLOADS) {
  const verdict = why === undefined ? "accepted" : `refused: ${why}`;
  const fields = Deno.inspect(p).slice(0, 70);
  Deno.test(`a payload with ${fields} is ${verdict}`, () => {
    const call = () => decodeCacao(packed({ p }));
    if (why === undefined) assert.equal(refusalOf(call), undefined);
    else assert.equal(malformation(call), why);
  });
}

// Signature.

const signatureRefusal = (token: string) => refusalOf(() => verified(token))?.code;

Deno.test("another wallet's signature is refused", async () => {
  const token = await aCacao({}, { p: { iss: BOB.did } });
  assert.equal(signatureRefusal(token), "token_signature");
});

Deno.test("another chain in iss is another message", async () => {
  const token = await aCacao({}, { p: { iss: ALICE.did.replace(":1:", ":10:") } });
  assert.equal(signatureRefusal(token), "token_signature");
});

const FIELDS: Part = {
  aud: "did:key:z6Mkother",
  iat: "2025-06-15T15:06:40.0Z",
  nonce: "m",
  domain: "b.example",
  exp: "2025-06-15T15:06:40Z",
  nbf: "2025-06-15T15:06:40Z",
  scheme: "https",
  statement: "",
  request_id: "",
  resources: ["urn:a"],
};
for (const [name, value] of Object.entries(FIELDS)) {
  Deno.test(`the signature covers ${name}`, async () => {
    const token = await aCacao({}, { p: { [name]: value } });
    assert.equal(signatureRefusal(token), "token_signature");
  });
}

Deno.test("a signature of zeros is refused before the ReCap is read", async () => {
  const token = await aCacao({ resources: ["urn:recap:!"] }, { s: { s: new Uint8Array(65) } });
  assert.equal(signatureRefusal(token), "token_signature");
});

// One signature, other bytes (wire §2).

async function resigned(change: (cacao: Signed) => Promise<Signed>): Promise<[Claims, Claims]> {
  const fields = { domain: "a", uri: KEY.did, nonce: "n", issuedAt: PAYLOAD.iat };
  const original = await signCacao(ALICE, fields);
  return [verified(original.header), verified((await change(original)).header)];
}

const fields = { domain: "a", uri: KEY.did, nonce: "n", issuedAt: PAYLOAD.iat };
const ENCODINGS: Readonly<Record<string, (cacao: Signed) => Promise<Signed>>> = {
  "v from 0": async ({ bytes }) => {
    const { signature } = decodeCacao(base64url(bytes));
    const s = signature.slice();
    s[64] = (s[64] ?? 0) - 27;
    return await signCacao(ALICE, fields, { s: { s } });
  },
  "iss in lower case": () => signCacao(ALICE, fields, { p: { iss: ALICE.did.toLowerCase() } }),
  "iss in upper case": () =>
    signCacao(ALICE, fields, { p: { iss: `did:pkh:eip155:1:0x${hex.toUpperCase()}` } }),
};
for (const [what, change] of Object.entries(ENCODINGS)) {
  Deno.test(`the same message with ${what} is another CID and the same identity`, async () => {
    const [original, other] = await resigned(change);
    assert.notEqual(other.cid, original.cid);
    assert.equal(other.identity, original.identity);
    assert.equal(other.issuer, original.issuer);
  });
}

Deno.test("another message is another identity", async () => {
  assert.notEqual(
    verified(await aCacao({ nonce: "m" })).identity,
    verified(await aCacao()).identity,
  );
});

// ReCap.

const RECAP = recapResource(ATT);
const SENTENCE = recapStatement(ATT);
const MESSAGES: readonly [what: string, fields: Part, capabilities: number | string][] = [
  ["its sentence alone", { statement: SENTENCE, resources: [RECAP] }, 2],
  ["words before its sentence", { statement: `I accept. ${SENTENCE}`, resources: [RECAP] }, 2],
  ["resources before it", { statement: SENTENCE, resources: ["urn:a", RECAP] }, 2],
  ["no statement", { resources: [RECAP] }, "the statement does not tell the ReCap"],
  [
    "an empty statement",
    { statement: "", resources: [RECAP] },
    "the statement does not tell the ReCap",
  ],
  [
    "words after its sentence",
    { statement: `${SENTENCE} Not.`, resources: [RECAP] },
    "the statement does not tell the ReCap",
  ],
  [
    "another ability told",
    { statement: SENTENCE.replace("'get'", "'del'"), resources: [RECAP] },
    "the statement does not tell the ReCap",
  ],
  [
    "one ability not told",
    { statement: recapStatement(attenuation(`${SPACE}/kv`, [GET])), resources: [RECAP] },
    "the statement does not tell the ReCap",
  ],
  ["a resource after it: none", { statement: SENTENCE, resources: [RECAP, "urn:a"] }, 0],
  ["no ReCap", { statement: SENTENCE, resources: ["urn:a"] }, 0],
  ["no resources", {}, 0],
  [
    "no att and the sentence without more",
    { statement: recapStatement({}), resources: [recapResource({})] },
    0,
  ],
  ["a ReCap that is none", { resources: ["urn:recap:!"] }, "the ReCap is not base64url"],
  ["a ReCap of no JSON", { resources: ["urn:recap:AAAA"] }, "the ReCap is not JSON"],
];
for (const [what, fields, outcome] of MESSAGES) {
  const verdict = typeof outcome === "number" ? `gives ${outcome} capabilities` : "is refused";
  Deno.test(`a message with ${what} ${verdict}`, async () => {
    const token = await aCacao(fields);
    if (typeof outcome === "number") assert.equal(verified(token).capabilities.length, outcome);
    else assert.equal(malformation(() => verified(token)), outcome);
  });
}

Deno.test("a message without a ReCap gives nothing and cites nothing", async () => {
  const { capabilities, proofs } = verified(await aCacao());
  assert.deepEqual([capabilities, proofs], [[], []]);
});

Deno.test("a sentence tells the resource as it is written, not its canonical form", async () => {
  const lower = `${SPACE.toLowerCase()}/kv`;
  const att = attenuation(lower, [GET]);
  const told = await aCacao({ statement: recapStatement(att), resources: [recapResource(att)] });
  assert.equal(verified(told).capabilities[0]?.resource.uri, `${SPACE}/kv`);

  const canonical = recapStatement(attenuation(`${SPACE}/kv`, [GET]));
  const token = await aCacao({ statement: canonical, resources: [recapResource(att)] });
  assert.equal(malformation(() => verified(token)), "the statement does not tell the ReCap");
});

Deno.test("a revocation's ReCap is ignored, whatever it is", async () => {
  const token = await aCacao({ resources: ["urn:recap:AAAA"] });
  const claims = verifyCacao(decodeCacao(token), "ignored");
  assert.deepEqual([claims.capabilities, claims.proofs], [[], []]);
  assert.equal(claims.issuer, ALICE.did);
});

Deno.test("a byte changed is refused, or changes nothing that was signed", () => {
  const original = verified(TOKEN);
  fc.assert(
    fc.property(fc.nat(BYTES.length - 1), fc.nat(255), (at, byte) => {
      const bytes = BYTES.slice();
      bytes[at] = byte;
      const refusal = refusalOf(() => {
        const { cid: _cid, token: _token, ...said } = verified(base64url(bytes));
        const { cid: _its, token: _own, ...meant } = original;
        assert.deepEqual(said, meant);
      });
      assert.ok(refusal === undefined || /^token_(malformed|signature)$/.test(refusal.code));
    }),
    { numRuns: 300 },
  );
});
