// The port on SQLite: reads are answered at once on a connection of this isolate, writes wait for
// the group commit, wherever that runs.
//
// A token is used once, whichever of the two asks for it: a write is refused while a read's guard is
// in memory, and a read waits while a write with its guard is under way. So no guard is ever judged
// on both sides at a time.

import type { SpaceId } from "../../capabilities/space_id.ts";
import { NodeError } from "../../errors.ts";
import type { Identity } from "../../tokens/cid.ts";
import { GroupCommit, type Outcome } from "../group_commit.ts";
import type {
  Change,
  HeldKey,
  NewDelegation,
  Read,
  ReadOutcome,
  Repository,
  Usage,
} from "../repository.ts";
import * as blocks from "./blocks.ts";
import { check } from "./check.ts";
import type { Database } from "./database.ts";
import { Delegations } from "./delegations.ts";
import { find, findGuarded, list, verifyInline } from "./entries.ts";
import { errorOf } from "./failure.ts";
import { judge, revokedOf } from "./guards.ts";
import { ReadGuards } from "./read_guards.ts";
import { lastKey, pageOf, type Select } from "../pages.ts";
import * as contents from "../space_contents.ts";
import { bytesIn } from "../tables.ts";
import * as retention from "./retention.ts";
import { setting } from "./settings.ts";
import {
  countOwned,
  countSpaces,
  isClosed,
  spaceNumber,
  spacesAfter,
  usage,
  usageGuarded,
  usedBytes,
} from "./spaces.ts";
import { isUsed } from "./used_tokens.ts";
import type { Writer } from "./writer.ts";
import type { Write, WriteMethod, Writes } from "./writes.ts";

export interface SqliteRepositoryOptions {
  /** Sync every commit (`storage.durability = "full"`). */
  readonly isDurable: boolean;
  /** Unix seconds, for `validUntil` and for expired guards. */
  readonly now: () => number;
  /** Told of every commit: how many requests it carried, and how many seconds it took. */
  readonly onCommit?: (batchSize: number, seconds: number) => void;
}

/** What a write takes in a batch beside what it brings along, in bytes. */
const WRITE_BYTES = 1_024;

export function sqliteRepository(
  database: Database,
  writer: Writer,
  { isDurable, now, onCommit }: SqliteRepositoryOptions,
): Repository {
  const delegations = new Delegations(database);
  const readGuards = new ReadGuards(now, () => write("flush", [], { isDurable: false }));
  const group = new GroupCommit<Write>(commit);
  /** Writes under way, by the guard that they use. */
  const using = new Map<string, Promise<unknown>>();
  let isOpen = true;
  let closing: Promise<void> | undefined;

  async function commit(writes: readonly Write[]): Promise<readonly Outcome[]> {
    const riding = readGuards.take();
    const guards = riding.length === 0 ? {} : { guards: JSON.stringify(riding) };
    const answer = await writer.commit({ now: now(), writes, ...guards });
    readGuards.settle(answer.kind === "committed" && answer.areGuardsStored);
    if (answer.kind === "failed") throw errorOf(answer.failure);
    onCommit?.(writes.length + riding.length, answer.seconds);
    return answer.outcomes.map((outcome) =>
      "failure" in outcome ? { error: errorOf(outcome.failure) } : outcome
    );
  }

  function write<M extends WriteMethod>(
    method: M,
    args: Parameters<Writes[M]>,
    special: { readonly isDurable?: boolean; readonly bytes?: number } = {},
  ): Promise<ReturnType<Writes[M]>> {
    // The tie between a method, its arguments and its answer is this signature.
    const asked = { method, args, isDurable: special.isDurable ?? isDurable } as Write;
    const answer = group.submit(asked, WRITE_BYTES + (special.bytes ?? 0));
    return answer as Promise<ReturnType<Writes[M]>>;
  }

  /** A write that uses up a token. */
  function guarded<M extends "acceptDelegation" | "applyInvocation">(
    method: M,
    asked: Parameters<Writes[M]>[0] & (Change | NewDelegation),
    bytes: number,
  ): Promise<ReturnType<Writes[M]> | { readonly kind: "duplicate" }> {
    const key = asked.use?.key;
    if (key !== undefined && readGuards.has(key)) return Promise.resolve({ kind: "duplicate" });
    // As above.
    const answer = write(method, [asked] as Parameters<Writes[M]>, { bytes });
    if (key === undefined) return answer;
    const ended = answer.then(() => {}, () => {}).finally(() => {
      if (using.get(key) === ended) using.delete(key);
    });
    using.set(key, ended);
    return answer;
  }

  /** At once; a throw becomes a rejection. */
  // deno-lint-ignore require-await
  const read = async <T>(operation: () => T | Promise<T>): Promise<T> => {
    if (!isOpen) throw new NodeError("storage_unavailable");
    return operation();
  };
  async function close(): Promise<void> {
    await readGuards.close();
    await group.close();
    await writer.close();
    isOpen = false;
    database.close();
  }

  const isTokenUsed = (key: string) => readGuards.has(key) || isUsed(database, key);

  /** The usual outcome of a read of a key; undefined: it takes a closer look. */
  function admitAtOnce(asked: Read): ReadOutcome | undefined {
    const { space, key, use, validUntil = Infinity } = asked;
    if (space === undefined || key === undefined) return undefined;
    if (readGuards.has(use.key) || now() >= validUntil) return undefined;
    const entry = findGuarded(database, space, key, asked);
    return entry === undefined ? undefined : { kind: "admitted", entry };
  }

  /** The space's usage, where the token is unused and its chain unrevoked. */
  function standAtOnce(
    use: string | undefined,
    unrevoked: readonly Identity[],
    space: SpaceId | undefined,
    key: string | undefined,
  ): Usage | undefined {
    if (space === undefined || (use !== undefined && readGuards.has(use))) return undefined;
    const guards = { unrevoked, ...(use === undefined ? {} : { use: { key: use, expiresAt: 0 } }) };
    return usageGuarded(database, space, key, guards);
  }

  const select: Select = (sql, ...values) => database.all(sql, ...values);

  return {
    delegations: (cids) => read(() => delegations.withAncestors(cids)),
    delegationTokens: (cids) => read(() => delegations.tokens(cids)),
    delegationsIn: (query) => read(() => delegations.inSpace(query)),
    acceptDelegation: (asked) => guarded("acceptDelegation", asked, 4 * asked.token.length),
    revoke: (asked) => write("revoke", [asked]),

    hosted: (spaces) =>
      read(() => new Set(spaces.filter((space) => spaceNumber(database, space) !== undefined))),
    spaceCount: (owner) =>
      read(() => owner === undefined ? countSpaces(database) : countOwned(database, owner)),
    usedBytes: () => read(() => usedBytes(database)),

    standing: ({ use, identities, space, key }) =>
      read(() => {
        const quick = standAtOnce(use, identities, space, key);
        if (quick !== undefined) return { used: false, revoked: new Set(), usage: quick };
        const found = space === undefined ? undefined : usage(database, space, key);
        return {
          used: use !== undefined && isTokenUsed(use),
          revoked: new Set(revokedOf(database, identities)),
          ...(found === undefined ? {} : { usage: found }),
        };
      }),
    admitRead: async (asked) => {
      for (let ended; (ended = using.get(asked.use.key)) !== undefined;) await ended;
      return await read(() => {
        const outcome = admitAtOnce(asked) ??
          judge(database, isTokenUsed, asked, now()) ?? look(database, asked);
        if (outcome.kind === "admitted") readGuards.use(asked.use);
        return outcome;
      });
    },
    releaseRead: async ({ key }) => {
      if (!readGuards.release(key)) await write("releaseRead", [key]);
    },
    applyInvocation: (asked) => {
      const change = compact(asked);
      return guarded("applyInvocation", change, change.event.token.length + inlineBytes(change));
    },
    find: (space, key) => read(() => find(database, space, key)),
    list: (space, prefix, after, limit) => read(() => list(database, space, prefix, after, limit)),

    sweepUses: async (at, limit) =>
      readGuards.forgetExpired(at) + await write("sweepUses", [at, limit]),
    condemnBlocks: (limit) => write("condemnBlocks", [limit], { isDurable: true }),
    condemnStray: (space, hash) => write("condemnStray", [space, hash], { isDurable: true }),
    unburied: (limit) => read(() => blocks.unburied(database, limit)),
    buryBlock: ({ grave }, at) => write("buryBlock", [grave, at]),
    forgetGraves: (before, limit) => write("forgetGraves", [before, limit]),
    takeLease: (...args) => write("takeLease", args),
    releaseLease: (...args) => write("releaseLease", args),

    lastChange: () => read(() => retention.lastChange(database)),
    forgetReplaced: (...args) => write("forgetReplaced", args),
    expiredDelegations: (...args) => read(() => retention.expiredDelegations(database, ...args)),
    citations: (...args) => read(() => retention.citations(database, ...args)),
    forgetDelegations: async (cids, before) => {
      const count = await write("forgetDelegations", [cids, before]);
      delegations.forget(cids);
      return count;
    },

    setting: (name) => read(() => setting(database, name)),
    setSetting: (...args) => write("setSetting", args),
    ping: () => write("ping", []),
    workload: () => group.workload,
    spaces: (after, limit) => read(() => spacesAfter(database, after, limit)),
    blocksOf: (space, after, limit) => read(() => blocks.liveBlocks(database, space, after, limit)),
    verifyInline: (space, after, limit) => read(() => verifyInline(database, space, after, limit)),
    check: () => check(database),
    repairCounters: () => write("repairCounters", []),

    spaceFacts: (space) => read(() => contents.factsOf(select, space)),
    setSpaceLimit: (...args) => write("setSpaceLimit", args),
    setSpaceState: (...args) => write("setSpaceState", args),
    heldKeys: (...args) => read(() => contents.heldKeys(select, ...args)),
    replacedEvents: (...args) => read(() => contents.replacedEvents(select, ...args)),
    keptDelegations: (...args) => read(() => contents.keptDelegations(select, ...args)),
    createToLoad: (...args) => write("createToLoad", args),
    loadSpace: (...args) => write("loadSpace", args, { bytes: bytesOf(args[2]) }),
    eraseKeys: (...args) => write("eraseKeys", args),
    eraseEvents: (...args) => write("eraseEvents", args),
    eraseDelegations: (...args) => write("eraseDelegations", args),
    eraseSpace: async (space) => {
      let isDone: boolean | undefined;
      while (isDone === undefined) isDone = await write("eraseSpace", [space]);
      return isDone;
    },

    rows: (table, after, limit) => read(() => pageOf(select, table, after, limit)),
    lastKey: (table) => read(() => lastKey(select, table)),
    beginLoad: (mark) => write("beginLoad", [mark]),
    load: (mark, table, rows) => write("load", [mark, table, rows], { bytes: bytesIn(rows) }),
    restartLoad: (...args) => write("restartLoad", args),
    finishLoad: (mark) => write("finishLoad", [mark]),

    [Symbol.asyncDispose]: () => closing ??= close(),
  };
}

/** What a read finds once its guards have let it pass. */
function look(database: Database, { space, key }: Read): ReadOutcome {
  if (space === undefined) return { kind: "admitted" };
  const closed = isClosed(database, space);
  if (closed === undefined) return { kind: "noSpace" };
  if (closed) return { kind: "closed" };
  if (key === undefined) return { kind: "admitted" };
  const entry = find(database, space, key);
  return entry === undefined ? { kind: "noKey" } : { kind: "admitted", entry };
}

function inlineBytes({ effect }: Change): number {
  return effect.kind === "put" && effect.content.kind === "inline"
    ? effect.content.bytes.byteLength
    : 0;
}

function bytesOf(keys: readonly HeldKey[]): number {
  return keys.reduce((sum, { inline }) => sum + (inline?.byteLength ?? 0), 0);
}

/** Sending a part of a buffer would send the whole of it. */
function compact(change: Change): Change {
  const { effect } = change;
  if (effect.kind !== "put" || effect.content.kind !== "inline") return change;
  const { bytes } = effect.content;
  if (bytes.byteLength === bytes.buffer.byteLength) return change;
  return { ...change, effect: { ...effect, content: { kind: "inline", bytes: bytes.slice() } } };
}
