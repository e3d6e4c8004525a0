// A database that is brought in, and takes its place whole or not at all.

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { NodeError } from "../../../src/errors.ts";
import { factsOf, type FileFacts } from "../../../src/repository/sqlite/files.ts";
import {
  bringDatabase,
  discardDatabase,
  incomingPath,
  placeDatabase,
  refuseIncoming,
} from "../../../src/repository/sqlite/incoming.ts";
import { openSqlite } from "../../../src/repository/sqlite/open.ts";
import { snapshotSqlite } from "../../../src/repository/sqlite/snapshot.ts";
import { NOW } from "../../contract/repository_samples.ts";

interface Given {
  /** A whole database, and what it is. */
  readonly from: string;
  readonly facts: FileFacts;
  /** Where it is to go; the folder is there. */
  readonly path: string;
}

async function given(run: (given: Given) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/new`);
    const [live, from] = [`${folder}/live/caps.db`, `${folder}/from.db`];
    await using repository = openSqlite({ path: live, durability: "full", now: () => NOW });
    await repository.setSetting("name", "value");
    await snapshotSqlite({ path: live, to: from, now: () => NOW });
    await run({ from, facts: await factsOf(from), path: `${folder}/new/caps.db` });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function filesBeside(path: string): string[] {
  return [...Deno.readDirSync(path.replace("/caps.db", ""))].map(({ name }) => name).sort();
}

function refuses(sentence: RegExp) {
  return (error: unknown) => error instanceof NodeError && sentence.test(error.message);
}

Deno.test("a database that was brought and placed is the same, and private", () =>
  given(async ({ from, facts, path }) => {
    await bringDatabase(from, path, facts, NOW);
    assert.deepEqual(filesBeside(path), ["caps.db.restoring"]);
    placeDatabase(path);

    assert.deepEqual(filesBeside(path), ["caps.db"]);
    assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
    assert.deepEqual(await factsOf(path), facts);
  }));

Deno.test("until it is placed or given up no node starts there", () =>
  given(async ({ from, facts, path }) => {
    await refuseIncoming(path);
    await bringDatabase(from, path, facts, NOW);

    await assert.rejects(refuseIncoming(path), refuses(/`tinycloud restore` again, or remove/));
    discardDatabase(path);

    await refuseIncoming(path);
    assert.deepEqual(filesBeside(path), []);
  }));

const DAMAGES = [
  {
    name: "a flipped bit",
    damage: (bytes: Uint8Array) => bytes.with(5000, (bytes[5000] ?? 0) ^ 1),
  },
  { name: "a page too few", damage: (bytes: Uint8Array) => bytes.slice(0, -4096) },
  { name: "nothing in it", damage: () => new Uint8Array() },
];

for (const { name, damage } of DAMAGES) {
  Deno.test(`a database with ${name} is refused, and nothing is left of it`, () =>
    given(async ({ from, facts, path }) => {
      await Deno.writeFile(from, damage(await Deno.readFile(from)));

      await assert.rejects(
        bringDatabase(from, path, facts, NOW),
        (error) =>
          error instanceof NodeError && error.code === "block_corrupt" &&
          error.message === `${from} is damaged: it is not what the manifest says`,
      );

      assert.deepEqual(filesBeside(path), []);
    }));
}

Deno.test("a database of a newer schema is refused, and nothing is left of it", () =>
  given(async ({ from, path }) => {
    using newer = new DatabaseSync(from);
    newer.exec("INSERT INTO migration (name, hash, applied_at) VALUES ('9999_later.sql', '', 1)");

    await assert.rejects(
      bringDatabase(from, path, await factsOf(from), NOW),
      refuses(/another version of this program \(9999_later\.sql\)/),
    );

    assert.deepEqual(filesBeside(path), []);
  }));

Deno.test("a database that is not there is told with its path", () =>
  given(async ({ from, facts, path }) => {
    await assert.rejects(
      bringDatabase(`${from}.gone`, path, facts, NOW),
      refuses(/^cannot restore the database .*from\.db\.gone/),
    );
  }));

Deno.test("what an earlier restore left is written anew", () =>
  given(async ({ from, facts, path }) => {
    await Deno.writeTextFile(incomingPath(path), "torn");
    await Deno.writeTextFile(`${incomingPath(path)}-journal`, "torn");

    await bringDatabase(from, path, facts, NOW);

    assert.deepEqual(filesBeside(path), ["caps.db.restoring"]);
    assert.deepEqual(await factsOf(incomingPath(path)), facts);
  }));

Deno.test("a refusal leaves the mark of an earlier restore, whose blocks are there still", () =>
  given(async ({ from, facts, path }) => {
    await bringDatabase(from, path, facts, NOW);
    await Deno.truncate(from, 5000);

    await assert.rejects(bringDatabase(from, path, facts, NOW), refuses(/is damaged/));

    await assert.rejects(refuseIncoming(path), refuses(/was cut off/));
  }));
