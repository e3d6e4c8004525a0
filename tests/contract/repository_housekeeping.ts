// Contract: expired guards, leases, settings, and the life of the store itself.

import assert from "node:assert/strict";
import { type Case, rejects } from "./repository_contract.ts";
import {
  aChange,
  aDelegation,
  aGuard,
  aHosting,
  apply,
  aRead,
  aRevocation,
  host,
  NOW,
  SPACE,
} from "./repository_samples.ts";

export const housekeepingCases: readonly Case[] = [
  {
    name: "work shows while it is under way, and is gone once it has ended",
    run: async ({ repository }) => {
      const before = repository.workload();

      const writes = ["a", "b", "c"].map((name) => repository.setSetting(name, "1"));
      const { running, waiting } = repository.workload();
      await Promise.all(writes);
      // What is answered may still be on its way back to the pool.
      await repository.setSetting("d", "1");

      assert.deepEqual(before, { running: 0, waiting: 0 });
      assert.equal(running + waiting, 3);
      assert.deepEqual(repository.workload(), { running: 0, waiting: 0 });
    },
  },
  {
    name: "used tokens are forgotten at their expiry, a bounded number at a time",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      const guards = [NOW - 1, NOW, NOW + 0.5].map((expiresAt) => aGuard({ expiresAt }));
      for (const use of guards) await apply(repository, { use });

      const steps = [];
      for (let i = 0; i < 3; i++) steps.push(await repository.sweepUses(NOW, 1));

      assert.deepEqual(steps, [1, 1, 0]);
      const used = [];
      for (const { key } of guards) {
        used.push((await repository.standing({ use: key, identities: [] })).used);
      }
      assert.deepEqual(used, [false, false, true]);
    },
  },
  {
    name: "tokens of reads are forgotten at their expiry too",
    run: async ({ repository }) => {
      const [old, young] = [aGuard({ expiresAt: NOW }), aGuard({ expiresAt: NOW + 1 })];
      for (const use of [old, young]) await repository.admitRead(aRead({ use }));

      await repository.sweepUses(NOW, 100);

      const standing = async (use: string) =>
        (await repository.standing({ use, identities: [] })).used;
      assert.deepEqual([await standing(old.key), await standing(young.key)], [false, true]);
    },
  },
  {
    name: "a used token stays used while its guard is kept, whatever the clock says",
    run: async (given) => {
      await host(given.repository, SPACE);
      const change = aChange();
      assert.equal((await given.repository.applyInvocation(change)).kind, "applied");

      for (const now of [NOW - 86_400, NOW + 315_360_000]) {
        given.now = now;
        assert.equal((await given.repository.applyInvocation(change)).kind, "duplicate");
      }
    },
  },
  {
    name: "a lease has one holder, until it ends or is released",
    run: async ({ repository }) => {
      const take = (holder: string, now: number, until: number) =>
        repository.takeLease("collector", holder, now, until);

      assert.equal(await take("one", NOW, NOW + 10), true);
      assert.equal(await take("two", NOW + 9.9, NOW + 20), false);
      assert.equal(await take("one", NOW + 5, NOW + 15), true, "renewed");
      assert.equal(await take("two", NOW + 10, NOW + 20), false, "renewal counts");
      assert.equal(await repository.takeLease("other", "two", NOW, NOW + 9), true);
      assert.equal(await take("two", NOW + 15, NOW + 25), true, "ended");
      await repository.releaseLease("collector", "one");
      assert.equal(await take("one", NOW + 16, NOW + 26), false, "released by another");
      await repository.releaseLease("collector", "two");
      assert.equal(await take("one", NOW + 16, NOW + 26), true, "released");
    },
  },
  {
    name: "of takers at once one gets the lease",
    run: async ({ repository }) => {
      const taken = await Promise.all(
        Array.from(
          { length: 20 },
          (_, i) => repository.takeLease("collector", `${i}`, NOW, NOW + 10),
        ),
      );

      assert.equal(taken.filter(Boolean).length, 1);
    },
  },
  {
    name: "a setting keeps its last value",
    run: async ({ repository }) => {
      const absent = await repository.setting("secret.fingerprint");
      await repository.setSetting("secret.fingerprint", "one");
      await repository.setSetting("secret.fingerprint", "two");

      assert.equal(absent, undefined);
      assert.equal(await repository.setting("secret.fingerprint"), "two");
    },
  },
  {
    name: "a store that works answers",
    run: async ({ repository }) => {
      await repository.ping();
      await repository.ping();
    },
  },
  {
    name: "counters that are right are not repaired",
    run: async ({ repository, ...given }) => {
      await host(repository, SPACE);
      await apply(repository, {});

      assert.equal(await given.unchanged(() => repository.repairCounters()), 0);
    },
  },
  {
    name: "what waits when the store is closed is answered, and later calls are refused",
    reopens: true,
    run: async (given) => {
      await host(given.repository, SPACE);
      const closing = given.repository;
      const changes = Array.from({ length: 20 }, (_, i) => aChange({ key: `${i}` }));

      const waiting = changes.map((change) => closing.applyInvocation(change));
      await closing[Symbol.asyncDispose]();

      for (const outcome of await Promise.all(waiting)) assert.equal(outcome.kind, "applied");
      await rejects(closing.applyInvocation(aChange()), "storage_unavailable");
      await rejects(closing.find(SPACE, "1"), "storage_unavailable");
      await rejects(closing.ping(), "storage_unavailable");
      await given.reopen();
      assert.equal((await given.repository.list(SPACE, "", undefined, 100)).length, 20);
    },
  },
  {
    name: "a closed store opened again has its settings and leases",
    reopens: true,
    run: async (given) => {
      await given.repository.setSetting("name", "value");
      await given.repository.takeLease("collector", "one", NOW, NOW + 10);

      await given.reopen();

      assert.equal(await given.repository.setting("name"), "value");
      assert.equal(await given.repository.takeLease("collector", "two", NOW, NOW + 5), false);
    },
  },
  {
    name: "calls of every kind at once end as if one came after the other",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      const { record } = aDelegation();
      const guarded = () => aChange({ unrevoked: [record.identity] });

      const [hosting, first, , second, ...reads] = await Promise.all([
        repository.acceptDelegation(aHosting(SPACE)),
        repository.applyInvocation(guarded()),
        repository.revoke(aRevocation(record)),
        repository.applyInvocation(guarded()),
        ...Array.from({ length: 10 }, () => repository.admitRead(aRead({ space: SPACE }))),
      ]);

      assert.equal(hosting.kind, "accepted");
      assert.ok(["applied", "revoked"].includes(first.kind));
      assert.ok(["applied", "revoked"].includes(second.kind));
      for (const { kind } of reads) assert.equal(kind, "admitted");
      assert.equal((await repository.applyInvocation(guarded())).kind, "revoked");
    },
  },
];
