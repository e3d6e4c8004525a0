// JWS (wire §3.2): the parts of a token, canonical base64url, the algorithm and the bytes that are
// signed. None of these vectors is a UCAN, so each is taken apart with the pieces of ours.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { z } from "zod";
import { decodeBase64url } from "../../src/tokens/base64url.ts";
import { isObject, member, parseJson } from "../../src/tokens/json.ts";
import { decodeUtf8 } from "../../src/tokens/text.ts";
import { decodeUcan } from "../../src/tokens/ucan.ts";
import { accepts } from "./keys.ts";
import { Differences, refuses, runAll, toHex, utf8, vectorsOf } from "./vectors.ts";

const vector = z.object({
  name: z.string(),
  /** Of a symmetric key. */
  k: z.string().optional(),
  /** Of a P-256 key. */
  x: z.string().optional(),
  y: z.string().optional(),
  jws: z.string(),
  valid: z.boolean(),
});
type Vector = z.infer<typeof vector>;

interface Jws {
  readonly algorithm: unknown;
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

/** Throws `token_malformed` unless three canonical parts begin with a JSON object. */
function open(jws: string): Jws {
  const [header = "", payload = "", signature = "", ...more] = jws.split(".");
  const object = parseJson(decodeUtf8(decodeBase64url(header, "forbidden")));
  decodeBase64url(payload, "forbidden");
  return {
    algorithm: more.length === 0 && isObject(object) ? member(object, "alg") : undefined,
    signed: utf8(`${header}.${payload}`),
    signature: decodeBase64url(signature, "forbidden"),
  };
}

/** The verdict of our rules; an HMAC, which no token has, shows what base64url let through. */
function verdictOf({ jws, k, x, y }: Vector): boolean {
  if (refuses(() => open(jws))) return false;
  const { algorithm, signed, signature } = open(jws);
  if (algorithm === "ES256" && x !== undefined && y !== undefined) {
    const isOdd = (decodeBase64url(y, "forbidden").at(-1) ?? 0) % 2;
    const key = Uint8Array.of(2 + isOdd, ...decodeBase64url(x, "forbidden"));
    return accepts("ES256", key, signed, signature);
  }
  if (algorithm === "HS256" && k !== undefined) {
    const mac = createHmac("sha256", decodeBase64url(k, "forbidden")).update(signed).digest();
    return toHex(mac) === toHex(signature);
  }
  return false;
}

const RSA = [
  "33 rs256 acceptsValid",
  "259 rs256 emptyPayload",
  "260 rs256 allZeroPayload",
  "261 rs256 oneBytePayload",
  "262 rs256 normalPayload",
  "263 rs256 normalPayload",
  "264 rs384 emptyPayload",
  "265 rs384 allZeroPayload",
  "266 rs384 oneBytePayload",
  "267 rs384 normalPayload",
  "268 rs512 emptyPayload",
  "269 rs512 allZeroPayload",
  "270 rs512 oneBytePayload",
  "271 rs512 normalPayload",
  "272 ps256 emptyPayload",
  "273 ps256 allZeroPayload",
  "274 ps256 oneBytePayload",
  "275 ps256 normalPayload",
  "287 ps256 saltIsAll0",
  "288 ps256 saltIsAll1",
  "320 ps384 emptyPayload",
  "321 ps384 allZeroPayload",
  "322 ps384 oneBytePayload",
  "323 ps384 normalPayload",
  "325 ps512 emptyPayload",
  "326 ps512 allZeroPayload",
  "327 ps512 oneBytePayload",
  "328 ps512 normalPayload",
  "345 rfc7520 Figure13",
  "346 rfc7520 Figure20",
  "349 rfc7520WithKeyOps Figure13",
  "350 rfc7520WithKeyOps Figure20",
];
const NO_RSA = "RSA: an algorithm that we lack";
const NO_P521 = "ES512: an algorithm that we lack";
const JUNK = "a character that is not base64url";
const LOST = "its padding was lost when it was published: the text is that of 357, which is valid";
const NO_USE = "a did:key says nothing of its use";
const DIFFERENCES = new Differences({
  ...Object.fromEntries(RSA.map((name) => [name, NO_RSA])),
  "354 ec_key_for_encryption rejectWrongUse": NO_USE,
  "356 ec_key_for_encryption rejectWrongKeyOps": NO_USE,
  "367 base64 invalidBase64Padding": LOST,
  "370 base64 invalidBase64PaddingInPayload": LOST,
  "372 base64 InvalidCharacterInsertedInHeader": JUNK,
  "373 base64 InvalidCharacterInsertedInPayload": JUNK,
  "347 rfc7520 Figure27": NO_P521,
  "351 rfc7520WithKeyOps Figure27": NO_P521,
});

Deno.test("Wycheproof's JWS get the published verdicts for algorithms that we have", async () => {
  const cases = await vectorsOf("wycheproof-jws", "cases", vector);

  runAll("wycheproof/jws", 401, cases, ({ name }) => name, (vector) => {
    assert.equal(verdictOf(vector), vector.valid !== DIFFERENCES.has(vector.name));
    assert.ok(refuses(() => decodeUcan(vector.jws)), "is taken for a UCAN");
  });

  await DIFFERENCES.assertExact();
});

Deno.test("the JWK vectors of Wycheproof are no tokens; no JWK is read anywhere", async () => {
  // The node's secret is base64url of bytes (`keys.secret`), and a token's `jwk` is ignored (wire
  // §3.2). So no rule about keys applies: mixed sets, duplicate kid, weak RSA, wrong use or curve.
  const cases = await vectorsOf("wycheproof-jwk", "cases", vector);

  runAll("wycheproof/jwk", 26, cases, ({ name }) => name, ({ jws }) => {
    assert.ok(refuses(() => decodeUcan(jws)), "is taken for a UCAN");
  });
});
