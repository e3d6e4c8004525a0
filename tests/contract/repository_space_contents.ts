// Contract: what a space holds, read whole, and loaded into another store.

import assert from "node:assert/strict";
import type { Delegation } from "../../src/capabilities/delegation.ts";
import type {
  HeldKey,
  KeptDelegation,
  NewDelegation,
  ReplacedEvent,
  Repository,
  Step,
} from "../../src/repository/repository.ts";
import type { SpaceId } from "../../src/capabilities/space_id.ts";
import { type Case, rejects } from "./repository_contract.ts";
import {
  accept,
  aChange,
  aChild,
  aDelegation,
  aHosting,
  ALICE,
  apply,
  aRead,
  aRevocation,
  aSpace,
  block,
  BOB,
  BOBS_SPACE,
  CAROL,
  cidOfToken,
  DEL,
  factsOf,
  findingsIn,
  firstEvent,
  fresh,
  host,
  inline,
  NOW,
  OTHER_SPACE,
  SPACE,
  WHOLE_LOG,
} from "./repository_samples.ts";

async function heldIn(repository: Repository, limit: number, space = SPACE): Promise<HeldKey[]> {
  const held: HeldKey[] = [];
  for (let page, after; (page = await repository.heldKeys(space, after, limit)).length > 0;) {
    assert.ok(page.length <= limit);
    held.push(...page);
    after = page.at(-1)?.key;
  }
  return held;
}

/** Steps to the end; what each found. */
async function steps<T>(step: (after: number) => Promise<Step<T>>): Promise<T[]> {
  const all: T[] = [];
  for (let after: number | undefined = 0; after !== undefined;) {
    const { found, next }: Step<T> = await step(after);
    assert.ok(next === undefined || next > after);
    all.push(found);
    after = next;
  }
  return all;
}

/** From its hosting on. */
async function replacedIn(repository: Repository, limit: number): Promise<ReplacedEvent[]> {
  const first = await firstEvent(repository);
  return (await steps((after) => repository.replacedEvents(SPACE, Math.max(after, first), limit)))
    .flat();
}

async function keptIn(repository: Repository, limit: number): Promise<KeptDelegation[]> {
  return (await steps((after) => repository.keptDelegations(SPACE, after, limit))).flat();
}

/** Puts a value, or deletes it; the event that it is. */
async function event(
  repository: Repository,
  key: string,
  value: string | undefined,
  space: SpaceId = SPACE,
): Promise<ReplacedEvent> {
  const effect = value === undefined ? DEL : inline(value);
  const signed = { ...aChange().event, at: NOW + fresh() / 8 };
  await apply(repository, { space, key, effect, event: signed });
  return effect.kind === "del"
    ? { kind: "del", key, ...signed }
    : { kind: "put", key, ...signed, hash: effect.hash, size: effect.size };
}

/** In the order of their bytes. */
const ODD_KEYS = [
  "",
  " ",
  "%00",
  "'; DROP TABLE entry",
  "/",
  "A",
  "\\",
  "_",
  "a",
  "a ",
  "a/",
  "a/b",
  "ab",
  "a\x7f",
  "b\u0301",
  "\u00e9",
  "\uffff",
  "\u{1f642}",
  "\u{10ffff}",
];

interface Kept {
  readonly repository: Repository;
  /** By token, as they were accepted. */
  readonly accepted: ReadonlyMap<string, NewDelegation>;
}

/** A space with some of everything; beside it others, with the same keys and values. */
async function fill(repository: Repository): Promise<Kept> {
  await host(repository, OTHER_SPACE, BOBS_SPACE);
  const hosting = aHosting(SPACE);
  await accept(repository, hosting);
  const root = aDelegation();
  const both = aDelegation({ spaces: [OTHER_SPACE, SPACE] });
  const expired = aDelegation({ record: { expiresAt: NOW - 1_000, delegatee: CAROL } });
  const child = aChild([root.record, both.record], { delegator: BOB, delegatee: CAROL });
  const revoked = aDelegation({ record: { delegatee: CAROL } });
  const below = aChild([revoked.record], { delegator: CAROL, delegatee: BOB });
  const all = [hosting, root, both, expired, child, revoked, below];
  await accept(repository, ...all.slice(1), aDelegation({ spaces: [OTHER_SPACE] }));
  await repository.revoke(aRevocation(revoked.record, { at: NOW + 9.5 }));
  const headers = [["content-type", "text/plain"], ["x-tinycloud-meta-a", "\xe9 \x7f"]] as const;
  for (const space of [SPACE, OTHER_SPACE]) {
    for (const key of ODD_KEYS) {
      await apply(repository, { space, key, effect: inline(`of ${key}`, headers) });
    }
    await apply(repository, { space, key: "large/1", effect: block("large") });
    await apply(repository, { space, key: "large/2", effect: block("large") });
    await apply(repository, { space, key: "large/old", effect: block("old") });
    await apply(repository, { space, key: "large/old", effect: block("new", 200_000) });
  }
  for (const key of ["a", "gone", "back"]) await event(repository, key, "one");
  for (const key of ["gone", "back"]) await event(repository, key, undefined);
  await event(repository, "back", "two");
  // The newest is of a key that is no more.
  await event(repository, "last", "one");
  await event(repository, "last", undefined);
  await repository.setSpaceLimit(SPACE, 12_345_678);
  return { repository, accepted: new Map(all.map((asked) => [asked.token, asked])) };
}

function chunked<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, at) => items.slice(at * size, (at + 1) * size));
}

/** As an import does it: delegations, events, keys, and the end. */
async function load(from: Kept, repository: Repository, limit: number): Promise<void> {
  const source = from.repository;
  const { owner, createdAt, limitBytes } = await factsOf(source);
  assert.equal(await repository.createToLoad(SPACE, owner, createdAt), true);
  for (const { token, revocation } of await keptIn(source, limit)) {
    const asked = from.accepted.get(token);
    assert.ok(asked);
    await accept(repository, asked);
    if (revocation === undefined) continue;
    await repository.revoke(
      aRevocation(asked.record, { ...revocation, cid: cidOfToken(revocation.token) }),
    );
  }
  const parts = [
    ...chunked(await replacedIn(source, WHOLE_LOG), limit)
      .map((events) => [events, []] as const),
    ...chunked(await heldIn(source, 100), limit).map((keys) => [[], keys] as const),
  ];
  for (const [events, keys] of parts) {
    assert.equal(await repository.loadSpace(SPACE, events, keys), true);
    assert.deepEqual(await findingsIn(repository), []);
  }
  await repository.setSpaceLimit(SPACE, limitBytes);
  assert.equal(await repository.setSpaceState(SPACE, "loading", "open"), true);
}

/** All that is to be known of the space. */
async function wholeOf(repository: Repository) {
  const { changes: _, ...facts } = await factsOf(repository);
  const found = await repository.delegationsIn({ space: SPACE, limit: 100 });
  return {
    facts,
    keys: await heldIn(repository, 100),
    events: await replacedIn(repository, WHOLE_LOG),
    delegations: await keptIn(repository, 100),
    inForce: found.found,
    blocks: await repository.blocksOf(SPACE, undefined, 100),
  };
}

export const spaceContentsCases: readonly Case[] = [
  {
    name: "a space's keys come in byte order, whatever the pages, each with its value and its put",
    async run({ repository }) {
      await host(repository, SPACE, OTHER_SPACE);
      const headers = [["content-type", "text/plain"], ["x-tinycloud-meta-a", "\xe9"]] as const;
      const expected = new Map<string, unknown>();
      for (const key of ODD_KEYS.toReversed()) {
        await event(repository, key, "an older value");
        const { event: put } = aChange();
        const effect = key.length % 2 === 0 ? block(`${key} value`) : inline(key, headers);
        await apply(repository, { key, event: put, effect });
        await apply(repository, { key, space: OTHER_SPACE, effect: inline("another") });
        const { hash, size, content } = effect;
        expected.set(key, {
          key,
          hash,
          size,
          headers: effect.headers,
          ...(content.kind === "inline" ? { inline: content.bytes } : {}),
          event: put,
        });
      }

      for (const limit of [1, 2, 7, 100]) {
        const held = await heldIn(repository, limit);
        assert.deepEqual(held, ODD_KEYS.map((key) => expected.get(key)));
      }
      assert.deepEqual(await repository.heldKeys(SPACE, "\u{10ffff}", 10), []);
      assert.deepEqual(await repository.heldKeys(aSpace("elsewhere"), undefined, 10), []);
    },
  },
  {
    name: "long small values make short pages, and blocks do not",
    async run({ repository }) {
      await host(repository, SPACE);
      const large = inline("x".repeat(400_000));
      for (const key of ["1", "2", "3", "4", "7"]) await apply(repository, { key, effect: large });
      await apply(repository, { key: "5", effect: inline("x".repeat(1_500_000)) });
      for (const key of ["6", "8", "9"]) await apply(repository, { key, effect: block(key, 1e9) });

      const pages: string[][] = [];
      for (let page, after; (page = await repository.heldKeys(SPACE, after, 100)).length > 0;) {
        pages.push(page.map(({ key }) => key));
        after = page.at(-1)?.key;
      }

      assert.deepEqual(pages, [["1", "2", "3"], ["4", "5"], ["6", "7", "8", "9"]]);
    },
  },
  {
    name: "replaced events are all but each key's current put, in order, whatever the windows",
    async run({ repository }) {
      await host(repository, SPACE, OTHER_SPACE);
      const replaced = [
        await event(repository, "twice", "one"),
        await event(repository, "gone", "one"),
        await event(repository, "gone", undefined),
        await event(repository, "back", "one"),
      ];
      await event(repository, "once", "one");
      await event(repository, "twice", "one", OTHER_SPACE);
      await event(repository, "twice", "two", OTHER_SPACE);
      await accept(repository, aDelegation());
      replaced.push(await event(repository, "back", undefined));
      await event(repository, "back", "two");
      await event(repository, "twice", "two");
      // The same value again is another put.
      replaced.push(await event(repository, "same", "v"));
      await event(repository, "same", "v");
      replaced.push(await event(repository, "", "one"), await event(repository, "", undefined));

      for (const limit of [1, 2, 3, WHOLE_LOG]) {
        assert.deepEqual(await replacedIn(repository, limit), replaced);
      }
      assert.deepEqual(await repository.replacedEvents(aSpace("elsewhere"), 0, WHOLE_LOG), {
        found: [],
      });
    },
  },
  {
    name: "a step over events looks at so many numbers of the log, and ends at its end",
    async run({ repository }) {
      await host(repository, SPACE);
      for (const value of ["one", "two", "three", "four"]) await event(repository, "k", value);
      const first = await firstEvent(repository);

      // From the hosting on: five events in all, of which the last is current.
      const windows: [number, number | undefined][] = [];
      for (let after: number | undefined = first - 1; after !== undefined;) {
        const { found, next }: Step<readonly ReplacedEvent[]> = await repository
          .replacedEvents(SPACE, after, 2);
        windows.push([found.length, next === undefined ? undefined : next - first]);
        after = next;
      }

      assert.deepEqual(windows, [[1, 1], [2, 3], [0, undefined]]);
      const exact = await repository.replacedEvents(SPACE, first - 1, 5);
      assert.deepEqual([exact.found.length, exact.next], [3, undefined]);
    },
  },
  {
    name: "kept delegations are all that name the space, in order, each with what revoked it",
    async run({ repository }) {
      await host(repository, OTHER_SPACE);
      const hosting = aHosting(SPACE);
      const root = aDelegation({ record: { acceptedAt: NOW + 0.5 } });
      const both = aDelegation({ spaces: [OTHER_SPACE, SPACE] });
      const expired = aDelegation({ record: { expiresAt: NOW - 1 } });
      const child = aChild([root.record], { delegator: BOB, delegatee: CAROL });
      const other = aDelegation({ record: { identity: child.record.identity } });
      const all = [hosting, root, both, expired, child, other];
      const elsewhere = aDelegation({ spaces: [OTHER_SPACE] });
      await accept(repository, hosting, root, elsewhere, both, expired, child, other);
      const revocation = aRevocation(child.record, { at: NOW + 1.25 });
      await repository.revoke(revocation);
      await repository.revoke(aRevocation(elsewhere.record));
      await event(repository, "k", "v");

      const { token, at } = revocation;
      const revoked: ReadonlySet<Delegation> = new Set([child.record, other.record]);
      const expected = all.map((asked) => ({
        token: asked.token,
        at: asked.record.acceptedAt,
        // Another encoding of the same content is revoked as well.
        ...(revoked.has(asked.record) ? { revocation: { token, at } } : {}),
      }));
      for (const limit of [1, 2, 6, 7]) {
        assert.deepEqual(await keptIn(repository, limit), expected);
      }
      const none = await repository.keptDelegations(aSpace("elsewhere"), 0, 10);
      assert.deepEqual(none, { found: [] });
    },
  },
  {
    name: "a space loaded into another store is what it was, and of use",
    async run({ repository, another }) {
      const source = await fill(repository);
      const copy = await another();
      await host(copy, OTHER_SPACE);
      const before = await factsOf(copy, OTHER_SPACE);

      await load(source, copy, 5);

      assert.deepEqual(await wholeOf(copy), await wholeOf(repository));
      assert.deepEqual(await findingsIn(copy), []);
      assert.equal(await copy.repairCounters(), 0);
      assert.deepEqual(await factsOf(copy, OTHER_SPACE), {
        ...before,
        // That of the delegation that names both.
        delegations: before.delegations + 1,
        changes: (await factsOf(copy, OTHER_SPACE)).changes,
      });
      assert.equal(await copy.spaceCount(ALICE), 2);
      for (const key of ODD_KEYS) {
        const read = await copy.admitRead(aRead({ space: SPACE, key }));
        assert.deepEqual(read, { kind: "admitted", entry: await repository.find(SPACE, key) });
      }
      // References are counted: what two keys had in common lives until the second goes.
      await apply(copy, { key: "large/1", effect: DEL });
      assert.deepEqual(await copy.condemnBlocks(10), []);
      await apply(copy, { key: "large/2", effect: DEL });
      assert.deepEqual((await copy.condemnBlocks(10)).map(({ hash }) => hash), [
        block("large").hash,
      ]);
    },
  },
  {
    name: "when it was last changed is told of a loaded space, in whichever order it was loaded",
    async run({ repository }) {
      await repository.createToLoad(SPACE, ALICE, NOW);
      assert.equal((await factsOf(repository)).changedAt, undefined);
      assert.equal(await repository.loadSpace(SPACE, [], []), true);
      assert.equal((await factsOf(repository)).changedAt, undefined);
      const put = (key: string, at: number): HeldKey => {
        const { hash, size, headers } = inline("v");
        const { event } = aChange();
        return { key, hash, size, headers, inline: new Uint8Array([118]), event: { ...event, at } };
      };
      const del: ReplacedEvent = { kind: "del", key: "z", ...aChange().event, at: NOW + 7 };
      const replaced: ReplacedEvent = {
        ...{ kind: "put", key: "z", ...aChange().event, at: NOW + 5 },
        ...{ hash: inline("v").hash, size: 1 },
      };

      const last = [];
      for (
        const [events, keys] of [
          [[replaced], []],
          [[del], []],
          [[], [put("a", NOW + 9), put("b", NOW + 1)]],
          [[], [put("c", NOW)]],
        ] as const
      ) {
        assert.equal(await repository.loadSpace(SPACE, events, keys), true);
        last.push((await factsOf(repository)).changedAt);
      }

      assert.deepEqual(last, [NOW + 5, NOW + 7, NOW + 9, NOW + 9]);
    },
  },
  {
    name: "a space that is hosted already is not created to be loaded",
    async run(given) {
      const { repository } = given;
      await host(repository, SPACE);
      assert.equal(await repository.createToLoad(OTHER_SPACE, ALICE, NOW - 5), true);

      const answers = await given.unchanged(async () => [
        await repository.createToLoad(SPACE, ALICE, NOW - 5),
        await repository.createToLoad(OTHER_SPACE, ALICE, NOW - 5),
      ]);

      assert.deepEqual(answers, [false, false]);
      assert.equal((await factsOf(repository)).state, "open");
      const { changes: _, ...facts } = await factsOf(repository, OTHER_SPACE);
      assert.deepEqual(facts, {
        ...{ id: OTHER_SPACE, owner: ALICE, createdAt: NOW - 5, state: "loading" },
        ...{ keys: 0, usedBytes: 0, delegations: 0 },
      });
      assert.equal(await repository.spaceCount(), 2);
      assert.deepEqual([...await repository.hosted([OTHER_SPACE])], [OTHER_SPACE]);
    },
  },
  {
    name: "of two who create a space to be loaded at once one does",
    async run({ repository }) {
      const both = await Promise.all([1, 2].map(() => repository.createToLoad(SPACE, ALICE, NOW)));

      assert.deepEqual(both.toSorted(), [false, true]);
      assert.equal(await repository.spaceCount(), 1);
    },
  },
  {
    name: "what is not being loaded takes nothing of an archive",
    async run(given) {
      const { repository } = given;
      await host(repository, SPACE, OTHER_SPACE);
      await event(repository, "old", "v", OTHER_SPACE);
      await event(repository, "old", undefined, OTHER_SPACE);
      await event(repository, "k", "v", OTHER_SPACE);
      const keys = await repository.heldKeys(OTHER_SPACE, undefined, 10);
      const { found: events } = await repository.replacedEvents(OTHER_SPACE, 0, WHOLE_LOG);
      assert.deepEqual([keys.length, events.length], [1, 2]);

      for (const state of ["open", "blocked", "erasing"] as const) {
        await repository.setSpaceState(SPACE, "open", state);
        for (const space of [SPACE, aSpace("elsewhere")]) {
          const isLoaded = await given.unchanged(() => repository.loadSpace(space, events, keys));
          assert.equal(isLoaded, false);
        }
        await repository.setSpaceState(SPACE, state, "open");
      }
    },
  },
  {
    name: "a key that is there already is not loaded over, nor what comes with it",
    async run(given) {
      const { repository } = given;
      await host(repository, OTHER_SPACE);
      for (const key of ["a", "b"]) await event(repository, key, "v", OTHER_SPACE);
      const [a, b] = await repository.heldKeys(OTHER_SPACE, undefined, 10);
      assert.ok(a && b);
      await repository.createToLoad(SPACE, ALICE, NOW);
      assert.equal(await repository.loadSpace(SPACE, [], [b]), true);

      await given.unchanged(() =>
        rejects(repository.loadSpace(SPACE, [], [a, b]), "storage_unavailable")
      );

      assert.equal(await repository.loadSpace(SPACE, [], [a]), true);
      assert.deepEqual(await repository.list(SPACE, "", undefined, 10), ["a", "b"]);
    },
  },
];
