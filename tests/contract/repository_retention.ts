// Contract: what `retention.events` may remove, and what it never does (configuration.md); small
// values verified.

import assert from "node:assert/strict";
import type { Delegation } from "../../src/capabilities/delegation.ts";
import type { Repository, Step } from "../../src/repository/repository.ts";
import type { Cid } from "../../src/tokens/cid.ts";
import type { Case } from "./repository_contract.ts";
import {
  accept,
  aChange,
  aChild,
  aCitingToken,
  aDelegation,
  aHosting,
  apply,
  aRevocation,
  block,
  BOB,
  CAROL,
  cidOfToken,
  DEL,
  fresh,
  host,
  inline,
  NOW,
  OTHER_SPACE,
  SPACE,
} from "./repository_samples.ts";

const LATER = NOW + 1;
const ENDED = NOW - 100;

/** The values of a key, one after the other; undefined deletes it. */
async function history(
  repository: Repository,
  key: string,
  ...values: readonly (string | undefined)[]
): Promise<void> {
  for (const value of values) {
    await apply(repository, { key, effect: value === undefined ? DEL : inline(value) });
  }
}

/** Steps to the end; what each found. */
async function steps<T>(step: (after: number) => Promise<Step<T>>): Promise<T[]> {
  const all: T[] = [];
  for (let after: number | undefined = 0; after !== undefined;) {
    const { found, next }: Step<T> = await step(after);
    all.push(found);
    after = next;
  }
  return all;
}

async function forgetReplaced(repository: Repository, before = LATER): Promise<number> {
  const counts = await steps((after) => repository.forgetReplaced(before, after, 100));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function expired(repository: Repository, before = NOW): Promise<Cid[]> {
  return (await steps((after) => repository.expiredDelegations(before, after, 100))).flat();
}

async function cited(repository: Repository): Promise<Set<Cid>> {
  return new Set((await steps((after) => repository.citations(after, 100))).flat());
}

/** A delegation that ended long ago. */
function anEnded(record: Partial<Delegation> = {}) {
  return aDelegation({ record: { expiresAt: ENDED, ...record } });
}

async function isStored(repository: Repository, cid: Cid): Promise<boolean> {
  return (await repository.delegations([cid])).size > 0;
}

const kept: readonly (readonly [string, () => Partial<Delegation>])[] = [
  ["that has not ended", () => ({ expiresAt: NOW + 1 })],
  ["that ends at that very instant", () => ({ expiresAt: NOW })],
  ["that ends at the largest time", () => ({ expiresAt: 1.7e308 })],
  ["that hosts a space", () => ({ expiresAt: ENDED, host: true })],
];

const keptCases: readonly Case[] = kept.map(([what, fields]) => ({
  name: `a delegation ${what} is not forgotten`,
  run: async (given) => {
    await host(given.repository, SPACE);
    const delegation = aDelegation({ record: fields() });
    await accept(given.repository, delegation);
    const { cid } = delegation.record;

    assert.deepEqual(await expired(given.repository), []);
    const count = await given.unchanged(() => given.repository.forgetDelegations([cid], NOW));

    assert.equal(count, 0);
    assert.equal(await isStored(given.repository, cid), true);
  },
}));

export const retentionCases: readonly Case[] = [
  {
    name: "events that a later one of their key has replaced are removed, each key's last stays",
    run: async ({ repository }) => {
      await host(repository, SPACE, OTHER_SPACE);
      await history(repository, "put twice", "one", "two");
      await history(repository, "deleted", "one", undefined);
      await history(repository, "deleted twice", "one", undefined, "two", undefined);
      await history(repository, "back", "one", undefined, "two");
      await history(repository, "once", "one");
      await history(repository, "", "one", "two");
      await apply(repository, { space: OTHER_SPACE, key: "once" });
      await apply(repository, { key: "block", effect: block("one") });
      await apply(repository, { key: "block", effect: block("two") });

      assert.equal(await forgetReplaced(repository), 1 + 1 + 3 + 2 + 0 + 1 + 0 + 1);

      assert.equal(await forgetReplaced(repository), 0);
      const keys = ["", "back", "block", "once", "put twice"];
      assert.deepEqual(await repository.list(SPACE, "", undefined, 10), keys);
      assert.equal((await repository.find(SPACE, "back"))?.hash, inline("two").hash);
      // What comes after goes on as before: its own event, and the last.
      await history(repository, "deleted", "three");
      assert.equal(await forgetReplaced(repository), 1);
    },
  },
  {
    name: "a replaced event stays until it is old enough itself",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      for (const at of [NOW - 10, NOW - 5, NOW]) {
        const { event } = aChange();
        await apply(repository, { event: { ...event, at } });
      }

      const counts = [];
      for (const before of [NOW - 10, NOW - 9, NOW - 5, NOW - 4, NOW + 10]) {
        counts.push(await forgetReplaced(repository, before));
      }

      assert.deepEqual(counts, [0, 1, 0, 1, 0]);
    },
  },
  {
    name: "a step removes from a bounded number of events, and says where to go on",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      await history(repository, "k", "one", "two", "three", "four");

      const counts = await steps((after) => repository.forgetReplaced(LATER, after, 2));

      // The hosting and a put, two puts, the put that stays.
      assert.deepEqual(counts, [1, 2, 0]);
    },
  },
  {
    name: "delegations and revocations are no events that can be replaced",
    run: async (given) => {
      const { repository } = given;
      await host(repository, SPACE);
      const delegation = aDelegation();
      await accept(repository, delegation, delegation);
      await repository.revoke(aRevocation(delegation.record));
      await repository.revoke(aRevocation(delegation.record));

      assert.equal(await given.unchanged(() => forgetReplaced(repository)), 0);
    },
  },
  {
    name: "the last change is the newest put or deletion",
    run: async ({ repository }) => {
      const asked = [await repository.lastChange()];
      await host(repository, SPACE);
      asked.push(await repository.lastChange());
      for (const [at, effect] of [[NOW - 9, inline("v")], [NOW - 7, DEL]] as const) {
        const { event } = aChange();
        await apply(repository, { event: { ...event, at }, effect });
        await accept(repository, aDelegation());
        asked.push(await repository.lastChange());
      }

      assert.deepEqual(asked, [undefined, undefined, NOW - 9, NOW - 7]);
    },
  },
  ...keptCases,
  {
    name: "what has ended is found, a bounded number of delegations at a time",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      const ended = [anEnded(), anEnded(), anEnded()];
      await accept(repository, ...ended);

      const found = await steps((after) => repository.expiredDelegations(NOW, after, 2));

      const cids = ended.map(({ record }) => record.cid);
      assert.deepEqual(found, [cids.slice(0, 1), cids.slice(1), []]);
      assert.deepEqual(await expired(repository, ENDED), []);
    },
  },
  {
    name: "a delegation that has ended is forgotten with all that is kept of it",
    run: async ({ repository }) => {
      await host(repository, SPACE, OTHER_SPACE);
      const spaces = [SPACE, OTHER_SPACE];
      const token = aCitingToken(aDelegation().record.cid);
      const delegation = aDelegation({ token, spaces, record: { expiresAt: ENDED } });
      const other = anEnded();
      await accept(repository, delegation, other);
      const { cid } = delegation.record;
      // Known to whatever remembers records.
      assert.equal(await isStored(repository, cid), true);

      const counts = [];
      for (let turn = 0; turn < 2; turn++) {
        counts.push(await repository.forgetDelegations([cid, aDelegation().record.cid], NOW));
      }

      assert.deepEqual(counts, [1, 0]);
      assert.equal(await isStored(repository, cid), false);
      assert.equal((await repository.delegationTokens([cid])).size, 0);
      for (const space of spaces) {
        const found = await repository.delegationsIn({ space, limit: 10 });
        assert.equal(found.found.some(({ record }) => record.cid === cid), false);
      }
      assert.equal(await isStored(repository, other.record.cid), true);
      assert.deepEqual([...await cited(repository)], [], "its token has gone too");
    },
  },
  {
    name: "what was forgotten can be posted again",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      const delegation = anEnded();
      await accept(repository, delegation);
      await repository.forgetDelegations([delegation.record.cid], NOW);

      await accept(repository, delegation);

      assert.equal(await isStored(repository, delegation.record.cid), true);
    },
  },
  {
    name: "what a revocation names is not forgotten, in no encoding of it",
    run: async (given) => {
      const { repository } = given;
      await host(repository, SPACE);
      const named = anEnded();
      const encodedAnew = anEnded({ identity: named.record.identity });
      const other = anEnded();
      await accept(repository, named, encodedAnew, other);
      await repository.revoke(aRevocation(named.record));
      const cids = [named, encodedAnew].map(({ record }) => record.cid);

      assert.deepEqual(await expired(repository), [other.record.cid]);
      assert.equal(await given.unchanged(() => repository.forgetDelegations(cids, NOW)), 0);

      const unrevoked = [named.record.identity];
      assert.equal((await repository.applyInvocation(aChange({ unrevoked }))).kind, "revoked");
    },
  },
  {
    name: "counts of unexpired delegations stay right when expired ones are forgotten",
    run: async (given) => {
      const { repository } = given;
      await host(repository, SPACE);
      // Counted while it was good; nobody has counted since.
      const ends = { delegator: BOB, delegatee: CAROL, expiresAt: NOW + 10 };
      const short = aDelegation({ record: ends });
      const long = aDelegation({ record: { delegator: BOB, delegatee: CAROL } });
      await accept(repository, short, long);
      given.now = NOW + 1000;
      await repository.forgetDelegations([short.record.cid], NOW + 500);

      const another = aDelegation({
        now: given.now,
        record: { delegator: BOB, delegatee: CAROL },
        bounds: { ...long.bounds, delegatorDelegations: 2 },
      });
      assert.equal((await repository.acceptDelegation(another)).kind, "accepted");
      const tooMany = aDelegation({
        now: given.now,
        record: { delegator: BOB, delegatee: CAROL },
        bounds: { ...long.bounds, delegatorDelegations: 2 },
      });
      assert.equal((await repository.acceptDelegation(tooMany)).kind, "tooMany");
    },
  },
  {
    name: "what is stored cites its proofs, and a delegation its ancestors too",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      const [root, proof] = [aDelegation(), aDelegation().record.cid];
      const child = aChild([root.record], { delegatee: CAROL });
      const grandchild = aChild([child.record], { proofs: [child.record.cid, proof] });
      const [byPut, byDel, byRevocation] = [fresh(), fresh(), fresh()].map(() =>
        aDelegation().record.cid
      );
      assert.ok(byPut && byDel && byRevocation);
      const ancestor = aDelegation();
      const below = aDelegation({ record: { ancestors: [ancestor.record.cid] } });
      await accept(repository, root, child, grandchild, ancestor, below);
      for (const [effect, cid] of [[inline("v"), byPut], [DEL, byDel]] as const) {
        const token = aCitingToken(cid);
        await apply(repository, { effect, event: { cid: cidOfToken(token), token, at: NOW } });
      }
      const token = aCitingToken(byRevocation);
      await repository.revoke(aRevocation(root.record, { token, cid: cidOfToken(token) }));

      const found = await cited(repository);

      const expected = [root, child, ancestor].map(({ record }) => record.cid);
      expected.push(proof, byPut, byDel, byRevocation);
      assert.deepEqual([...found].sort(), expected.sort());
    },
  },
  {
    name: "citations come from a bounded number of tokens at a time",
    run: async ({ repository }) => {
      const cids = [1, 2, 3].map(() => aDelegation().record.cid);
      await accept(repository, aHosting(SPACE));
      for (const cid of cids) {
        const token = aCitingToken(cid);
        await apply(repository, { event: { cid: cidOfToken(token), token, at: NOW } });
      }

      const found = await steps((after) => repository.citations(after, 2));

      assert.deepEqual(found, [cids.slice(0, 1), cids.slice(1), []]);
    },
  },
  {
    name: "small values are verified, a bounded number of keys and bytes at a time",
    run: async ({ repository }) => {
      await host(repository, SPACE, OTHER_SPACE);
      for (const key of ["", "a", "b", "c"]) {
        await apply(repository, { key, effect: key === "b" ? block("b") : inline("12345") });
      }
      const large = inline("x".repeat(700_000));
      for (const key of ["1", "2", "3"]) {
        await apply(repository, { key, space: OTHER_SPACE, effect: large });
      }

      const seen: unknown[] = [];
      for (const [space, limit] of [[SPACE, 2], [SPACE, 9], [OTHER_SPACE, 9]] as const) {
        for (let after: string | undefined, isFirst = true; isFirst || after !== undefined;) {
          const { values, bytes, damaged, next } = await repository
            .verifyInline(space, after, limit);
          seen.push([values, bytes, damaged.length]);
          [after, isFirst] = [next, false];
        }
        seen.push("end");
      }

      assert.deepEqual(seen, [
        ...[[2, 10, 0], [1, 5, 0], [0, 0, 0], "end"],
        ...[[3, 15, 0], "end"],
        ...[[2, 1_400_000, 0], [1, 700_000, 0], "end"],
      ]);
    },
  },
];
