// An archive into a node. Authority is not taken from it: each delegation is posted anew as its holder
// could, judged as at the moment when it was first accepted, and revoked at once if it was.

import type { Blocks } from "../blocks/blocks.ts";
import type { Staging } from "../blocks/staging.ts";
import type { SpaceId } from "../capabilities/space_id.ts";
import { NodeError } from "../errors.ts";
import type { HostKeys } from "../keys/host_keys.ts";
import type {
  HeldKey,
  KeptDelegation,
  ReplacedEvent,
  Repository,
} from "../repository/repository.ts";
import type { Clock } from "../telemetry/clock.ts";
import { principalOf } from "../tokens/did.ts";
import { openAdmission } from "./admission.ts";
import { type ArchivedValue, type ArchivePart, broken } from "./archive.ts";
import { delegate } from "./delegate.ts";
import type { Ports, Rules } from "./ports.ts";
import { revoke } from "./revoke.ts";
import { trueParts } from "./true_archive.ts";

export interface Import {
  readonly repository: Repository;
  readonly blocks: Blocks;
  readonly staging: Staging;
  readonly clock: Clock;
  /** Small values up to this size go into the database, bytes. */
  readonly inlineBytes: number;
  /** Told of lines and values as they are dealt with. */
  readonly progress?: (by: number) => void;
}

export interface Imported {
  readonly space: SpaceId;
  readonly keys: number;
  readonly events: number;
  readonly delegations: number;
  /** Delegations that do not hold by themselves here: they rest on what the archive does not have. */
  readonly left: number;
}

const KEYS_A_COMMIT = 200;

/**
 * Loads an archive into its space, which this import has made (`createToLoad`), verifying it once more:
 * a file may change between two readings. The collector must be held off meanwhile. When it throws,
 * what was loaded is to be erased.
 */
export async function importSpace(
  parts: AsyncIterable<ArchivePart>,
  space: SpaceId,
  what: Import,
): Promise<Imported> {
  const { repository, progress } = what;
  const counts = { keys: 0, events: 0, delegations: 0, left: 0 };
  for await (const part of trueParts(parts)) {
    if (part.kind === "space" && part.head.space !== space) throw broken("it has changed");
    if (part.kind === "values") await loadValue(part.value, space, what);
    if (part.kind === "delegations") {
      for (const kept of part.items) counts[await post(kept, what) ? "delegations" : "left"]++;
    }
    if (part.kind === "events") {
      for (const items of chunks(part.items)) await load(repository, space, items, []);
      counts.events += part.items.length;
    }
    if (part.kind === "keys") {
      for (const items of chunks(part.items)) {
        const keys = [];
        for (const held of items) keys.push(await placed(held, space, what));
        await load(repository, space, [], keys);
      }
      counts.keys += part.items.length;
    }
    progress?.("items" in part ? part.items.length : 1);
  }
  if (!await repository.setSpaceState(space, "loading", "open")) throw lost();
  return { space, ...counts };
}

/** Whether it is kept here from now on. Throws what the stores throw. */
async function post({ token, at, revocation }: KeptDelegation, what: Import): Promise<boolean> {
  try {
    await delegate(token, portsAt(at, what));
  } catch (error) {
    if (error instanceof NodeError && !error.code.startsWith("storage_")) return false;
    throw error;
  }
  if (revocation !== undefined) {
    const none = () => Promise.resolve(undefined);
    await revoke(revocation.token, none, portsAt(revocation.at, what));
  }
  return true;
}

/** What the use cases stand on when something is posted anew that was accepted at an instant. */
function portsAt(said: number, { repository, blocks, staging, clock }: Import): Ports {
  // Lifetimes count from there: nothing was accepted in the future.
  const at = Math.min(said, clock.nowSeconds());
  return {
    repository,
    blocks,
    staging,
    keys: NOBODY,
    clock: { ...clock, nowSeconds: () => at, monotonicMs: () => clock.monotonicMs() },
    admission: openAdmission,
    rules: NO_BOUNDS,
  };
}

/** The node that hosted the space is another: nothing in an archive hosts anything here. */
const NOBODY: HostKeys = {
  nodeId: principalOf("did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"),
  hostDid: () => NOBODY.nodeId,
  isHostDid: () => false,
};

const NO_BOUNDS: Rules = {
  maxInvocationLifetime: Infinity,
  maxDelegationLifetime: undefined,
  keyOwners: true,
  spacesPerOwner: Infinity,
  spaces: Infinity,
  spaceDelegations: Infinity,
  delegatorDelegations: Infinity,
  maxObject: Number.MAX_SAFE_INTEGER,
  spaceLimit: undefined,
  totalLimit: undefined,
  inlineLimit: 0,
};

async function loadValue(
  { size, body }: ArchivedValue,
  space: SpaceId,
  { staging, blocks }: Import,
): Promise<void> {
  const refuse = () => broken("a value is longer than it says");
  await using staged = await staging.stage(body, { maxBytes: size, refuse, declared: size });
  await blocks.put(space, staged);
}

/** A small value that is large here goes where large ones are. */
async function placed(held: HeldKey, space: SpaceId, what: Import): Promise<HeldKey> {
  const { inline, ...rest } = held;
  if (inline === undefined || inline.length <= what.inlineBytes) return held;
  const limit = { maxBytes: inline.length, refuse: () => broken("a value changed") };
  await using staged = await what.staging.stage(inline, limit);
  await what.blocks.put(space, staged);
  return rest;
}

async function load(
  repository: Repository,
  space: SpaceId,
  events: readonly ReplacedEvent[],
  keys: readonly HeldKey[],
): Promise<void> {
  if (!await repository.loadSpace(space, events, keys)) throw lost();
}

function* chunks<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += KEYS_A_COMMIT) {
    yield items.slice(at, at + KEYS_A_COMMIT);
  }
}

function lost(): NodeError {
  return new NodeError("storage_unavailable", "somebody else has erased the space meanwhile");
}
