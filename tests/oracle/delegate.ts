// wire §4, POST /delegate, told a second time, in its order.

import { type Answer, isRefusal, ok, type Refusal, refused } from "./answer.ts";
import {
  cited,
  isGranted,
  isRoot,
  isWithin,
  misfit,
  revokedAmong,
  withAncestors,
} from "./authority.ts";
import { find, isHosted, type Model, spacesNamed, type Stored } from "./model.ts";
import { principalOf } from "./names.ts";
import { type Capability, isInTime, type Read, readToken, type Token } from "./token.ts";

const MAX_ANCESTORS = 63;

/** What the node answers to this delegation, which the model keeps if it is accepted. */
export function delegate(model: Model, now: number, token: Token): Answer {
  const read = readToken(token);
  if (isRefusal(read)) return read;
  const refusal = isInTime(token, now)
    ? undefined
    : refused("token_time", "Delegation expired or not yet valid");
  if (refusal !== undefined) return refusal;

  const delegatee = principalOf(token.audience);
  const { issuer: delegator, capabilities } = read;
  const isOfAForm = capabilities.length > 0 && delegatee !== undefined &&
    (token.kind === "cacao" || delegatee !== delegator);
  if (!isOfAForm) return refused("delegation_empty", "Delegation not committed");

  if (model.revoked.includes(token.identity)) {
    return refused("revoked", `delegation-revoked: ${token.cid}`);
  }
  const unauthorized = judgeAuthority(model, now, read);
  if (unauthorized !== undefined) return unauthorized;

  const hosting = spacesToHost(model, read);
  if (hosting.some((space) => !isAdmitted(model, space, delegator))) {
    return refused("space_not_admitted", "Space not admitted");
  }
  const isHere = (space: string) => isHosted(model, space) || hosting.includes(space);
  if (!isAnythingHere(model, capabilities, isHere)) {
    return refused("space_not_found", "Space not found");
  }

  if (find(model, token.cid) === undefined) {
    model.accepted.push({ token, delegator, delegatee, capabilities });
  }
  for (const space of hosting) model.hosted.push({ space, owner: delegator });
  const named = spacesNamed(capabilities);
  return ok({
    kind: "accepted",
    cid: token.cid,
    activated: named.filter((space) => isHosted(model, space)),
    skipped: named.filter((space) => !isHosted(model, space)),
  });
}

/** wire §4, authority; the order is that of the section's first lines. */
function judgeAuthority(model: Model, now: number, read: Read): Refusal | undefined {
  const { token, issuer: delegator, capabilities } = read;
  const isOwn = (capability: Capability) => isRoot(capability, delegator);
  if (capabilities.every(isOwn)) return undefined;

  const parents = cited(model, token.proofs);
  if (isRefusal(parents)) return parents;
  if (parents.some(({ delegatee }) => delegatee !== delegator)) {
    return refused("unauthorized_delegator", `Unauthorized Delegator: ${delegator}`);
  }
  const revoked = revokedAmong(model, parents);
  if (revoked !== undefined) {
    return refused("parent_revoked", `delegation-parent-revoked: ${revoked.parent.token.cid}`);
  }
  if (!withAncestors(model, parents).every((stored) => isWithin(stored, now))) {
    return refused("chain_time", "Delegation expired or not yet valid");
  }
  const surviving = parents.filter((parent) => misfit(token, parent.token) === undefined);
  if (surviving.length === 0) return refused("proof_window", windowSentence(token, parents));
  if (withAncestors(model, surviving).length > MAX_ANCESTORS) {
    return refused("chain_too_long", "delegation-chain-traversal-limit-exceeded");
  }
  const failing = capabilities.find((capability) =>
    !isOwn(capability) && !isGranted(capability, surviving)
  );
  if (failing === undefined) return undefined;
  const { resource, ability } = failing;
  return refused(
    "unauthorized_capability",
    `Unauthorized Capability: ${resource.text}, ${ability}`,
  );
}

/** wire §4: "all dropped → the window error, the first parent's"; B10 prefers the expiry. */
function windowSentence(token: Token, [first]: readonly Stored[]): string {
  return first !== undefined && misfit(token, first.token) === "exp"
    ? "Child delegation expiry exceeds parent expiry"
    : "Child delegation not_before precedes parent not_before";
}

/** wire §4, hosting: by the owner, on exactly `{space}/space`, to this node's DID for it. */
function spacesToHost(model: Model, { token, issuer, capabilities }: Read): readonly string[] {
  return spacesNamed(
    capabilities.filter(({ resource, ability, isCaveated }) =>
      resource.kind === "space" && ability === "tinycloud.space/host" && !isCaveated &&
      resource.text === `${resource.space}/space` && resource.owner === issuer &&
      model.setup.hostDids(resource.space).includes(principalOf(token.audience) ?? "")
    ),
  ).filter((space) => !isHosted(model, space));
}

/** wire §4, admission. */
function isAdmitted(model: Model, _space: string, owner: string): boolean {
  const { keyOwners, spacesPerOwner } = model.setup;
  const own = model.hosted.filter((hosted) => hosted.owner === owner);
  return (keyOwners || owner.startsWith("did:pkh:")) && own.length < spacesPerOwner;
}

/** wire §4: of the spaces named one is hosted; of URNs alone, an owner hosts something. */
function isAnythingHere(
  model: Model,
  capabilities: readonly Capability[],
  isHere: (space: string) => boolean,
): boolean {
  const named = spacesNamed(capabilities);
  if (named.length > 0) return named.some(isHere);
  return capabilities.some(({ resource }) =>
    resource.kind === "urn" && model.hosted.some(({ owner }) => owner === resource.owner)
  );
}
