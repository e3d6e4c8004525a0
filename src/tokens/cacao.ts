// CACAO (CAIP-74; wire §3.1): a wallet's signed SIWE message as dag-cbor.

import { malformed, NodeError } from "../errors.ts";
import { MAX_TOKEN_LENGTH } from "../limits.ts";
import { memoBy } from "../memo.ts";
import { capabilitiesOf } from "./attenuations.ts";
import { decodeBase64url, encodeBase64url } from "./base64url.ts";
import { cidOf, type Identity } from "./cid.ts";
import type { Claims } from "./claims.ts";
import { decodeDagCbor } from "./dag_cbor.ts";
import { findPrincipal, type Principal, type Wallet, walletOf } from "./did.ts";
import { findRecap, recapStatement } from "./recap.ts";
import { eip191Digest, MAX_VERDICTS, recoverEip191 } from "./signature.ts";
import { type SiweFields, siweText } from "./siwe.ts";
import { parseTimestamp } from "./timestamp.ts";
import { isAuthority, isScheme, isUri } from "./uri.ts";

const CONTROL = /\p{Cc}/u;

/** Unix seconds, fractions kept. */
type Times = Required<Pick<Claims, "issuedAt">> & Pick<Claims, "notBefore" | "expiresAt">;

/** A well-formed CACAO whose signature nobody has looked at yet. */
export interface Cacao {
  readonly bytes: Uint8Array;
  readonly fields: SiweFields;
  readonly times: Times;
  readonly issuer: Principal;
  readonly wallet: Wallet;
  readonly signature: Uint8Array;
}

/** Decodes the header form. Throws `token_malformed`. */
export function decodeCacao(token: string): Cacao {
  if (token.length > MAX_TOKEN_LENGTH) throw malformed("it is longer than 32 KiB");
  const bytes = decodeBase64url(token, "optional", "the CACAO");
  const cacao = record(decodeDagCbor(bytes), ["h", "p", "s"], "the CACAO");
  const header = record(cacao.h, ["t"], "h");
  const signed = record(cacao.s, ["s", "t"], "s");
  if (header.t !== "eip4361") throw malformed("the CACAO is not of type eip4361");
  if (signed.t !== "eip191") throw malformed("the signature is not of type eip191");
  if (!(signed.s instanceof Uint8Array) || signed.s.length !== 65) {
    throw malformed("the signature is not 65 bytes");
  }
  const { fields, times, issuer } = parsePayload(cacao.p);
  const wallet = walletOf(issuer);
  if (wallet === undefined) throw malformed("the issuer is not a did:pkh:eip155");
  return { bytes, fields, times, issuer, wallet, signature: signed.s };
}

/**
 * What the message says, once its signature fits its issuer. Time is not judged here. A revocation
 * has no use for a ReCap and ignores it (wire §8). Throws `token_signature`, or `token_malformed` for
 * a ReCap that is none or is not told by the statement.
 */
export function verifyCacao(cacao: Cacao, recap: "read" | "ignored" = "read"): Claims {
  const digest = eip191Digest(siweText(cacao.fields, cacao.wallet));
  if (signerOf({ digest, signature: cacao.signature }) !== cacao.wallet.address) {
    throw new NodeError("token_signature");
  }
  const grants = recap === "read" ? grantsOf(cacao.fields) : { capabilities: [], proofs: [] };
  return { ...claimsOf(cacao, digest), ...grants };
}

/** Recovered once for the same bytes, also where it is nobody. */
const signerOf = memoBy(
  MAX_VERDICTS,
  ({ digest, signature }: { digest: Uint8Array; signature: Uint8Array }) =>
    digest.toHex() + signature.toHex(),
  ({ digest, signature }) => recoverEip191(digest, signature) ?? "nobody",
);

function claimsOf(cacao: Cacao, digest: Uint8Array): Omit<Claims, "capabilities" | "proofs"> {
  const { bytes, fields, times, issuer } = cacao;
  return {
    kind: "cacao",
    cid: cidOf(bytes),
    // Other v, other case of `iss`: another encoding, the same signed content (wire §2).
    identity: `eip191:${digest.toHex()}:${issuer}` as Identity,
    token: encodeBase64url(bytes, { pad: true }),
    issuer,
    audience: fields.aud,
    ...times,
  };
}

function grantsOf(fields: SiweFields): Pick<Claims, "capabilities" | "proofs"> {
  const recap = findRecap(fields.resources ?? []);
  if (recap === undefined) return { capabilities: [], proofs: [] };
  const capabilities = capabilitiesOf(recap.attenuations);
  // People read the statement, so it must tell the whole of what they sign away.
  if (!fields.statement?.endsWith(recapStatement(recap.attenuations))) {
    throw malformed("the statement does not tell the ReCap");
  }
  return { capabilities, proofs: recap.proofs };
}

const REQUIRED = ["aud", "iat", "iss", "nonce", "domain", "version"];
const OPTIONAL = ["exp", "nbf", "scheme", "resources", "statement", "request_id"];

/** Types and grammar of the payload: no two payloads may spell the same message. */
function parsePayload(value: unknown): Pick<Cacao, "fields" | "times" | "issuer"> {
  const payload = record(value, REQUIRED, "p", OPTIONAL);
  if (payload.version !== 1) throw malformed("version is not 1");
  const text = (name: string) => line(payload[name], name);
  const optional = <Name extends string>(name: Name): { [name in Name]?: string } =>
    payload[name] === undefined ? {} : { [name]: text(name) } as { [name in Name]?: string };

  const fields: SiweFields = {
    domain: text("domain"),
    aud: text("aud"),
    iat: text("iat"),
    nonce: text("nonce"),
    ...optional("exp"),
    ...optional("nbf"),
    ...optional("scheme"),
    ...optional("statement"),
    ...optional("request_id"),
    ...(payload.resources === undefined ? {} : { resources: resourceList(payload.resources) }),
  };
  const iss = text("iss");
  const issuer = iss.includes("#") ? undefined : findPrincipal(iss);
  if (issuer === undefined) throw malformed("iss is not a DID");
  if (!isAuthority(fields.domain)) throw malformed("domain is not an authority");
  if (fields.scheme !== undefined && !isScheme(fields.scheme)) {
    throw malformed("scheme is not a URI scheme");
  }
  if (!isUri(fields.aud)) throw malformed("aud is not a URI");
  const times = {
    issuedAt: time(fields.iat, "iat"),
    ...(fields.nbf === undefined ? {} : { notBefore: time(fields.nbf, "nbf") }),
    ...(fields.exp === undefined ? {} : { expiresAt: time(fields.exp, "exp") }),
  };
  return { fields, times, issuer };
}

function time(text: string, name: string): number {
  const seconds = parseTimestamp(text);
  if (seconds === undefined) throw malformed(`${name} is not an RFC 3339 time`);
  return seconds;
}

function resourceList(value: unknown): string[] {
  if (!Array.isArray(value) || value.length === 0) {
    throw malformed("resources is not a list with an entry");
  }
  return value.map((entry: unknown) => {
    const resource = line(entry, "a resource");
    if (!isUri(resource)) throw malformed("a resource is not a URI");
    return resource;
  });
}

/** A text without control characters: a line feed would forge lines of the signed message. */
function line(value: unknown, name: string): string {
  if (typeof value !== "string") throw malformed(`${name} is not text`);
  if (CONTROL.test(value)) throw malformed(`${name} holds a control character`);
  return value;
}

/** A map with exactly these members: no signature covers any other. */
function record(
  value: unknown,
  required: readonly string[],
  what: string,
  optional: readonly string[] = [],
): Readonly<Record<string, unknown>> {
  if (
    typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype
  ) {
    throw malformed(`${what} is not a map`);
  }
  if (Object.keys(value).length > required.length + optional.length) {
    throw malformed(`${what} has a member that is not known`);
  }
  const members = new Map(Object.entries(value));
  for (const name of required) {
    if (!members.has(name)) throw malformed(`${what} lacks ${name}`);
  }
  for (const name of members.keys()) {
    if (!required.includes(name) && !optional.includes(name)) {
      throw malformed(`${what} has a member that is not known`);
    }
  }
  return Object.fromEntries(members);
}
