// POST /delegate (wire §4): take a signed delegation into keeping, and host the spaces it hosts.

import { isRoot } from "../capabilities/attenuation.ts";
import { judgeChain } from "../capabilities/chain.ts";
import { windowOf } from "../capabilities/window.ts";
import type { Capability, Delegation } from "../capabilities/delegation.ts";
import type { SpaceResource } from "../capabilities/resource.ts";
import type { SpaceId } from "../capabilities/space_id.ts";
import { NodeError } from "../errors.ts";
import type { NewDelegation } from "../repository/repository.ts";
import { decodeCacao, verifyCacao } from "../tokens/cacao.ts";
import type { Cid, Identity } from "../tokens/cid.ts";
import { type Claims, isTimely } from "../tokens/claims.ts";
import { findPrincipal, type Principal, walletOf } from "../tokens/did.ts";
import { decodeUcan, verifyUcan } from "../tokens/ucan.ts";
import { chainFacts, identitiesOf, loadRecords } from "./chain_facts.ts";
import type { Ports } from "./ports.ts";

export interface Delegated {
  readonly cid: Cid;
  readonly activated: readonly SpaceId[];
  readonly skipped: readonly SpaceId[];
  /** Spaces that are hosted here from now on. */
  readonly hosts: readonly SpaceId[];
}

/** `token` is the Authorization header's value. Throws the refusals of wire §4, in its order. */
export async function delegate(token: string, ports: Ports): Promise<Delegated> {
  const claims = token.includes(".")
    ? verifyUcan(decodeUcan(token))
    : verifyCacao(decodeCacao(token));
  const tooLate = new NodeError("token_time", "Delegation expired or not yet valid");
  if (!isTimely(claims, ports.clock.nowSeconds())) throw tooLate;
  const delegatee = formOf(claims);
  const hosts = claims.capabilities.filter((capability) => isHosting(capability, claims, ports));

  const question = { use: "delegation", signer: claims.issuer, ...claims } as const;
  const records = await loadRecords(question, ports);
  const judge = (revoked: ReadonlySet<Identity>) => {
    if (revoked.has(claims.identity)) {
      throw new NodeError("revoked", `delegation-revoked: ${claims.cid}`);
    }
    const verdict = judgeChain(question, chainFacts(records, revoked, ports));
    if (verdict.kind === "refused") throw verdict.refusal;
    return verdict;
  };
  const identities = [claims.identity, ...identitiesOf(records)];
  const { revoked } = await ports.repository.standing({ identities });
  const verdict = judge(revoked);

  const record: Delegation = {
    cid: claims.cid,
    identity: claims.identity,
    kind: claims.kind,
    delegator: claims.issuer,
    delegatee,
    capabilities: claims.capabilities,
    proofs: claims.proofs,
    parents: verdict.parents.map(({ cid }) => cid),
    ancestors: verdict.ancestors,
    ...(claims.issuedAt === undefined ? {} : { issuedAt: claims.issuedAt }),
    ...(claims.notBefore === undefined ? {} : { notBefore: claims.notBefore }),
    ...(claims.expiresAt === undefined ? {} : { expiresAt: claims.expiresAt }),
    acceptedAt: await firstAcceptance(claims.cid, ports),
    host: hosts.length > 0,
  };
  const { until } = windowOf(record, ports.rules.maxDelegationLifetime);
  // Its own exp was judged by its kind's rule already; what is left is the node's lifetime cap.
  const now = ports.clock.nowSeconds();
  if (until < (claims.expiresAt ?? Infinity) && until <= now) throw tooLate;

  const toHost = distinct(hosts.map(({ resource }) => resource.space));
  const fresh = await admit(toHost, claims.issuer, ports);

  const outcome = await ports.repository.acceptDelegation({
    record,
    token: claims.token,
    unrevoked: [claims.identity, ...verdict.identities],
    ...(verdict.validUntil === Infinity ? {} : { validUntil: verdict.validUntil }),
    ...scopesOf(claims),
    hosts: toHost.map((space) => ({ space, owner: claims.issuer })),
    bounds: {
      scopeDelegations: ports.rules.spaceDelegations,
      delegatorDelegations: ports.rules.delegatorDelegations,
      spacesPerOwner: ports.rules.spacesPerOwner,
      spaces: ports.rules.spaces,
    },
    now,
  });
  switch (outcome.kind) {
    case "accepted":
      return {
        cid: claims.cid,
        activated: outcome.activated,
        skipped: outcome.skipped,
        hosts: fresh,
      };
    case "revoked":
      judge(new Set(outcome.identities));
      throw new NodeError("internal", undefined, { cause: outcome });
    case "expired":
      throw new NodeError("chain_time", "Delegation expired or not yet valid");
    case "noSpace":
      throw new NodeError("space_not_found");
    case "closed":
      throw new NodeError("space_blocked");
    case "notAdmitted":
      throw new NodeError("space_not_admitted");
    case "tooMany":
      throw new NodeError("too_many_delegations");
    case "duplicate":
      throw new NodeError("internal", undefined, { cause: outcome });
  }
}

/** When this node first took it; now, if it has not. Asked only where it decides something. */
async function firstAcceptance(cid: Cid, { repository, clock, rules }: Ports): Promise<number> {
  const now = clock.nowSeconds();
  if (rules.maxDelegationLifetime === undefined) return now;
  return (await repository.delegations([cid])).get(cid)?.acceptedAt ?? now;
}

/** It gives something, and to somebody (wire §4, form): the delegatee. */
function formOf(claims: Claims): Principal {
  const delegatee = findPrincipal(claims.audience);
  const isToSelf = claims.kind === "ucan" && delegatee === claims.issuer;
  if (claims.capabilities.length === 0 || delegatee === undefined || isToSelf) {
    throw new NodeError("delegation_empty");
  }
  return delegatee;
}

/** The owner asks this very node to host that very space; in any other shape it hosts nothing. */
function isHosting(
  capability: Capability,
  claims: Claims,
  { keys }: Ports,
): capability is Capability & { readonly resource: SpaceResource } {
  const { resource, ability, caveated } = capability;
  const audience = findPrincipal(claims.audience);
  return ability === "tinycloud.space/host" && !caveated && resource.kind === "space" &&
    resource.service === "space" && resource.path === undefined && resource.query === undefined &&
    resource.fragment === undefined && resource.owner === claims.issuer &&
    audience !== undefined && keys.isHostDid(resource.space, audience);
}

/**
 * Those that are not hosted yet. Refuses the whole token when one of them may not be hosted here;
 * the allowlist comes last.
 */
async function admit(
  toHost: readonly SpaceId[],
  owner: Principal,
  ports: Ports,
): Promise<readonly SpaceId[]> {
  if (toHost.length === 0) return [];
  const hosted = await ports.repository.hosted(toHost);
  const fresh = toHost.filter((space) => !hosted.has(space));
  if (fresh.length === 0) return [];
  if (walletOf(owner) === undefined && !ports.rules.keyOwners) {
    throw new NodeError("space_not_admitted");
  }
  const { repository, rules } = ports;
  // The commit judges this for good; asked here, so that the allowlist is not asked in vain.
  const isTooMany = await repository.spaceCount(owner) + fresh.length > rules.spacesPerOwner ||
    await repository.spaceCount() + fresh.length > rules.spaces;
  if (isTooMany) throw new NodeError("space_not_admitted");
  for (const space of fresh) await ports.admission.admit(space);
  return fresh;
}

/** What the delegation names, and under whom its keeping is counted. */
function scopesOf(claims: Claims): Pick<NewDelegation, "spaces" | "urnOwners" | "scopes"> {
  const spaces = distinct(
    claims.capabilities.flatMap(({ resource }) =>
      resource.kind === "space" ? [resource.space] : []
    ),
  );
  const urnOwners = distinct(
    claims.capabilities.flatMap(({ resource }) =>
      resource.kind === "encryption" ? [resource.owner] : []
    ),
  );
  const owned = new Map<string, boolean>();
  for (const { resource } of claims.capabilities) {
    if (resource.kind === "opaque") continue;
    const scope = resource.kind === "space" ? resource.space : resource.owner;
    owned.set(scope, isRoot(resource, claims.issuer));
  }
  return {
    spaces,
    urnOwners,
    scopes: [...owned].map(([scope, isOwned]) => ({ scope, owned: isOwned })),
  };
}

function distinct<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}
