// Revocations of a script, by anybody and in both forms (wire §8).

import { ancestorsOf } from "../oracle/authority.ts";
import { spacesNamed, type Stored } from "../oracle/model.ts";
import { parseSpaceId } from "../oracle/names.ts";
import type { Holder } from "./cast.ts";
import { newest, nth } from "./choosing.ts";
import { owned } from "./derive.ts";
import { claimsOf, INVOCATION_SECONDS, sending } from "./moves.ts";
import type { Revoke } from "./script.ts";
import { type Claims, spelled, unknownCid } from "./sealing.ts";
import { UNKNOWN } from "./telling.ts";
import type { Send, World } from "./world.ts";

const REVOKE = "tinycloud.delegation/revoke";

export function revokeMove(world: World, step: Revoke): Send | undefined {
  const target = newest(world.model.accepted, step.target);
  if (target === undefined) return undefined;
  // The newest grant that lets a key revoke.
  const session = world.held(false, ({ kind }) => kind === "key").findLast(({ capabilities }) =>
    capabilities.some(({ ability }) => ability === REVOKE)
  );
  const issuer = revokerOf(world, step, target, session);
  const [cid = ""] = step.odd === "unknown target"
    ? [unknownCid("target")]
    : world.cidsOf([target]);
  const text = spelled(cid, step.spelling);
  const claims = issuer.kind === "wallet"
    ? cacaoClaims(world, step, issuer, text)
    : ucanClaims(world, step, issuer, text, target, session);
  return sending("/revoke", {
    ...claims,
    exp: step.exp.at === "now" ? world.now + step.exp.plus : world.now + INVOCATION_SECONDS,
    nbf: step.nbf.at === "now" ? world.now + step.nbf.plus : undefined,
    isSigned: step.fault === "none",
  });
}

function revokerOf(
  world: World,
  { by }: Revoke,
  target: Stored,
  session: Stored | undefined,
): Holder {
  const [space = ""] = spacesNamed(target.capabilities);
  const principals = {
    delegator: target.delegator,
    delegatee: target.delegatee,
    owner: parseSpaceId(space)?.owner,
    above: ancestorsOf(world.model, target).at(-1)?.delegator,
    "a session": session?.delegatee,
  };
  const found = typeof by === "number"
    ? nth(world.cast.holders, by)
    : world.holderOf(principals[by]);
  return found ?? world.cast.keys[0];
}

function cacaoClaims(world: World, { odd }: Revoke, issuer: Holder, cid: string): Claims {
  const claims = claimsOf(world, issuer, odd === "no target" ? issuer.did : `ucan:${cid}`);
  if (odd !== "recap") return claims;
  const att = owned(world.cast.spaces[0]).slice(0, 1)
    .map(({ resource }) => ({ resource: resource.text, ability: REVOKE, caveats: [{}] }));
  return { ...claims, att, proofs: [UNKNOWN] };
}

function ucanClaims(
  world: World,
  { odd, form, proofs, target: choice }: Revoke,
  issuer: Holder,
  cid: string,
  target: Stored,
  session: Stored | undefined,
): Claims {
  const { cast, model } = world;
  const [space = cast.spaces[0].id] = spacesNamed(target.capabilities);
  const other = cast.spaces.find(({ id }) => id !== space)?.id ?? space;
  const resources = {
    urn: `urn:cid:${cid}`,
    space: `${space}/delegation/${cid}`,
    "other space": `${other}/delegation/${cid}`,
  };
  const one = {
    resource: odd === "no target" ? `${space}/kv/a` : resources[form],
    ability: odd === "other ability" ? "tinycloud.delegation/status" : REVOKE,
    caveats: odd === "caveat" ? [{ only: "mine" }] : [{}],
  };
  const more = { resource: `${space}/kv/a`, ability: REVOKE, caveats: [{}] };
  const received = model.accepted.findLast(({ delegatee }) => delegatee === issuer.did);
  const own = session?.delegatee === issuer.did ? session : received;
  const any = newest(model.accepted, choice + 1);
  const cited = {
    "its own": own === undefined ? [] : world.cidsOf([own]),
    none: [],
    one: any === undefined ? [] : world.cidsOf([any]),
    unknown: [UNKNOWN],
    two: [...world.cidsOf([target]), UNKNOWN],
  };
  return {
    ...claimsOf(world, issuer, issuer.did),
    att: odd === "two capabilities" ? [one, more] : [one],
    proofs: cited[proofs],
  };
}
