// Contract: erasing a space, step by step, and what of others it never touches.

import assert from "node:assert/strict";
import type { SpaceId } from "../../src/capabilities/space_id.ts";
import type { Repository, Step } from "../../src/repository/repository.ts";
import type { Cid } from "../../src/tokens/cid.ts";
import { type Case, type Given, rejects } from "./repository_contract.ts";
import {
  aCapability,
  accept,
  aChange,
  aChild,
  aDelegation,
  aHosting,
  ALICE,
  apply,
  aRead,
  aRevocation,
  block,
  BOB,
  BOBS_SPACE,
  CAROL,
  DEL,
  factsOf,
  findingsIn,
  firstEvent,
  hashOf,
  host,
  inline,
  NOW,
  OTHER_SPACE,
  SPACE,
  usedBy,
  WHOLE_LOG,
} from "./repository_samples.ts";

async function close(repository: Repository, space = SPACE): Promise<void> {
  assert.equal(await repository.setSpaceState(space, "open", "erasing"), true);
}

/** Steps to the end; what each found. */
async function steps(step: (after: number) => Promise<Step<number>>): Promise<number[]> {
  const counts: number[] = [];
  for (let after: number | undefined = 0; after !== undefined;) {
    const { found, next }: Step<number> = await step(after);
    counts.push(found);
    after = next;
  }
  return counts;
}

function sum(counts: readonly number[]): number {
  return counts.reduce((all, count) => all + count, 0);
}

async function eraseDelegations(repository: Repository, limit = 100): Promise<number> {
  return sum(await steps((after) => repository.eraseDelegations(SPACE, after, limit)));
}

/** Buries what nothing refers to, as the collector does. */
async function bury(repository: Repository, now = NOW): Promise<number> {
  const dead = await repository.condemnBlocks(1_000);
  for (const each of dead) await repository.buryBlock(each, now);
  return dead.length;
}

/** From its state `erasing` to the end; the store is whole in the midst of each part and after it. */
async function erase(repository: Repository, space = SPACE, limit = 100): Promise<void> {
  const isWhole = async () => assert.deepEqual(await findingsIn(repository), []);
  await repository.eraseKeys(space, limit);
  await isWhole();
  while (await repository.eraseKeys(space, limit) > 0);
  await repository.eraseEvents(space, 0, WHOLE_LOG);
  await isWhole();
  const { next } = await repository.eraseDelegations(space, 0, limit);
  await isWhole();
  if (next !== undefined) {
    await steps((after) => repository.eraseDelegations(space, after === 0 ? next : after, limit));
  }
  await bury(repository);
  assert.equal(await repository.eraseSpace(space), true);
  await isWhole();
}

/** What those who use another space can see of it. */
async function seenOf(repository: Repository, space: SpaceId) {
  const { changes: _, ...facts } = await factsOf(repository, space);
  return {
    facts,
    keys: await repository.heldKeys(space, undefined, 100),
    events: (await repository.replacedEvents(space, 0, WHOLE_LOG)).found,
    delegations: (await repository.keptDelegations(space, 0, 100)).found,
    inForce: (await repository.delegationsIn({ space, limit: 100 })).found,
    blocks: await repository.blocksOf(space, undefined, 100),
  };
}

async function isStored(repository: Repository, cid: Cid): Promise<boolean> {
  return (await repository.delegations([cid])).size > 0 ||
    (await repository.delegationTokens([cid])).size > 0;
}

async function hosting(repository: Repository): Promise<number> {
  const { usage } = await repository.standing({ identities: [], space: SPACE });
  assert.ok(usage);
  return usage.hosting;
}

const STEPS: readonly (readonly [string, (repository: Repository) => Promise<unknown>, unknown])[] =
  [
    ["keys", (repository) => repository.eraseKeys(SPACE, 10), 0],
    ["events", (repository) => repository.eraseEvents(SPACE, 0, WHOLE_LOG), { found: 0 }],
    ["delegations", (repository) => repository.eraseDelegations(SPACE, 0, 10), { found: 0 }],
    ["the space itself", (repository) => repository.eraseSpace(SPACE), false],
  ];

const stateCases: readonly Case[] = STEPS.map(([what, step, nothing]) => ({
  name: `a space that is not being erased does not lose ${what}`,
  async run(given: Given) {
    const { repository } = given;
    await host(repository, SPACE, OTHER_SPACE);
    await accept(repository, aDelegation());
    await close(repository, OTHER_SPACE);
    if (what !== "the space itself") {
      await apply(repository, { key: "k" });
      await apply(repository, { key: "k" });
    }
    for (const state of ["open", "blocked", "loading"] as const) {
      await repository.setSpaceState(SPACE, "open", state);
      assert.deepEqual(await given.unchanged(() => step(repository)), nothing);
      await repository.setSpaceState(SPACE, state, "open");
    }
    await close(repository);
    if (what === "events") await repository.eraseKeys(SPACE, 10);
    assert.notDeepEqual(await step(repository), nothing);
  },
}));

export const eraseCases: readonly Case[] = [
  ...stateCases,
  {
    name: "keys are erased a bounded number at a time, and what they held is given back at once",
    async run({ repository }) {
      await host(repository, SPACE, OTHER_SPACE);
      const effects = [block("one", 1_000), block("one", 1_000), inline("v"), block("two", 2_000)];
      for (const space of [SPACE, OTHER_SPACE]) {
        for (const [at, effect] of effects.entries()) {
          await apply(repository, { space, key: `${at}`, effect });
        }
      }
      await close(repository);

      const seen: unknown[] = [];
      for (let count = -1; count !== 0;) {
        count = await repository.eraseKeys(SPACE, 1);
        const { usage } = await repository.standing({
          ...{ identities: [], space: SPACE, withTotal: true },
        });
        const blocks = await repository.blocksOf(SPACE, undefined, 10);
        seen.push([count, usage?.used, (usage?.total ?? 0) - 4_005, blocks.length]);
        assert.deepEqual(await findingsIn(repository), []);
      }

      assert.deepEqual(seen, [
        [1, 3_004, 3_004, 2],
        [1, 2_003, 2_003, 1],
        [1, 2_001, 2_001, 1],
        [1, 0, 0, 0],
        [0, 0, 0, 0],
      ]);
      assert.equal(await repository.repairCounters(), 0);
      const dead = await repository.condemnBlocks(10);
      assert.deepEqual(
        dead.map(({ space, hash }) => [space, hash]).toSorted(),
        ["one", "two"].map((label) => [SPACE, hashOf(label)]).toSorted(),
      );
    },
  },
  {
    name: "events are erased in windows of the log, those of the space alone",
    async run({ repository }) {
      await host(repository, SPACE, OTHER_SPACE);
      for (const value of ["one", "two", "three", "four"]) {
        for (const space of [SPACE, OTHER_SPACE]) {
          await apply(repository, { space, key: "k", effect: inline(value) });
        }
      }
      await apply(repository, { key: "k", effect: DEL });
      const before = await seenOf(repository, OTHER_SPACE);
      await close(repository);
      assert.equal(await repository.eraseKeys(SPACE, 10), 0);

      const first = await firstEvent(repository);
      const counts = [];
      for (let after: number | undefined = first - 1; after !== undefined;) {
        const { found, next }: Step<number> = await repository.eraseEvents(SPACE, after, 3);
        counts.push(found);
        after = next;
      }

      // Two hostings, then puts here and there in turn, and the deletion.
      assert.deepEqual(counts, [1, 1, 2, 1]);
      assert.deepEqual(await seenOf(repository, OTHER_SPACE), before);
      assert.deepEqual(await repository.eraseEvents(SPACE, 0, WHOLE_LOG), { found: 0 });
    },
  },
  {
    name: "delegations are erased a bounded number at a time",
    async run({ repository }) {
      await host(repository, SPACE);
      await accept(repository, aDelegation(), aDelegation(), aDelegation());
      await close(repository);

      const counts = await steps((after) => repository.eraseDelegations(SPACE, after, 3));

      assert.deepEqual(counts, [3, 1]);
      assert.equal((await factsOf(repository)).delegations, 0);
    },
  },
  {
    name: "a space goes once its keys are gone and its blocks are buried",
    async run(given) {
      const { repository } = given;
      await host(repository, SPACE, OTHER_SPACE);
      await apply(repository, { key: "k", effect: block("one") });
      await apply(repository, { key: "l", effect: inline("v") });
      await close(repository);
      const stays = async (why: string) => {
        assert.equal(await given.unchanged(() => repository.eraseSpace(SPACE)), false, why);
      };

      await stays("it has keys");
      await repository.eraseKeys(SPACE, 10);
      await repository.eraseEvents(SPACE, 0, WHOLE_LOG);
      await eraseDelegations(repository);
      await stays("a block waits for the collector");
      const dead = await repository.condemnBlocks(10);
      await stays("its removal is under way");
      for (const each of dead) await repository.buryBlock(each, NOW);
      const stray = await repository.condemnStray(SPACE, hashOf("stray"));
      assert.ok(stray);
      await stays("a stray is being removed");
      await repository.buryBlock(stray, NOW);
      assert.equal(await repository.spaceCount(), 2);
      assert.equal(await repository.eraseSpace(SPACE), true);

      assert.deepEqual(await repository.unburied(10), []);
      assert.equal(await repository.spaceFacts(SPACE), undefined);
      assert.equal(await repository.condemnStray(SPACE, hashOf("stray")), undefined);
      const counts = [await repository.spaceCount(), await repository.spaceCount(ALICE)];
      assert.deepEqual(counts, [1, 1]);
      assert.deepEqual(await repository.spaces(undefined, 10), [OTHER_SPACE]);
      assert.equal(await given.unchanged(() => repository.eraseSpace(SPACE)), false);
    },
  },
  {
    name: "erasing one space leaves another's keys, blocks, events, delegations and counts",
    async run({ repository }) {
      await host(repository, SPACE, OTHER_SPACE, BOBS_SPACE);
      for (const space of [SPACE, OTHER_SPACE, BOBS_SPACE]) {
        for (const key of ["", "a", "b"]) {
          await apply(repository, { space, key, effect: block("the same content") });
          await apply(repository, { space, key, effect: block("the same content") });
          await apply(repository, { space, key, effect: block(key) });
        }
        await apply(repository, { space, key: "gone", effect: inline("v") });
        await apply(repository, { space, key: "gone", effect: DEL });
        const guest = aDelegation({ spaces: [space], record: { delegator: CAROL } });
        const revoked = aDelegation({ spaces: [space] });
        await accept(repository, guest, revoked);
        await repository.revoke(aRevocation(revoked.record));
      }
      await accept(repository, aDelegation({ spaces: [SPACE, OTHER_SPACE, BOBS_SPACE] }));
      const others = [OTHER_SPACE, BOBS_SPACE];
      const before = await Promise.all(others.map((space) => seenOf(repository, space)));

      await close(repository);
      await erase(repository, SPACE, 2);

      const after = await Promise.all(others.map((space) => seenOf(repository, space)));
      assert.deepEqual(after, before);
      assert.equal(await repository.repairCounters(), 0);
      assert.deepEqual(await repository.condemnBlocks(10), []);
      // A guest's counts are as before: one is there, and one more fits.
      for (const [kind, space] of [["accepted", OTHER_SPACE], ["tooMany", OTHER_SPACE]] as const) {
        const guest = aDelegation({ spaces: [space], record: { delegator: CAROL } });
        const bounds = { ...guest.bounds, delegatorDelegations: 2 };
        assert.equal((await repository.acceptDelegation({ ...guest, bounds })).kind, kind);
      }
    },
  },
  {
    name:
      "a delegation that names another space stays with all that it rests on, and authorizes there",
    async run({ repository }) {
      await host(repository, SPACE, OTHER_SPACE);
      const root = aDelegation({ record: { delegatee: BOB } });
      const unused = aDelegation({ record: { delegatee: BOB } });
      const between = aChild([root.record], { delegator: BOB, delegatee: CAROL });
      const both = {
        ...aChild([between.record], { delegator: CAROL, delegatee: BOB }),
        spaces: [SPACE, OTHER_SPACE],
        scopes: [SPACE, OTHER_SPACE].map((scope) => ({ scope, owned: false })),
      };
      const below = aChild([both.record], { delegator: BOB, delegatee: CAROL });
      await accept(repository, root, unused, between, both, below);

      await close(repository);
      await erase(repository, SPACE, 1);

      for (
        const [{ record }, stays] of [
          ...[root, between, both].map((each) => [each, true] as const),
          ...[unused, below].map((each) => [each, false] as const),
        ]
      ) assert.equal((await repository.delegationTokens([record.cid])).size > 0, stays);
      const chain = await repository.delegations([both.record.cid]);
      assert.deepEqual(
        [...chain.keys()].toSorted(),
        [root, between, both].map(({ record }) => record.cid).toSorted(),
      );
      const listed = await repository.delegationsIn({ space: OTHER_SPACE, limit: 10 });
      assert.ok(listed.found.some(({ record }) => record.cid === both.record.cid));
      const child = {
        ...aChild([both.record], { delegator: BOB, delegatee: CAROL }),
        spaces: [OTHER_SPACE],
        scopes: [{ scope: OTHER_SPACE, owned: false }],
      };
      await accept(repository, child);
      assert.equal((await repository.delegations([child.record.cid])).size, 4);
    },
  },
  {
    name: "what a delegation in another space cites stays, also where it was not needed",
    async run({ repository }) {
      await host(repository, SPACE, OTHER_SPACE);
      // A key that was given something in two spaces cites both wherever it delegates on.
      const here = aDelegation({ record: { delegatee: BOB } });
      const above = aChild([here.record], { delegator: BOB, delegatee: BOB });
      const there = aDelegation({ spaces: [OTHER_SPACE], record: { delegatee: BOB } });
      const child = {
        ...aChild([above.record, there.record], {
          delegator: BOB,
          delegatee: CAROL,
          capabilities: [aCapability(`${OTHER_SPACE}/kv/notes`, "tinycloud.kv/get")],
        }),
        spaces: [OTHER_SPACE],
        scopes: [{ scope: OTHER_SPACE, owned: false }],
      };
      await accept(repository, here, above, there, child);
      const { cid, ancestors } = child.record;

      await close(repository);
      await erase(repository, SPACE, 1);

      const chain = await repository.delegations([cid]);
      assert.deepEqual([...chain.keys()].toSorted(), [cid, ...ancestors].toSorted());
      assert.equal((await repository.delegationTokens([cid, ...ancestors])).size, 4);
      // Hosted anew and erased again, it is still so.
      await host(repository, SPACE);
      await close(repository);
      await erase(repository);
      assert.equal((await repository.delegationTokens([cid, ...ancestors])).size, 4);
    },
  },
  {
    name: "a delegation of a URN stays with what it rests on",
    async run({ repository }) {
      await host(repository, SPACE, OTHER_SPACE);
      const scopes = [{ scope: SPACE, owned: true }, { scope: ALICE, owned: true }];
      const both = aDelegation({ urnOwners: [ALICE], scopes });
      await accept(repository, both);

      await close(repository);
      await erase(repository);

      assert.equal(await isStored(repository, both.record.cid), true);
    },
  },
  {
    name: "nothing is accepted below a delegation that was erased",
    async run(given) {
      const { repository } = given;
      await host(repository, SPACE, OTHER_SPACE);
      const root = aDelegation();
      const between = aChild([root.record], { delegator: BOB, delegatee: CAROL });
      await accept(repository, root, between);
      // Known to whatever remembers records.
      assert.equal((await repository.delegations([between.record.cid])).size, 2);
      await close(repository);
      await eraseDelegations(repository);

      for (const spaces of [[OTHER_SPACE], [SPACE, OTHER_SPACE]]) {
        const child = {
          ...aChild([between.record], { delegator: CAROL, delegatee: BOB }),
          spaces,
          scopes: spaces.map((scope) => ({ scope, owned: false })),
        };
        await given.unchanged(() => rejects(repository.acceptDelegation(child), "proof_missing"));
        assert.equal(await isStored(repository, child.record.cid), false);
      }
      assert.equal((await repository.delegationTokens([root.record.cid])).size, 0);
    },
  },
  {
    name: "what was revoked is refused after its space was erased and hosted anew",
    async run({ repository }) {
      await host(repository, SPACE);
      const revoked = aDelegation();
      const child = aChild([revoked.record], { delegator: BOB, delegatee: CAROL });
      await accept(repository, revoked, child);
      const revocation = aRevocation(revoked.record);
      await repository.revoke(revocation);

      await close(repository);
      await erase(repository);
      await host(repository, SPACE);

      const unrevoked = [revoked.record.identity];
      const again = await repository.acceptDelegation({ ...revoked, unrevoked });
      assert.deepEqual(again, { kind: "revoked", identities: unrevoked });
      assert.equal((await repository.applyInvocation(aChange({ unrevoked }))).kind, "revoked");
      const { revoked: found } = await repository.standing({ identities: unrevoked });
      assert.deepEqual([...found], unrevoked);
      await repository.revoke(revocation);
    },
  },
  {
    name: "an erased space is hosted anew as if it had never been, under another number",
    async run({ repository }) {
      await host(repository, SPACE);
      const numbers = new Set<number>();
      const used = aChange({ key: "k", effect: block("content") });
      for (let round = 1; round <= 3; round++) {
        numbers.add(await hosting(repository));
        const late = block("content");
        const before = {
          ...late.content,
          kind: "block",
          hosting: await hosting(repository),
        } as const;
        const outcome = await repository.applyInvocation(used);
        // Its token stays used up.
        assert.equal(outcome.kind, round === 1 ? "applied" : "duplicate");
        await apply(repository, { key: "l", effect: { ...late, content: before } });
        await accept(repository, aDelegation());
        await repository.setSpaceLimit(SPACE, 1_000_000);
        // The last of all spaces.
        await close(repository);
        await erase(repository);
        assert.deepEqual(await repository.applyInvocation(aChange()), { kind: "noSpace" });
        assert.deepEqual(await repository.admitRead(aRead({ space: SPACE })), { kind: "noSpace" });
        assert.deepEqual(await repository.acceptDelegation(aDelegation()), { kind: "noSpace" });

        await host(repository, SPACE);
        const { changes: _, ...facts } = await factsOf(repository);
        assert.deepEqual(facts, {
          ...{ id: SPACE, owner: ALICE, createdAt: NOW, state: "open" },
          ...{ keys: 0, usedBytes: 0, delegations: 1 },
        });
        assert.deepEqual(await repository.list(SPACE, "", undefined, 10), []);
        const put = aChange({ key: "l", effect: { ...late, content: before } });
        assert.deepEqual(await repository.applyInvocation(put), { kind: "noSpace" });
        const anew = { ...before, hosting: await hosting(repository) };
        await apply(repository, { ...put, effect: { ...late, content: anew } });
        assert.equal(await usedBy(repository, SPACE), 100_001);
      }
      numbers.add(await hosting(repository));
      assert.equal(numbers.size, 4);
    },
  },
  {
    name: "a number of a hosting is not given out again after the store was opened anew",
    reopens: true,
    async run(given) {
      const numbers = [];
      for (let round = 0; round < 3; round++) {
        await host(given.repository, SPACE);
        numbers.push(await hosting(given.repository));
        await close(given.repository);
        await erase(given.repository);
        await given.reopen();
      }

      assert.equal(new Set(numbers).size, 3);
    },
  },
  {
    name: "erasing that was cut off goes on from anywhere",
    reopens: true,
    async run(given) {
      await host(given.repository, SPACE, OTHER_SPACE);
      const root = aDelegation();
      await accept(given.repository, root, aDelegation({ spaces: [SPACE, OTHER_SPACE] }));
      for (const key of ["a", "b", "c"]) {
        await apply(given.repository, { key, effect: block("content") });
        await apply(given.repository, { key, effect: block(key) });
      }
      const before = await seenOf(given.repository, OTHER_SPACE);
      const first = await firstEvent(given.repository);
      await close(given.repository);

      for (
        const step of [
          (repository: Repository) => repository.eraseKeys(SPACE, 2),
          (repository: Repository) => repository.eraseKeys(SPACE, 2),
          (repository: Repository) => repository.eraseEvents(SPACE, first, 6),
          (repository: Repository) => repository.eraseDelegations(SPACE, 0, 2),
          (repository: Repository) => repository.condemnBlocks(1),
        ]
      ) {
        await step(given.repository);
        assert.deepEqual(await findingsIn(given.repository), []);
        await given.reopen();
        assert.equal((await factsOf(given.repository)).state, "erasing");
        assert.equal((await given.repository.applyInvocation(aChange())).kind, "closed");
      }
      for (const dead of await given.repository.unburied(10)) {
        await given.repository.buryBlock(dead, NOW);
      }
      await erase(given.repository);

      assert.deepEqual(await seenOf(given.repository, OTHER_SPACE), before);
      assert.equal(await given.repository.spaceFacts(SPACE), undefined);
    },
  },
  {
    name: "a load that was cut off is erased like any space",
    async run({ repository }) {
      await host(repository, OTHER_SPACE);
      await apply(repository, { space: OTHER_SPACE, key: "k", effect: block("one") });
      await apply(repository, { space: OTHER_SPACE, key: "k", effect: block("two") });
      const keys = await repository.heldKeys(OTHER_SPACE, undefined, 10);
      const { found } = await repository.replacedEvents(OTHER_SPACE, 0, WHOLE_LOG);
      await repository.createToLoad(SPACE, ALICE, NOW);
      await accept(repository, aDelegation());
      await repository.loadSpace(SPACE, found, []);
      await repository.loadSpace(SPACE, [], keys);

      assert.equal(await repository.setSpaceState(SPACE, "loading", "erasing"), true);
      await erase(repository, SPACE, 1);

      assert.deepEqual(await repository.spaces(undefined, 10), [OTHER_SPACE]);
      assert.equal(await repository.createToLoad(SPACE, ALICE, NOW), true);
    },
  },
  {
    name: "while a space is erased, others go on and lose nothing",
    async run({ repository }) {
      await host(repository, SPACE, OTHER_SPACE, BOBS_SPACE);
      for (let at = 0; at < 20; at++) {
        await apply(repository, { key: `${at}`, effect: block(`content ${at % 5}`) });
      }
      await close(repository);

      const erasing = erase(repository, SPACE, 3);
      const kept: string[] = [];
      let isOver = false;
      const putting = (async () => {
        for (let at = 0; !isOver; at++) {
          const space = at % 2 === 0 ? OTHER_SPACE : BOBS_SPACE;
          await apply(repository, { space, key: `${at}`, effect: block(`content ${at % 5}`) });
          kept.push(`${at}`);
          const refused = await repository.applyInvocation(aChange());
          assert.ok(["closed", "noSpace"].includes(refused.kind));
        }
      })();
      await erasing;
      isOver = true;
      await putting;

      for (const [at, key] of kept.entries()) {
        const space = at % 2 === 0 ? OTHER_SPACE : BOBS_SPACE;
        const entry = await repository.find(space, key);
        assert.equal(entry?.hash, hashOf(`content ${at % 5}`));
      }
      assert.ok(kept.length > 0);
      assert.deepEqual(await repository.condemnBlocks(10), []);
    },
  },
  {
    name: "hosting an erased space again is counted like any hosting",
    async run({ repository }) {
      await host(repository, SPACE, OTHER_SPACE);
      const again = aHosting(SPACE);
      const bounds = { ...again.bounds, spaces: 2, spacesPerOwner: 2 };
      await close(repository);
      await erase(repository);

      assert.equal((await repository.acceptDelegation({ ...again, bounds })).kind, "accepted");
      const third = { ...aHosting(BOBS_SPACE), bounds };
      assert.equal((await repository.acceptDelegation(third)).kind, "notAdmitted");
    },
  },
];
