// CACAOs and the messages they carry (wire §3.1).

import assert from "node:assert/strict";
import { decode, encode } from "@ipld/dag-cbor";
import { siweText as clientText } from "../../client/mod.ts";
import { decodeBase64url, encodeBase64url } from "../../src/tokens/base64url.ts";
import { type Cacao, decodeCacao, verifyCacao } from "../../src/tokens/cacao.ts";
import type { Claims } from "../../src/tokens/claims.ts";
import { findPrincipal } from "../../src/tokens/did.ts";
import { parseRecap, recapStatement } from "../../src/tokens/recap.ts";
import { siweText } from "../../src/tokens/siwe.ts";
import { readMessage } from "../conformance/siwe_message.ts";
import { canonical } from "../support/cbor_by_hand.ts";
import { aCacao, aCid, ALICE, base64url, GRANT, refusalOf } from "../support/tokens.ts";
import { bytesOfLatin1, latin1 } from "./mutation.ts";
import { Signed, withOtherS } from "./parsers_signed.ts";
import {
  filled,
  type Layer,
  refusedOnly,
  same,
  type Shape,
  type Target,
  target,
  whole,
} from "./parsers_target.ts";
import { MAX_TOKEN } from "./parsers_ucan.ts";
import { assertCanonical, sameBucket } from "./parsers_written.ts";

const CACAOS: readonly string[] = [
  await aCacao(),
  await aCacao({ attenuations: GRANT, proofs: [aCid("p")], statement: "Hello, wörld." }),
  await aCacao({ uri: `ucan:${aCid("p")}`, resources: ["urn:a:b", "https://a.example/?b#c"] }),
  await aCacao({
    scheme: "https",
    domain: "u@app.example:8080",
    requestId: "some request",
    chainId: 10,
    notBefore: "2025-06-15T15:06:40.25+02:00",
    expirationTime: "2030-01-01t00:00:00z",
    resources: ["ipfs://a", "urn:recap:e30"],
  }),
];
const BYTES = CACAOS.map((token) => latin1(decodeBase64url(token, "optional")));

function messageOf({ fields, wallet }: Cacao): string {
  return siweText(fields, wallet);
}

/** What makes a signature this one: the message, r and s. Of v there are two spellings. */
function signing(message: string, signature: Uint8Array): string {
  return `${signature.subarray(0, 64).toHex()} ${message}`;
}

// Only what was signed here may verify: everything else is a forgery.
const signed = new Signed(
  CACAOS.map(decodeCacao).map((cacao) => signing(messageOf(cacao), cacao.signature)),
);

const header = (bytes: string) => encodeBase64url(bytesOfLatin1(bytes));

/** The bytes with Alice's signature over whatever message they make, in the place of the old one. */
async function sign(bytes: string): Promise<string> {
  const text = messageIn(bytes);
  const old = BYTES.map(signatureIn).find((signature) => bytes.includes(signature));
  if (text === undefined || old === undefined) return header(bytes);
  const signature = await ALICE.sign(text);
  signed.add(signing(text, signature));
  // Never a pattern: a signature may hold `$&`.
  return header(bytes.split(old).join(latin1(signature)));
}

function signatureIn(bytes: string): string {
  return latin1(valueOf(bytes).s.s);
}

interface Value {
  readonly h: unknown;
  readonly p: Readonly<Record<string, unknown>> & { readonly iss: string };
  readonly s: { readonly t: string; readonly s: Uint8Array };
}

/** The value of a CACAO's bytes, which are in order. */
function valueOf(bytes: string | Uint8Array): Value {
  return decode(typeof bytes === "string" ? bytesOfLatin1(bytes) : bytes);
}

/** The message by the client's layout, whatever its fields are; undefined if the bytes are no CBOR. */
function messageIn(bytes: string): string | undefined {
  let payload: Record<string, unknown>;
  try {
    payload = Object(Object(decode(bytesOfLatin1(bytes))).p);
  } catch {
    return undefined;
  }
  const text = (name: string) => payload[name] === undefined ? undefined : String(payload[name]);
  const [, chainId = ""] = /^did:pkh:eip155:(\d+):/.exec(text("iss") ?? "") ?? [];
  const { resources } = payload;
  return clientText({
    scheme: text("scheme"),
    domain: text("domain") ?? "",
    address: ALICE.address,
    statement: text("statement"),
    uri: text("aud") ?? "",
    chainId,
    nonce: text("nonce") ?? "",
    issuedAt: text("iat") ?? "",
    expirationTime: text("exp"),
    notBefore: text("nbf"),
    requestId: text("request_id"),
    resources: Array.isArray(resources) ? resources.map(String) : undefined,
  });
}

/** A signed CACAO with this ReCap, told as the node would tell it where that is possible. */
async function signWithRecap(json: string): Promise<string> {
  const resource = `urn:recap:${base64url(json)}`;
  let statement = "I further authorize";
  try {
    statement = recapStatement(parseRecap(resource).attenuations);
  } catch (error) {
    refusedOnly(error);
  }
  const token = await aCacao({ resources: ["urn:a", resource], statement });
  const { s: { s: signature } } = valueOf(decodeBase64url(token, "optional"));
  const message = messageIn(latin1(decodeBase64url(token, "optional")));
  signed.add(signing(message ?? "", signature));
  return token;
}

const bytes = { samples: BYTES, alphabet: "bytes", syntax: "cbor" } as const;
const unsigned: Layer = {
  ...bytes,
  wrap: header,
  unwrap: (token) => latin1(decodeBase64url(token, "optional")),
};
const RECAPS = [
  JSON.stringify({ att: { ...GRANT, "urn:a:b": { "c/d": [{}], "c/a": [{ e: 1 }] } }, prf: [] }),
];
const recaps: Layer = { samples: RECAPS, alphabet: "text", syntax: "json", wrap: signWithRecap };

const cacao = target({
  kind: "cacao",
  share: 90,
  maxSize: MAX_TOKEN,
  refusesLonger: true,
  layers: [whole(CACAOS), unsigned, unsigned],
  shapes: shapes(),
  parse: decodeCacao,
  promises(token, cacao) {
    assert.ok(token.length <= MAX_TOKEN, `a token of ${token.length} characters`);
    same(writtenAnew(cacao), cacao.bytes, "not the one encoding of what it says");
    for (const field of Object.values(cacao.fields).flat()) {
      assert.ok(!/\p{Cc}/u.test(field), "a control");
    }
    for (const pad of [true, false]) {
      same(decodeCacao(encodeBase64url(cacao.bytes, { pad })), cacao, "padded and not");
    }
    assert.equal(findPrincipal(cacao.issuer), cacao.issuer);
    assertInjective(cacao);
  },
});

const signedCacao = target({
  kind: "cacao, signed",
  share: 40,
  maxSize: MAX_TOKEN,
  refusesLonger: true,
  layers: [{ ...bytes, wrap: sign }, recaps, whole(CACAOS)],
  parse: (token) => {
    const cacao = decodeCacao(token);
    return { cacao, claims: verifyCacao(cacao) };
  },
  promises(_token, { cacao, claims }) {
    const isSigned = signed.has(signing(messageOf(cacao), cacao.signature));
    assert.ok(isSigned, "a signature holds for what nobody signed");
    assertCanonical(claims.capabilities, claims.proofs);
    assertTold(cacao, claims);
    same(verifyCacao(decodeCacao(claims.token)), claims, "its own header form says something else");
    assertIdentity(cacao, claims);
  },
});

export const CACAO_TARGETS: readonly Target[] = [cacao, signedCacao];

/** What is granted stands in the statement, where people read it. */
function assertTold({ fields }: Cacao, { capabilities }: Claims): void {
  const { statement = "" } = fields;
  for (const { resource, ability } of capabilities) {
    const [, name = ""] = ability.split("/");
    const isTold = statement.includes(`'${name}'`) &&
      statement.toLowerCase().includes(`'${resource.uri}'`.toLowerCase());
    assert.ok(isTold, "the statement does not tell what is granted");
  }
}

/** All that it says, in canonical dag-cbor by hand: nothing else may have been in it. */
function writtenAnew({ fields, bytes, signature }: Cacao): Uint8Array {
  const { p: { iss } } = valueOf(bytes);
  return canonical({
    h: { t: "eip4361" },
    p: { ...fields, iss, version: 1 },
    s: { t: "eip191", s: signature },
  });
}

/** Read back by another hand, the message has the fields that made it. */
function assertInjective(cacao: Cacao): void {
  const { fields, wallet } = cacao;
  const read = readMessage(messageOf(cacao));
  same(read, {
    scheme: fields.scheme,
    domain: fields.domain,
    address: wallet.address,
    statement: fields.statement,
    uri: fields.aud,
    version: "1",
    chainId: wallet.chainId,
    nonce: fields.nonce,
    issuedAt: fields.iat,
    expirationTime: fields.exp,
    notBefore: fields.nbf,
    requestId: fields.request_id,
    ...(fields.resources === undefined ? {} : { resources: fields.resources }),
  }, "another message has this text");
}

/** Another v, other letters of `iss`: another CID, the same identity; s's twin is none (wire §2). */
function assertIdentity(cacao: Cacao, claims: Claims): void {
  const value = valueOf(cacao.bytes);
  const { signature } = cacao;
  const v = signature[64] ?? 0;
  const withV = (v: number) => Uint8Array.of(...signature.subarray(0, 64), v);
  const lower = value.p.iss.replace(/0x.*/, (address) => address.toLowerCase());
  const twins: Value[] = [{ ...value, s: { ...value.s, s: withV(v < 27 ? v + 27 : v - 27) } }];
  if (lower !== value.p.iss) twins.push({ ...value, p: { ...value.p, iss: lower } });
  for (const twin of twins) {
    const said = verifyCacao(decodeCacao(encodeBase64url(encode(twin))));
    assert.notEqual(said.cid, claims.cid, "other bytes, the same CID");
    same({ ...said, cid: 0, token: 0 }, { ...claims, cid: 0, token: 0 }, "an encoding of the same");
  }
  const high = withOtherS(signature.subarray(0, 64), "ES256K");
  const malleated = {
    ...value,
    s: { ...value.s, s: Uint8Array.of(...high, v < 27 ? 1 - v : 55 - v) },
  };
  const refusal = refusalOf(() => verifyCacao(decodeCacao(encodeBase64url(encode(malleated)))));
  assert.equal(refusal?.code, "token_signature", "a high s is taken");
}

/** The first sample with other members in its payload. */
function withMembers(members: Readonly<Record<string, unknown>>): string {
  const value = valueOf(BYTES[0] ?? "");
  return encodeBase64url(encode({ ...value, p: { ...value.p, ...members } }));
}

/** Bytes for members in a token of so many characters. */
function roomIn(size: number): number {
  return Math.floor((size - withMembers({}).length) * 3 / 4) - 20;
}

/** A token whose payload has this member, filled up. */
function member(name: string, shape: Shape): Shape {
  return (size) => withMembers({ [name]: shape(roomIn(size)) });
}

function resources(unit: string): Shape {
  const bytes = unit.length + (unit.length < 24 ? 1 : 2);
  return (size) => {
    const count = Math.floor(roomIn(size) / bytes);
    return withMembers({ resources: Array.from({ length: count }, () => unit) });
  };
}

/** A payload of members that no CACAO has. */
function names(name: (at: number) => string): Shape {
  return (size) => {
    const payload: Record<string, number> = {};
    for (let at = 0, left = Math.floor(size * 3 / 4) - 120; left > 20; at++) {
      payload[name(at)] = 0;
      left -= name(at).length + 2;
    }
    return encodeBase64url(encode({ ...valueOf(BYTES[0] ?? ""), p: payload }));
  };
}

function shapes(): Target["shapes"] {
  const inside = (shape: Shape): Shape => (size) => header(shape(Math.floor(size * 3 / 4) - 3));
  return {
    "letters": filled("", "o"),
    "lists in lists": inside(filled("", "\x81")),
    "maps in maps": inside(filled("", "\xa1\x61a")),
    "tags in tags": inside(filled("", "\xd8\x2a")),
    "names": names((at) => `a${at}`),
    "names of one bucket": names(sameBucket),
    "a long statement": member("statement", filled("", "a")),
    "a long nonce": member("nonce", filled("", "a")),
    "a long audience": member("aud", filled("a:", "%41")),
    "a long domain": member("domain", filled("a@", "%41")),
    "a domain of colons": member("domain", filled("", "1:")),
    "a long fraction": member("iat", filled("2025-06-15T15:06:40.", "1", "Z")),
    "a long issuer": member("iss", filled("did:pkh:eip155:", "1")),
    "a long scheme": member("scheme", filled("a", "+")),
    "resources": resources("a:"),
    "resources with escapes": resources("a:%41%41%41%41"),
  };
}
