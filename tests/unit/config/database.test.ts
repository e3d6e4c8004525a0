// Every way to name a database, and what is said of the ways that name none.

import assert from "node:assert/strict";
import { type Database, parseDatabase, showDatabase } from "../../../src/config/database.ts";
import { Refusal } from "../../../src/config/refusal.ts";

/** The database with its URL laid open, to be compared. */
function revealed(database: Database | Refusal): unknown {
  if (database instanceof Refusal) return database.found;
  return "url" in database ? { kind: database.kind, url: database.url.reveal() } : database;
}

const ACCEPTED: readonly [raw: string, database: unknown, shown: string][] = [
  ["sqlite::memory:", { kind: "memory" }, "sqlite::memory:"],
  ["sqlite://:memory:", { kind: "memory" }, "sqlite::memory:"],
  ["sqlite:data/caps.db", { kind: "sqlite", path: "data/caps.db" }, "sqlite:data/caps.db"],
  ["sqlite://data/caps.db", { kind: "sqlite", path: "data/caps.db" }, "sqlite:data/caps.db"],
  ["sqlite:///var/caps.db", { kind: "sqlite", path: "/var/caps.db" }, "sqlite:/var/caps.db"],
  ["sqlite:odd:name@x.db", { kind: "sqlite", path: "odd:name@x.db" }, "sqlite:odd:name@x.db"],
  ["data/caps.db", { kind: "sqlite", path: "data/caps.db" }, "sqlite:data/caps.db"],
  ["./caps.db", { kind: "sqlite", path: "./caps.db" }, "sqlite:./caps.db"],
  [
    "postgres://node:hunter2@db:5432/tc?sslmode=require",
    {
      kind: "postgres",
      url: "postgres://node:hunter2@db:5432/tc?sslmode=require",
    },
    "postgres://node:[secret]@db:5432/tc?[secret]",
  ],
  [
    "postgresql://db/tc",
    { kind: "postgres", url: "postgresql://db/tc" },
    "postgresql://db/tc",
  ],
  [
    "mysql://:hunter2@db/tc",
    { kind: "mysql", url: "mysql://:hunter2@db/tc" },
    "mysql://db/tc",
  ],
  [
    "mariadb://node@db/tc",
    { kind: "mysql", url: "mariadb://node@db/tc" },
    "mariadb://node:[secret]@db/tc",
  ],
];

for (const [raw, database, shown] of ACCEPTED) {
  Deno.test(`storage.database ${raw} is read, and shown as ${shown}`, () => {
    const parsed = parseDatabase(raw);

    assert(!(parsed instanceof Refusal));
    assert.deepEqual(revealed(parsed), database);
    assert.equal(showDatabase(parsed), shown);
  });
}

const REFUSED: readonly [raw: unknown, found: string][] = [
  [7, "is not text"],
  ["", "names no file"],
  ["sqlite:", "names no file"],
  ["sqlite://", "names no file"],
  ["sqlite:a\0b", "names no file"],
  ["sqlite:data/caps.db?mode=rwc", `has parameters after "?"`],
  ["caps.db?mode=rwc", `has parameters after "?"`],
  ["postgress://node:hunter2@db/tc", "has an unknown scheme"],
  ["POSTGRES://node:hunter2@db/tc", "has an unknown scheme"],
  ["//node:hunter2@db/tc", "has an unknown scheme"],
  [":memory:", "has an unknown scheme"],
  ["C:\\caps.db", "has an unknown scheme"],
  ["postgres:tc", "is no valid postgres URL"],
  ["mysql://node:hunter2@db:port/tc", "is no valid mysql URL"],
];

for (const [raw, found] of REFUSED) {
  Deno.test(`storage.database ${Deno.inspect(raw)} ${found}`, () => {
    const refused = parseDatabase(raw);

    assert(refused instanceof Refusal);
    assert.equal(
      refused.sentence,
      `${found}; it must be sqlite:PATH, sqlite::memory:, a path such as data/caps.db, or a ` +
        "postgres:// or mysql:// URL",
    );
  });
}

Deno.test("what a server's URL says is read at once, and refused without what it holds", () => {
  const refused = parseDatabase("postgres://node:hunter2@db/tc?sslmod=hunter2");

  assert(refused instanceof Refusal);
  assert.match(refused.sentence, /^has an unknown parameter; it must be the parameters host, /);
  assert.doesNotMatch(refused.sentence, /hunter2/);
});
