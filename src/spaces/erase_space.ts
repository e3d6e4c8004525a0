// Erasing a space for good: step by step beside whoever serves the node, to be begun again wherever it
// was cut off. From its first step on nobody can use the space.

import type { Blocks } from "../blocks/blocks.ts";
import { spaceHashOf } from "../blocks/blocks.ts";
import type { Lease } from "../blocks/lease.ts";
import type { SpaceId } from "../capabilities/space_id.ts";
import { NodeError } from "../errors.ts";
import type { Repository, Step } from "../repository/repository.ts";
import type { Clock } from "../telemetry/clock.ts";

export interface Erase {
  readonly repository: Repository;
  readonly blocks: Blocks;
  readonly clock: Clock;
  readonly space: SpaceId;
  readonly progress?: (by: number) => void;
}

const KEYS_A_STEP = 200;
const EVENTS_A_STEP = 5_000;
const DELEGATIONS_A_STEP = 200;

/** Removes all that the database holds of it, but for blocks that wait for the collector. */
export async function eraseContents(what: Erase): Promise<void> {
  const { repository, space, progress } = what;
  const facts = await repository.spaceFacts(space);
  if (facts === undefined) throw new NodeError("space_not_found");
  if (!await repository.setSpaceState(space, facts.state, "erasing")) {
    throw new NodeError("storage_unavailable", "somebody else has changed its state: try again");
  }
  for (let count; (count = await repository.eraseKeys(space, KEYS_A_STEP)) > 0;) progress?.(count);
  await toEnd((after) => repository.eraseEvents(space, after, EVENTS_A_STEP), progress);
  await toEnd((after) => repository.eraseDelegations(space, after, DELEGATIONS_A_STEP), progress);
}

/**
 * Removes what is left of its blocks once a collection has come to its end, and the space itself. Only
 * whoever has the collector's lease may; false when that was lost, or something is left: to be repeated.
 */
export async function eraseRest(
  { repository, blocks, clock, space, progress }: Erase,
  lease: Lease,
): Promise<boolean> {
  const spaceHash = spaceHashOf(space);
  // Before its first: a hash never has only zeros.
  for await (const block of blocks.all({ spaceHash, hash: "0".repeat(64) })) {
    if (block.spaceHash !== spaceHash) break;
    const condemned = await repository.condemnStray(space, block.hash);
    if (condemned === undefined || !await lease.keep() || !lease.isTrusted) return false;
    await blocks.remove(space, condemned.hash);
    await repository.buryBlock(condemned, clock.nowSeconds());
    progress?.(1);
  }
  return await repository.eraseSpace(space);
}

async function toEnd(
  step: (after: number) => Promise<Step<number>>,
  progress?: (by: number) => void,
): Promise<void> {
  for (let after: number | undefined = 0; after !== undefined;) {
    const { found, next }: Step<number> = await step(after);
    progress?.(found);
    after = next;
  }
}
