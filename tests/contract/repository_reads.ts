// Contract: reads, whose guards do not wait for the disk (wire §6, replay).

import assert from "node:assert/strict";
import type { Case } from "./repository_contract.ts";
import {
  aChange,
  aDelegation,
  aGuard,
  anIdentity,
  apply,
  aRead,
  aRevocation,
  block,
  BOBS_SPACE,
  host,
  inline,
  NOW,
  SPACE,
} from "./repository_samples.ts";

export const readCases: readonly Case[] = [
  {
    name: "a read is admitted once, with its entry",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      const value = inline("value", [["content-type", "a/b"]]);
      await apply(repository, { key: "k", effect: value });
      const read = aRead({ space: SPACE, key: "k" });

      const first = await repository.admitRead(read);
      const second = await repository.admitRead(read);

      assert.deepEqual(first, { kind: "admitted", entry: await repository.find(SPACE, "k") });
      assert.deepEqual(second, { kind: "duplicate" });
    },
  },
  {
    name: "of 50 equal reads at once one is admitted",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      const read = aRead({ space: SPACE });

      const outcomes = await Promise.all(
        Array.from({ length: 50 }, () => repository.admitRead(read)),
      );

      const kinds = outcomes.map(({ kind }) => kind).sort();
      assert.deepEqual(kinds, ["admitted", ...Array(49).fill("duplicate")]);
    },
  },
  {
    name: "a token is used up for reads and changes alike",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      const [byRead, byChange] = [aGuard(), aGuard()];
      await repository.admitRead(aRead({ use: byRead }));
      await apply(repository, { use: byChange });

      const change = await repository.applyInvocation(aChange({ use: byRead }));
      const read = await repository.admitRead(aRead({ use: byChange }));

      assert.deepEqual([change.kind, read.kind], ["duplicate", "duplicate"]);
    },
  },
  {
    name: "a read that is refused uses up nothing",
    run: async ({ repository, ...given }) => {
      await host(repository, SPACE);
      const { record } = aDelegation();
      await repository.revoke(aRevocation(record));
      const refusals = [
        ["noSpace", { space: BOBS_SPACE, key: "k" }],
        ["noSpace", { space: BOBS_SPACE }],
        ["noKey", { space: SPACE, key: "absent" }],
        ["revoked", { unrevoked: [anIdentity(), record.identity] }],
        ["expired", { validUntil: NOW }],
      ] as const;

      for (const [kind, fields] of refusals) {
        const use = aGuard();
        const refused = await given.unchanged(() =>
          repository.admitRead(aRead({ use, ...fields }))
        );
        const mended = await repository.admitRead(aRead({ use, validUntil: NOW + 0.001 }));

        assert.deepEqual([refused.kind, mended.kind], [kind, "admitted"]);
      }
    },
  },
  {
    name: "of a read's faults the first is told",
    run: async ({ repository }) => {
      const use = aGuard();
      await repository.admitRead(aRead({ use }));
      const { record } = aDelegation();
      await repository.revoke(aRevocation(record));
      const faults = { unrevoked: [record.identity], validUntil: NOW, space: SPACE, key: "k" };

      const outcomes = [
        await repository.admitRead(aRead({ use, ...faults })),
        await repository.admitRead(aRead(faults)),
        await repository.admitRead(aRead({ ...faults, unrevoked: [] })),
        await repository.admitRead(aRead({ space: SPACE, key: "k" })),
      ];

      const kinds = outcomes.map(({ kind }) => kind);
      assert.deepEqual(kinds, ["duplicate", "revoked", "expired", "noSpace"]);
    },
  },
  {
    name: "a released read may come again, whether its guard was stored or not",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      const read = aRead({ space: SPACE });

      for (const stored of [false, true]) {
        assert.equal((await repository.admitRead(read)).kind, "admitted");
        if (stored) await repository.ping();
        await repository.releaseRead(read.use);
      }

      assert.equal((await repository.admitRead(read)).kind, "admitted");
    },
  },
  {
    name: "looking at the standing touches nothing",
    run: async ({ repository, ...given }) => {
      await host(repository, SPACE);
      const [used, unused] = [aGuard(), aGuard()];
      await apply(repository, { use: used, key: "k", effect: block("b", 10) });
      const { record } = aDelegation();
      await repository.revoke(aRevocation(record));
      const identities = [anIdentity(), record.identity];

      for (let i = 0; i < 2; i++) {
        const standing = await given.unchanged(() =>
          repository.standing({
            use: used.key,
            identities,
            space: SPACE,
            key: "k",
            withTotal: true,
          })
        );
        const hosting = standing.usage?.hosting;
        assert.deepEqual(standing, {
          used: true,
          revoked: new Set([record.identity]),
          usage: { used: 11, held: 11, total: 11, isClosed: false, hosting },
        });
        const other = await repository.standing({ use: unused.key, identities: [] });
        assert.deepEqual(other, { used: false, revoked: new Set() });
      }
    },
  },
  {
    name: "a closed store opened again knows the tokens of reads",
    reopens: true,
    run: async (given) => {
      const read = aRead();
      assert.equal((await given.repository.admitRead(read)).kind, "admitted");

      await given.reopen();

      assert.equal((await given.repository.admitRead(read)).kind, "duplicate");
      await given.repository.releaseRead(read.use);
      assert.equal((await given.repository.admitRead(read)).kind, "admitted");
    },
  },
];
