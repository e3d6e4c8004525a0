// Who and what a test needs before it begins: wallets with hosted spaces, sessions, chains of
// grants, and the tokens they are made of (wire §3 and §4). Nothing about them is checked.

import {
  attenuation,
  type Attenuations,
  type Cacao,
  type CacaoFields,
  type CacaoOverrides,
  randomSessionKey,
  randomWallet,
  resourceUri,
  type SessionKey,
  signCacao,
  signUcan,
  spaceId,
  type Ucan,
  type UcanFields,
  type UcanOverrides,
  type Wallet,
} from "../../client/mod.ts";
import { type Answer, ask, assertOk } from "./asking.ts";
import type { TestNode } from "./node.ts";

export const GET = "tinycloud.kv/get";
export const PUT = "tinycloud.kv/put";
export const LIST = "tinycloud.kv/list";
export const DEL = "tinycloud.kv/del";
export const HOST = "tinycloud.space/host";
/** The domain of every sign-in message that does not say another. */
export const DOMAIN = "app.example";
/** Seconds that a grant lasts unless it says otherwise. */
export const LIFETIME = 3600;

/** What acts: a key under a delegation. */
export interface Link {
  readonly key: SessionKey;
  readonly cid: string;
}

/** A key that acts for a wallet in one of its spaces, which is hosted. */
export interface ASession extends Link {
  readonly wallet: Wallet;
  readonly space: string;
  /** The session's own token, in header form. */
  readonly token: string;
}

/** The node's time in whole seconds. */
export function now(node: TestNode): number {
  return Math.floor(node.clock.nowSeconds());
}

/** Unix seconds as RFC 3339 in UTC. */
export function rfc3339(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

/** A CACAO by `wallet` for `to`, granting `att`; without an end unless the fields name one. */
export function cacao(
  wallet: Wallet,
  to: string,
  att: Attenuations | undefined,
  fields: Partial<CacaoFields> = {},
  overrides: CacaoOverrides = {},
): Promise<Cacao> {
  const attenuations = att === undefined ? {} : { attenuations: att };
  return signCacao(wallet, { domain: DOMAIN, uri: to, ...attenuations, ...fields }, overrides);
}

/** A UCAN by `from.key` for `to`, granting `att` under `from.cid`. */
export function ucan(
  node: TestNode,
  from: { readonly key: SessionKey; readonly cid?: string },
  to: string,
  att: Attenuations,
  fields: Partial<UcanFields> = {},
  overrides: UcanOverrides = {},
): Promise<Ucan> {
  return signUcan(from.key, {
    audience: to,
    expiration: now(node) + LIFETIME / 2,
    proofs: from.cid === undefined ? [] : [from.cid],
    attenuations: att,
    ...fields,
  }, overrides);
}

/** An invocation of one ability by `from`, valid for a minute. */
export function invocation(
  node: TestNode,
  from: Link,
  ability: string,
  resource: string,
  fields: Partial<UcanFields> = {},
  overrides: UcanOverrides = {},
): Promise<Ucan> {
  return signUcan(from.key, {
    audience: from.key.did,
    expiration: node.clock.nowSeconds() + 60,
    proofs: [from.cid],
    attenuations: attenuation(resource, [ability]),
    ...fields,
  }, overrides);
}

/** Posts a token to /delegate. */
export function post(node: TestNode, token: string, headers?: HeadersInit): Promise<Answer> {
  return ask(node, "/delegate", { token, headers });
}

/** Posts a delegation that must be accepted, and reads the answer. */
export async function accepted(
  node: TestNode,
  { header }: { readonly header: string },
): Promise<{ cid: string; activated: string[]; skipped: string[] }> {
  return JSON.parse(assertOk(await post(node, header)).text);
}

/** Signs and sends an invocation. */
export async function use(
  node: TestNode,
  from: Link,
  ability: string,
  resource: string,
  fields: Partial<UcanFields> = {},
  body?: BodyInit,
): Promise<Answer> {
  const { header } = await invocation(node, from, ability, resource, fields);
  return await ask(node, "/invoke", { token: header, body });
}

/** The node's DID for a space. */
export async function hostDid(node: TestNode, space: string): Promise<string> {
  const path = `/peer/generate/${encodeURIComponent(space)}`;
  return assertOk(await ask(node, path, { method: "GET" })).text;
}

/** The token with which a wallet has the node host `space`. */
export async function hosting(
  node: TestNode,
  wallet: Wallet,
  space: string,
  fields: Partial<CacaoFields> = {},
): Promise<Cacao> {
  const att = attenuation(resourceUri(space, "space"), [HOST]);
  return await cacao(wallet, await hostDid(node, space), att, fields);
}

/** Has the node host a space of the wallet; its id. */
export async function host(node: TestNode, wallet: Wallet, name?: string): Promise<string> {
  const space = spaceId(wallet.did, name);
  await accepted(node, await hosting(node, wallet, space));
  return space;
}

/** A session on a hosted space; left out: of a fresh wallet, for all of `kv`. */
export async function aSession(
  node: TestNode,
  options: {
    readonly wallet?: Wallet;
    readonly key?: SessionKey;
    readonly name?: string;
    /** Granted instead of all of `kv`. */
    readonly att?: (space: string) => Attenuations;
    readonly fields?: Partial<CacaoFields>;
  } = {},
): Promise<ASession> {
  const { wallet = randomWallet(), name, att = allOfKv, fields } = options;
  const key = options.key ?? await randomSessionKey();
  const space = await host(node, wallet, name);
  const token = await cacao(wallet, key.didUrl, att(space), fields);
  await accepted(node, token);
  return { wallet, key, space, cid: token.cid, token: token.header };
}

/** Every ability of the service `kv`, on all of it. */
export function allOfKv(space: string): Attenuations {
  const abilities = [PUT, GET, DEL, LIST, "tinycloud.kv/metadata"];
  return attenuation(resourceUri(space, "kv"), abilities);
}

/** A fresh key under an accepted UCAN by `from`. */
export async function granted(
  node: TestNode,
  from: Link,
  att: Attenuations,
  fields: Partial<UcanFields> = {},
): Promise<Link> {
  const key = await randomSessionKey();
  const { header, cid } = await ucan(node, from, key.did, att, fields);
  assertOk(await post(node, header));
  return { key, cid };
}

/** Grants handed on from key to key, `from` not counted: the last has `length` ancestors. */
export async function aChain(
  node: TestNode,
  from: Link,
  att: Attenuations,
  length: number,
): Promise<Link[]> {
  const links: Link[] = [];
  for (let count = 0; count < length; count++) {
    links.push(await granted(node, links.at(-1) ?? from, att));
  }
  return links;
}
