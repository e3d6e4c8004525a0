// No request costs more because the store has grown: every statement that the contract's cases run
// finds its rows through an index.

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { openSqlite } from "../../../src/repository/sqlite/open.ts";
import { blockCases } from "../../contract/repository_blocks.ts";
import type { Case } from "../../contract/repository_contract.ts";
import { delegationCases } from "../../contract/repository_delegations.ts";
import { eraseCases } from "../../contract/repository_erase.ts";
import { housekeepingCases } from "../../contract/repository_housekeeping.ts";
import { invocationCases } from "../../contract/repository_invocations.ts";
import { readCases } from "../../contract/repository_reads.ts";
import { retentionCases } from "../../contract/repository_retention.ts";
import { NOW } from "../../contract/repository_samples.ts";
import { spaceContentsCases } from "../../contract/repository_space_contents.ts";
import { spaceCases } from "../../contract/repository_spaces.ts";
import { valueCases } from "../../contract/repository_values.ts";

const CASES = [
  ...delegationCases,
  ...invocationCases,
  ...valueCases,
  ...readCases,
  ...blockCases,
  ...housekeepingCases,
  ...retentionCases,
  ...spaceCases,
  ...spaceContentsCases,
  ...eraseCases,
].filter(({ reopens, name }) => reopens !== true && !name.includes("repaired"));

/** Steps that walk through all of something that is bounded. */
const BOUNDED = [
  /^SCAN \w+ VIRTUAL TABLE/, // the values of a JSON array that the request brings, or of one row
  /^SCAN \(subquery-\d+\)$/, // what a LIMIT has cut
  /^SCAN CONSTANT ROW$/, // a SELECT from nothing
  /^SCAN sqlite_schema$/,
  /^SCAN migration /,
  /^SCAN b USING INDEX block_dead$/, // what waits for the collector; a LIMIT ends it
];

/** What is removed while foreign keys rest (writes.ts). */
const UNCHECKED = /^\s*DELETE FROM (event|delegation|space) /;

Deno.test("every statement of every request finds its rows through an index", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/caps.db`;
  try {
    const statements = await statementsOf(path);

    using database = new DatabaseSync(path);
    using unchecked = new DatabaseSync(path, { enableForeignKeyConstraints: false });
    assert.ok(statements.size > 50, `${statements.size} statements`);
    for (const sql of statements) {
      const connection = UNCHECKED.test(sql) ? unchecked : database;
      const plan = connection.prepare(`EXPLAIN QUERY PLAN ${sql}`).all().map((row) =>
        `${row.detail}`
      );
      const walks = plan.filter((step) =>
        /SCAN|TEMP B-TREE|AUTOMATIC/.test(step) && !BOUNDED.some((known) => known.test(step))
      );
      assert.deepEqual(walks, [], sql);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** What the repository prepares while the cases run; leaves an empty store at `path`. */
async function statementsOf(path: string): Promise<Set<string>> {
  const statements = new Set<string>();
  const { prepare } = DatabaseSync.prototype;
  DatabaseSync.prototype.prepare = function (this: DatabaseSync, sql: string, ...rest) {
    if (/^\s*(SELECT|INSERT|UPDATE|DELETE)/.test(sql)) statements.add(sql);
    return prepare.call(this, sql, ...rest);
  };
  try {
    for (const { run } of CASES) await runIn(":memory:", run);
    await runIn(path, () => Promise.resolve());
  } finally {
    DatabaseSync.prototype.prepare = prepare;
  }
  return statements;
}

async function runIn(path: string, run: Case["run"]): Promise<void> {
  let now = NOW;
  // What reads the whole store costs what it costs.
  const whole = { check: async function* () {}, repairCounters: () => Promise.resolve(0) };
  const open = () => ({
    ...openSqlite({ path, durability: "normal", now: () => now }),
    ...whole,
  });
  await using stores = new AsyncDisposableStack();
  const repository = stores.use(open());
  await run({
    repository,
    get now() {
      return now;
    },
    set now(value) {
      now = value;
    },
    reopen: () => Promise.reject(new Error("it outlives nothing")),
    another: () => Promise.resolve(stores.use(open())),
    unchanged: (step) => step(),
  });
}
