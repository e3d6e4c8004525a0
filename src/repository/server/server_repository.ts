// The port on a database server that several nodes may share. Nothing that decides is kept in this
// process: what is decided inside a commit is decided under a lock of the database. Guards of reads
// are the exception, while the database takes no writes.

import type { Change, NewDelegation, Read, Repository, UseGuard } from "../repository.ts";
import { spacesNamed } from "../accept_rules.ts";
import { acceptDelegation } from "./accept.ts";
import * as blocks from "./blocks.ts";
import { applyInvocation } from "./change.ts";
import { check } from "./check.ts";
import { Delegations } from "./delegations.ts";
import * as erase from "./erase.ts";
import { newAttempt } from "./guards.ts";
import { HeldGuards } from "./held_guards.ts";
import * as leases from "./leases.ts";
import { createToLoad, loadSpace } from "./load_space.ts";
import * as loading from "./loading.ts";
import * as reads from "./reads.ts";
import { repairCounters } from "./repair.ts";
import * as retention from "./retention.ts";
import { revoke } from "./revoke.ts";
import { lastKey, pageOf } from "../pages.ts";
import * as contents from "../space_contents.ts";
import type { Server, Session } from "./server.ts";
import { setSpaceLimit, setSpaceState } from "./space_state.ts";
import { countOwned, countSpaces, hostedAmong, spacesAfter } from "./spaces.ts";
import { Turns } from "./turns.ts";

export interface ServerRepositoryOptions {
  /** Unix seconds, for `validUntil`. */
  readonly now: () => number;
  /** Told of every commit of a change: one request, and how many seconds it took. */
  readonly onCommit?: (batchSize: number, seconds: number) => void;
}

export function serverRepository(
  server: Server,
  { now, onCommit }: ServerRepositoryOptions,
): Repository {
  const delegations = new Delegations();
  const turns = new Turns(server.deadlineMs);
  /** By which a read that could not be answered gives back what it used, and nothing else. */
  const attempts = new WeakMap<UseGuard, string>();
  const held = new HeldGuards(
    (use) =>
      server.direct(async (session) =>
        void await reads.useForRead(server, session, use, newAttempt())
      ),
    now,
  );
  const direct = <T>(work: (session: Session) => Promise<T>) => server.direct(work);
  const transaction = <T>(work: (session: Session) => Promise<T>) => server.transaction(work);
  let closing: Promise<void> | undefined;

  async function close(): Promise<void> {
    await turns[Symbol.asyncDispose]();
    await held[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  }

  async function timed<T>(work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    const result = await work();
    onCommit?.(1, (performance.now() - start) / 1000);
    return result;
  }

  return {
    delegations: (cids) => delegations.withAncestors(server.statements, cids),
    delegationTokens: (cids) => direct((session) => delegations.tokens(session, cids)),
    delegationsIn: (query) => direct((session) => delegations.inSpace(session, query)),
    acceptDelegation: (asked: NewDelegation) =>
      timed(async () => {
        // Known already, as a rule: the chain was judged by them.
        const chain = await delegations.withAncestors(server.statements, asked.record.ancestors);
        return await acceptDelegation(server, asked, spacesNamed(chain.values()), now);
      }),
    revoke: (asked) => timed(() => revoke(server, asked)),

    hosted: (spaces) => direct((session) => hostedAmong(session, spaces)),
    spaceCount: (owner) =>
      direct((session) => owner === undefined ? countSpaces(session) : countOwned(session, owner)),

    async standing(ask) {
      const found = await direct((session) => reads.standing(session, ask));
      return { ...found, used: found.used || (ask.use !== undefined && held.has(ask.use)) };
    },
    async admitRead(asked: Read) {
      if (held.has(asked.use.key)) return { kind: "duplicate" };
      const attempt = newAttempt();
      const outcome = await reads.admitRead(server, held, asked, now, attempt);
      if (outcome.kind === "admitted") attempts.set(asked.use, attempt);
      return outcome;
    },
    async releaseRead(use) {
      if (held.release(use.key)) return;
      await direct((session) => reads.releaseRead(session, use.key, attempts.get(use)));
    },
    async applyInvocation(asked: Change) {
      if (held.has(asked.use.key)) return { kind: "duplicate" };
      return await turns.run(asked.space, () => timed(() => applyInvocation(server, asked, now)));
    },
    find: (space, key) => direct((session) => reads.find(session, space, key)),
    list: (space, prefix, after, limit) =>
      direct((session) => reads.list(session, space, prefix, after, limit)),

    sweepUses: (at, limit) => {
      const sql = server.dialect.deleteSome("used_token", "guard", "expires_at <= ?", "expires_at");
      return direct((session) => session.run(sql, at, limit));
    },
    condemnBlocks: (limit) => blocks.condemnDead(server, limit),
    condemnStray: (space, hash) => blocks.condemnStray(server, space, hash),
    unburied: (limit) => direct((session) => blocks.unburied(session, limit)),
    buryBlock: ({ grave }, at) => direct((session) => blocks.bury(session, grave, at)),
    forgetGraves: (before, limit) =>
      direct((session) => blocks.forgetGraves(server, session, before, limit)),
    takeLease: (...args) => leases.takeLease(server, ...args),
    releaseLease: (...args) => direct((session) => leases.releaseLease(session, ...args)),

    lastChange: () => direct(retention.lastChange),
    forgetReplaced: (...args) =>
      transaction((session) => retention.forgetReplaced(session, ...args)),
    expiredDelegations: (...args) =>
      direct((session) => retention.expiredDelegations(session, ...args)),
    citations: (...args) => direct((session) => retention.citations(session, ...args)),
    forgetDelegations: async (cids, before) => {
      const count = await transaction((session) =>
        retention.forgetDelegations(session, cids, before)
      );
      delegations.forget(cids);
      return count;
    },

    setting: (name) => direct((session) => leases.setting(session, name)),
    setSetting: (...args) => direct((session) => leases.setSetting(server, session, ...args)),
    /** A real write: a server that takes none may still answer. */
    ping: () =>
      direct((session) => leases.setSetting(server, session, "store.ping", String(now()))),
    spaces: (after, limit) => direct((session) => spacesAfter(session, after, limit)),
    blocksOf: (space, after, limit) =>
      direct((session) => blocks.liveBlocks(session, space, after, limit)),
    verifyInline: (space, after, limit) =>
      direct((session) => reads.verifyInline(session, space, after, limit)),
    check: () => check(server),
    repairCounters: () => repairCounters(server),

    spaceFacts: (space) => direct((session) => contents.factsOf(session.all, space)),
    setSpaceLimit: (space, bytes) => direct((session) => setSpaceLimit(session, space, bytes)),
    setSpaceState: (...args) => setSpaceState(server, ...args),
    heldKeys: (...args) => direct((session) => contents.heldKeys(session.all, ...args)),
    replacedEvents: (...args) => direct((session) => contents.replacedEvents(session.all, ...args)),
    keptDelegations: (...args) =>
      direct((session) => contents.keptDelegations(session.all, ...args)),
    createToLoad: (...args) => createToLoad(server, ...args),
    loadSpace: (...args) => loadSpace(server, ...args, now()),
    eraseKeys: (space, limit) => erase.eraseKeys(server, space, limit, now()),
    eraseEvents: (...args) => erase.eraseEvents(server, ...args),
    eraseDelegations: (...args) => erase.eraseDelegations(server, ...args),
    eraseSpace: (space) => erase.eraseSpace(server, space),

    rows: (table, after, limit) => direct((session) => pageOf(session.all, table, after, limit)),
    lastKey: (table) => direct((session) => lastKey(session.all, table)),
    beginLoad: (mark) => loading.beginLoad(server, mark),
    load: (...args) => loading.load(server, ...args),
    restartLoad: (...args) => loading.restartLoad(server, ...args),
    finishLoad: (mark) => loading.finishLoad(server, mark),

    [Symbol.asyncDispose]: () => closing ??= close(),
  };
}
