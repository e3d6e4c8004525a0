// Guards of reads while the database takes no writes, and those that wait for their commit.

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { NodeError } from "../../../src/errors.ts";
import { Database } from "../../../src/repository/sqlite/database.ts";
import { UsedTokens } from "../../../src/repository/sqlite/used_tokens.ts";
import { aGuard, hashOf, NOW } from "../../contract/repository_samples.ts";

const MAX_IN_MEMORY = 100_000;

function opened(flush: () => Promise<unknown>): { database: Database; used: UsedTokens } {
  const database = new Database(new DatabaseSync(":memory:"));
  database.script(
    "CREATE TABLE used_token (guard BLOB PRIMARY KEY, expires_at REAL NOT NULL) STRICT",
  );
  return { database, used: new UsedTokens(database, () => NOW, flush) };
}

function stored(database: Database): number {
  return database.all("SELECT 1 FROM used_token").length;
}

Deno.test("guards stay in memory until a commit succeeds, and go with that one", async () => {
  const { database, used } = opened(() => Promise.reject(new Error("no writes")));
  const guard = aGuard();
  used.useInMemory(guard);

  used.ride();
  database.script("DELETE FROM used_token"); // the commit failed
  assert.ok(used.has(guard.key));
  used.ride();
  used.arrived();
  used.ride();

  assert.equal(stored(database), 1);
  assert.ok(used.has(guard.key));
  assert.equal(used.releaseInMemory(guard.key), false, "it is in memory no more");
  await used.close();
  database.close();
});

Deno.test("a commit takes along a bounded number of guards", async () => {
  const { database, used } = opened(() => Promise.reject(new Error("no writes")));
  for (let i = 0; i < 2_500; i++) used.useInMemory(aGuard());

  const steps = [1, 2, 3].map(() => {
    used.ride();
    used.arrived();
    return stored(database);
  });

  assert.deepEqual(steps, [1_000, 2_000, 2_500]);
  await used.close();
  database.close();
});

Deno.test("more guards than may wait are refused, unless expired ones make room", async () => {
  const { database, used } = opened(() => Promise.reject(new Error("no writes")));
  const key = (i: number) => i.toString(16).padStart(64, "0");
  used.useInMemory({ key: key(0), expiresAt: NOW });
  for (let i = 1; i < MAX_IN_MEMORY; i++) {
    used.useInMemory({ key: key(i), expiresAt: NOW + 1 });
  }

  used.useInMemory({ key: hashOf("in place of the expired one"), expiresAt: NOW + 1 });
  assert.throws(
    () => used.useInMemory(aGuard()),
    (error) => error instanceof NodeError && error.code === "storage_unavailable",
  );

  assert.deepEqual([used.has(key(0)), used.has(key(1))], [false, true]);
  await used.close();
  database.close();
});

Deno.test("closing stores what is in memory", async () => {
  const { database, used } = opened(() => {
    used.ride();
    used.arrived();
    return Promise.resolve();
  });
  for (let i = 0; i < 1_500; i++) used.useInMemory(aGuard());

  await used.close();

  assert.equal(stored(database), 1_500);
  database.close();
});
