// All that changes the store, as functions of data within a transaction: what they take and answer
// can be sent to a Worker and back.

import type { SpaceId } from "../../capabilities/space_id.ts";
import type { Cid } from "../../tokens/cid.ts";
import type { Principal } from "../../tokens/did.ts";
import type {
  AcceptOutcome,
  ApplyOutcome,
  Change,
  ContentHash,
  Guards,
  HeldKey,
  NewDelegation,
  NewRevocation,
  ReplacedEvent,
  SpaceState,
} from "../repository.ts";
import { accept } from "./accept.ts";
import * as blocks from "./blocks.ts";
import type { TableName, TableRow } from "../tables.ts";
import type { Database } from "./database.ts";
import { change } from "./entries.ts";
import * as erase from "./erase.ts";
import { areInOrder, judge } from "./guards.ts";
import { releaseLease, takeLease } from "./leases.ts";
import { createToLoad, loadSpace } from "./load_space.ts";
import * as loading from "./loading.ts";
import { repairCounters } from "./repair.ts";
import * as retention from "./retention.ts";
import { revoke } from "./revocations.ts";
import { setSetting } from "./settings.ts";
import { setSpaceLimit, setSpaceState } from "./space_state.ts";
import { isUsed, release, sweep, use } from "./used_tokens.ts";

export type Writes = ReturnType<typeof writesOn>;
export type WriteMethod = keyof Writes;

export type Write = {
  readonly [M in WriteMethod]: {
    readonly method: M;
    readonly args: Parameters<Writes[M]>;
    /** Synced before it is answered. */
    readonly isDurable: boolean;
  };
}[WriteMethod];

/**
 * They remove rows to which nothing refers, as their queries see to. SQLite would make sure by
 * reading all of `entry` for each: an index for that would cost every put. So foreign keys rest.
 */
export const UNCHECKED: ReadonlySet<WriteMethod> = new Set([
  "forgetReplaced",
  "forgetDelegations",
  "eraseEvents",
  "eraseDelegations",
  "eraseSpace",
]);

/** What `now` says is the same throughout a transaction; Unix seconds. */
export function writesOn(database: Database, now: () => number) {
  const judged = <T extends { readonly kind: string }>(
    guards: Guards,
    success: T["kind"],
    decide: () => T,
  ) => {
    const refusal = areInOrder(database, guards, now())
      ? undefined
      : judge(database, (key) => isUsed(database, key), guards, now());
    if (refusal !== undefined) return refusal;
    const outcome = decide();
    if (outcome.kind === success && guards.use !== undefined) use(database, guards.use);
    return outcome;
  };

  return {
    acceptDelegation: (asked: NewDelegation): AcceptOutcome =>
      judged(asked, "accepted", () => accept(database, asked)),
    revoke: (asked: NewRevocation) => revoke(database, asked),
    applyInvocation: (asked: Change): ApplyOutcome =>
      judged(asked, "applied", () => change(database, asked)),
    releaseRead: (key: string) => release(database, key),
    sweepUses: (at: number, limit: number) => sweep(database, at, limit),
    condemnBlocks: (limit: number) => blocks.condemnDead(database, limit),
    condemnStray: (space: SpaceId, hash: ContentHash) => blocks.condemnStray(database, space, hash),
    buryBlock: (grave: number, at: number) => blocks.bury(database, grave, at),
    forgetGraves: (before: number, limit: number) => blocks.forgetGraves(database, before, limit),
    takeLease: (name: string, holder: string, at: number, until: number) =>
      takeLease(database, name, holder, at, until),
    releaseLease: (name: string, holder: string) => releaseLease(database, name, holder),
    forgetReplaced: (before: number, after: number, limit: number) =>
      retention.forgetReplaced(database, before, after, limit),
    forgetDelegations: (cids: readonly Cid[], before: number) =>
      retention.forgetDelegations(database, cids, before),
    setSpaceLimit: (space: SpaceId, bytes: number | undefined) =>
      setSpaceLimit(database, space, bytes),
    setSpaceState: (space: SpaceId, from: SpaceState, to: SpaceState) =>
      setSpaceState(database, space, from, to),
    createToLoad: (space: SpaceId, owner: Principal, createdAt: number) =>
      createToLoad(database, space, owner, createdAt),
    loadSpace: (
      space: SpaceId,
      events: readonly ReplacedEvent[],
      keys: readonly HeldKey[],
    ) => loadSpace(database, space, events, keys),
    eraseKeys: (space: SpaceId, limit: number) => erase.eraseKeys(database, space, limit, now()),
    eraseEvents: (space: SpaceId, after: number, limit: number) =>
      erase.eraseEvents(database, space, after, limit),
    eraseDelegations: (space: SpaceId, after: number, limit: number) =>
      erase.eraseDelegations(database, space, after, limit),
    eraseSpace: (space: SpaceId) => erase.eraseSpace(database, space),
    setSetting: (name: string, value: string) => setSetting(database, name, value),
    repairCounters: () => repairCounters(database),
    beginLoad: (mark: string) => loading.beginLoad(database, mark),
    load: (mark: string, table: TableName, rows: readonly TableRow[]) =>
      loading.load(database, mark, table, rows),
    restartLoad: (mark: string, next: string) => loading.restartLoad(database, mark, next),
    finishLoad: (mark: string) => loading.finishLoad(database, mark),
    /** A real write: a full disk lets an empty transaction pass. */
    ping: () => setSetting(database, "store.ping", String(now())),
    /** Brings about a commit, for what rides along. */
    flush: () => {},
  };
}
