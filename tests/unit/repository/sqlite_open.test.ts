// Opening a SQLite store: files and their modes, migrations, read-only.

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { blake3Hex } from "../../../src/blake3.ts";
import { NodeError } from "../../../src/errors.ts";
import type { Migration } from "../../../src/repository/migrations.ts";
import { MIGRATIONS } from "../../../src/repository/sqlite/migrations.ts";
import { openSqlite, openSqliteReadOnly } from "../../../src/repository/sqlite/open.ts";
import { aChange, apply, host, NOW, SPACE } from "../../contract/repository_samples.ts";

const FOLDER = new URL("../../../migrations/sqlite/", import.meta.url);
const SECOND: Migration = { name: "9000_more.sql", sql: "CREATE TABLE more (n INTEGER) STRICT;" };
const BROKEN: Migration = {
  name: "9000_broken.sql",
  sql: "CREATE TABLE more (n INTEGER) STRICT; CREATE TABLE more (n INTEGER) STRICT;",
};

async function inFolder(run: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(`${folder}/data/caps.db`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function open(path: string, migrations: readonly Migration[] = MIGRATIONS) {
  return openSqlite({ path, durability: "full", now: () => NOW, migrations });
}

async function made(path: string, migrations?: readonly Migration[]): Promise<void> {
  await using repository = open(path, migrations);
  await repository.ping();
}

function rows(path: string, sql: string): unknown[] {
  using database = new DatabaseSync(path, { readOnly: true });
  return database.prepare(sql).all().map((row) => ({ ...row }));
}

async function modeOf(path: string): Promise<number> {
  return ((await Deno.stat(path)).mode ?? 0) & 0o777;
}

function says(pattern: RegExp) {
  return (error: unknown) =>
    error instanceof NodeError && error.code === "storage_unavailable" &&
    pattern.test(error.message);
}

Deno.test("the list of migrations is the folder's, in order, and each is recorded", () =>
  inFolder(async (path) => {
    const names = [...Deno.readDirSync(FOLDER)].map(({ name }) => name).sort();
    assert.deepEqual(MIGRATIONS.map(({ name }) => name), names);
    for (const { name, sql } of MIGRATIONS) {
      assert.equal(sql, await Deno.readTextFile(new URL(name, FOLDER)));
    }

    await made(path);

    assert.deepEqual(
      rows(path, "SELECT name, hash, applied_at FROM migration ORDER BY name"),
      MIGRATIONS.map(({ name, sql }) => ({
        name,
        hash: blake3Hex(new TextEncoder().encode(sql)),
        applied_at: NOW,
      })),
    );
  }));

Deno.test("folder and files belong to the node alone, whatever the umask", () =>
  inFolder(async (path) => {
    const before = Deno.umask(0);
    try {
      await using repository = open(path);
      await repository.ping();

      assert.equal(await modeOf(path.replace("/caps.db", "")), 0o700);
      for (const suffix of ["", "-wal", "-shm"]) {
        assert.equal(await modeOf(`${path}${suffix}`), 0o600, suffix);
      }
    } finally {
      Deno.umask(before);
    }
  }));

Deno.test("a migration of a store keeps a copy of it as it was", () =>
  inFolder(async (path) => {
    {
      await using repository = open(path);
      await host(repository, SPACE);
      await apply(repository, { key: "k" });
    }
    const copies: string[] = [];

    await using migrated = openSqlite({
      path,
      durability: "full",
      now: () => NOW,
      migrations: [...MIGRATIONS, SECOND],
      onCopy: (path) => void copies.push(path),
    });

    const copy = `${path}.before-9000`;
    assert.deepEqual(copies, [copy]);
    assert.equal(await modeOf(copy), 0o600);
    assert.deepEqual(rows(copy, "SELECT key FROM entry"), [{ key: "k" }]);
    assert.deepEqual(rows(copy, "SELECT 1 FROM sqlite_schema WHERE name = 'more'"), []);
    assert.deepEqual(await migrated.list(SPACE, "", undefined, 10), ["k"]);
    assert.deepEqual(rows(path, "SELECT n FROM more"), []);
  }));

Deno.test("the copy before a migration has what a killed process left in the log", () =>
  inFolder(async (path) => {
    const killed = path.replace("/data/", "/killed/");
    await Deno.mkdir(killed.replace("/caps.db", ""), { recursive: true });
    {
      await using repository = open(path);
      await host(repository, SPACE);
      const keys = Array.from({ length: 300 }, (_, i) => `${i}`);
      await Promise.all(keys.map((key) => apply(repository, { key })));
      for (const suffix of ["", "-wal"]) await Deno.copyFile(path + suffix, killed + suffix);
    }
    assert.ok((await Deno.stat(`${killed}-wal`)).size > 0);

    await made(killed, [...MIGRATIONS, SECOND]);

    const copy = `${killed}.before-9000`;
    assert.deepEqual(rows(copy, "PRAGMA integrity_check"), [{ integrity_check: "ok" }]);
    assert.deepEqual(rows(copy, "SELECT count(*) AS n FROM entry"), [{ n: 300 }]);
    assert.deepEqual(rows(copy, "SELECT 1 FROM sqlite_schema WHERE name = 'more'"), []);
    const names = [...Deno.readDirSync(killed.replace("/caps.db", ""))].map(({ name }) => name);
    assert.ok(!names.some((name) => name.endsWith(".tmp")), `${names}`);
  }));

Deno.test("a store that another program holds in its log is not migrated without a whole copy", () =>
  inFolder(async (path) => {
    await made(path);
    using other = new DatabaseSync(path);
    other.exec("BEGIN; SELECT * FROM setting"); // a reader that keeps the log from being cut back
    {
      using writer = new DatabaseSync(path);
      writer.exec("INSERT INTO setting (name, value) VALUES ('in the log', '')");
    }

    assert.throws(
      () => open(path, [...MIGRATIONS, SECOND]),
      says(/Another program is using the database/),
    );

    const names = [...Deno.readDirSync(path.replace("/caps.db", ""))].map(({ name }) => name);
    assert.ok(!names.some((name) => name.includes("before")), `${names}`);
    other.exec("COMMIT");
    assert.deepEqual(rows(path, "SELECT 1 FROM sqlite_schema WHERE name = 'more'"), []);
  }));

Deno.test("a new store, and one that needs no migration, is not copied", () =>
  inFolder(async (path) => {
    await made(path, [...MIGRATIONS, SECOND]);
    await made(path, [...MIGRATIONS, SECOND]);

    const names = [...Deno.readDirSync(path.replace("/caps.db", ""))].map(({ name }) => name);
    assert.deepEqual(names, ["caps.db"]);
  }));

Deno.test("a failing migration leaves the store as it was, and the next start tries again", () =>
  inFolder(async (path) => {
    await made(path);

    assert.throws(() => open(path, [...MIGRATIONS, BROKEN]), says(/^cannot open the database /));

    assert.deepEqual(rows(path, "SELECT 1 FROM sqlite_schema WHERE name = 'more'"), []);
    await made(path, [...MIGRATIONS, SECOND]);
    assert.deepEqual(rows(path, "SELECT n FROM more"), []);
  }));

const strangers: readonly (readonly [string, RegExp, readonly Migration[]])[] = [
  ["of a newer version", /made by another version of this program \(9000_more\.sql\)/, MIGRATIONS],
  ["of another history", /another version of this program \(9000_more\.sql\)/, [
    ...MIGRATIONS,
    { ...SECOND, name: "9000_other.sql" },
  ]],
  ["whose migration was altered", /9000_more\.sql differs from the one that was applied/, [
    ...MIGRATIONS,
    { ...SECOND, sql: `${SECOND.sql} ` },
  ]],
];
for (const [what, sentence, migrations] of strangers) {
  Deno.test(`a store ${what} is refused in one sentence and not changed`, () =>
    inFolder(async (path) => {
      await made(path, [...MIGRATIONS, SECOND]);
      const before = await Deno.readFile(path);

      assert.throws(() => open(path, migrations), says(sentence));

      assert.deepEqual(await Deno.readFile(path), before);
    }));
}

Deno.test("a database of another program is refused and not changed", () =>
  inFolder(async (path) => {
    await Deno.mkdir(path.replace("/caps.db", ""));
    {
      using other = new DatabaseSync(path);
      other.exec("CREATE TABLE mine (n INTEGER)");
    }

    assert.throws(() => open(path), says(/tables of another program/));

    assert.deepEqual(rows(path, "SELECT name FROM sqlite_schema"), [{ name: "mine" }]);
  }));

Deno.test("a file that is no database is refused and not changed", () =>
  inFolder(async (path) => {
    await Deno.mkdir(path.replace("/caps.db", ""));
    const text = "not a database, but long enough to have a header of one ".repeat(20);
    await Deno.writeTextFile(path, text);

    assert.throws(() => open(path), says(/^cannot open the database .*not a database/));

    assert.equal(await Deno.readTextFile(path), text);
  }));

Deno.test("a read-only store sees what the writer beside it commits, and takes no write", () =>
  inFolder(async (path) => {
    await using writer = open(path);
    await host(writer, SPACE);
    await using reader = openSqliteReadOnly(path, () => NOW);

    await apply(writer, { key: "k" });

    assert.deepEqual(await reader.list(SPACE, "", undefined, 10), ["k"]);
    const findings = [];
    for await (const finding of reader.check()) findings.push(finding);
    assert.deepEqual(findings, []);
    for (const write of [reader.applyInvocation(aChange()), reader.ping()]) {
      await assert.rejects(
        write,
        (error) => error instanceof NodeError && error.code === "storage_readonly",
      );
    }
  }));

Deno.test("a read-only store that is missing, or not migrated, is refused in one sentence", () =>
  inFolder(async (path) => {
    assert.throws(() => openSqliteReadOnly(path, () => NOW), says(/^cannot open the database /));
    await Deno.mkdir(path.replace("/caps.db", ""));
    new DatabaseSync(path).close();

    assert.throws(() => openSqliteReadOnly(path, () => NOW), says(/lacks the migration 0001_init/));
  }));

Deno.test("an operation that the schema refuses is undone, and those beside it are not", () =>
  inFolder(async (path) => {
    await using repository = open(path);
    await host(repository, SPACE);
    const impossible = aChange({ key: "bad" });
    const effect = impossible.effect.kind === "put" ? impossible.effect : assert.fail();

    const [before, bad, after] = await Promise.allSettled([
      repository.applyInvocation(aChange({ key: "before" })),
      repository.applyInvocation({ ...impossible, effect: { ...effect, size: 2 ** 53 } }),
      repository.applyInvocation(aChange({ key: "after" })),
    ]);

    assert.deepEqual([before.status, bad.status, after.status], [
      "fulfilled",
      "rejected",
      "fulfilled",
    ]);
    assert.deepEqual(await repository.list(SPACE, "", undefined, 10), ["after", "before"]);
    assert.equal((await repository.applyInvocation(impossible)).kind, "applied");
  }));
