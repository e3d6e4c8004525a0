/**
 * Share links: a delegation together with the key it was given to (clients §3.3). Whoever has
 * the link can act; revoke the delegation to end that.
 */
import { base64url } from "multiformats/bases/base64";
import type { Delegation } from "./delegation.ts";
import { TinyCloudError } from "./errors.ts";
import { isObject } from "./transport.ts";

const MARK = "tc1:";

/** Longer than any honest link: one token of at most 32 KiB, in base64. */
const MAX_LINK_CHARACTERS = 128 * 1024;

/** What a link holds. */
export interface ShareLink {
  /** The Ed25519 seed of the key. */
  readonly seed: Uint8Array;
  readonly kid: string;
  /** The node's URL, as the sharer knew it. */
  readonly host: string;
  readonly delegation: Delegation;
}

/** `tc1:…` for this delegation to the key of `seed`; `keyJwk` is that key's public half. */
export function formatShareLink(
  { seed, host, delegation }: Omit<ShareLink, "kid">,
  keyJwk: Readonly<Record<string, string>>,
): string {
  const { cid, to, space, path = "", abilities, expiresAt, header } = delegation;
  const json = JSON.stringify({
    key: { ...keyJwk, d: base64url.baseEncode(seed) },
    keyDid: `${to}#${to.replace("did:key:", "")}`,
    delegation: {
      cid,
      delegateDID: to,
      spaceId: space,
      path,
      actions: abilities,
      expiry: expiresAt,
      isRevoked: false,
      authHeader: header,
      allowSubDelegation: true,
      createdAt: new Date().toISOString(),
    },
    path,
    host,
    spaceId: space,
    version: 1,
  });
  return MARK + base64url.baseEncode(new TextEncoder().encode(json));
}

/** Reads a link, bare or inside a URL. Throws `bad_link` for anything else. */
export function parseShareLink(text: string): ShareLink {
  const found = /tc1:([\w-]+)/.exec(text.slice(0, MAX_LINK_CHARACTERS));
  const link = jsonObject(found?.[1]);
  const key = member(link, "key");
  const delegation = member(link, "delegation");
  const seed = bytes(string(key, "d"));
  if (key.crv !== "Ed25519" || seed?.length !== 32) throw badLink("its key is not an Ed25519 key");
  const actions = delegation.actions;
  return {
    seed,
    kid: typeof key.kid === "string" ? key.kid : "default",
    host: string(link, "host"),
    delegation: {
      cid: string(delegation, "cid"),
      space: string(link, "spaceId"),
      path: string(link, "path"),
      expiresAt: string(delegation, "expiry"),
      header: string(delegation, "authHeader"),
      to: string(delegation, "delegateDID"),
      service: "kv",
      abilities: Array.isArray(actions) ? actions.map(String) : [],
    },
  };
}

function jsonObject(encoded: string | undefined): Readonly<Record<string, unknown>> {
  const decoded = encoded === undefined ? undefined : bytes(encoded);
  if (decoded === undefined) throw badLink("it holds no tc1: part");
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(decoded));
  } catch (cause) {
    throw badLink("its content is not JSON", { cause });
  }
  if (!isObject(value)) throw badLink("its content is not an object");
  return value;
}

function bytes(encoded: string): Uint8Array | undefined {
  try {
    return base64url.baseDecode(encoded);
  } catch {
    return undefined;
  }
}

function member(of: Readonly<Record<string, unknown>>, name: string): Record<string, unknown> {
  const value = of[name];
  if (!isObject(value)) throw badLink(`it has no ${name}`);
  return value;
}

function string(of: Readonly<Record<string, unknown>>, name: string): string {
  const value = of[name];
  if (typeof value !== "string") throw badLink(`it has no ${name}`);
  return value;
}

function badLink(what: string, options?: ErrorOptions): TinyCloudError {
  return new TinyCloudError(0, "bad_link", `Not a share link: ${what}`, undefined, options);
}
