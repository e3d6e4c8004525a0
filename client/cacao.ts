/**
 * CACAO: a sign-in message and its wallet signature as dag-cbor, the form in which a wallet
 * delegates, hosts spaces and revokes (wire §3.1, clients §1.6 and §1.7).
 */
import { encode } from "@ipld/dag-cbor";
import { base64urlpad } from "multiformats/bases/base64";
import { cidOf } from "./cid.ts";
import { type Attenuations, recapResource, recapStatement } from "./recap.ts";
import { type SiweFields, siweText } from "./siwe.ts";
import type { Wallet } from "./wallet.ts";

/** A CACAO ready to send. */
export interface Cacao {
  /** For `Authorization`: padded base64url of `bytes`. */
  readonly header: string;
  readonly bytes: Uint8Array;
  readonly cid: string;
}

/** What the message says. Left out: `chainId` and `address` are the wallet's, `nonce` is random. */
export interface CacaoFields extends Partial<SiweFields> {
  readonly domain: string;
  /** The audience: a DID, a DID URL, or `ucan:{cid}` to revoke. */
  readonly uri: string;
  /** Adds the ReCap as the last resource and its sentence at the end of the statement. */
  readonly attenuations?: Attenuations;
  /** CIDs of the delegations that the ReCap rests on. */
  readonly proofs?: readonly string[];
}

/** Replaces parts after the fact, to make tokens that are wrong. `undefined` removes a field. */
export interface CacaoOverrides {
  /** Signed instead of the message that the fields make. */
  readonly text?: string;
  readonly h?: Readonly<Record<string, unknown>>;
  readonly p?: Readonly<Record<string, unknown>>;
  readonly s?: Readonly<Record<string, unknown>>;
  /** Fields beside `h`, `p` and `s`, or instead of them. */
  readonly top?: Readonly<Record<string, unknown>>;
}

/** Has the wallet sign the message of `fields` and packs both. */
export async function signCacao(
  wallet: Wallet,
  fields: CacaoFields,
  overrides: CacaoOverrides = {},
): Promise<Cacao> {
  const siwe = completed(wallet, fields);
  const signature = await wallet.sign(overrides.text ?? siweText(siwe));
  return encodeCacao({
    h: { t: "eip4361", ...overrides.h },
    p: {
      aud: siwe.uri,
      exp: siwe.expirationTime,
      iat: siwe.issuedAt,
      iss: `did:pkh:eip155:${siwe.chainId}:${siwe.address}`,
      nbf: siwe.notBefore,
      nonce: siwe.nonce,
      domain: siwe.domain,
      scheme: siwe.scheme,
      version: siwe.version ?? 1,
      resources: siwe.resources?.length ? siwe.resources : undefined,
      statement: siwe.statement,
      request_id: siwe.requestId,
      ...overrides.p,
    },
    s: { t: "eip191", s: signature, ...overrides.s },
    ...overrides.top,
  });
}

/** Canonical dag-cbor of any `{h, p, s}`; fields that are `undefined` are left out. */
export function encodeCacao(value: Readonly<Record<string, unknown>>): Cacao {
  return cacaoOfBytes(encode(withoutUndefined(value)));
}

/** Any bytes as a CACAO, well-formed or not. */
export function cacaoOfBytes(bytes: Uint8Array): Cacao {
  return { header: base64urlpad.baseEncode(bytes), bytes, cid: cidOf(bytes) };
}

function completed(wallet: Wallet, fields: CacaoFields): SiweFields {
  const { attenuations, proofs, ...given } = fields;
  const siwe = {
    address: wallet.address,
    chainId: wallet.chainId,
    nonce: randomNonce(),
    issuedAt: new Date().toISOString(),
    ...given,
  };
  if (attenuations === undefined) return siwe;
  const sentence = recapStatement(attenuations);
  return {
    ...siwe,
    statement: siwe.statement === undefined ? sentence : `${siwe.statement} ${sentence}`,
    resources: [...siwe.resources ?? [], recapResource(attenuations, proofs)],
  };
}

/** 17 random letters and digits, as the SDK's; about 10²⁹ values. */
function randomNonce(): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  const bytes = crypto.getRandomValues(new Uint8Array(17));
  return [...bytes].map((byte) => alphabet.charAt(byte % alphabet.length)).join("");
}

function withoutUndefined(value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const kept = Object.entries(value).filter(([, part]) => part !== undefined);
  return Object.fromEntries(
    kept.map(([name, part]) => [name, isMap(part) ? withoutUndefined(part) : part]),
  );
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null &&
    Object.getPrototypeOf(value) === Object.prototype;
}
