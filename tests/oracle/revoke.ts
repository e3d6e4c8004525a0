// wire §8, POST /revoke, with LV 3.1, told a second time.

import { type Answer, isRefusal, ok, refused } from "./answer.ts";
import { ancestorsOf, isWithin } from "./authority.ts";
import { find, isRevoked, type Model, spacesNamed, type Stored } from "./model.ts";
import { parseSpaceId } from "./names.ts";
import { type Capability, isInTime, readToken, type Token } from "./token.ts";

const REVOKE = "tinycloud.delegation/revoke";

/**
 * What the node answers to this revocation. `target` is the hash that it names, by `ucan:{cid}`,
 * `urn:cid:{cid}` or `{space}/delegation/{cid}`; undefined if it names none in one of these ways.
 */
export function revoke(
  model: Model,
  now: number,
  token: Token,
  target: string | undefined,
): Answer {
  // wire §8: in a CACAO the ReCap is ignored, and with it what it cites.
  const read = readToken(token.kind === "cacao" ? { ...token, att: [], proofs: [] } : token);
  if (isRefusal(read)) return read.code === "token_signature" ? refused("revoke_signature") : read;
  if (!isInTime(token, now)) {
    return refused("revoke_time", "Revocation expired or not yet valid");
  }
  if (target === undefined || !isOneRevocation(token, read.capabilities)) {
    return refused("inputs_invalid", "Invalid inputs");
  }
  const stored = find(model, target);
  if (stored === undefined) return refused("delegation_not_found", "Delegation not found");

  if (!mayRevoke(model, read.issuer, stored)) {
    const [cited] = read.token.proofs;
    if (cited === undefined) return refused("unauthorized_revoker", "Unauthorized Revoker");
    const proof = find(model, cited);
    if (proof === undefined) return refused("revoke_proof", "Cannot find parent delegation");
    const isProven = proof.delegatee === read.issuer && isLive(model, now, proof) &&
      grantsRevoking(proof, stored);
    if (!isProven) return refused("unauthorized_revoker", "Unauthorized Revoker");
  }
  model.revoked.push(stored.token.identity);
  return ok({ kind: "revoked" });
}

/** wire §8: exactly one capability, `delegation/revoke`, and at most one proof, of a UCAN. */
function isOneRevocation({ kind, proofs }: Token, capabilities: readonly Capability[]): boolean {
  const [only] = capabilities;
  return kind === "cacao" ||
    (capabilities.length === 1 && only?.ability === REVOKE && !only.isCaveated &&
      proofs.length <= 1);
}

/** wire §8: delegator, delegatee, delegator of any ancestor, owner of a space that is named. */
function mayRevoke(model: Model, principal: string, target: Stored): boolean {
  return principal === target.delegator || principal === target.delegatee ||
    ancestorsOf(model, target).some(({ delegator }) => delegator === principal) ||
    spacesNamed(target.capabilities).some((space) => parseSpaceId(space)?.owner === principal);
}

/** LV 3.1: inside its window, and neither it nor an ancestor revoked. */
function isLive(model: Model, now: number, proof: Stored): boolean {
  return isWithin(proof, now) &&
    ![proof, ...ancestorsOf(model, proof)].some((stored) => isRevoked(model, stored));
}

/**
 * wire §8: it grants `delegation/revoke` on it; LV 3.1: on `{space}/delegation`, no or an empty
 * path, no fragment, of a space that is named; a query is ignored (wire §1). (Nobody has authority
 * over a `urn:cid`, so no stored delegation grants one.)
 */
function grantsRevoking(proof: Stored, target: Stored): boolean {
  const named = spacesNamed(target.capabilities);
  return proof.capabilities.some(({ resource, ability, isCaveated }) =>
    ability === REVOKE && !isCaveated && resource.kind === "space" &&
    named.includes(resource.space) && resource.service === "delegation" &&
    (resource.path ?? "") === "" && resource.fragment === undefined
  );
}
