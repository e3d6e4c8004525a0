// How a page of a table is found.

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { lastKey, pageOf } from "../../../src/repository/pages.ts";
import { MIGRATIONS } from "../../../src/repository/sqlite/migrations.ts";
import { type Field, TABLE_NAMES, tableOf } from "../../../src/repository/tables.ts";

Deno.test("a page of any table is found by its key, however far into the table", async () => {
  using database = new DatabaseSync(":memory:");
  for (const { sql } of MIGRATIONS) database.exec(sql);
  const statements: string[] = [];
  const select = (sql: string, ..._values: readonly Field[]) => {
    statements.push(sql);
    return [];
  };

  for (const table of TABLE_NAMES) {
    const key = tableOf(table).key.map((_, index) => index);
    await pageOf(select, table, undefined, 10);
    await pageOf(select, table, key, 10);
    await lastKey(select, table);
  }

  assert.ok(statements.length >= 3 * TABLE_NAMES.length);
  for (const sql of statements) {
    const plan = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all().map(({ detail }) =>
      `${detail}`
    );
    assert.equal(plan.length, 1, sql);
    const isFirst = !sql.includes("> ?");
    assert.match(plan[0] ?? "", isFirst ? /^(SCAN|SEARCH) / : /^SEARCH .*>\?\)$/, sql);
  }
});
