// A small world for the oracle: an owner, her space, two keys, and tokens of one line each.

import { delegate } from "../../oracle/delegate.ts";
import { emptyModel, type Model } from "../../oracle/model.ts";
import type { Token } from "../../oracle/token.ts";
import type { Answer } from "../../oracle/answer.ts";

export const NOW = 1_000_000;
/** The address of EIP-55's first example, as it stands there. */
export const ADDRESS = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
export const OWNER = `did:pkh:eip155:1:${ADDRESS}`;
export const SPACE = `tinycloud:pkh:eip155:1:${ADDRESS}:default`;
export const KEY = "did:key:zKey";
export const OTHER = "did:key:zOther";
export const THIRD = "did:key:zThird";
export const GET = "tinycloud.kv/get";
export const PUT = "tinycloud.kv/put";
export const LIST = "tinycloud.kv/list";
export const HOST_DID = "did:key:zHost";

/** `{resource: [ability…]}`, without caveats. */
export type Grants = Readonly<Record<string, readonly string[]>>;

/** A UCAN by KEY for OTHER, unless it says otherwise; its name is its hash and its identity. */
export function aToken(cid: string, grants: Grants, given: Partial<Token> = {}): Token {
  return {
    kind: "ucan",
    cid,
    identity: `signed ${cid}`,
    isSigned: true,
    issuer: KEY,
    audience: OTHER,
    exp: NOW + 60,
    nbf: undefined,
    nonce: undefined,
    att: Object.entries(grants).flatMap(([resource, abilities]) =>
      abilities.map((ability) => ({ resource, ability, caveats: [{}] }))
    ),
    proofs: [],
    ...given,
  };
}

/** A CACAO by the owner for KEY, without end. */
export function aRoot(cid: string, grants: Grants, given: Partial<Token> = {}): Token {
  const root = { kind: "cacao", issuer: OWNER, audience: KEY, exp: undefined } as const;
  return aToken(cid, grants, { ...root, ...given });
}

/** An invocation by KEY to itself. */
export function anInvocation(grants: Grants, given: Partial<Token> = {}): Token {
  return aToken("invocation", grants, { audience: KEY, ...given });
}

export function aHosting(space = SPACE, given: Partial<Token> = {}): Token {
  const grants = { [`${space}/space`]: ["tinycloud.space/host"] };
  return aRoot(`host ${space}`, grants, { audience: HOST_DID, ...given });
}

/** The owner's space is hosted unless `hosted` is false. */
export function aModel({ hosted = true, keyOwners = false } = {}): Model {
  const model = emptyModel({
    keyOwners,
    spacesPerOwner: 2,
    nodeId: "did:key:zNode",
    hostDids: () => [HOST_DID, "did:key:zOldHost"],
  });
  if (hosted) delegate(model, NOW, aHosting());
  return model;
}

/** The model after these delegations, which must be accepted. */
export function accepting(model: Model, ...tokens: readonly Token[]): Model {
  for (const token of tokens) {
    const answer = delegate(model, NOW, token);
    if (answer.status !== 200) throw new TypeError(`${token.cid} is refused: ${says(answer)}`);
  }
  return model;
}

/** The code, or of an answer of 200 its content: one word or a list. */
export function says({ code, ...answer }: Answer): unknown {
  if (code !== undefined || !("content" in answer)) return code;
  const { content } = answer;
  switch (content.kind) {
    case "keys":
      return content.keys;
    case "entries":
      return content.entries.map(({ cid }) => cid);
    case "value":
      return `value ${content.value}`;
    default:
      return content.kind;
  }
}
