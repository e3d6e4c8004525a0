// What a script's steps come to in a world as it stands: the claims of a token, or a time to wait
// for. Nothing, where there is not what the step is about. Revocations are in revoking.ts.

import { ancestorsOf, isGranted } from "../oracle/authority.ts";
import type { Stored } from "../oracle/model.ts";
import { parseResource } from "../oracle/names.ts";
import type { Attenuation } from "../oracle/token.ts";
import type { Holder, Space } from "./cast.ts";
import { newest, nth } from "./choosing.ts";
import { derive, type Ground, type Held, heldOf, owned, sessionOf } from "./derive.ts";
import type {
  Again,
  Chain,
  Fill,
  Grant,
  Host,
  Invoke,
  Post,
  Proofs,
  Spelling,
  Tick,
  When,
} from "./script.ts";
import { type Claims, spelled, withLowerAddress } from "./sealing.ts";
import { UNKNOWN } from "./telling.ts";
import type { Act, Route, Send, World } from "./world.ts";

const GRANT_SECONDS = 3600;
export const INVOCATION_SECONDS = 60;
/** A node remembers a nonce for so long after the token's end (wire §6). */
const NONCE_KEPT_SECONDS = 60;
/** The farthest that a script's clock leaps at once. */
const MAX_LEAP_SECONDS = 100_000;

export function hostMove(world: World, step: Host): Send {
  const space = nth(world.cast.spaces, step.space);
  const issuer = step.by === "owner" ? space.owner : nth(world.cast.holders, step.by);
  return sending("/delegate", {
    ...claimsOf(world, issuer, hostAudience(world, step, space)),
    att: [{
      resource: `${space.id}/space${step.tail}`,
      ability: "tinycloud.space/host",
      caveats: step.caveats,
    }],
    exp: endOf(world, step.exp, issuer, []),
  });
}

function hostAudience({ cast, nodeId }: World, step: Host, space: Space): string {
  switch (step.audience) {
    case "its DID":
      return space.hostDids[0];
    case "its old DID":
      return space.hostDids[1];
    case "another space's DID":
      return nth(cast.spaces, step.space + 1).hostDids[0];
    case "the node":
      return nodeId;
    case "a key":
      return cast.keys[0].did;
  }
}

export function grantMove(world: World, step: Grant): Send | undefined {
  const space = newest(world.spaces(step.isHosted), step.space);
  const parent = step.from === undefined ? undefined : newest(world.held(step.isLive), step.from);
  if (space === undefined || (step.from !== undefined && parent === undefined)) return undefined;
  const holder = parent === undefined ? space.owner : world.holderOf(parent.delegatee);
  if (holder === undefined) return undefined;
  const issuer = step.issuer === "right" ? holder : nth(world.cast.holders, step.issuer);
  const others = world.cast.holders.filter(({ did }) => did !== issuer.did);
  const to = others[step.to % others.length] ?? issuer;

  const parents = parentsOf(world, parent, step.proofs);
  const held = parent === undefined ? owned(space) : heldBy(parents);
  const ground = groundOf(world, "grant", held);
  return sending("/delegate", {
    ...claimsOf(world, issuer, audienceOf(to, issuer, step.spelling)),
    att: step.scopes === "session"
      ? sessionOf(space)
      : step.scopes.flatMap((scope) => derive(scope, ground)),
    proofs: citing(world, parents, step.proofs, step.spelling),
    exp: endOf(world, step.exp, issuer, parents),
    nbf: beginOf(world, step.nbf, parents),
    isSigned: step.fault === "none",
  });
}

/** A CACAO names a key by its DID URL, as the SDK has it; a UCAN by its DID. */
function audienceOf(to: Holder, issuer: Holder, spelling: Spelling): string {
  if (to.kind === "wallet") return spelling === "base32" ? to.did : withLowerAddress(to.did);
  return issuer.kind === "wallet" ? to.key.didUrl : to.did;
}

/** The next link: all that the last delegation of the chain gives; undefined once it is long enough. */
export function linkMove(world: World, last: Stored, step: Chain): Send | undefined {
  const [one, other] = world.cast.keys.filter(({ name }) => name.startsWith("ed"));
  const issuer = world.holderOf(last.delegatee);
  const isLongEnough = ancestorsOf(world.model, last).length >= step.ancestors;
  if (one === undefined || other === undefined || issuer === undefined || isLongEnough) {
    return undefined;
  }
  return sending("/delegate", {
    ...claimsOf(world, issuer, issuer === one ? other.did : one.did),
    att: last.token.att,
    proofs: world.cidsOf([last]),
    exp: endOf(world, { at: "fit" }, issuer, [last]),
    nbf: last.token.nbf,
  });
}

export function fillMoves(world: World, { from, keys }: Fill): readonly Send[] {
  const put = "tinycloud.kv/put";
  const holds = (space: Space) => (stored: Stored) => {
    const resource = parseResource(`${space.id}/kv/a`);
    return resource !== undefined && isGranted({ resource, ability: put }, [stored]);
  };
  const able = world.spaces(true).flatMap((space) =>
    world.held(true, ({ kind }) => kind === "key").filter(holds(space))
      .map((stored) => ({ space, stored }))
  );
  const one = newest(able, from);
  const issuer = world.holderOf(one?.stored.delegatee);
  if (one === undefined || issuer === undefined) return [];
  return keys.map((key) =>
    sending("/invoke", {
      ...claimsOf(world, issuer, issuer.did),
      att: [{ resource: `${one.space.id}/kv/${key}`, ability: put, caveats: [{}] }],
      proofs: world.cidsOf([one.stored]),
      exp: world.now + INVOCATION_SECONDS,
    })
  );
}

export function postMove({ posted }: World, { token, encoding, to }: Post): Send | undefined {
  const earlier = newest(posted, token);
  if (earlier === undefined) return undefined;
  const route = to === "where it was" ? earlier.route : to;
  return { ...sending(route, earlier.claims), encoding };
}

export function invokeMove(world: World, step: Invoke): Send | undefined {
  const isKey = ({ kind }: Holder) => kind === "key";
  const parent = step.from === undefined
    ? undefined
    : newest(world.held(step.isLive, isKey), step.from);
  if (step.from !== undefined && parent === undefined) return undefined;
  const own = newest(world.spaces(step.isHosted, isKey), step.scopes[0]?.base ?? 0);
  const holder = parent === undefined ? own?.owner : world.holderOf(parent.delegatee);
  if (holder === undefined) return undefined;
  const issuer = step.issuer === "right" ? holder : nth(world.cast.keys, step.issuer);

  const parents = parentsOf(world, parent, step.proofs);
  const held = own !== undefined && parent === undefined ? owned(own) : heldBy(parents);
  const ground = groundOf(world, "invoke", held);
  const att = step.scopes.flatMap((scope) => derive(scope, ground));
  const claims = claimsOf(world, issuer, invocationAudience(world, step, issuer, att));
  return sending("/invoke", {
    ...claims,
    att,
    proofs: citing(world, parents, step.proofs, "base32"),
    exp: step.exp.at === "now" ? world.now + step.exp.plus : world.now + INVOCATION_SECONDS,
    nbf: step.nbf.at === "now" ? world.now + step.nbf.plus : undefined,
    nonce: nonceOf(world, step.nonce, claims),
    isSigned: step.fault === "none",
  });
}

function invocationAudience(
  { cast: { spaces, keys }, nodeId }: World,
  step: Invoke,
  issuer: Holder,
  att: readonly Attenuation[],
): string {
  const space = spaces.find(({ id }) => att[0]?.resource.startsWith(`${id}/`)) ?? spaces[0];
  switch (step.audience) {
    case "itself":
      return issuer.did;
    case "the node":
      return nodeId;
    case "the space":
      return space.hostDids[0];
    case "the space, old":
      return space.hostDids[1];
    case "another":
      return spaces.find((other) => other !== space)?.hostDids[0] ?? issuer.did;
    case "other key":
      return keys.find((key) => key !== issuer)?.did ?? issuer.did;
  }
}

/** One that was used is one that the node cannot have forgotten: when it does is its own affair. */
function nonceOf(
  { invoked, now }: World,
  nonce: Invoke["nonce"],
  { issuer, nonce: fresh }: Claims,
): string | undefined {
  if (nonce !== "used") return nonce === "none" ? undefined : fresh;
  const own = invoked.map(({ claims }) => claims).filter((claims) => claims.issuer === issuer);
  const used = own.findLast((one) =>
    own.every(({ nonce, exp = 0 }) => nonce !== one.nonce || now < exp + NONCE_KEPT_SECONDS)
  );
  return used?.nonce ?? fresh;
}

export function againMove({ invoked }: World, step: Again): Send | undefined {
  const earlier = newest(invoked, step.invocation);
  return earlier && { ...earlier, encoding: step.encoding };
}

export function tickMove({ model, now }: World, { seconds, to }: Tick): Act | undefined {
  const edges = to === undefined
    ? []
    : model.accepted.flatMap(({ token }) => token[to.edge] ?? []).filter((at) => at > now);
  const edge = newest(edges, to?.delegation ?? 0);
  const until = edge === undefined ? now + Math.abs(seconds) : edge + seconds;
  return until > now && until <= now + MAX_LEAP_SECONDS ? { act: "wait", until } : undefined;
}

/** For the first time, in the usual encoding. */
export function sending(route: Route, claims: Claims): Send {
  const isPut = claims.att.some(({ ability }) => ability === "tinycloud.kv/put");
  const body = route === "/invoke" && isPut ? `value ${claims.name}` : "";
  return { act: "send", route, claims, encoding: "same", body };
}

export function claimsOf(world: World, issuer: Holder, audience: string): Claims {
  const name = world.freshName();
  return {
    name,
    issuer,
    audience,
    exp: undefined,
    nbf: undefined,
    nonce: name,
    att: [],
    proofs: [],
    isSigned: true,
    issuedAt: world.now,
  };
}

/** The delegations that a token rests on: one, and perhaps another that its holder has. */
function parentsOf(world: World, parent: Stored | undefined, proofs: Proofs): readonly Stored[] {
  if (parent === undefined) return [];
  if (proofs.kind !== "and another") return [parent];
  const others = world.held(true).filter((other) =>
    other !== parent && other.delegatee === parent.delegatee
  );
  const other = newest(others, proofs.choice);
  return other === undefined ? [parent] : [parent, other];
}

function heldBy(parents: readonly Stored[]): readonly Held[] {
  return heldOf(parents.flatMap(({ capabilities }) => capabilities));
}

function groundOf(
  { cast, model }: World,
  purpose: Ground["purpose"],
  held: readonly Held[],
): Ground {
  const stored = model.values.flatMap(({ space, key }) => {
    const resource = parseResource(`${space}/kv/${key}`);
    return resource?.kind === "space" ? [resource] : [];
  });
  return { purpose, held, cast, stored };
}

function citing(
  world: World,
  parents: readonly Stored[],
  proofs: Proofs,
  spelling: Spelling,
): readonly string[] {
  const right = world.cidsOf(parents).map((cid) => spelled(cid, spelling));
  const { accepted } = world.model;
  switch (proofs.kind) {
    case "right":
    case "and another":
      return right;
    case "and a foreign one": {
      const holders = parents.map(({ delegatee }) => delegatee);
      const foreign = accepted.filter(({ delegatee }) => !holders.includes(delegatee));
      const one = newest(foreign, proofs.choice);
      return one === undefined ? right : [...right, ...world.cidsOf([one])];
    }
    case "another": {
      const one = newest(accepted, proofs.choice);
      return one === undefined ? right : world.cidsOf([one]);
    }
    case "none":
      return [];
    case "twice":
      return [...right, ...world.cidsOf(parents).map((cid) => spelled(cid, "base58btc"))];
    case "unknown":
      return [UNKNOWN];
    case "and unknown":
      return [...right, UNKNOWN];
  }
}

/** A UCAN needs an end; a wallet's grant goes without unless its parents have one. */
function endOf(
  { now }: World,
  when: When,
  issuer: Holder,
  parents: readonly Stored[],
): number | undefined {
  const ends = parents.flatMap(({ token }) => token.exp ?? []);
  const first = ends.length === 0 ? undefined : Math.min(...ends);
  const usual = issuer.kind === "wallet" ? undefined : now + GRANT_SECONDS;
  switch (when.at) {
    case "now":
      return now + when.plus;
    case "parent":
      return first === undefined ? usual : first + when.plus;
    case "never":
      return usual;
    case "widest":
      return first === undefined || ends.length < parents.length ? usual : Math.max(...ends);
    case "fit":
      return first ?? usual;
  }
}

function beginOf({ now }: World, when: When, parents: readonly Stored[]): number | undefined {
  const begins = parents.flatMap(({ token }) => token.nbf ?? []);
  const last = begins.length === 0 ? undefined : Math.max(...begins);
  switch (when.at) {
    case "now":
      return now + when.plus;
    case "parent":
      return last === undefined ? undefined : last + when.plus;
    case "never":
      return undefined;
    case "widest":
      return last === undefined || begins.length < parents.length ? undefined : Math.min(...begins);
    case "fit":
      return last;
  }
}
