// The UCAN conformance vectors speak another dialect of 0.10.0: `ucv` in the payload, `cap` for
// `att`, an `exp` of null, facts as one object, resources that are in nobody's space. Here a vector
// is put into the dialect of wire §3.2, mechanically, with its defect, and signed anew.

import { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { blake3 } from "../../src/blake3.ts";
import { encodeBase64url } from "../../src/tokens/base64url.ts";
import { didKeyOf } from "./keys.ts";
import { hex, utf8 } from "./vectors.ts";

/** Ed25519's PKCS #8 header (RFC 8410), before the seed. */
const PKCS8 = hex("302e020100300506032b657004220420");

/** The vectors tell only one of their three keys: each DID gets a key of ours for its own. */
function keyFor(did: string): { did: string; key: KeyObject } {
  const der = Uint8Array.of(...PKCS8, ...blake3(utf8(did)));
  const key = createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs8" });
  const { x = "" } = createPublicKey(key).export({ format: "jwk" });
  const raw = Uint8Array.fromBase64(x, { alphabet: "base64url" });
  return { did: didKeyOf("EdDSA", raw), key };
}

/** Alice, who issues every root token of the vectors. */
const ROOT = "did:key:z6Mkk89bC3JrVqKie71YEcc5M1SMVxuCgNx6zLZ8SYJsxALi";
const SPACE = `tinycloud:${keyFor(ROOT).did.slice("did:".length)}:default`;
/** "Never", for tokens that must end some day. */
const FAR = 9_246_211_200;

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A vector's token without its signature, as JSON. */
export function partsOf(token: string): { header: Json; payload: Json } {
  const [header, payload] = token.split(".").slice(0, 2).map((part): unknown =>
    JSON.parse(new TextDecoder().decode(Uint8Array.fromBase64(part, { alphabet: "base64url" })))
  );
  if (!isObject(header) || !isObject(payload)) throw new Error("The vector is no token");
  return { header, payload };
}

/** The token in our dialect, signed; `cids` maps the vectors' proofs to ours. */
export function translate(token: string, cids: ReadonlyMap<string, string>): string {
  const { header, payload: { ucv, cap, iss, aud, exp, fct, prf, ...rest } } = partsOf(token);
  const payload = {
    ...rest,
    att: cap === undefined ? undefined : attenuations(cap),
    iss: did(iss),
    aud: did(aud),
    exp: exp === null ? FAR : exp,
    fct: isObject(fct) ? [fct] : fct,
    prf: prf === undefined ? [] : Array.isArray(prf) ? prf.map((cid) => cids.get(cid) ?? cid) : prf,
  };
  // JSON leaves out what is undefined: what the vector lacks, this lacks.
  const signed = [{ ...header, ucv }, payload].map((part) =>
    encodeBase64url(utf8(JSON.stringify(part)))
  ).join(".");
  const { key } = keyFor(isDid(iss) ? iss : ROOT);
  return `${signed}.${encodeBase64url(sign(null, utf8(signed), key))}`;
}

const isDid = (value: unknown): value is string =>
  typeof value === "string" && value.startsWith("did:key:");

const did = (value: unknown): unknown => isDid(value) ? keyFor(value).did : value;

/** Resources become paths of the root's space; none becomes one, or no authority is asked. */
function attenuations(cap: unknown): unknown {
  if (!isObject(cap)) return cap;
  const resources = Object.entries(cap);
  if (resources.length === 0) return { [`${SPACE}/kv/nothing`]: { "tinycloud.kv/get": [{}] } };
  return Object.fromEntries(
    resources.map(([uri, abilities]) => [`${SPACE}/${uri.replace(":", "/")}`, abilities]),
  );
}
