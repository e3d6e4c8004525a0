// One transaction for a batch, over a connection that notes what it runs and fails where it is told.

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { NodeError } from "../../../src/errors.ts";
import { type Answer, Committer } from "../../../src/repository/sqlite/committer.ts";
import { Database, type Value } from "../../../src/repository/sqlite/database.ts";
import type { Write } from "../../../src/repository/sqlite/writes.ts";
import { hashOf, NOW } from "../../contract/repository_samples.ts";

class NotedDatabase extends Database {
  notes: string[] = [];
  /** The statement that fails, once. */
  failing = "";
  readonly failure = new NodeError("storage_unavailable", undefined, {
    cause: Object.assign(new Error("of the disk"), { code: "EIO" }),
  });

  override run(sql: string, ...values: Value[]): number {
    const known = /^(BEGIN|COMMIT|SAVEPOINT|RELEASE|ROLLBACK TO|ROLLBACK|PRAGMA .*)/;
    this.notes.push(known.exec(sql)?.[0] ?? "write");
    if (this.failing !== "" && sql.startsWith(this.failing)) {
      this.failing = "";
      throw this.failure;
    }
    return super.run(sql, ...values);
  }
}

function opened(): { database: NotedDatabase; committer: Committer } {
  const database = new NotedDatabase(new DatabaseSync(":memory:"));
  database.script(`
    CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE TABLE used_token (guard BLOB PRIMARY KEY, expires_at REAL NOT NULL) STRICT`);
  return { database, committer: new Committer(database) };
}

function set(name: string, isDurable = false): Write {
  return { method: "setSetting", args: [name, "value"], isDurable };
}

/** The schema has no such table. */
const BAD: Write = { method: "buryBlock", args: [1, NOW], isDurable: false };

function kinds(answer: Answer): readonly string[] {
  return answer.kind === "committed"
    ? answer.outcomes.map((outcome) => "failure" in outcome ? outcome.failure.code : "done")
    : [answer.failure.code];
}

function settings(database: Database): readonly unknown[] {
  return database.all("SELECT name FROM setting ORDER BY name").map(({ name }) => name);
}

Deno.test("a batch is one transaction", () => {
  const { database, committer } = opened();

  const answer = committer.commit({ now: NOW, writes: [set("a"), set("b")] });

  assert.deepEqual(kinds(answer), ["done", "done"]);
  assert.deepEqual(database.notes, [
    ...["PRAGMA synchronous = NORMAL", "BEGIN", "write", "write", "COMMIT"],
  ]);
  committer.close();
});

Deno.test("a batch is synced when one of its writes asks for it", () => {
  const { database, committer } = opened();

  committer.commit({ now: NOW, writes: [set("a"), set("b", true)] });
  committer.commit({ now: NOW, writes: [set("c", true)] });
  committer.commit({ now: NOW, writes: [set("d")] });

  const modes = database.notes.filter((note) => note.startsWith("PRAGMA"));
  assert.deepEqual(modes, ["PRAGMA synchronous = FULL", "PRAGMA synchronous = NORMAL"]);
  committer.close();
});

Deno.test("foreign keys rest for what removes rows to which nothing refers, and for nothing else", () => {
  const { database, committer } = opened();
  const forget: Write = { method: "forgetReplaced", args: [NOW, 0, 1], isDurable: false };

  for (const writes of [[set("a")], [set("b"), forget], [forget], [set("c")]]) {
    committer.commit({ now: NOW, writes });
  }

  const notes = database.notes.filter((note) => /^(PRAGMA foreign|COMMIT)/.test(note));
  assert.deepEqual(notes, [
    ...["COMMIT", "PRAGMA foreign_keys = OFF", "COMMIT"],
    ...["COMMIT", "PRAGMA foreign_keys = ON", "COMMIT"],
  ]);
  assert.deepEqual(database.one("PRAGMA foreign_keys")?.["foreign_keys"], 1);
  committer.close();
});

Deno.test("a failing write is undone alone", () => {
  const { database, committer } = opened();

  const answer = committer.commit({ now: NOW, writes: [set("a"), BAD, set("b")] });

  assert.deepEqual(kinds(answer), ["done", "storage_unavailable", "done"]);
  assert.deepEqual(settings(database), ["a", "b"]);
  assert.deepEqual(database.notes.slice(1), [
    ...["BEGIN", "write", "write", "ROLLBACK"],
    // Once more, each in its savepoint.
    ...["BEGIN", "SAVEPOINT", "write", "RELEASE", "SAVEPOINT", "write", "ROLLBACK TO", "RELEASE"],
    ...["SAVEPOINT", "write", "RELEASE", "COMMIT"],
  ]);
  committer.close();
});

const losses: readonly (readonly [string, string])[] = [
  ["the commit fails", "COMMIT"],
  ["the transaction cannot begin", "BEGIN"],
  ["a write ended the transaction", "ROLLBACK TO"],
];
for (const [what, failing] of losses) {
  Deno.test(`when ${what}, nothing of the batch stays, and the next is fresh`, () => {
    const { database, committer } = opened();
    database.failing = failing;

    const answer = committer.commit({ now: NOW, writes: [set("a"), BAD] });
    const next = committer.commit({ now: NOW, writes: [set("b")] });

    assert.deepEqual(kinds(answer), ["storage_unavailable"]);
    assert.equal(answer.kind === "failed" && answer.isFinal, false);
    assert.deepEqual(kinds(next), ["done"]);
    assert.deepEqual(settings(database), ["b"]);
    committer.close();
  });
}

Deno.test("an answer has no error in it, only what a log needs of one", () => {
  const { database, committer } = opened();
  database.failing = "COMMIT";

  const answer = committer.commit({ now: NOW, writes: [] });

  const failure = answer.kind === "failed" ? answer.failure : assert.fail();
  assert.deepEqual(structuredClone(answer), answer);
  assert.deepEqual(failure, {
    code: "storage_unavailable",
    cause: { ...failure.cause, name: "Error", message: "of the disk", code: "EIO" },
  });
  committer.close();
});

Deno.test("guards of reads ride along, and hold nobody up when they cannot", () => {
  const { database, committer } = opened();
  const guards = JSON.stringify([[hashOf("a"), NOW + 1.5], [hashOf("b"), NOW], [hashOf("a"), 1]]);

  const stored = committer.commit({ now: NOW, writes: [], guards });
  const refused = committer.commit({ now: NOW, writes: [set("a")], guards: "no JSON" });

  assert.equal(stored.kind === "committed" && stored.areGuardsStored, true);
  assert.equal(refused.kind === "committed" && refused.areGuardsStored, false);
  assert.deepEqual(kinds(refused), ["done"]);
  const rows = database.all("SELECT hex(guard) AS key, expires_at FROM used_token ORDER BY 2");
  assert.deepEqual(rows.map((row) => ({ ...row })), [
    { key: hashOf("b").toUpperCase(), expires_at: NOW },
    { key: hashOf("a").toUpperCase(), expires_at: NOW + 1.5 },
  ]);
  committer.close();
});
