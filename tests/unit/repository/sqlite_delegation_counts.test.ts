// The bounds on unexpired delegations stay exact and cheap, however many there are.

import assert from "node:assert/strict";
import { EVERYBODY } from "../../../src/repository/accept_rules.ts";
import { DatabaseSync } from "node:sqlite";
import { Database } from "../../../src/repository/sqlite/database.ts";
import { countUnexpired, keepCount } from "../../../src/repository/sqlite/delegation_counts.ts";
import { MIGRATIONS } from "../../../src/repository/sqlite/migrations.ts";
import { ALICE, BOB } from "../../contract/repository_samples.ts";

const SCOPE = "scope";

interface Given extends Disposable {
  readonly database: Database;
  /** At `now`; without it, before anything is counted. */
  add(until: number, delegator: typeof ALICE, now?: number): void;
  /** Of all, and what a walk through all rows says. */
  counted(now: number, delegator?: typeof ALICE | typeof EVERYBODY): readonly [number, number];
}

function opened(): Given {
  const database = new Database(
    new DatabaseSync(":memory:", { enableForeignKeyConstraints: false }),
  );
  for (const { sql } of MIGRATIONS) database.script(sql);
  let position = 0;
  return {
    database,
    add(until, delegator, now) {
      const counts = now === undefined ? [] : ([EVERYBODY, delegator] as const)
        .map((whose) => [whose, countUnexpired(database, SCOPE, whose, now)] as const);
      const insert = "INSERT INTO delegation_scope VALUES (?, ?, ?, ?, ?)";
      database.run(insert, SCOPE, ++position, delegator, BOB, until);
      if (now === undefined || until <= now) return;
      for (const [whose, count] of counts) keepCount(database, SCOPE, whose, count + 1, now);
    },
    counted(now, delegator = EVERYBODY) {
      const walk = `SELECT 1 FROM delegation_scope
        WHERE scope = ? AND until > ? AND (? IN ('', delegator))`;
      return [
        countUnexpired(database, SCOPE, delegator, now),
        database.all(walk, SCOPE, now, delegator).length,
      ];
    },
    [Symbol.dispose]: () => database.close(),
  };
}

Deno.test("a count is exact whatever is added and wherever the clock goes", () => {
  using given = opened();
  for (const until of [4, 6, 200]) given.add(until, ALICE);
  const instants = [5, 5, 7, 6.5, 6.5, 100, 3, 3, 50, 0, 1e9];

  instants.forEach((now, index) => {
    for (const until of [now + 1, now + 2.5, now - 1, Infinity, 6]) {
      given.add(until, index % 2 === 0 ? ALICE : BOB, now);
      for (const whose of [EVERYBODY, ALICE, BOB] as const) {
        const [count, walked] = given.counted(now, whose);
        assert.equal(count, walked, `at ${now}, of ${whose}`);
      }
    }
  });
});

Deno.test("what is unexpired is not counted again", () => {
  using given = opened();
  const insert = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
    INSERT INTO delegation_scope SELECT 'scope', i, 'someone', 'someone', 1000 + i FROM n`;
  given.database.run(insert);
  assert.equal(countUnexpired(given.database, SCOPE, EVERYBODY, 0), 200_000);

  const start = performance.now();
  for (let i = 0; i < 500; i++) {
    assert.equal(countUnexpired(given.database, SCOPE, EVERYBODY, 1000 + i), 200_000 - i);
  }

  // Counting them 500 times takes seconds.
  assert.ok(performance.now() - start < 500);
});
