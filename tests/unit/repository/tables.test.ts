// A store as rows: which tables and columns go along, and in which order.

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { MIGRATIONS } from "../../../src/repository/sqlite/migrations.ts";
import { keyOf, quoted, TABLE_NAMES, tableOf } from "../../../src/repository/tables.ts";

function aDatabase(): DatabaseSync {
  const database = new DatabaseSync(":memory:");
  for (const { sql } of MIGRATIONS) database.exec(sql);
  return database;
}

/** What a store derives, or what is of no use elsewhere. */
const LEFT_OUT = {
  tables: ["node", "delegation_count", "lease"],
  columns: ["block.grave", "block.buried_at", "entry.id", "space.changes"],
};

Deno.test("every table and every column goes along, but for what a store derives", () => {
  using database = aDatabase();
  const tables = database.prepare(
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
  ).all().map(({ name }) => `${name}`);

  const all = tables.filter((name) => !LEFT_OUT.tables.includes(name)).flatMap((table) =>
    database.prepare(`SELECT name FROM pragma_table_info('${table}')`).all()
      .map(({ name }) => `${table}.${name}`)
  );
  const taken = TABLE_NAMES.flatMap((table) =>
    tableOf(table).columns.map((column) => `${table}.${column}`)
  );
  assert.deepEqual([...taken, ...LEFT_OUT.columns].toSorted(), all.toSorted());
});

Deno.test("every table comes after those that it refers to", () => {
  using database = aDatabase();

  for (const [index, table] of TABLE_NAMES.entries()) {
    const others = database.prepare(`SELECT "table" FROM pragma_foreign_key_list('${table}')`).all()
      .map((row) => TABLE_NAMES.findIndex((name) => name === row["table"]));
    assert.ok(others.every((other) => other >= 0 && other < index), table);
  }
});

Deno.test("the key of a row is what its columns say", () => {
  const row = tableOf("entry").columns;

  assert.deepEqual(keyOf("entry", row), ["space_no", "key"]);
  assert.deepEqual(quoted(["key", "no"]), ['"key"', '"no"']);
});
