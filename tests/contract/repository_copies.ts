// Contract: a whole store as rows, and such rows as a store again.

import assert from "node:assert/strict";
import type { Repository } from "../../src/repository/repository.ts";
import {
  type Field,
  keyOf,
  TABLE_NAMES,
  type TableName,
  type TableRow,
} from "../../src/repository/tables.ts";
import type { Case } from "./repository_contract.ts";
import {
  accept,
  aChange,
  aChild,
  aDelegation,
  aGuard,
  ALICE,
  apply,
  aRead,
  aRevocation,
  aSpace,
  block,
  BOB,
  BOBS_SPACE,
  CAROL,
  DEL,
  factsOf,
  findingsIn,
  host,
  inline,
  NOW,
  OTHER_SPACE,
  SPACE,
  usedBy,
} from "./repository_samples.ts";

const MARK = "a mark";
const LATER_SPACE = aSpace("later");
const FOREVER = 1.7e308;

/** Some of everything that a store can hold; a guard and a record that are used below. */
async function fill(repository: Repository) {
  await host(repository, SPACE, OTHER_SPACE, BOBS_SPACE);
  const session = aDelegation({ record: { delegator: ALICE, delegatee: BOB, expiresAt: FOREVER } });
  const { expiresAt: _, ...endless } = aDelegation({ token: "endless.1.s" }).record;
  const child = aChild([session.record], { notBefore: NOW - 0.125, expiresAt: NOW + 60.5 });
  await accept(
    repository,
    session,
    child,
    { ...aDelegation({ token: "endless.1.s", spaces: [SPACE, OTHER_SPACE] }), record: endless },
  );
  const revoked = aDelegation({ record: { delegator: CAROL } });
  await accept(repository, revoked);
  await repository.revoke(aRevocation(revoked.record));
  await repository.revoke(aRevocation(aDelegation().record, { target: revoked.record.cid }));

  const headers = [["x-mood", "calm \xe9 \x7f"], ["x-empty", ""]] as const;
  await apply(repository, { key: "small", effect: inline("a value \u{1f642}", headers) });
  await apply(repository, { key: "empty", effect: inline("") });
  await apply(repository, { key: "Ｋｅｙ/é \u{10ffff}", effect: inline("odd") });
  await apply(repository, { key: "", effect: inline("no name") });
  await apply(repository, { key: "large", effect: block("large") });
  await apply(repository, { key: "shared", effect: block("large") });
  await apply(repository, { key: "replaced", effect: block("old") });
  await apply(repository, { key: "replaced", effect: inline("new") });
  await apply(repository, { key: "gone", effect: block("gone") });
  await apply(repository, { key: "gone", effect: DEL });
  await repository.setSpaceLimit(OTHER_SPACE, 0);
  await repository.setSpaceLimit(SPACE, 1_000_000);
  await repository.setSpaceState(OTHER_SPACE, "open", "blocked");
  const used = aGuard();
  await apply(repository, { space: BOBS_SPACE, key: "one", use: used });
  const read = aGuard();
  await repository.admitRead(aRead({ use: read }));
  // A guard of a read may ride in the next commit.
  await apply(repository, { space: BOBS_SPACE, key: "two" });
  await repository.condemnBlocks(1);
  await repository.setSetting("secret.fingerprint", "f".repeat(64));
  await repository.setSetting("backup.origin", "the origin");
  await repository.ping();
  return { used, read, revoked: revoked.record.identity };
}

type Content = Readonly<Record<TableName, readonly TableRow[]>>;

/** All rows, in pages of so many. */
async function contentOf(repository: Repository, limit = 100): Promise<Content> {
  const content: Partial<Record<TableName, TableRow[]>> = {};
  for (const table of TABLE_NAMES) {
    const rows: TableRow[] = content[table] = [];
    for (let page, after; (page = await repository.rows(table, after, limit)).length > 0;) {
      assert.ok(page.length <= limit);
      rows.push(...page);
      after = lastOf(table, rows);
    }
  }
  return content as Content; // each was read
}

function lastOf(table: TableName, rows: readonly TableRow[]): readonly Field[] | undefined {
  const last = rows.at(-1);
  return last === undefined ? undefined : keyOf(table, last);
}

async function loadAll(repository: Repository, content: Content): Promise<void> {
  for (const table of TABLE_NAMES) {
    assert.equal(await repository.load(MARK, table, content[table]), true);
  }
}

export const copyCases: readonly Case[] = [
  {
    name: "what is stored comes as rows, whatever the pages, and is a store again once loaded",
    run: async ({ repository, another }) => {
      const { used, read, revoked } = await fill(repository);
      const copy = await another();

      const content = await contentOf(repository);
      for (const limit of [1, 3]) assert.deepEqual(await contentOf(repository, limit), content);
      assert.deepEqual(await copy.beginLoad(MARK), { kind: "begun" });
      await loadAll(copy, content);
      assert.equal(await copy.finishLoad(MARK), true);

      assert.deepEqual(await contentOf(copy), content);
      assert.deepEqual(await findingsIn(copy), []);
      const counts = TABLE_NAMES.map((table) => [table, content[table].length] as const);
      assert.deepEqual(Object.fromEntries(counts), {
        setting: 2,
        space: 3,
        event: 21,
        delegation: 7,
        delegation_scope: 8,
        revocation: 2,
        block: 1,
        entry: 9,
        used_token: 13,
      });
      for (const { key } of [used, read]) {
        assert.equal((await copy.standing({ use: key, identities: [] })).used, true);
      }
      const standing = await copy.standing({ identities: [revoked] });
      assert.deepEqual([...standing.revoked], [revoked]);
      assert.equal(await copy.setting("secret.fingerprint"), "f".repeat(64));
    },
  },
  {
    name: "a loaded store goes on as the one it came from: numbers, sizes and counts",
    run: async ({ repository, another }) => {
      await fill(repository);
      const copy = await another();
      await copy.beginLoad(MARK);
      const content = await contentOf(repository);
      await loadAll(copy, content);
      await copy.finishLoad(MARK);

      for (const space of [SPACE, OTHER_SPACE, BOBS_SPACE]) {
        const [{ changes: _, ...one }, { changes: __, ...other }] = [
          await factsOf(copy, space),
          await factsOf(repository, space),
        ];
        assert.deepEqual(one, other);
      }
      for (const store of [repository, copy]) {
        const change = { key: "later", effect: inline("later") };
        assert.equal((await store.applyInvocation(aChange(change))).kind, "applied");
        await host(store, LATER_SPACE);
        await accept(store, aDelegation());
      }

      assert.equal(await copy.spaceCount(), 4);
      assert.equal(await usedBy(copy, SPACE), await usedBy(repository, SPACE));
      const grown = await contentOf(copy);
      for (const table of ["space", "event"] as const) {
        const numbers = grown[table].map(([number]) => number);
        const old = content[table].map(([number]) => number);
        assert.deepEqual(numbers.slice(0, old.length), old, "new ones follow");
      }
      assert.equal(grown.event.length, content.event.length + 3);
      assert.deepEqual(await findingsIn(copy), []);
      const total = async (store: Repository) =>
        (await store.standing({ identities: [], space: SPACE, withTotal: true })).usage?.total;
      assert.equal(await total(copy), await total(repository));
    },
  },
  {
    name: "long rows make short pages",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      const size = 600_000;
      const keys = ["a", "b", "c", "d"];
      for (const key of keys) {
        const value = key === "c" ? "c".repeat(3 * size) : key.repeat(size);
        await apply(repository, { key, effect: inline(value) });
      }
      await apply(repository, { key: "e" });

      const pages: string[][] = [];
      for (let page, after; (page = await repository.rows("entry", after, 100)).length > 0;) {
        pages.push(page.map((row) => String(row[1])));
        after = lastOf("entry", page);
      }

      assert.deepEqual(pages, [["a"], ["b"], ["c"], ["d", "e"]]);
    },
  },
  {
    name: "rows loaded again change nothing, and the last key says where to go on",
    run: async ({ repository, another }) => {
      await fill(repository);
      const content = await contentOf(repository);
      const copy = await another();
      await copy.beginLoad(MARK);

      await loadAll(copy, content);
      await loadAll(copy, content);
      await copy.load(MARK, "entry", content.entry.map((row) => row.with(2, "another hash")));

      assert.deepEqual(await contentOf(copy), content);
      for (const table of TABLE_NAMES) {
        if (table === "setting") continue;
        assert.deepEqual(await copy.lastKey(table), lastOf(table, content[table]), table);
      }
      await copy.finishLoad(MARK);
      assert.equal(await copy.finishLoad(MARK), true, "repeated");
    },
  },
  {
    name: "a store that holds anything is not loaded into",
    run: async ({ repository, another, ...given }) => {
      await host(repository, SPACE);
      const [guarded, set] = [await another(), await another()];
      await guarded.admitRead(aRead());
      await guarded.takeLease("collector", "one", NOW, NOW + 10);
      await guarded.ping();
      await set.setSetting("backup.origin", "somebody's");

      for (const store of [repository, guarded, set]) {
        assert.deepEqual(await store.beginLoad(MARK), { kind: "used" });
        assert.equal(await store.setting("load.from"), undefined);
      }
      await given.unchanged(async () => {
        assert.equal(await repository.load(MARK, "setting", [["a", "b"]]), false);
        assert.equal(await repository.restartLoad(MARK, "next"), false);
      });
    },
  },
  {
    name: "a store that only knows its secret and its probes is empty",
    run: async ({ repository }) => {
      await repository.setSetting("secret.fingerprint", "one");
      await repository.ping();

      assert.deepEqual(await repository.beginLoad(MARK), { kind: "begun" });

      await repository.finishLoad(MARK);
      assert.equal(await repository.setting("secret.fingerprint"), "one");
    },
  },
  {
    name: "a load goes on under its own mark alone",
    run: async ({ repository, ...given }) => {
      assert.deepEqual(await repository.beginLoad(MARK), { kind: "begun" });
      assert.deepEqual(await repository.beginLoad("other"), { kind: "resumed", mark: MARK });

      await given.unchanged(async () => {
        assert.equal(await repository.load("other", "setting", [["a", "b"]]), false);
        assert.equal(await repository.restartLoad("other", "next"), false);
        assert.equal(await repository.finishLoad("other"), false);
      });

      assert.equal(await repository.finishLoad(MARK), true);
    },
  },
  {
    name: "of loads at once one begins",
    run: async ({ repository }) => {
      const marks = Array.from({ length: 10 }, (_, i) => `mark ${i}`);

      const starts = await Promise.all(marks.map((mark) => repository.beginLoad(mark)));

      const begun = marks.filter((_, i) => starts[i]?.kind === "begun");
      assert.equal(begun.length, 1);
      for (const start of starts) {
        assert.ok(start.kind === "begun" || (start.kind === "resumed" && start.mark === begun[0]));
      }
      assert.equal(await repository.finishLoad(begun[0] ?? ""), true);
    },
  },
  {
    name: "a load that begins anew leaves nothing of the first",
    run: async ({ repository, another }) => {
      await fill(repository);
      const copy = await another();
      await copy.beginLoad(MARK);
      await loadAll(copy, await contentOf(repository));

      assert.equal(await copy.restartLoad(MARK, "next"), true);

      for (const [table, rows] of Object.entries(await contentOf(copy))) {
        assert.deepEqual(rows, [], table);
      }
      assert.equal(await copy.load(MARK, "setting", [["a", "b"]]), false);
      assert.equal(await copy.finishLoad("next"), true);
      assert.equal(await copy.spaceCount(), 0);
      assert.deepEqual(await copy.beginLoad(MARK), { kind: "begun" });
    },
  },
  {
    name: "a store half loaded is opened by nobody but the load that goes on",
    reopens: true,
    run: async (given) => {
      await given.repository.beginLoad(MARK);

      await assert.rejects(given.reopen(), (error: Error) => {
        assert.match(error.message, /^a copy into .* was cut off, .* run `tinycloud copy` again/);
        return true;
      });
      await given.reopen({ loads: true });
      assert.equal(await given.repository.finishLoad(MARK), true);
      await given.reopen();

      assert.equal(await given.repository.setting("load.from"), undefined);
    },
  },
];
