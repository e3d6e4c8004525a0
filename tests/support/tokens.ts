// What the tests of the pure layers are made of: keys that never change, tokens signed with them, and
// delegations as the node keeps them. Nothing here needs a node.

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  attenuation,
  type Attenuations,
  type CacaoFields,
  type CacaoOverrides,
  es256Key,
  es256kKey,
  sessionKeyFromSeed,
  signCacao,
  signUcan,
  spaceId,
  type UcanFields,
  type UcanOverrides,
  walletFromPrivateKey,
} from "../../client/mod.ts";
import { parseAbility } from "../../src/capabilities/ability.ts";
import type { Capability, Delegation } from "../../src/capabilities/delegation.ts";
import { parseResource, type Resource } from "../../src/capabilities/resource.ts";
import { NodeError } from "../../src/errors.ts";
import { type Cid, cidOf, type Identity } from "../../src/tokens/cid.ts";
import { type Principal, principalOf } from "../../src/tokens/did.ts";

export const ALICE = walletFromPrivateKey("11".repeat(32));
export const BOB = walletFromPrivateKey("22".repeat(32));
export const KEY = await sessionKeyFromSeed(new Uint8Array(32).fill(3));
export const OTHER = await sessionKeyFromSeed(new Uint8Array(32).fill(4));
export const P256 = es256Key(new Uint8Array(32).fill(5));
export const K256 = es256kKey(new Uint8Array(32).fill(6));

/** Alice's space, its owner's address in EIP-55. */
export const SPACE = spaceId(ALICE.did);
export const GET = "tinycloud.kv/get";
export const PUT = "tinycloud.kv/put";
/** What a token grants unless a test says otherwise. */
export const GRANT: Attenuations = attenuation(`${SPACE}/kv/a`, [GET]);
/** Unix seconds: the instant at which tests of time take place. */
export const NOW = 1_750_000_000;

/** The header form of a CACAO that Alice signed for KEY, without a ReCap unless the fields ask for one. */
export async function aCacao(
  fields: Partial<CacaoFields> = {},
  overrides: CacaoOverrides = {},
): Promise<string> {
  const given = { domain: "app.example", uri: KEY.did, nonce: "n".repeat(8), issuedAt: ISSUED };
  return (await signCacao(ALICE, { ...given, ...fields }, overrides)).header;
}

const ISSUED = "2025-06-15T15:06:40Z"; // NOW

/** The JWT of a UCAN by KEY, for OTHER, granting GRANT. */
export async function aUcan(
  fields: Partial<UcanFields> = {},
  overrides: UcanOverrides = {},
  key = KEY,
): Promise<string> {
  const given = { audience: OTHER.did, expiration: NOW + 60, nonce: "n", attenuations: GRANT };
  return (await signUcan(key, { ...given, ...fields }, overrides)).header;
}

/** One ability on one resource, left out: reading Alice's `a`. */
export function aCapability(
  resource = `${SPACE}/kv/a`,
  ability = GET,
  caveated = false,
): Capability {
  return { resource: parseResource(resource), ability: parseAbility(ability), caveated };
}

/** A resource in `kv` of Alice's space; undefined is no path, which the empty path is not. */
export function kv(path?: string): Resource {
  return parseResource(path === undefined ? `${SPACE}/kv` : `${SPACE}/kv/${path}`);
}

/** A name for a delegation in a test. */
export function aCid(name: string): Cid {
  return cidOf(new TextEncoder().encode(name));
}

export function did(name: string): Principal {
  return principalOf(`did:example:${name}`);
}

/** A delegation by `did:example:owner` for `did:example:user`, without end, as the node keeps it. */
export function aDelegation(name: string, given: Partial<Delegation> = {}): Delegation {
  return {
    cid: aCid(name),
    identity: `ucan:${name}` as Identity, // tests need to tell them apart, no more
    kind: "ucan",
    delegator: did("owner"),
    delegatee: did("user"),
    capabilities: [aCapability()],
    proofs: given.parents ?? [],
    parents: [],
    ancestors: given.parents ?? [],
    acceptedAt: 0,
    host: false,
    ...given,
  };
}

/** The sentence behind `Malformed token: ` with which the call refuses its input; it must refuse it. */
export function malformation(call: () => unknown): string {
  const refusal = refusalOf(call);
  assert.equal(refusal?.code, "token_malformed", "not refused as a malformed token");
  const [, what] = /^Malformed token: (.+)$/.exec(refusal?.message ?? "") ?? [];
  assert.ok(what, `no sentence: ${refusal?.message}`);
  return what;
}

/** The refusal that the call throws, if it throws one. Anything else that it throws is a fault. */
export function refusalOf(call: () => unknown): NodeError | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    if (error instanceof NodeError) return error;
    throw error;
  }
}

const BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/** Multibase base58btc by the book, one division a digit: nothing of the node's or its libraries'. */
export function base58(bytes: Uint8Array): string {
  let number = bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  let digits = "";
  for (; number > 0n; number /= 58n) digits = BASE58.charAt(Number(number % 58n)) + digits;
  const zeros = bytes.findIndex((byte) => byte !== 0);
  return `z${"1".repeat(zeros < 0 ? bytes.length : zeros)}${digits}`;
}

/** A did:key over any bytes, well-formed or not. */
export function didKey(...bytes: readonly number[]): string {
  return `did:key:${base58(Uint8Array.from(bytes))}`;
}

/** Base64url of text or bytes by the platform, unpadded. */
export function base64url(content: string | Uint8Array): string {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

/** Any character that UTF-8 has, ASCII more often than chance has it. */
export const character: fc.Arbitrary<string> = fc.oneof(
  fc.integer({ min: 0, max: 0x7f }),
  fc.integer({ min: 0, max: 0xd7ff }),
  fc.integer({ min: 0xe000, max: 0x10ffff }),
).map((code) => String.fromCodePoint(code));
