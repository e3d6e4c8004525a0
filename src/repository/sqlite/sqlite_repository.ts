// The port on SQLite: what only reads answers at once, what writes waits for the group commit. All
// work inside is synchronous, so no two requests ever see each other half done.

import type { SpaceId } from "../../capabilities/space_id.ts";
import { NodeError } from "../../errors.ts";
import { GroupCommit } from "../group_commit.ts";
import type { Read, ReadOutcome, Repository } from "../repository.ts";
import * as blocks from "./blocks.ts";
import { check } from "./check.ts";
import type { Database } from "./database.ts";
import { Delegations } from "./delegations.ts";
import { change, find, list } from "./entries.ts";
import { judge, revokedOf } from "./guards.ts";
import { releaseLease, takeLease } from "./leases.ts";
import { repairCounters } from "./repair.ts";
import { revoke } from "./revocations.ts";
import { setSetting, setting } from "./settings.ts";
import { spaceNumber, spacesAfter, usage } from "./spaces.ts";
import { SqliteTransaction } from "./transaction.ts";
import { UsedTokens } from "./used_tokens.ts";

export interface SqliteRepositoryOptions {
  /** Sync every commit (`storage.durability = "full"`). */
  readonly durable: boolean;
  /** Unix seconds, for `validUntil` and for expired guards. */
  readonly now: () => number;
}

export function sqliteRepository(
  database: Database,
  { durable, now }: SqliteRepositoryOptions,
): Repository {
  const delegations = new Delegations(database);
  const used: UsedTokens = new UsedTokens(database, now, () => writer.submit(() => {}, false));
  const writer: GroupCommit = new GroupCommit(new SqliteTransaction(database), used);
  let open = true;

  /** In a transaction, shared with whoever waits at the same time. */
  const write = <T>(operation: () => T) => writer.submit(operation, durable);

  /** At once; a throw becomes a rejection. */
  // deno-lint-ignore require-await
  const read = async <T>(operation: () => T): Promise<T> => {
    if (!open) throw new NodeError("storage_unavailable");
    return operation();
  };

  return {
    delegations: (cids) => read(() => delegations.withAncestors(cids)),
    delegationTokens: (cids) => read(() => delegations.tokens(cids)),
    delegationsIn: (query) => read(() => delegations.inSpace(query)),
    acceptDelegation: (asked) =>
      write(() => {
        const refusal = judge(database, used, asked, now());
        if (refusal !== undefined) return refusal;
        const outcome = delegations.accept(asked);
        if (outcome.kind === "accepted" && asked.use !== undefined) used.use(asked.use);
        return outcome;
      }),
    revoke: (asked) => write(() => revoke(database, asked)),

    hosted: (spaces) =>
      read(() => new Set(spaces.filter((space) => spaceNumber(database, space) !== undefined))),

    standing: ({ use, identities, space, key }) =>
      read(() => {
        const found = space === undefined ? undefined : usage(database, space, key);
        return {
          used: use !== undefined && used.has(use),
          revoked: new Set(revokedOf(database, identities)),
          ...(found === undefined ? {} : { usage: found }),
        };
      }),
    admitRead: (asked) => read(() => admit(database, used, asked, now())),
    releaseRead: async (use) => {
      if (used.releaseInMemory(use.key)) return;
      await write(() => used.release(use.key));
    },
    applyInvocation: (asked) =>
      write(() => {
        const refusal = judge(database, used, asked, now());
        if (refusal !== undefined) return refusal;
        const outcome = change(database, asked);
        if (outcome.kind === "applied") used.use(asked.use);
        return outcome;
      }),
    find: (space, key) => read(() => find(database, space, key)),
    list: (space, prefix, after, limit) => read(() => list(database, space, prefix, after, limit)),

    sweepUses: (at, limit) => write(() => used.sweep(at, limit)),
    condemnBlocks: (limit) => writer.submit(() => blocks.condemnDead(database, limit), true),
    condemnStray: (space, hash) =>
      writer.submit(() => blocks.condemnStray(database, space, hash), true),
    unburied: (limit) => read(() => blocks.unburied(database, limit)),
    buryBlock: ({ grave }, at) => write(() => blocks.bury(database, grave, at)),
    forgetGraves: (before, limit) => write(() => blocks.forgetGraves(database, before, limit)),
    takeLease: (name, holder, at, until) =>
      write(() => takeLease(database, name, holder, at, until)),
    releaseLease: (name, holder) => write(() => releaseLease(database, name, holder)),

    setting: (name) => read(() => setting(database, name)),
    setSetting: (name, value) => write(() => setSetting(database, name, value)),
    // A real write: a full disk lets an empty transaction pass.
    ping: () => write(() => setSetting(database, "store.ping", String(now()))),
    spaces: (after, limit) => read(() => spacesAfter(database, after, limit)),
    blocksOf: (space: SpaceId, after, limit) =>
      read(() => blocks.liveBlocks(database, space, after, limit)),
    check: () => check(database),
    repairCounters: () => write(() => repairCounters(database)),

    async [Symbol.asyncDispose]() {
      if (!open) return;
      await used.close();
      await writer.close();
      open = false;
      database.close();
    },
  };
}

function admit(database: Database, used: UsedTokens, asked: Read, now: number): ReadOutcome {
  const refusal = judge(database, used, asked, now);
  if (refusal !== undefined) return refusal;
  const { space, key } = asked;
  if (space !== undefined && key !== undefined) {
    const entry = find(database, space, key);
    if (entry !== undefined) {
      used.useInMemory(asked.use);
      return { kind: "admitted", entry };
    }
    return spaceNumber(database, space) === undefined ? { kind: "noSpace" } : { kind: "noKey" };
  }
  if (space !== undefined && spaceNumber(database, space) === undefined) return { kind: "noSpace" };
  used.useInMemory(asked.use);
  return { kind: "admitted" };
}
