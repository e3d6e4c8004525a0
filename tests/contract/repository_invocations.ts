// Contract: what is judged inside the commit of a change (wire §6), and in which order.

import assert from "node:assert/strict";
import type { ApplyOutcome, Change, Repository } from "../../src/repository/repository.ts";
import type { Case } from "./repository_contract.ts";
import {
  aChange,
  aDelegation,
  aGuard,
  apply,
  aRevocation,
  block,
  BOBS_SPACE,
  DEL,
  hashOf,
  host,
  inline,
  NOW,
  SPACE,
  usedBy,
} from "./repository_samples.ts";

const USED = aGuard();
const REVOKED = aDelegation().record;
const CURRENT = inline("current");
/** Bytes under the key "current". */
const HELD = CURRENT.size + "current".length;

/** A space with one key, one used token and one revoked delegation. */
async function prepared(repository: Repository): Promise<void> {
  await host(repository, SPACE);
  await apply(repository, { key: "current", effect: CURRENT, use: USED });
  await repository.revoke(aRevocation(REVOKED));
}

interface Refusal {
  readonly what: string;
  readonly change: Partial<Change>;
  readonly outcome: ApplyOutcome;
  /** The same change without its fault. */
  readonly mended: Partial<Change>;
}

const refusals: readonly Refusal[] = [
  {
    what: "with a used token",
    change: { use: USED },
    outcome: { kind: "duplicate" },
    mended: { use: aGuard() },
  },
  {
    what: "below a revoked delegation",
    change: { unrevoked: [aDelegation().record.identity, REVOKED.identity] },
    outcome: { kind: "revoked", identities: [REVOKED.identity] },
    mended: { unrevoked: [] },
  },
  {
    what: "at the end of its chain's window",
    change: { validUntil: NOW },
    outcome: { kind: "expired" },
    mended: { validUntil: NOW + 0.001 },
  },
  {
    what: "in a space that is not hosted",
    change: { space: BOBS_SPACE },
    outcome: { kind: "noSpace" },
    mended: { space: SPACE },
  },
  {
    what: "over the space's limit",
    change: { limits: { space: HELD + 10 }, key: "12345", effect: inline("123456") },
    outcome: { kind: "overLimit", used: HELD, limit: HELD + 10, full: false },
    mended: { effect: inline("12345") },
  },
  {
    what: "into a full space",
    change: { limits: { space: HELD } },
    outcome: { kind: "overLimit", used: HELD, limit: HELD, full: true },
    mended: { limits: {} },
  },
  {
    what: "over the limit of all spaces",
    change: { limits: { space: 1_000_000, total: HELD + 1 } },
    outcome: { kind: "overLimit", used: HELD, limit: HELD + 1, full: false },
    mended: { limits: {} },
  },
  {
    what: "over a limit by its headers alone",
    change: {
      limits: { space: HELD + 4 },
      key: "k",
      effect: inline("v", [["x", "\u00e9y"]]),
    },
    outcome: { kind: "overLimit", used: HELD, limit: HELD + 4, full: false },
    mended: { effect: inline("v", [["x", "\u00e9"]]) },
  },
  {
    what: "of a key that should be absent",
    change: { key: "current", precondition: { kind: "absent" } },
    outcome: { kind: "preconditionFailed" },
    mended: { key: "absent" },
  },
  {
    what: "of a key that has another value",
    change: { key: "current", precondition: { kind: "matches", hash: hashOf("another") } },
    outcome: { kind: "preconditionFailed" },
    mended: { precondition: { kind: "matches", hash: CURRENT.hash } },
  },
  {
    what: "of an absent key that should have a value",
    change: { key: "absent", precondition: { kind: "matches", hash: CURRENT.hash } },
    outcome: { kind: "preconditionFailed" },
    mended: { key: "current" },
  },
  {
    what: "that deletes only another value",
    change: {
      key: "current",
      effect: DEL,
      precondition: { kind: "matches", hash: hashOf("another") },
    },
    outcome: { kind: "preconditionFailed" },
    mended: { precondition: { kind: "matches", hash: CURRENT.hash } },
  },
  {
    what: "that deletes an absent key",
    change: { key: "absent", effect: DEL },
    outcome: { kind: "noKey" },
    mended: { key: "current" },
  },
];

const refused: readonly Case[] = refusals.map(({ what, change, outcome, mended }) => ({
  name: `a change ${what} is refused and leaves nothing, not even its guard`,
  run: async (given) => {
    await prepared(given.repository);
    const asked = aChange(change);

    const answer = await given.unchanged(() => given.repository.applyInvocation(asked));

    assert.deepEqual(answer, outcome);
    const again = await given.repository.applyInvocation({ ...asked, ...mended });
    assert.equal(again.kind, "applied");
  },
}));

/** Faults in the port's order; each case has one of them and all that follow. */
const order: readonly (readonly [ApplyOutcome["kind"], Partial<Change>])[] = [
  ["duplicate", { use: USED }],
  ["revoked", { unrevoked: [REVOKED.identity] }],
  ["expired", { validUntil: NOW }],
  ["noSpace", { space: BOBS_SPACE }],
  ["overLimit", { limits: { space: 0, total: 0 } }],
  ["preconditionFailed", { precondition: { kind: "matches", hash: hashOf("another") } }],
];

const ordered: readonly Case[] = order.map(([kind], index) => ({
  name: `of several faults the first is told: ${kind}`,
  run: async ({ repository }) => {
    await prepared(repository);
    const faults = order.slice(index).map(([, fault]) => fault);

    const outcome = await repository.applyInvocation(aChange(Object.assign({}, ...faults)));

    assert.equal(outcome.kind, kind);
  },
}));

export const invocationCases: readonly Case[] = [
  ...refused,
  ...ordered,
  {
    name: "of 50 equal changes at once one is applied",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      const change = aChange();

      const outcomes = await Promise.all(
        Array.from({ length: 50 }, () => repository.applyInvocation(change)),
      );

      const kinds = outcomes.map(({ kind }) => kind).sort();
      assert.deepEqual(kinds, ["applied", ...Array(49).fill("duplicate")]);
    },
  },
  {
    name: "of 100 puts at once of a tenth of the limit exactly ten are applied",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      const limits = { space: 1_000 };

      const outcomes = await Promise.all(
        Array.from({ length: 100 }, (_, i) => `${i}`.padStart(10, "0")).map((key) =>
          repository.applyInvocation(aChange({ key, limits, effect: inline("v".repeat(90)) }))
        ),
      );

      assert.equal(outcomes.filter(({ kind }) => kind === "applied").length, 10);
      assert.equal(await usedBy(repository, SPACE), 1_000);
    },
  },
  {
    name: "of puts at once of an absent key only the first finds it absent",
    run: async ({ repository }) => {
      await host(repository, SPACE);

      const outcomes = await Promise.all(
        Array.from(
          { length: 20 },
          () => repository.applyInvocation(aChange({ precondition: { kind: "absent" } })),
        ),
      );

      const kinds = outcomes.map(({ kind }) => kind).sort();
      assert.deepEqual(kinds, ["applied", ...Array(19).fill("preconditionFailed")]);
    },
  },
  {
    name: "changes at once end as one after the other, each told the value before it",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      const values = Array.from({ length: 30 }, (_, i) => inline(`value ${i}`));

      const outcomes = await Promise.all(
        values.map((effect) => repository.applyInvocation(aChange({ effect }))),
      );

      // Every value but the last was the previous one of exactly one change.
      const previous = outcomes.map((outcome) =>
        outcome.kind === "applied" ? outcome.previous : assert.fail(outcome.kind)
      );
      const current = await repository.find(SPACE, "notes/1");
      assert.deepEqual(
        new Set([...previous, current?.hash]),
        new Set([undefined, ...values.map(({ hash }) => hash)]),
      );
    },
  },
  {
    name: "a change that grows nothing passes beyond the limit",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      await apply(repository, { effect: inline("123456") });
      const limits = { space: 1, total: 1 };

      for (const effect of [inline("abcdef"), inline("abc"), DEL]) {
        assert.equal(
          (await repository.applyInvocation(aChange({ effect, limits }))).kind,
          "applied",
        );
      }
    },
  },
  {
    name: "all spaces together have one limit",
    run: async ({ repository }) => {
      await host(repository, SPACE, BOBS_SPACE);
      await apply(repository, { key: "a", effect: inline("12345") });
      await apply(repository, { key: "b", effect: inline("12345"), space: BOBS_SPACE });

      const outcome = await repository.applyInvocation(
        aChange({ key: "c", effect: inline("12"), limits: { space: 14, total: 14 } }),
      );

      assert.deepEqual(outcome, { kind: "overLimit", used: 12, limit: 14, full: false });
    },
  },
  {
    name: "the space's limit is judged before that of all spaces",
    run: async ({ repository }) => {
      await host(repository, SPACE, BOBS_SPACE);
      await apply(repository, { key: "b", effect: inline("12345"), space: BOBS_SPACE });

      const outcome = await repository.applyInvocation(
        aChange({ limits: { space: 1, total: 1 } }),
      );

      assert.deepEqual(outcome, { kind: "overLimit", used: 0, limit: 1, full: false });
    },
  },
  {
    name: "a condemned block is told after every other fault",
    run: async (given) => {
      await host(given.repository, SPACE);
      const condemned = block("some block");
      await apply(given.repository, { effect: condemned });
      await apply(given.repository, { effect: DEL });
      assert.equal((await given.repository.condemnBlocks(10)).length, 1);

      const outcomes = [];
      for (
        const faults of [
          { precondition: { kind: "matches", hash: condemned.hash } as const },
          { limits: { space: 1 } },
          {},
        ]
      ) {
        const change = aChange({ effect: condemned, ...faults });
        outcomes.push(await given.unchanged(() => given.repository.applyInvocation(change)));
      }

      const kinds = outcomes.map(({ kind }) => kind);
      assert.deepEqual(kinds, ["preconditionFailed", "overLimit", "condemned"]);
    },
  },
  {
    name: "a closed store opened again knows every used token",
    reopens: true,
    run: async (given) => {
      await host(given.repository, SPACE);
      const change = aChange();
      assert.equal((await given.repository.applyInvocation(change)).kind, "applied");

      await given.reopen();

      const again = await given.repository.applyInvocation(change);
      assert.deepEqual(again, { kind: "duplicate" });
    },
  },
];
