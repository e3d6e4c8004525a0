/**
 * UCAN: the JWT with which a session key invokes, delegates and revokes (wire §3.2, clients §2.2).
 */
import { base64url } from "multiformats/bases/base64";
import { cidOf } from "./cid.ts";
import type { SessionKey } from "./keys.ts";
import type { Attenuations } from "./recap.ts";

/** A UCAN ready to send. */
export interface Ucan {
  /** For `Authorization`: the compact JWT. */
  readonly header: string;
  /** Computed when asked for: invocations are rarely cited. */
  readonly cid: string;
}

/** A JSON object, or the JSON text itself where an object could not say it. */
export type Json = Readonly<Record<string, unknown>> | string;

/** What the token says. */
export interface UcanFields {
  readonly audience: string;
  /** Seconds since 1970; fractions allowed. */
  readonly expiration: number;
  readonly notBefore?: number | undefined;
  /** Left out: a random `urn:uuid:…`. */
  readonly nonce?: string | undefined;
  readonly facts?: readonly unknown[] | undefined;
  /** CIDs of the delegations it rests on. */
  readonly proofs?: readonly string[] | undefined;
  readonly attenuations: Attenuations;
}

/** Replaces header or payload members, to make tokens that are wrong; text replaces them whole. */
export interface UcanOverrides {
  readonly header?: Json;
  readonly payload?: Json;
}

/** Signs `fields` with `key`, which is also the issuer. */
export function signUcan(
  key: SessionKey,
  fields: UcanFields,
  overrides: UcanOverrides = {},
): Promise<Ucan> {
  const header = { alg: key.alg, jwk: key.jwk, typ: "JWT", ucv: "0.10.0" };
  const payload = {
    iss: key.didUrl,
    aud: fields.audience,
    nbf: fields.notBefore,
    exp: fields.expiration,
    nnc: fields.nonce ?? `urn:uuid:${crypto.randomUUID()}`,
    fct: fields.facts,
    prf: fields.proofs ?? [],
    att: fields.attenuations,
  };
  return signJwt(key, merged(header, overrides.header), merged(payload, overrides.payload));
}

/** Signs any header and payload. */
export async function signJwt(key: SessionKey, header: Json, payload: Json): Promise<Ucan> {
  const signed = `${segment(header)}.${segment(payload)}`;
  const signature = await key.sign(utf8(signed));
  const jwt = `${signed}.${base64url.baseEncode(signature)}`;
  return {
    header: jwt,
    get cid() {
      return cidOf(utf8(jwt));
    },
  };
}

function merged(built: Record<string, unknown>, override: Json | undefined): Json {
  return typeof override === "string" ? override : { ...built, ...override };
}

function segment(json: Json): string {
  return base64url.baseEncode(utf8(typeof json === "string" ? json : JSON.stringify(json)));
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
