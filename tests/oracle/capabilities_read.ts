// wire §7, the list without filters, told a second time.

import type { Entry } from "./answer.ts";
import { ancestorsOf, isWithin } from "./authority.ts";
import { isRevoked, type Model } from "./model.ts";

/** wire §7: those valid now, unrevoked (ancestors too), with a capability in the space. */
export function capabilitiesIn(model: Model, now: number, space: string): readonly Entry[] {
  return model.accepted.filter((stored) =>
    [stored, ...ancestorsOf(model, stored)].every((one) =>
      isWithin(one, now) && !isRevoked(model, one)
    )
  ).map(({ token, delegator, delegatee, capabilities }) => ({
    cid: token.cid,
    delegator,
    delegatee,
    capabilities: capabilities.flatMap(({ resource, ability }) =>
      resource.kind === "space" && resource.space === space ? [`${resource.text} ${ability}`] : []
    ),
    parents: token.proofs,
  })).filter((entry) => entry.capabilities.length > 0);
}
