// Contract: delegations, revocations, hosting (wire §4, §7, §8).

import assert from "node:assert/strict";
import type { Delegation } from "../../src/capabilities/delegation.ts";
import type { NewDelegation } from "../../src/repository/repository.ts";
import type { Case } from "./repository_contract.ts";
import {
  aCapability,
  accept,
  aChange,
  aChild,
  aDelegation,
  aHosting,
  ALICE,
  anIdentity,
  aRevocation,
  aSpace,
  BOB,
  BOBS_SPACE,
  CAROL,
  host,
  NOW,
  OTHER_SPACE,
  SPACE,
} from "./repository_samples.ts";

const BOUNDS = aDelegation().bounds;

const records: readonly (readonly [string, Partial<Delegation>])[] = [
  ["with fractions of seconds", { issuedAt: NOW + 0.123456, notBefore: NOW + 1e-6 }],
  ["with times beyond every calendar", { expiresAt: 1e300, notBefore: -1e300 }],
  ["with the largest time", { expiresAt: 1.7e308, issuedAt: 2 ** 53 + 2 }],
  ["at the zero of time", { issuedAt: 0, notBefore: 0, acceptedAt: 0 }],
  ["of a wallet, for hosting", { kind: "cacao", host: true }],
  ["with proofs that do not count", {
    proofs: [aDelegation().record.cid, aDelegation().record.cid],
  }],
  ["with capabilities of every kind", {
    capabilities: [
      aCapability(`${SPACE}/kv`, "tinycloud.kv/get"),
      aCapability(`${SPACE}/kv/`, "tinycloud.kv/del"),
      aCapability(`${SPACE}/kv/a%20b?q=1#f`, "tinycloud.kv/put", true),
      aCapability(`urn:tinycloud:encryption:${ALICE}:net`, "tinycloud.encryption/decrypt"),
      aCapability("urn:other:thing", "a.b-c_d+*/*"),
    ],
  }],
];

const kept: readonly Case[] = records.map(([what, fields]) => ({
  name: `a record ${what} comes back as it was`,
  run: async (given) => {
    await host(given.repository, SPACE);
    const delegation = aDelegation({ record: fields });
    await accept(given.repository, delegation);

    const found = await given.repository.delegations([delegation.record.cid]);

    assert.deepEqual([...found.values()], [delegation.record]);
  },
}));

const refusals: readonly (readonly [string, string, () => Partial<NewDelegation>])[] = [
  ["names no hosted space", "noSpace", () => ({ spaces: [OTHER_SPACE, BOBS_SPACE] })],
  ["names only URNs of owners without a space", "noSpace", () => ({
    spaces: [],
    urnOwners: [CAROL, BOB],
  })],
  ["would host more spaces than an owner may", "notAdmitted", () => ({
    spaces: [OTHER_SPACE],
    hosts: [{ space: OTHER_SPACE, owner: ALICE }],
    bounds: { ...BOUNDS, spacesPerOwner: 1 },
  })],
  ["would host two more where an owner may host one", "notAdmitted", () => ({
    spaces: [OTHER_SPACE, aSpace("three")],
    hosts: [{ space: OTHER_SPACE, owner: ALICE }, { space: aSpace("three"), owner: ALICE }],
    bounds: { ...BOUNDS, spacesPerOwner: 2 },
  })],
  ["would host more spaces than the node may", "notAdmitted", () => ({
    spaces: [BOBS_SPACE],
    hosts: [{ space: BOBS_SPACE, owner: BOB }],
    bounds: { ...BOUNDS, spaces: 1 },
  })],
  ["is one too many for the space", "tooMany", () => ({
    bounds: { ...BOUNDS, scopeDelegations: 1 },
  })],
  ["came too late", "expired", () => ({ validUntil: NOW })],
];

const refused: readonly Case[] = refusals.map(([what, kind, fields]) => ({
  name: `a delegation that ${what} is refused and leaves nothing`,
  run: async (given) => {
    await host(given.repository, SPACE);
    const delegation = aDelegation(fields());

    const outcome = await given.unchanged(() => given.repository.acceptDelegation(delegation));

    assert.equal(outcome.kind, kind);
    assert.equal((await given.repository.delegations([delegation.record.cid])).size, 0);
    const hosted = await given.repository.hosted([SPACE, OTHER_SPACE, BOBS_SPACE]);
    assert.deepEqual([...hosted], [SPACE]);
  },
}));

export const delegationCases: readonly Case[] = [
  {
    name: "a tenth of a scope's bound is kept for its owner, whatever guests do",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      const bounds = { ...BOUNDS, scopeDelegations: 20, delegatorDelegations: 100 };
      const record = { delegator: BOB, delegatee: CAROL };
      const guest = () => repository.acceptDelegation(aDelegation({ bounds, record }));
      const owner = () => repository.acceptDelegation(aDelegation({ bounds }));

      const guests = [];
      for (let count = 0; count < 18; count++) guests.push((await guest()).kind);
      const owners = [(await owner()).kind, (await owner()).kind];

      // The hosting itself is one of the twenty.
      assert.deepEqual(guests, [...Array(17).fill("accepted"), "tooMany"]);
      assert.deepEqual(owners, ["accepted", "accepted"]);
    },
  },
  {
    name: "a list in force at an instant leaves out what rests on a window that does not hold then",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      const ends = aDelegation({ record: { expiresAt: NOW + 10 } });
      const begins = aDelegation({ record: { notBefore: NOW + 10 } });
      const belowEnds = aChild([ends.record], { delegatee: CAROL, expiresAt: NOW + 20 });
      const belowBegins = aChild([begins.record], { delegatee: CAROL });
      await accept(repository, ends, begins, belowEnds, belowBegins);
      const query = { space: SPACE, delegatee: CAROL, limit: 100 };
      const inForceAt = async (at: number, maxLifetime?: number) => {
        const asked = {
          ...query,
          inForceAt: at,
          ...(maxLifetime === undefined ? {} : { maxLifetime }),
        };
        return (await repository.delegationsIn(asked)).found.map(({ record }) => record.cid);
      };

      assert.deepEqual(await inForceAt(NOW + 9), [belowEnds.record.cid]);
      assert.deepEqual(await inForceAt(NOW + 10), [belowBegins.record.cid]);
      assert.deepEqual(await inForceAt(NOW + 10, 5), []);
    },
  },
  {
    name: "spaces are counted, an owner's and all",
    run: async ({ repository }) => {
      const before = [await repository.spaceCount(ALICE), await repository.spaceCount()];
      await host(repository, SPACE, OTHER_SPACE, BOBS_SPACE);

      const after = [await repository.spaceCount(ALICE), await repository.spaceCount()];

      assert.deepEqual(before, [0, 0]);
      assert.deepEqual(after, [2, 3]);
    },
  },
  ...kept,
  ...refused,
  {
    name: "hosting creates the space, and hosting again changes nothing",
    run: async (given) => {
      const hosting = aHosting(SPACE);
      const expected = { kind: "accepted", activated: [SPACE], skipped: [] };

      assert.deepEqual(await given.repository.acceptDelegation(hosting), expected);
      const again = await given.unchanged(() => given.repository.acceptDelegation(hosting));

      assert.deepEqual(again, expected);
      assert.deepEqual(await given.repository.spaces(undefined, 10), [SPACE]);
    },
  },
  {
    name: "an owner at the bound may still host again what is hosted",
    run: async (given) => {
      await host(given.repository, SPACE);
      const bounds = { ...BOUNDS, spacesPerOwner: 1, spaces: 1 };

      const outcome = await given.repository.acceptDelegation({ ...aHosting(SPACE), bounds });

      assert.equal(outcome.kind, "accepted");
    },
  },
  {
    name: "of hostings at once an owner gets only as many as the bound",
    run: async (given) => {
      const bounds = { ...BOUNDS, spacesPerOwner: 3 };

      const outcomes = await Promise.all(
        Array.from({ length: 10 }, (_, i) => aSpace(`many-${i}`))
          .map((space) => given.repository.acceptDelegation({ ...aHosting(space), bounds })),
      );

      assert.equal(outcomes.filter(({ kind }) => kind === "accepted").length, 3);
      assert.equal((await given.repository.spaces(undefined, 10)).length, 3);
    },
  },
  {
    name: "named spaces are told apart in order of mention, hosted and not",
    run: async (given) => {
      await host(given.repository, OTHER_SPACE, SPACE);
      const spaces = [BOBS_SPACE, SPACE, aSpace("none"), OTHER_SPACE];

      const outcome = await given.repository.acceptDelegation(aDelegation({ spaces }));

      assert.deepEqual(outcome, {
        kind: "accepted",
        activated: [SPACE, OTHER_SPACE],
        skipped: [BOBS_SPACE, aSpace("none")],
      });
    },
  },
  {
    name: "a delegation of only URNs is accepted where an owner of one hosts a space",
    run: async (given) => {
      await host(given.repository, SPACE);

      const outcome = await given.repository.acceptDelegation(
        aDelegation({ spaces: [], urnOwners: [CAROL, ALICE], scopes: [] }),
      );

      assert.deepEqual(outcome, { kind: "accepted", activated: [], skipped: [] });
    },
  },
  {
    name: "what is not stored is absent",
    run: async ({ repository }) => {
      const { cid } = aDelegation().record;

      assert.equal((await repository.delegations([cid])).size, 0);
      assert.equal((await repository.delegationTokens([cid])).size, 0);
      assert.equal((await repository.delegations([])).size, 0);
    },
  },
  {
    name: "tokens come back in header form",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      const [one, two] = [aDelegation(), aDelegation()];
      await accept(repository, one, two);

      const tokens = await repository.delegationTokens([
        two.record.cid,
        one.record.cid,
        aDelegation().record.cid,
      ]);

      assert.deepEqual(
        tokens,
        new Map([[two.record.cid, two.token], [one.record.cid, one.token]]),
      );
    },
  },
  {
    name: "all ancestors of a diamond come with it, each once",
    run: async (given) => {
      await host(given.repository, SPACE);
      const root = aDelegation();
      const [left, right] = [aChild([root.record]), aChild([root.record])];
      const leaf = aChild([left.record, right.record]);
      const stranger = aDelegation();
      await accept(given.repository, root, left, right, leaf, stranger);

      // Twice: a store may remember records that it has read.
      for (let i = 0; i < 2; i++) {
        const found = await given.repository.delegations([leaf.record.cid]);

        const expected = [leaf, left, right, root].map(({ record }) => record);
        assert.deepEqual(
          found,
          new Map(expected.map((record) => [record.cid, record])),
        );
      }
    },
  },
  {
    name: "a chain of 63 ancestors comes whole",
    run: async (given) => {
      await host(given.repository, SPACE);
      const chain = [aDelegation()];
      for (let parent = chain[0]; chain.length < 64 && parent !== undefined;) {
        parent = aChild([parent.record]);
        chain.push(parent);
      }
      await accept(given.repository, ...chain);
      const leaf = chain[63];
      assert.ok(leaf);

      const found = await given.repository.delegations([leaf.record.cid]);

      assert.equal(leaf.record.ancestors.length, 63);
      assert.deepEqual(
        new Set(found.keys()),
        new Set([leaf.record.cid, ...leaf.record.ancestors]),
      );
    },
  },
  {
    name: "the same delegation at once is stored once, and each time answered alike",
    run: async (given) => {
      await host(given.repository, SPACE);
      const delegation = aDelegation();

      const outcomes = await Promise.all(
        Array.from({ length: 20 }, () => given.repository.acceptDelegation(delegation)),
      );

      for (const outcome of outcomes) {
        assert.deepEqual(outcome, { kind: "accepted", activated: [SPACE], skipped: [] });
      }
      const listed = await given.repository.delegationsIn({ space: SPACE, limit: 100 });
      const cids = listed.found.map(({ record }) => record.cid);
      assert.equal(cids.filter((cid) => cid === delegation.record.cid).length, 1);
    },
  },
  {
    name: "posted again a delegation keeps its first record, and is told what is hosted by now",
    run: async (given) => {
      await host(given.repository, SPACE);
      const spaces = [SPACE, BOBS_SPACE];
      const delegation = aDelegation({ spaces });
      await accept(given.repository, delegation);
      await host(given.repository, BOBS_SPACE);
      const later = { ...delegation, record: { ...delegation.record, acceptedAt: NOW + 50 } };

      const outcome = await given.unchanged(() => given.repository.acceptDelegation(later));

      assert.deepEqual(outcome, { kind: "accepted", activated: spaces, skipped: [] });
      const { cid } = delegation.record;
      const record = (await given.repository.delegations([cid])).get(cid);
      assert.equal(record?.acceptedAt, NOW);
    },
  },
  {
    name: "a delegation at a bound may be posted again",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      const delegation = aDelegation();
      await accept(repository, delegation);
      const bounds = { ...BOUNDS, scopeDelegations: 2 };

      const again = await repository.acceptDelegation({ ...delegation, bounds });
      const another = await repository.acceptDelegation(aDelegation({ bounds }));

      assert.deepEqual([again.kind, another.kind], ["accepted", "tooMany"]);
    },
  },
  {
    name: "expired delegations, and those of another scope, are not counted",
    run: async ({ repository }) => {
      await host(repository, SPACE, BOBS_SPACE);
      await accept(
        repository,
        aDelegation({ record: { expiresAt: NOW } }),
        aDelegation({ record: { expiresAt: NOW - 1 } }),
        aDelegation({ spaces: [BOBS_SPACE] }),
      );
      const bounds = { ...BOUNDS, scopeDelegations: 2 };

      // The space's hosting counts as one.
      const one = await repository.acceptDelegation(aDelegation({ bounds }));
      const two = await repository.acceptDelegation(aDelegation({ bounds }));

      assert.deepEqual([one.kind, two.kind], ["accepted", "tooMany"]);
    },
  },
  {
    name: "what has expired is not counted, where the clock gets another digit too",
    run: async ({ repository }) => {
      const hosting = aHosting(SPACE);
      const record = { ...hosting.record, expiresAt: 99 };
      await repository.acceptDelegation({ ...hosting, record, now: 98 });
      const bounds = { ...BOUNDS, scopeDelegations: 1 };

      const full = await repository.acceptDelegation(
        aDelegation({ bounds, now: 98, record: { expiresAt: 1_000 } }),
      );
      const free = await repository.acceptDelegation(
        aDelegation({ bounds, now: 100, record: { expiresAt: 1_000 } }),
      );

      assert.deepEqual([full.kind, free.kind], ["tooMany", "accepted"]);
    },
  },
  {
    name: "a delegation without end is counted for ever",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      const endless = aDelegation();
      const { expiresAt: _, ...record } = endless.record;
      await accept(repository, { ...endless, record });
      const bounds = { ...BOUNDS, scopeDelegations: 1 };

      const outcome = await repository.acceptDelegation(aDelegation({ bounds, now: 1e300 }));

      assert.equal(outcome.kind, "tooMany");
    },
  },
  {
    name: "a delegator who does not own the space is bound by himself, its owner is not",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      const bounds = { ...BOUNDS, delegatorDelegations: 1 };
      const kinds = [];

      for (const delegator of [BOB, BOB, CAROL, ALICE, ALICE]) {
        const outcome = await repository.acceptDelegation(
          aDelegation({ bounds, record: { delegator, delegatee: CAROL } }),
        );
        kinds.push(outcome.kind);
      }

      assert.deepEqual(kinds, ["accepted", "tooMany", "accepted", "accepted", "accepted"]);
    },
  },
  {
    name: "of delegations at once a space takes only as many as the bound",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      const bounds = { ...BOUNDS, scopeDelegations: 5 };

      const outcomes = await Promise.all(
        Array.from({ length: 20 }, () => repository.acceptDelegation(aDelegation({ bounds }))),
      );

      assert.equal(outcomes.filter(({ kind }) => kind === "accepted").length, 4);
    },
  },
  {
    name: "a revoked delegation is not accepted again, nor one below it",
    run: async (given) => {
      await host(given.repository, SPACE);
      const parent = aDelegation();
      await accept(given.repository, parent);
      await given.repository.revoke(aRevocation(parent.record));
      const unrevoked = [anIdentity(), parent.record.identity];

      for (const posted of [parent, aChild([parent.record])]) {
        const outcome = await given.unchanged(() =>
          given.repository.acceptDelegation({ ...posted, unrevoked })
        );

        assert.deepEqual(outcome, { kind: "revoked", identities: [parent.record.identity] });
      }
    },
  },
  {
    name: "revoking again changes nothing",
    run: async (given) => {
      await host(given.repository, SPACE);
      const { record } = aDelegation();
      const revocation = aRevocation(record);
      await given.repository.revoke(revocation);

      await given.unchanged(() => given.repository.revoke(revocation));
      await given.unchanged(() => given.repository.revoke(aRevocation(record)));

      const { revoked } = await given.repository.standing({ identities: [record.identity] });
      assert.deepEqual([...revoked], [record.identity]);
    },
  },
  {
    name: "a revocation takes every encoding of the same content, stored before or after it",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      const identity = anIdentity();
      const [before, other, after] = [1, 2, 3].map(() => aDelegation({ record: { identity } }));
      assert.ok(before && other && after);
      await accept(repository, before, other);

      await repository.revoke(aRevocation(before.record));
      const posted = await repository.acceptDelegation({ ...after, unrevoked: [identity] });

      assert.equal(posted.kind, "revoked");
      const listed = await repository.delegationsIn({ space: SPACE, delegatee: BOB, limit: 10 });
      assert.deepEqual(listed.found.filter(({ record }) => record.identity === identity), []);
    },
  },
  {
    name: "after a revocation is answered nothing below it is changed",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      const { record } = aDelegation();
      const change = () => aChange({ unrevoked: [record.identity] });

      const before = repository.applyInvocation(change());
      await repository.revoke(aRevocation(record));
      const after = repository.applyInvocation(change());

      // Both were under way at once; what came first is told by neither.
      assert.ok(["applied", "revoked"].includes((await before).kind));
      assert.deepEqual(await after, { kind: "revoked", identities: [record.identity] });
    },
  },
  {
    name: "delegations in a space are listed newest first, and page by page",
    run: async ({ repository }) => {
      await host(repository, SPACE, BOBS_SPACE);
      const delegations = Array.from({ length: 5 }, () => aDelegation());
      await accept(repository, ...delegations, aDelegation({ spaces: [BOBS_SPACE] }));
      const newest = delegations.toReversed().map(({ record, token }) => ({ record, token }));

      const query = { space: SPACE, delegatee: BOB, delegator: ALICE };
      const first = await repository.delegationsIn({ ...query, limit: 2 });
      assert.ok(first.next);
      const rest = await repository.delegationsIn({ ...query, limit: 5, before: first.next });

      assert.equal(first.found.length, 2);
      assert.equal(rest.next, undefined, "all have been looked at");
      // The oldest is the hosting itself.
      const listed = [...first.found, ...rest.found.slice(0, -1)].map(({ record, token }) => ({
        record,
        token,
      }));
      assert.deepEqual(listed, newest);
    },
  },
  {
    name: "a page of delegations looks at no more than its limit, however many do not hold",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      const [root, live] = [aDelegation(), aDelegation()];
      const dead = Array.from({ length: 5 }, () => aChild([root.record]));
      await accept(repository, live, root, ...dead);
      await repository.revoke(aRevocation(root.record));
      const query = { space: SPACE, delegatee: BOB, delegator: ALICE, limit: 1 };

      const pages: number[] = [];
      let before: number | undefined;
      do {
        const page = await repository.delegationsIn({
          ...query,
          ...(before === undefined ? {} : { before }),
        });
        pages.push(page.found.length);
        before = page.next;
      } while (before !== undefined);

      // What is below the revoked one and itself, the live one, the hosting, and the end.
      assert.deepEqual(pages, [0, 0, 0, 0, 0, 0, 1, 1, 0]);
    },
  },
  {
    name: "a list of delegations takes either filter, or both, or none",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      const pairs = [[ALICE, BOB], [ALICE, CAROL], [BOB, CAROL], [CAROL, BOB]] as const;
      const delegations = pairs.map(([delegator, delegatee]) =>
        aDelegation({ record: { delegator, delegatee } })
      );
      await accept(repository, ...delegations);
      const listed = async (filter: { delegator?: typeof BOB; delegatee?: typeof BOB }) => {
        const { found } = await repository.delegationsIn({ space: SPACE, limit: 100, ...filter });
        return found.map(({ record }) =>
          delegations.findIndex((delegation) => delegation.record.cid === record.cid)
        ).filter((index) => index >= 0);
      };

      assert.deepEqual(await listed({}), [3, 2, 1, 0]);
      assert.deepEqual(await listed({ delegator: ALICE }), [1, 0]);
      assert.deepEqual(await listed({ delegatee: BOB }), [3, 0]);
      assert.deepEqual(await listed({ delegator: BOB, delegatee: CAROL }), [2]);
      assert.deepEqual(await listed({ delegator: BOB, delegatee: BOB }), []);
    },
  },
  {
    name: "a list leaves out what is revoked, what is below it and, if asked, what is not in force",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      const [good, bad] = [aDelegation(), aDelegation()];
      const below = aChild([good.record, bad.record]);
      const expired = aDelegation({ record: { expiresAt: NOW + 10 } });
      await accept(repository, good, bad, below, aChild([below.record]), expired);
      await repository.revoke(aRevocation(bad.record));
      const query = { space: SPACE, delegatee: BOB, limit: 100 };
      const cids = [expired, good].map(({ record }) => record.cid);

      const all = await repository.delegationsIn(query);
      const valid = await repository.delegationsIn({ ...query, inForceAt: NOW + 10 });

      // The oldest is the hosting itself.
      assert.deepEqual(all.found.slice(0, -1).map(({ record }) => record.cid), cids);
      assert.deepEqual(valid.found.slice(0, -1).map(({ record }) => record.cid), cids.slice(1));
    },
  },
  {
    name: "spaces are paged in order of id",
    run: async ({ repository }) => {
      const spaces = ["b", "a", "B", "a%20", "a-b"].map((name) => aSpace(name));
      await host(repository, ...spaces);
      const sorted = ["B", "a", "a%20", "a-b", "b"].map((name) => aSpace(name));

      const first = await repository.spaces(undefined, 2);
      const rest = await repository.spaces(first.at(-1), 10);

      assert.deepEqual([...first, ...rest], sorted);
    },
  },
  {
    name: "a closed store opened again has every delegation and revocation",
    reopens: true,
    run: async (given) => {
      await host(given.repository, SPACE);
      const parent = aDelegation();
      const child = aChild([parent.record]);
      await accept(given.repository, parent, child);
      const revocation = aRevocation(child.record);
      await given.repository.revoke(revocation);

      await given.reopen();

      const found = await given.repository.delegations([child.record.cid]);
      assert.deepEqual([...found.values()], [child.record, parent.record]);
      const { revoked } = await given.repository.standing({
        identities: [parent.record.identity, child.record.identity],
      });
      assert.deepEqual([...revoked], [child.record.identity]);
      await given.unchanged(() => given.repository.revoke(revocation));
    },
  },
];
