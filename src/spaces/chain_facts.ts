// Fetches what a chain is judged by (capabilities/chain.ts is pure).

import { type ChainFacts, type ChainQuestion, citedProofs } from "../capabilities/question.ts";
import type { Delegation } from "../capabilities/delegation.ts";
import { isRoot } from "../capabilities/attenuation.ts";
import type { Cid, Identity } from "../tokens/cid.ts";
import type { Ports } from "./ports.ts";

/** The stored records behind a token's proofs; none when its authority is root. */
export function loadRecords(
  question: ChainQuestion,
  { repository }: Pick<Ports, "repository">,
): Promise<ReadonlyMap<Cid, Delegation>> {
  const isRootOnly = question.capabilities.every(({ resource }) =>
    isRoot(resource, question.signer)
  );
  if (isRootOnly || question.proofs.length === 0) return Promise.resolve(new Map());
  return repository.delegations(citedProofs(question.proofs));
}

export function identitiesOf(records: ReadonlyMap<Cid, Delegation>): Identity[] {
  return [...records.values()].map(({ identity }) => identity);
}

export function chainFacts(
  records: ReadonlyMap<Cid, Delegation>,
  revoked: ReadonlySet<Identity>,
  { clock, rules }: Pick<Ports, "clock" | "rules">,
): ChainFacts {
  return { records, revoked, now: clock.nowSeconds(), maxLifetime: rules.maxDelegationLifetime };
}
