// A copy of a database that is in use.

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { NodeError } from "../../../src/errors.ts";
import { openSqlite, openSqliteReadOnly } from "../../../src/repository/sqlite/open.ts";
import { MIGRATIONS } from "../../../src/repository/sqlite/migrations.ts";
import { snapshotSqlite } from "../../../src/repository/sqlite/snapshot.ts";
import { NOW } from "../../contract/repository_samples.ts";

interface Given {
  readonly path: string;
  readonly to: string;
}

async function inFolder(run: (given: Given) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run({ path: `${folder}/data/caps.db`, to: `${folder}/copy.db` });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function open(path: string) {
  return openSqlite({ path, durability: "full", now: () => NOW });
}

function now(): number {
  return NOW;
}

/** Some 20 MiB: several steps of a copy. */
function fill(database: DatabaseSync): void {
  database.exec(`
    INSERT INTO setting (name, value)
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
    SELECT 'fill ' || i, hex(zeroblob(2000)) FROM n`);
}

Deno.test("a copy has what was committed before, in one file that is private", () =>
  inFolder(async ({ path, to }) => {
    await using repository = open(path);
    await repository.setSetting("name", "value");

    const before = Deno.umask(0);
    const snapshot = await snapshotSqlite({ path, to, now }).finally(() => Deno.umask(before));

    await repository.setSetting("name", "later");
    assert.deepEqual(snapshot, { instant: NOW, schema: MIGRATIONS.at(-1)?.name });
    await using copy = openSqliteReadOnly(to, now);
    assert.equal(await copy.setting("name"), "value");
    assert.equal(((await Deno.stat(to)).mode ?? 0) & 0o777, 0o600);
    const folder = [...Deno.readDirSync(to.replace("/copy.db", ""))].map(({ name }) => name);
    assert.deepEqual(folder.sort(), ["copy.db", "data"]);
  }));

Deno.test("it is as the store was at one instant, whatever is committed meanwhile", () =>
  inFolder(async ({ path, to }) => {
    await using _repository = open(path);
    using writer = new DatabaseSync(path);
    fill(writer);
    const write = writer.prepare("INSERT INTO setting (name, value) VALUES (?, '')");
    const remove = writer.prepare("DELETE FROM setting WHERE name = ?");
    const steps: number[] = [];

    await snapshotSqlite({
      path,
      to,
      now,
      progress(done) {
        write.run(`later ${done}`);
        remove.run(`fill ${steps.push(done)}`);
      },
    });

    assert.ok(steps.length > 2, "it went step by step");
    assert.deepEqual(steps, [...new Set(steps)].sort((a, b) => a - b), "and never began again");
    using copy = new DatabaseSync(to, { readOnly: true });
    const count = (like: string) =>
      copy.prepare("SELECT count(*) AS n FROM setting WHERE name LIKE ?").get(like)?.n;
    assert.deepEqual([count("fill %"), count("later %")], [5000, 0]);
    assert.equal(copy.prepare("PRAGMA integrity_check").get()?.integrity_check, "ok");
  }));

Deno.test("nobody has a lease in the copy", () =>
  inFolder(async ({ path, to }) => {
    await using repository = open(path);
    await repository.takeLease("collector", "node", NOW, NOW + 900);

    await snapshotSqlite({ path, to, now });

    await using copy = open(to);
    assert.equal(await copy.takeLease("collector", "another", NOW, NOW + 900), true);
  }));

Deno.test("what an earlier copy left that was cut off spoils nothing", () =>
  inFolder(async ({ path, to }) => {
    await using repository = open(path);
    await repository.setSetting("name", "value");
    for (const suffix of ["", "-journal", "-wal", "-shm"]) {
      await Deno.writeFile(`${to}${suffix}`, crypto.getRandomValues(new Uint8Array(9000)));
    }

    await snapshotSqlite({ path, to, now });

    await using copy = openSqliteReadOnly(to, now);
    assert.equal(await copy.setting("name"), "value");
  }));

Deno.test("a copy into a folder that is not there is refused with its path", () =>
  inFolder(async ({ path }) => {
    await using _repository = open(path);

    await assert.rejects(
      snapshotSqlite({ path, to: "/nowhere/copy.db", now }),
      (error) =>
        error instanceof NodeError &&
        error.message.startsWith("cannot write the copy of the database /nowhere/copy.db: "),
    );
  }));
