// `retention.events` (configuration.md): forgets what nothing needs any more, in bounded steps. Puts
// and deletions go once a later one of their key has replaced them; then delegations that expired,
// and that no stored token cites. Revocations, what they name, and hostings stay.
//
// Whether a delegation is cited shows only when every stored token has been read, so the expired
// ones are gathered first, and struck out by what cites them. A delegation that goes may have been
// the last that cited its parents: they go in the next round.

import type { Cid } from "../tokens/cid.ts";
import type { Repository } from "./repository.ts";

export interface Forgotten {
  readonly events: number;
  readonly delegations: number;
}

const NOTHING: Forgotten = { events: 0, delegations: 0 };
/** Two to five milliseconds each. */
const EVENTS_A_STEP = 500;
const TOKENS_A_STEP = 100;
/** One has some ten rows; hundreds when it names hundreds of spaces. */
const DELEGATIONS_A_STEP = 50;
/** Gathered at a time, some 100 bytes each. */
const MAX_GATHERED = 100_000;

/**
 * One pass; says after each step what it removed. `before`: Unix seconds. It may be left between
 * any two steps, and taken up later: what was right to remove stays so.
 */
export async function* forget(
  repository: Repository,
  before: number,
): AsyncGenerator<Forgotten, void, undefined> {
  for (let after: number | undefined = 0; after !== undefined;) {
    const { found, next }: { found: number; next?: number } = await repository
      .forgetReplaced(before, after, EVENTS_A_STEP);
    yield { events: found, delegations: 0 };
    after = next;
  }
  for (let after: number | undefined = 0; after !== undefined;) {
    const expired = new Set<Cid>();
    while (after !== undefined && expired.size < MAX_GATHERED) {
      const { found, next }: { found: readonly Cid[]; next?: number } = await repository
        .expiredDelegations(before, after, EVENTS_A_STEP);
      for (const cid of found) expired.add(cid);
      yield NOTHING;
      after = next;
    }
    let removed = 0;
    do {
      removed = yield* forgetUncited(repository, before, expired);
    } while (removed > 0);
  }
}

/** Removes those that nothing cites, from the set too; how many. */
async function* forgetUncited(
  repository: Repository,
  before: number,
  expired: Set<Cid>,
): AsyncGenerator<Forgotten, number, undefined> {
  const uncited = new Set(expired);
  for (let after: number | undefined = 0; after !== undefined && uncited.size > 0;) {
    const { found, next }: { found: readonly Cid[]; next?: number } = await repository
      .citations(after, TOKENS_A_STEP);
    for (const cid of found) uncited.delete(cid);
    yield NOTHING;
    after = next;
  }
  let removed = 0;
  const cids = [...uncited];
  for (let at = 0; at < cids.length; at += DELEGATIONS_A_STEP) {
    const step = cids.slice(at, at + DELEGATIONS_A_STEP);
    const delegations = await repository.forgetDelegations(step, before);
    for (const cid of step) expired.delete(cid);
    yield { events: 0, delegations };
    removed += delegations;
  }
  return removed;
}
