// UCANs (wire §3.2): the token, its parts, and what its payload says.

import assert from "node:assert/strict";
import { spaceId } from "../../client/mod.ts";
import { findPrincipal } from "../../src/tokens/did.ts";
import { decodeUcan, type Ucan, type UcanClaims, verifyUcan } from "../../src/tokens/ucan.ts";
import {
  aCid,
  ALICE,
  aUcan,
  base58,
  base64url,
  GRANT,
  K256,
  KEY,
  NOW,
  P256,
  PUT,
  SPACE,
} from "../support/tokens.ts";
import {
  counted,
  filled,
  type Layer,
  same,
  type Shape,
  type Target,
  target,
  whole,
} from "./parsers_target.ts";
import { Signed, withOtherS } from "./parsers_signed.ts";
import {
  assertCanonical,
  attOf,
  encodeJson,
  sameBucket,
  sameTextBucket,
  sorted,
} from "./parsers_written.ts";

/** Tokens are refused unread beyond it (wire §1). */
export const MAX_TOKEN = 32 * 1024;

const FACTS = [{ capabilitiesReadParams: { type: "list", filters: { direction: "all" } } }];
const UCANS: readonly string[] = [
  await aUcan(),
  await aUcan({ proofs: [aCid("p"), aCid("q")], facts: FACTS, notBefore: NOW - 1.5 }),
  await aUcan({ attenuations: { ...GRANT, "urn:a:b": { "a/b": [{ c: 1 }], "a/c": [{}, {}] } } }),
  await aUcan({ audience: KEY.did }, {}, P256),
  await aUcan({ attenuations: { [`${SPACE}/kv/%20`]: { [PUT]: [{}] } } }, {}, K256),
];
const HEADERS = UCANS.map((token) => partOf(token, 0));
const PAYLOADS = UCANS.map((token) => partOf(token, 1));
const [HEADER = "", PAYLOAD = ""] = [HEADERS[0], PAYLOADS[0]];

function partOf(token: string, part: 0 | 1): string {
  const bytes = Uint8Array.fromBase64(token.split(".")[part] ?? "", { alphabet: "base64url" });
  return new TextDecoder().decode(bytes);
}

function signedPart(token: string): string {
  return token.slice(0, token.lastIndexOf("."));
}

// Only what was signed here may verify: everything else is a forgery.
const signed = new Signed(UCANS);

async function sign(header: string, payload: string): Promise<string> {
  const key = [P256, K256].find(({ did }) => payload.includes(did)) ?? KEY;
  const text = `${base64url(header)}.${base64url(payload)}`;
  const token = `${text}.${base64url(await key.sign(new TextEncoder().encode(text)))}`;
  signed.add(token);
  return token;
}

/** The header that fits the payload's issuer, which need not be one. */
function headerFor(payload: string): string {
  return HEADERS[payload.includes(P256.did) ? 3 : payload.includes(K256.did) ? 4 : 0] ?? "";
}

const NO_SIGNATURE = base64url(new Uint8Array(64));
const unsigned = (header: string, payload: string) =>
  `${base64url(header)}.${base64url(payload)}.${NO_SIGNATURE}`;

const json = { alphabet: "text", syntax: "json" } as const;
const payloads: Layer = {
  ...json,
  samples: PAYLOADS,
  wrap: (payload) => unsigned(headerFor(payload), payload),
  unwrap: (token) => partOf(token, 1),
};
const headers: Layer = { ...json, samples: HEADERS, wrap: (header) => unsigned(header, PAYLOAD) };

/** CIDv1, raw, BLAKE3 with a digest as long as 512 characters can hold. */
const LONG = Uint8Array.of(1, 0x55, 0x1e, 0xe8, 0x02, ...new Uint8Array(360).fill(255));
const LONG_58 = base58(LONG);
const LONG_36 = `k${BigInt(`0x${LONG.subarray(0, 320).toHex()}`).toString(36)}`;

const ucan = target({
  kind: "ucan",
  share: 90,
  maxSize: MAX_TOKEN,
  refusesLonger: true,
  layers: [whole(UCANS), payloads, payloads, headers],
  shapes: shapes(),
  another: (at) =>
    unsigned(
      HEADER.replace("{", `{"n":${at},`),
      `{"x":"${"a".repeat(22_000)}",${PAYLOAD.slice(1)}`,
    ),
  parse: decodeUcan,
  promises(token, ucan) {
    const { claims } = ucan;
    assert.equal(claims.token, token, "a token is kept as it came");
    assertBounds(token, claims);
    assert.equal(findPrincipal(claims.issuer), claims.issuer, "an issuer is a principal");
    assertCanonical(claims.capabilities, claims.proofs);
    assertSameWhenWrittenAnew(token, ucan);
    assertIdentity(token, claims);
  },
});

const signedUcan = target({
  kind: "ucan, signed",
  share: 50,
  maxSize: MAX_TOKEN,
  refusesLonger: true,
  layers: [
    { ...payloads, wrap: (payload) => sign(headerFor(payload), payload) },
    { ...headers, wrap: (header) => sign(header, PAYLOAD) },
    whole(UCANS),
  ],
  parse: (token) => {
    const ucan = decodeUcan(token);
    return { ...ucan, claims: verifyUcan(ucan) };
  },
  promises(token, { key, signature, claims }) {
    assert.ok(signed.has(token), "a signature holds that nobody made");
    assertIdentity(token, claims);
    if (key.algorithm === "EdDSA") return;
    const twin = `${signedPart(token)}.${base64url(withOtherS(signature, key.algorithm))}`;
    same(verifyUcan(decodeUcan(twin)).identity, claims.identity, "n - s is of the same signing");
  },
});

export const UCAN_TARGETS: readonly Target[] = [ucan, signedUcan];

/** Wire §1, lengths, and §3.2. */
function assertBounds(token: string, claims: UcanClaims): void {
  assert.ok(token.length <= MAX_TOKEN, `a token of ${token.length} characters`);
  assert.ok(new TextEncoder().encode(claims.nonce ?? "").length <= 256, "a long nonce");
  assert.ok(claims.audience.length <= 512 && !claims.audience.includes("#"), "no DID as audience");
  assert.notEqual(findPrincipal(claims.audience), undefined);
  for (const time of [claims.expiresAt, claims.notBefore ?? 0]) assert.ok(Number.isFinite(time));
}

/** Parse, write from the claims, parse: they say the same. */
function assertSameWhenWrittenAnew(token: string, { claims, key }: Ucan): void {
  const { issuer, audience, expiresAt, notBefore, nonce, proofs, capabilities, facts } = claims;
  const payload = `{"iss":${encodeJson(issuer)},"aud":${encodeJson(audience)},` +
    `"exp":${encodeJson(expiresAt)},` +
    (notBefore === undefined ? "" : `"nbf":${encodeJson(notBefore)},`) +
    (nonce === undefined ? "" : `"nnc":${encodeJson(nonce)},`) +
    `"fct":${encodeJson(facts)},"prf":${encodeJson(proofs)},"att":${attOf(capabilities)}}`;
  const [header = "", , signature = ""] = token.split(".");
  const again = `${header}.${base64url(payload)}.${signature}`;
  // Canonical forms may be longer than what was written.
  if (again.length > MAX_TOKEN) return;
  const { claims: anew, key: sameKey } = decodeUcan(again);
  const said = (of: UcanClaims) => {
    return { ...of, capabilities: sorted(of.capabilities), cid: 0, identity: 0, token: 0 };
  };
  same(said(anew), said(claims), "written anew it says something else");
  same(sameKey, key, "another key");
}

/** What is signed has one identity whatever the signature, and nothing else has it (wire §2). */
function assertIdentity(token: string, claims: UcanClaims): void {
  const twin = decodeUcan(`${signedPart(token)}.AAAA`).claims;
  assert.equal(twin.identity, claims.identity, "another signature, another identity");
  const wasTwin = token.endsWith(".AAAA");
  assert.equal(twin.cid === claims.cid, wasTwin, "a CID is that of the bytes received");
  for (const sample of UCANS) {
    const isSample = signedPart(sample) === signedPart(token);
    assert.equal(
      decodeUcan(sample).claims.identity === claims.identity,
      isSample,
      "shared identity",
    );
  }
}

/** Members behind what a payload must have, filled up to the size of the whole token. */
function members(shape: Shape): Shape {
  const before = `{"iss":"${KEY.did}","aud":"${KEY.did}","exp":${NOW},`;
  return (size) => {
    const room = Math.floor((size - base64url(HEADER).length - NO_SIGNATURE.length - 2) * 3 / 4);
    return unsigned(HEADER, `${before}${shape(room - before.length - 1)}}`);
  };
}

function shapes(): Target["shapes"] {
  const proofs = (cid: string) => members(filled('"att":{},"prf":[', `"${cid}",`, `"${cid}"]`));
  const facts = (unit: string) => members(filled('"prf":[],"att":{},"fct":[', unit, "0]"));
  const named = (name: (at: number) => string) =>
    members(counted('"prf":[],"att":{},"fct":[{"":0', (at) => `,"${name(at)}":0`, "}]"));
  const att = (part: (at: number) => string) =>
    members(counted('"prf":[],"att":{"a:":{}', (at) => `,${part(at)}`, "}"));
  const abilitiesOn = (name: string) => {
    const before = `"prf":[],"att":{"a:${name}":{"a/b":[{}]`;
    return members(counted(before, (at) => `,"a/${at.toString(36).padStart(3, "0")}":[{}]`, "}}"));
  };
  return {
    "dots": filled("", "."),
    "letters": filled(".", "A", "."),
    "a long header": (size) => unsigned(filled('{"a":"', "a", '"}')(size * 3 / 4 - 600), PAYLOAD),
    "lists in lists": members(filled('"prf":[],"att":{},"fct":', "[")),
    "empty lists": facts("[],"),
    "empty objects": facts("{},"),
    "empty texts": facts('"",'),
    "escaped texts": facts('"\\n",'),
    "numbers": facts("1e9,"),
    "names": named(String),
    "escaped names": named((at) => `\\u0061${at}`),
    "names of one bucket": named(sameBucket),
    "texts of one bucket": members(
      counted('"prf":[],"att":{},"fct":[0', (at) => `,"${sameTextBucket(at)}"`, "]"),
    ),
    "proofs": proofs(aCid("p")),
    "long proofs in base58": proofs(LONG_58),
    "long proofs in base36": proofs(LONG_36),
    "long proofs in hex": proofs(`f01551eee01${"ab".repeat(238)}`),
    "caveats": members(filled('"prf":[],"att":{"a:b":{"a/b":[', "{},", "{}]}}")),
    "full caveats": members(filled('"prf":[],"att":{"a:b":{"a/b":[', '{"":{}},', "{}]}}")),
    "resources": att((at) => `"a:${at.toString(36)}":{"a/b":[{}]}`),
    "spaces": att((at) => `"${spaceId(ALICE.did, String(at))}/a":{"a/b":[{}]}`),
    "wallets": att((at) =>
      `"tinycloud:pkh:eip155:1:0x${String(at).padStart(40, "a")}:a/b":{"a/b":[{}]}`
    ),
    "resources of one bucket": att((at) => `"${sameBucket(at)}":{"a/b":[{}]}`),
    "abilities": members(
      counted('"prf":[],"att":{"a:b":{"a/b":[{}]', (at) => `,"a/${at.toString(36)}":[{}]`, "}}"),
    ),
    "abilities on a long resource": abilitiesOn("b".repeat(9_000)),
    "abilities on a resource too long to hash": abilitiesOn("b".repeat(16_400)),
    "a long path": members(filled(`"prf":[],"att":{"${SPACE}/kv/`, "a/", '":{"a/b":[{}]}}')),
    "a long nonce": members(filled('"prf":[],"att":{},"nnc":"', "a", '"')),
    "white space": members(filled('"prf":[],"att":{},"x":0', " ")),
  };
}
