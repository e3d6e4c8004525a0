// An archive (archive.ts) into a node, in two passes: the first believes nothing and changes nothing,
// the second loads. Authority is not taken from an archive: each delegation is posted anew as its
// holder could, judged as at the moment when it was first accepted, and revoked at once if it was.

import { blake3Hex, createHasher } from "../blake3.ts";
import type { Blocks } from "../blocks/blocks.ts";
import type { Staging } from "../blocks/staging.ts";
import { canonicalAbility } from "../capabilities/ability.ts";
import { ownerOf, type SpaceId } from "../capabilities/space_id.ts";
import { NodeError } from "../errors.ts";
import type { HostKeys } from "../keys/host_keys.ts";
import type {
  HeldKey,
  KeptDelegation,
  ReplacedEvent,
  Repository,
  SignedEvent,
} from "../repository/repository.ts";
import type { Clock } from "../telemetry/clock.ts";
import { principalOf } from "../tokens/did.ts";
import { decodeUcan, verifyUcan } from "../tokens/ucan.ts";
import { turn } from "../pause.ts";
import { openAdmission } from "./admission.ts";
import {
  type ArchiveCounts,
  type ArchivedValue,
  type ArchiveHead,
  type ArchivePart,
  broken,
} from "./archive.ts";
import { delegate } from "./delegate.ts";
import { keptHeaders } from "./kept_headers.ts";
import { placeOf } from "./place.ts";
import type { Ports, Rules } from "./ports.ts";
import { revoke } from "./revoke.ts";

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

/** Lines that are verified before others get their turn. */
const LINES_A_TURN = 50;
const KEYS_A_COMMIT = 200;

/** Reads the archive to its end. Throws NodeError `inputs_invalid` for whatever in it is not true. */
export async function verifyArchive(
  parts: AsyncIterable<ArchivePart>,
  progress?: (by: number) => void,
): Promise<{ readonly head: ArchiveHead; readonly counts: ArchiveCounts }> {
  let head: ArchiveHead | undefined;
  let counts: ArchiveCounts | undefined;
  const sizes = new Map<string, number>();
  let after: string | undefined;
  for await (const part of parts) {
    switch (part.kind) {
      case "space":
        head = part.head;
        break;
      case "delegations":
        break; // each is judged when it is posted
      case "events":
        await each(part.items, (event) => verifyEvent(event, event.kind, event.key, head));
        break;
      case "values":
        sizes.set(part.value.hash, await verifyValue(part.value));
        break;
      case "keys":
        await each(part.items, (held) => {
          if (after !== undefined && !isAfter(held.key, after)) {
            throw broken("its keys are in disorder");
          }
          after = held.key;
          verifyKey(held, sizes, head);
        });
        break;
      case "end":
        counts = part.counts;
    }
    progress?.(part.kind === "values" || !("items" in part) ? 1 : part.items.length);
  }
  if (head === undefined || counts === undefined) throw broken("it is cut off");
  return { head, counts };
}

/**
 * Loads a verified archive into a space that is not hosted here. The collector must be held off
 * meanwhile. Throws `storage_unavailable` with a sentence when the space is here already. When it
 * throws anything else, what was loaded is in the state `loading`: to be erased.
 */
export async function importSpace(
  parts: AsyncIterable<ArchivePart>,
  what: Import,
): Promise<Imported> {
  const { repository, progress } = what;
  let space: SpaceId | undefined;
  const counts = { keys: 0, events: 0, delegations: 0, left: 0 };
  for await (const part of parts) {
    if (part.kind === "space") {
      space = part.head.space;
      const isNew = await repository.createToLoad(space, ownerOf(space), part.head.createdAt);
      if (!isNew) throw isHere();
    } else if (space === undefined) throw broken("it begins with something else");
    else if (part.kind === "values") await loadValue(part.value, space, what);
    else if (part.kind === "delegations") {
      for (const kept of part.items) counts[await post(kept, what) ? "delegations" : "left"]++;
    } else if (part.kind === "events") {
      for (const items of chunks(part.items)) await load(repository, space, items, []);
      counts.events += part.items.length;
    } else if (part.kind === "keys") {
      for (const items of chunks(part.items)) {
        const keys = [];
        for (const held of items) keys.push(await placed(held, space, what));
        await load(repository, space, [], keys);
      }
      counts.keys += part.items.length;
    }
    progress?.("items" in part ? part.items.length : 1);
  }
  if (space === undefined || !await repository.setSpaceState(space, "loading", "open")) {
    throw lost();
  }
  return { space, ...counts };
}

async function verifyValue({ hash, size, body }: ArchivedValue): Promise<number> {
  const hasher = await createHasher();
  let seen = 0;
  try {
    for await (const chunk of body) {
      hasher.update(chunk);
      seen += chunk.length;
    }
  } catch (cause) {
    throw broken(`the value ${hash} is cut off`, cause);
  }
  if (seen !== size || hasher.digest().toHex() !== hash) {
    throw broken(`the value ${hash} has other bytes`);
  }
  return size;
}

function verifyKey(
  held: HeldKey,
  sizes: ReadonlyMap<string, number>,
  head: ArchiveHead | undefined,
): void {
  const { key, hash, size, inline, event } = held;
  const isWhole = inline === undefined
    ? sizes.get(hash) === size
    : inline.length === size && blake3Hex(inline) === hash;
  if (!isWhole) throw broken(`the value of ${quoted(key)} is missing, or another one`);
  if (!areKept(held.headers)) throw broken(`the headers of ${quoted(key)} are none that are kept`);
  verifyEvent(event, "put", key, head);
}

/** A get sends them back as they are. */
function areKept(headers: HeldKey["headers"]): boolean {
  try {
    return JSON.stringify(keptHeaders(headers)) === JSON.stringify(headers);
  } catch {
    return false;
  }
}

/** Its signature, and that it says this of this key in this space; not that its signer might. */
function verifyEvent(
  { cid, token }: SignedEvent,
  kind: ReplacedEvent["kind"],
  key: string,
  head: ArchiveHead | undefined,
): void {
  const what = `the ${kind} of ${quoted(key)}`;
  try {
    const claims = verifyUcan(decodeUcan(token));
    const [capability, ...more] = claims.capabilities;
    if (capability === undefined || more.length > 0) throw broken(`${what} says something else`);
    const place = placeOf(capability);
    const isSaid = claims.cid === cid && place.space === head?.space && place.key === key &&
      canonicalAbility(capability.ability) === `tinycloud.kv/${kind}`;
    if (!isSaid) throw broken(`${what} says something else`);
  } catch (error) {
    if (
      error instanceof NodeError && error.code === "inputs_invalid" && error.cause === undefined
    ) {
      throw error;
    }
    throw broken(`${what} is not signed as it should be`, error);
  }
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
  { hash, size, body }: ArchivedValue,
  space: SpaceId,
  { staging, blocks }: Import,
): Promise<void> {
  const changed = () => broken(`the value ${hash} is another one by now`);
  await using staged = await staging.stage(body, {
    maxBytes: size,
    refuse: changed,
    declared: size,
  });
  if (staged.hash !== hash) throw changed();
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

async function each<T>(items: readonly T[], verify: (item: T) => void): Promise<void> {
  for (const [index, item] of items.entries()) {
    if (index % LINES_A_TURN === LINES_A_TURN - 1) await turn();
    verify(item);
  }
}

function* chunks<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += KEYS_A_COMMIT) {
    yield items.slice(at, at + KEYS_A_COMMIT);
  }
}

/** Keys are ASCII (wire §1), so this is the order of their bytes. */
function isAfter(key: string, other: string): boolean {
  return key > other;
}

function quoted(key: string): string {
  return JSON.stringify(key.slice(0, 80));
}

function isHere(): NodeError {
  return new NodeError("storage_unavailable", "the space is here already");
}

function lost(): NodeError {
  return new NodeError("storage_unavailable", "somebody else has erased the space meanwhile");
}
