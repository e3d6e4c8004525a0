// A space as an archive (archive.ts), read beside whoever serves it. What changes it meanwhile is
// found at the end.

import type { Blocks } from "../blocks/blocks.ts";
import type { SpaceId } from "../capabilities/space_id.ts";
import { NodeError } from "../errors.ts";
import type { Repository, SpaceFacts } from "../repository/repository.ts";
import type { Clock } from "../telemetry/clock.ts";
import type { ArchiveCounts, ArchivePart } from "./archive.ts";
import { verified } from "../blocks/verified.ts";

export interface Export {
  readonly repository: Repository;
  readonly blocks: Blocks;
  readonly clock: Clock;
  readonly space: SpaceId;
  /** Told of keys and values as they are written. */
  readonly progress?: (by: number) => void;
}

const KEYS_A_FILE = 1_000;
const DELEGATIONS_A_FILE = 200;
const EVENTS_A_STEP = 1_000;
const BLOCKS_A_PAGE = 500;

/**
 * The collector must be held off meanwhile. Throws `space_not_found`; `block_corrupt` for a value
 * that is missing or damaged; `storage_unavailable` when the space was changed meanwhile.
 */
export async function* exportSpace(what: Export): AsyncGenerator<ArchivePart> {
  const { repository, clock, space } = what;
  const before = await factsOf(what);
  yield {
    kind: "space",
    head: { space, createdAt: before.createdAt, exportedAt: clock.nowSeconds() },
  };
  const counts = { delegations: 0, events: 0, values: 0, keys: 0 };
  for (let after: number | undefined = 0; after !== undefined;) {
    const step = await repository.keptDelegations(space, after, DELEGATIONS_A_FILE);
    if (step.found.length > 0) yield { kind: "delegations", items: step.found };
    counts.delegations += step.found.length;
    after = step.next;
  }
  for (let after: number | undefined = 0; after !== undefined;) {
    const step = await repository.replacedEvents(space, after, EVENTS_A_STEP);
    if (step.found.length > 0) yield { kind: "events", items: step.found };
    counts.events += step.found.length;
    after = step.next;
  }
  yield* values(what, counts);
  let afterKey: string | undefined;
  while (true) {
    const items = await repository.heldKeys(space, afterKey, KEYS_A_FILE);
    const last = items.at(-1);
    if (last === undefined) break;
    yield { kind: "keys", items };
    counts.keys += items.length;
    what.progress?.(items.length);
    afterKey = last.key;
  }
  const { changes } = await factsOf(what);
  if (changes !== before.changes) {
    throw new NodeError(
      "storage_unavailable",
      "the space was changed meanwhile: try again, or block it first (tinycloud spaces block)",
    );
  }
  yield { kind: "end", counts: counts satisfies ArchiveCounts };
}

async function* values(
  { repository, blocks, space, progress }: Export,
  counts: { values: number },
): AsyncGenerator<ArchivePart> {
  let after: string | undefined;
  while (true) {
    const page = await repository.blocksOf(space, after, BLOCKS_A_PAGE);
    for (const { hash, size } of page) {
      const found = await blocks.get(space, hash);
      if (found === undefined || found.size !== size) {
        await found?.body.cancel();
        throw damaged(hash);
      }
      const body = verified(found.body, hash, size, () => {});
      yield { kind: "values", value: { hash, size, body } };
      counts.values++;
      progress?.(1);
    }
    after = page.at(-1)?.hash;
    if (page.length < BLOCKS_A_PAGE) return;
  }
}

async function factsOf({ repository, space }: Export): Promise<SpaceFacts> {
  const facts = await repository.spaceFacts(space);
  if (facts === undefined) throw new NodeError("space_not_found");
  return facts;
}

function damaged(hash: string): NodeError {
  return new NodeError("block_corrupt", `the value ${hash} is damaged or missing`);
}
