// Requests as data: signed once, sent as often as it takes, and written into a history.

import {
  attenuation,
  type Attenuations,
  connect,
  randomSessionKey,
  resourceUri,
  type Session,
  signCacao,
  signUcan,
  spaceId,
  Transport,
  type Wallet,
} from "../../../client/mod.ts";
import { blake3Hex } from "../../../src/blake3.ts";
import { type At, kv } from "../../support/asking.ts";
import type { Effect, History } from "./history.ts";

/** A request with all that is needed to send it again. */
export interface Request {
  readonly path: "/delegate" | "/invoke" | "/revoke";
  readonly token: string;
  readonly body?: Uint8Array<ArrayBuffer>;
  readonly effect: Effect;
  /** As the node names the use of the token (wire §6, replay). */
  readonly guard?: string;
}

/** Sends it; undefined when no answer came. */
export async function send(
  { path, token, body, effect, guard }: Request,
  at: At,
  history: History,
): Promise<{ readonly status: number; readonly code: string | null } | undefined> {
  const asked = history.begin(effect, guard);
  let answer: Response;
  try {
    answer = await new Transport(at.url).send("POST", path, { token, body });
    await answer.arrayBuffer();
  } catch {
    return undefined;
  }
  const { status, headers } = answer;
  history.answered(asked, status, headers.get("tinycloud-trace-id") ?? "");
  return { status, code: headers.get("x-tinycloud-error") };
}

/** Has the node host a space of the wallet. */
export async function hosting(at: At, wallet: Wallet, name: string): Promise<Request> {
  const space = spaceId(wallet.did, name);
  const answer = await new Transport(at.url).call(
    "GET",
    `/peer/generate/${encodeURIComponent(space)}`,
  );
  const att = attenuation(resourceUri(space, "space"), ["tinycloud.space/host"]);
  const { header } = await cacao(wallet, await answer.text(), att);
  return { path: "/delegate", token: header, effect: { kind: "space", space } };
}

/** A session of a fresh key in a space of the wallet, and what has to be posted for it. */
export async function signingIn(
  at: At,
  wallet: Wallet,
  space: string,
): Promise<{ readonly session: Session; readonly request: Request }> {
  const key = await randomSessionKey();
  const abilities = ["put", "get", "del"].map((verb) => `tinycloud.kv/${verb}`);
  const att = attenuation(resourceUri(space, "kv"), abilities);
  const { header, cid } = await cacao(wallet, key.didUrl, att);
  return {
    session: connect(at.url).use(key, { cid, space }),
    request: { path: "/delegate", token: header, effect: { kind: "delegation", cid } },
  };
}

export async function putting(
  session: Session,
  key: string,
  body: Uint8Array<ArrayBuffer>,
): Promise<Request> {
  const leaves = { hash: blake3Hex(body), size: body.length };
  const effect = { kind: "key", space: session.space, key, leaves } as const;
  return { ...await invoking(session, "put", key), body, effect };
}

export async function deleting(session: Session, key: string): Promise<Request> {
  const effect = { kind: "key", space: session.space, key, leaves: undefined } as const;
  return { ...await invoking(session, "del", key), effect };
}

/** Lets another key read. */
export async function delegating(session: Session): Promise<Request> {
  const { did } = await randomSessionKey();
  const { header, cid } = await signUcan(session.key, {
    audience: did,
    expiration: Math.floor(Date.now() / 1000) + 3600,
    proofs: [session.cid],
    attenuations: attenuation(resourceUri(session.space, "kv"), ["tinycloud.kv/get"]),
  });
  return { path: "/delegate", token: header, effect: { kind: "delegation", cid } };
}

/** Takes back a delegation that this session made. */
export async function revoking(session: Session, cid: string): Promise<Request> {
  const { header } = await session.invocationToken({
    ability: "tinycloud.delegation/revoke",
    resource: `urn:cid:${cid}`,
  });
  return { path: "/revoke", token: header, effect: { kind: "revocation", cid } };
}

async function invoking(
  session: Session,
  verb: "put" | "del",
  key: string,
): Promise<Pick<Request, "path" | "token" | "guard">> {
  const nonce = `urn:uuid:${crypto.randomUUID()}`;
  const { header } = await session.invocationToken({ ...kv(session, verb, key), nonce });
  const guard = blake3Hex(new TextEncoder().encode(`nonce:${session.key.did}\0${nonce}`));
  return { path: "/invoke", token: header, guard };
}

function cacao(wallet: Wallet, to: string, attenuations: Attenuations) {
  return signCacao(wallet, { domain: "app.example", uri: to, attenuations });
}
