// Contract: one space and its operator: what it holds, its own limit, who may use it.

import assert from "node:assert/strict";
import type { Change, Put, Read, Repository, SpaceState } from "../../src/repository/repository.ts";
import type { Case, Given } from "./repository_contract.ts";
import {
  accept,
  aChange,
  aDelegation,
  ALICE,
  anIdentity,
  apply,
  aRead,
  aRevocation,
  aSpace,
  block,
  BOB,
  BOBS_SPACE,
  DEL,
  factsOf,
  hashOf,
  host,
  inline,
  NOW,
  OTHER_SPACE,
  SPACE,
  usedBy,
} from "./repository_samples.ts";

const STATES: readonly SpaceState[] = ["open", "blocked", "loading", "erasing"];
const CLOSED: readonly SpaceState[] = ["blocked", "loading", "erasing"];

function bytes(count: number) {
  return inline("x".repeat(count));
}

async function moved(repository: Repository, to: SpaceState, space = SPACE): Promise<void> {
  const { state } = await factsOf(repository, space);
  assert.equal(await repository.setSpaceState(space, state, to), true);
}

/** Its block was written before the space was erased and hosted anew. */
function ofAnotherHosting(): Put {
  return { ...block("k"), content: { kind: "block", hosting: 999_999_999 } };
}

/** A change to a space with a key `k` of one byte, and what it is refused with where it is open. */
const changes: readonly (readonly [string, Partial<Change>])[] = [
  ["applied", { key: "k", effect: inline("another") }],
  ["applied", { key: "k", effect: DEL }],
  ["applied", { key: "new", effect: block("new") }],
  ["noSpace", { key: "k", effect: ofAnotherHosting() }],
  ["noKey", { key: "absent", effect: DEL }],
  ["preconditionFailed", { key: "k", precondition: { kind: "absent" } }],
  ["preconditionFailed", { key: "k", precondition: { kind: "matches", hash: hashOf("other") } }],
  ["overLimit", { key: "k", effect: bytes(100), limits: { space: 50 } }],
  ["overLimit", { key: "k", effect: bytes(100), limits: { total: 50 } }],
];

const reads: readonly (readonly [string, Partial<Read>])[] = [
  ["admitted", { key: "k" }],
  ["admitted", {}],
  ["noKey", { key: "absent" }],
];

const limits: readonly {
  readonly what: string;
  readonly own: number | undefined;
  readonly node?: number;
  /** The largest value that fits under a key of one byte; absent: any. */
  readonly fits?: number;
}[] = [
  { what: "less than the node's", own: 10, node: 100, fits: 9 },
  { what: "more than the node's", own: 100, node: 10, fits: 99 },
  { what: "where the node has none", own: 10, fits: 9 },
  { what: "of a single byte", own: 1, node: 100, fits: 0 },
  { what: "of 0, which is none", own: 0, node: 10 },
  { what: "taken away, which is the node's", own: undefined, node: 10, fits: 9 },
  { what: "taken away, where the node has none", own: undefined },
];

const limitCases: readonly Case[] = limits.map(({ what, own, node, fits }) => ({
  name: `a space's own limit ${what}, decides`,
  async run(given) {
    const { repository } = given;
    await host(repository, SPACE, OTHER_SPACE);
    await repository.setSpaceLimit(SPACE, 5);
    assert.equal(await repository.setSpaceLimit(SPACE, own), true);
    const asked = { key: "k", limits: node === undefined ? {} : { space: node } };

    if (fits !== undefined) {
      const over = aChange({ ...asked, effect: bytes(fits + 1) });
      const outcome = await given.unchanged(() => repository.applyInvocation(over));
      const limit = fits + 1;
      assert.deepEqual(outcome, { kind: "overLimit", used: 0, limit, full: false });
    }
    await apply(repository, { ...asked, effect: bytes(fits ?? 10_000) });

    const { usage } = await repository.standing({ identities: [], space: SPACE });
    assert.equal(usage?.limit, own);
    assert.equal((await factsOf(repository)).limitBytes, own);
    // Another space keeps to the node's.
    const elsewhere = { ...asked, space: OTHER_SPACE, effect: bytes(50) };
    const { kind } = await repository.applyInvocation(aChange(elsewhere));
    assert.equal(kind, node === undefined || node > 50 ? "applied" : "overLimit");
  },
}));

const orderCases: readonly Case[] = CLOSED.flatMap((state) => [
  {
    name: `a space that is ${state} takes no change, whatever else it would be refused with`,
    async run(given) {
      const { repository } = given;
      await host(repository, SPACE);
      await apply(repository, { key: "k", effect: inline("v") });
      for (const [open, fields] of changes) {
        const change = aChange(fields);
        await moved(repository, state);

        const outcome = await given.unchanged(() => repository.applyInvocation(change));

        assert.deepEqual(outcome, { kind: "closed" });
        // Nothing of it was used up.
        await moved(repository, "open");
        assert.equal((await repository.applyInvocation(change)).kind, open);
        await apply(repository, { key: "k", effect: inline("v") });
      }
    },
  },
  {
    name: `a space that is ${state} admits no read, of a key or of none`,
    async run({ repository }) {
      await host(repository, SPACE);
      await apply(repository, { key: "k", effect: inline("v") });
      for (const [open, fields] of reads) {
        const read = aRead({ space: SPACE, ...fields });
        await moved(repository, state);

        const outcome = await repository.admitRead(read);

        assert.deepEqual(outcome, { kind: "closed" });
        await moved(repository, "open");
        assert.equal((await repository.admitRead(read)).kind, open);
      }
    },
  },
  {
    name: `who may not use a space that is ${state} is not told that it is`,
    async run({ repository }) {
      await host(repository, SPACE);
      const used = aChange();
      await repository.applyInvocation(used);
      const { record } = aDelegation();
      await repository.revoke(aRevocation(record));
      const unrevoked = [record.identity];
      await moved(repository, state);

      const refused: readonly (readonly [string, Partial<Change>])[] = [
        ["duplicate", { use: used.use, unrevoked, validUntil: NOW }],
        ["revoked", { unrevoked, validUntil: NOW }],
        ["expired", { validUntil: NOW }],
        ["noSpace", { space: aSpace("elsewhere") }],
      ];
      for (const [kind, fields] of refused) {
        const change = await repository.applyInvocation(aChange(fields));
        const read = await repository.admitRead(aRead({ space: SPACE, key: "k", ...fields }));
        const list = await repository.admitRead(aRead({ space: SPACE, ...fields }));
        const { use: _, ...guards } = fields;
        const delegation = await repository.acceptDelegation(
          aDelegation({ ...guards, spaces: [fields.space ?? SPACE] }),
        );
        const kinds = [change, read, list].map((outcome) => outcome.kind);
        assert.deepEqual(kinds, [kind, kind, kind]);
        assert.equal(delegation.kind, kind === "duplicate" ? "revoked" : kind);
      }
    },
  },
]);

/** What a delegation that names or hosts the space comes to in that state. */
async function delegationIn(
  given: Given,
  state: SpaceState,
  fields: Parameters<typeof aDelegation>[0],
): Promise<unknown> {
  const { repository } = given;
  await host(repository, SPACE, OTHER_SPACE);
  await moved(repository, state);
  return await repository.acceptDelegation(aDelegation(fields));
}

const HOSTS = [{ space: SPACE, owner: ALICE }];
const NEW_SPACE = aSpace("new");

const delegations: readonly {
  readonly what: string;
  readonly fields: Parameters<typeof aDelegation>[0];
  /** Where it is blocked or being erased. */
  readonly expected: unknown;
}[] = [
  {
    what: "names nothing else is refused",
    fields: { spaces: [SPACE] },
    expected: { kind: "closed" },
  },
  {
    what: "names beside it one that is not hosted is refused",
    fields: { spaces: [NEW_SPACE, SPACE] },
    expected: { kind: "closed" },
  },
  {
    what: "hosts it again is refused",
    fields: { spaces: [SPACE], hosts: HOSTS, record: { host: true } },
    expected: { kind: "closed" },
  },
  {
    what: "names an open space too is accepted, without it",
    fields: { spaces: [SPACE, OTHER_SPACE] },
    expected: { kind: "accepted", activated: [OTHER_SPACE], skipped: [SPACE] },
  },
  {
    what: "hosts another space too hosts that one alone",
    fields: {
      spaces: [SPACE, NEW_SPACE],
      hosts: [...HOSTS, { space: NEW_SPACE, owner: ALICE }],
      record: { host: true },
    },
    expected: { kind: "accepted", activated: [NEW_SPACE], skipped: [SPACE] },
  },
  {
    what: "names a URN of its owner alone is accepted",
    fields: { spaces: [], urnOwners: [ALICE] },
    expected: { kind: "accepted", activated: [], skipped: [] },
  },
];

const delegationCases: readonly Case[] = delegations.flatMap(({ what, fields, expected }) =>
  (["blocked", "erasing"] as const).map((state) => ({
    name: `a delegation to a space that is ${state} and ${what}`,
    run: async (given) => {
      assert.deepEqual(await delegationIn(given, state, fields), expected);
    },
  } satisfies Case))
);

export const spaceCases: readonly Case[] = [
  {
    name: "the facts of a space are what it holds and how it stands",
    async run(given) {
      const { repository } = given;
      assert.equal(await repository.spaceFacts(SPACE), undefined);
      await host(repository, SPACE, OTHER_SPACE, BOBS_SPACE);
      const { changes: none, ...empty } = await factsOf(repository);
      const first = { id: SPACE, owner: ALICE, createdAt: NOW, state: "open" as const };
      assert.deepEqual(empty, { ...first, keys: 0, usedBytes: 0, delegations: 1 });

      // One of two spaces, one that has expired, one that was revoked; and one elsewhere.
      const revoked = aDelegation();
      const expired = aDelegation({ record: { expiresAt: NOW - 1 } });
      const both = aDelegation({ spaces: [SPACE, OTHER_SPACE] });
      await accept(repository, both, expired, revoked, aDelegation({ spaces: [OTHER_SPACE] }));
      await repository.revoke(aRevocation(revoked.record));
      const headers = [["content-type", "text/plain"]] as const;
      await apply(repository, { key: "é", effect: inline("value", headers) });
      await apply(repository, { key: "large", effect: block("large", 100_000) });
      await apply(repository, { space: BOBS_SPACE, effect: block("large", 100_000) });
      const { event } = aChange();
      await apply(repository, { key: "large", effect: DEL, event: { ...event, at: NOW + 7.5 } });
      await repository.setSpaceLimit(SPACE, 2 ** 53 - 1);

      const { changes: three, ...facts } = await factsOf(repository);
      assert.deepEqual(facts, {
        ...first,
        keys: 1,
        usedBytes: 2 + 5 + 12 + 10,
        limitBytes: 2 ** 53 - 1,
        changedAt: NOW + 7.5,
        delegations: 4,
      });
      assert.ok(three >= none + 3);
      const bobs = await factsOf(repository, BOBS_SPACE);
      assert.deepEqual([bobs.owner, bobs.keys, bobs.delegations], [BOB, 1, 1]);
    },
  },
  {
    name: "the number of changes grows with every put and every deletion",
    async run({ repository }) {
      await host(repository, SPACE);
      const counts = [(await factsOf(repository)).changes];
      for (const effect of [inline("v"), inline("w"), inline("w"), DEL, block("b"), block("b")]) {
        await apply(repository, { key: "k", effect });
        counts.push((await factsOf(repository)).changes);
      }

      assert.deepEqual(counts, [...new Set(counts)].toSorted((a, b) => a - b));
    },
  },
  ...limitCases,
  {
    name: "a limit below what is used refuses what grows, and lets pass what does not",
    async run(given) {
      const { repository } = given;
      await host(repository, SPACE);
      await apply(repository, { key: "k", effect: bytes(50) });
      await repository.setSpaceLimit(SPACE, 10);

      const same = aChange({ key: "k", effect: bytes(50) });
      assert.equal((await repository.applyInvocation(same)).kind, "applied");
      await apply(repository, { key: "k", effect: bytes(20) });
      for (const change of [{ key: "k", effect: bytes(21) }, { key: "l", effect: bytes(0) }]) {
        const outcome = await given.unchanged(() => repository.applyInvocation(aChange(change)));
        assert.deepEqual(outcome, { kind: "overLimit", used: 21, limit: 10, full: true });
      }
      await apply(repository, { key: "k", effect: DEL });
      await apply(repository, { key: "k", effect: bytes(9) });
      assert.equal(await usedBy(repository, SPACE), 10);
    },
  },
  {
    name: "a space without a limit of its own is bound by what all spaces may hold",
    async run(given) {
      const { repository } = given;
      await host(repository, SPACE, OTHER_SPACE);
      await apply(repository, { space: OTHER_SPACE, key: "k", effect: bytes(49) });
      await repository.setSpaceLimit(SPACE, 0);

      const over = aChange({ key: "k", effect: bytes(50), limits: { space: 1, total: 100 } });
      const outcome = await given.unchanged(() => repository.applyInvocation(over));

      assert.deepEqual(outcome, { kind: "overLimit", used: 50, limit: 100, full: false });
      await apply(repository, { ...over, effect: bytes(49) });
    },
  },
  {
    name: "what is not hosted takes no limit and no state",
    async run(given) {
      const { repository } = given;
      await host(repository, OTHER_SPACE);

      const answers = await given.unchanged(async () => [
        await repository.setSpaceLimit(SPACE, 10),
        await repository.setSpaceState(SPACE, "open", "blocked"),
        await repository.setSpaceState(SPACE, "open", "open"),
      ]);

      assert.deepEqual(answers, [false, false, false]);
    },
  },
  {
    name: "a space changes its state from the one that it has, and from no other",
    async run(given) {
      const { repository } = given;
      await host(repository, SPACE, OTHER_SPACE);
      for (const state of STATES) {
        await moved(repository, state);
        for (const from of STATES.filter((other) => other !== state)) {
          for (const to of STATES) {
            const isMoved = await given.unchanged(() => repository.setSpaceState(SPACE, from, to));
            assert.equal(isMoved, false);
          }
        }
        assert.equal((await factsOf(repository)).state, state);
        const { usage } = await repository.standing({ identities: [], space: SPACE });
        assert.equal(usage?.isClosed, state !== "open");
        // As it stands may be said again: what was cut off begins anew.
        assert.equal(await repository.setSpaceState(SPACE, state, state), true);
      }
      assert.equal((await factsOf(repository, OTHER_SPACE)).state, "open");
    },
  },
  {
    name: "of two who change a state at once one does",
    async run({ repository }) {
      await host(repository, SPACE);

      const both = await Promise.all([
        repository.setSpaceState(SPACE, "open", "blocked"),
        repository.setSpaceState(SPACE, "open", "erasing"),
      ]);

      assert.deepEqual(both.toSorted(), [false, true]);
      assert.equal((await factsOf(repository)).state, both[0] ? "blocked" : "erasing");
    },
  },
  ...orderCases,
  {
    name: "blocking a space loses nothing of it, and ends with unblocking it",
    async run({ repository }) {
      await host(repository, SPACE, OTHER_SPACE);
      await apply(repository, { key: "k", effect: inline("here") });
      await apply(repository, { key: "large", effect: block("large") });
      const { changes: _, ...before } = await factsOf(repository);

      await moved(repository, "blocked");
      await apply(repository, { space: OTHER_SPACE });
      assert.deepEqual([...await repository.hosted([SPACE])], [SPACE]);
      assert.equal((await repository.admitRead(aRead({ space: OTHER_SPACE }))).kind, "admitted");
      assert.deepEqual(await repository.condemnBlocks(10), []);
      await moved(repository, "open");

      const { changes: __, ...after } = await factsOf(repository);
      assert.deepEqual(after, before);
      const read = await repository.admitRead(aRead({ space: SPACE, key: "k" }));
      assert.equal(read.kind === "admitted" && read.entry?.hash, inline("here").hash);
      await apply(repository, { key: "k", effect: DEL });
      await accept(repository, aDelegation());
    },
  },
  {
    name: "a revocation passes while its space is blocked, and holds after",
    async run({ repository }) {
      await host(repository, SPACE);
      const delegation = aDelegation();
      await accept(repository, delegation);
      await moved(repository, "blocked");

      await repository.revoke(aRevocation(delegation.record));

      await moved(repository, "open");
      const unrevoked = [delegation.record.identity];
      assert.equal((await repository.applyInvocation(aChange({ unrevoked }))).kind, "revoked");
      const again = await repository.acceptDelegation({ ...delegation, unrevoked });
      assert.equal(again.kind, "revoked");
    },
  },
  ...delegationCases,
  {
    name: "a delegation that was accepted before is refused while its space is blocked",
    async run(given) {
      const { repository } = given;
      await host(repository, SPACE);
      const delegation = aDelegation();
      await accept(repository, delegation);
      await moved(repository, "blocked");

      const again = await given.unchanged(() => repository.acceptDelegation(delegation));

      assert.deepEqual(again, { kind: "closed" });
      await moved(repository, "open");
      await accept(repository, delegation);
    },
  },
  {
    name: "a space that is being loaded takes delegations, and is hosted already",
    async run(given) {
      const { repository } = given;
      await host(repository, SPACE);
      await moved(repository, "loading");

      for (const fields of [{}, { hosts: HOSTS, record: { host: true } }]) {
        const outcome = await repository.acceptDelegation(aDelegation(fields));
        assert.deepEqual(outcome, { kind: "accepted", activated: [SPACE], skipped: [] });
      }

      assert.equal(await repository.spaceCount(), 1);
      assert.equal((await factsOf(repository)).state, "loading");
      const unrevoked = [anIdentity()];
      assert.equal((await repository.applyInvocation(aChange({ unrevoked }))).kind, "closed");
    },
  },
  {
    name: "state and limit of a space outlive the process",
    reopens: true,
    async run(given) {
      await host(given.repository, SPACE, OTHER_SPACE);
      await given.repository.setSpaceLimit(SPACE, 0);
      await moved(given.repository, "blocked");
      const before = await factsOf(given.repository);

      await given.reopen();

      assert.deepEqual(await factsOf(given.repository), before);
      assert.equal((await given.repository.applyInvocation(aChange())).kind, "closed");
      await apply(given.repository, { space: OTHER_SPACE });
    },
  },
  {
    name: "what was put before a space was closed is kept, and nothing that was put after it",
    async run({ repository }) {
      await host(repository, SPACE);
      const puts = Array.from({ length: 10 }, (_, at) => aChange({ key: `before/${at}` }));

      const before = puts.map((put) => repository.applyInvocation(put));
      const isClosed = repository.setSpaceState(SPACE, "open", "blocked");
      const beside = puts.map((_, at) =>
        repository.applyInvocation(aChange({ key: `beside/${at}` }))
      );
      assert.equal(await isClosed, true);
      const after = puts.map((_, at) =>
        repository.applyInvocation(aChange({ key: `after/${at}` }))
      );

      for (const outcome of await Promise.all(after)) assert.equal(outcome.kind, "closed");
      const applied = (await Promise.all([...before, ...beside]))
        .filter(({ kind }) => kind === "applied");
      assert.equal((await factsOf(repository)).keys, applied.length);
    },
  },
];
