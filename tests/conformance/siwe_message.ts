// An EIP-4361 message as text, as the fields that the SIWE vectors give, and as the CACAO that
// carries it. The node only goes from fields to text; the way back is here, so that a text can be
// put to the question that counts: is there a CACAO whose message it is?

import { encode } from "@ipld/dag-cbor";
import { z } from "zod";
import { encodeBase64url } from "../../src/tokens/base64url.ts";
import { decodeCacao } from "../../src/tokens/cacao.ts";
import { siweText } from "../../src/tokens/siwe.ts";
import { refuses } from "./vectors.ts";

/** Fields by the names of the SIWE library; negative vectors lack some, or have another type. */
export const siweFields = z.object({
  scheme: z.string().nullish(),
  domain: z.string().optional(),
  address: z.string().optional(),
  statement: z.string().optional(),
  uri: z.string().optional(),
  version: z.string().optional(),
  chainId: z.union([z.number(), z.string()]).optional(),
  nonce: z.string().optional(),
  issuedAt: z.string().optional(),
  expirationTime: z.string().optional(),
  notBefore: z.string().optional(),
  requestId: z.string().optional(),
  resources: z.array(z.string()).optional(),
});
export type SiweVector = z.infer<typeof siweFields>;

const NO_SIGNATURE = new Uint8Array(65);

/** The header form of the CACAO with these fields; what a vector lacks, it lacks too. */
export function cacaoOf(fields: SiweVector, signature: Uint8Array = NO_SIGNATURE): string {
  const payload = {
    aud: fields.uri,
    exp: fields.expirationTime,
    iat: fields.issuedAt,
    iss: `did:pkh:eip155:${fields.chainId ?? ""}:${fields.address ?? ""}`,
    nbf: fields.notBefore,
    nonce: fields.nonce,
    domain: fields.domain,
    scheme: fields.scheme ?? undefined,
    version: fields.version === undefined ? undefined : Number(fields.version),
    resources: fields.resources,
    statement: fields.statement,
    request_id: fields.requestId,
  };
  const present = Object.fromEntries(
    Object.entries(payload).filter(([, value]) => value !== undefined),
  );
  const bytes = encode({ h: { t: "eip4361" }, p: present, s: { s: signature, t: "eip191" } });
  return encodeBase64url(bytes);
}

/** The text that the wallet of this CACAO signed. Throws `token_malformed`. */
export function messageOf(token: string): string {
  const { fields, wallet } = decodeCacao(token);
  return siweText(fields, wallet);
}

const OPENING = " wants you to sign in with your Ethereum account:";

/** The one reading of a text by the layout of EIP-4361; undefined when it does not have it. */
export function readMessage(text: string): SiweVector | undefined {
  const lines = text.split("\n");
  const [opening = "", address, blank] = lines;
  const uriAt = lines.findIndex((line, at) => at > 2 && line.startsWith("URI: "));
  if (!opening.endsWith(OPENING) || blank !== "" || uriAt < 0) return undefined;
  const origin = opening.slice(0, -OPENING.length);
  const schemeEnd = origin.indexOf("://");
  // Between the blank line and the URI: the statement, if any, and a blank line again.
  const [last, ...statement] = lines.slice(3, uriAt).reverse();
  if (last !== "") return undefined;

  const rest = lines.slice(uriAt);
  const tagged = (tag: string) =>
    rest[0]?.startsWith(tag) ? rest.shift()?.slice(tag.length) : undefined;
  const fields = {
    scheme: schemeEnd < 0 ? undefined : origin.slice(0, schemeEnd),
    domain: schemeEnd < 0 ? origin : origin.slice(schemeEnd + 3),
    address,
    statement: statement.length === 0 ? undefined : statement.reverse().join("\n"),
    uri: tagged("URI: "),
    version: tagged("Version: "),
    chainId: tagged("Chain ID: "),
    nonce: tagged("Nonce: "),
    issuedAt: tagged("Issued At: "),
    expirationTime: tagged("Expiration Time: "),
    notBefore: tagged("Not Before: "),
    requestId: tagged("Request ID: "),
  };
  if (rest.length === 0) return fields;
  const [heading, ...resources] = rest;
  const isList = heading === "Resources:" && resources.every((line) => line.startsWith("- "));
  return isList
    ? { ...fields, resources: resources.map((line) => line.slice("- ".length)) }
    : undefined;
}

/** Is there a CACAO whose message is this text? Fields → text is injective, so one try tells. */
export function isMessage(text: string): boolean {
  const fields = readMessage(text);
  if (fields === undefined) return false;
  const token = cacaoOf(fields);
  return !refuses(() => decodeCacao(token)) && messageOf(token) === text;
}
