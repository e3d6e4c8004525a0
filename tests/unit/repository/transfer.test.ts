// Rows on their way from one store to another, and how two stores are told apart.

import assert from "node:assert/strict";
import { NodeError } from "../../../src/errors.ts";
import { openSqlite } from "../../../src/repository/sqlite/open.ts";
import type { Repository } from "../../../src/repository/repository.ts";
import { difference, factsOf, transferRows } from "../../../src/repository/transfer.ts";
import type { TableName } from "../../../src/repository/tables.ts";
import { apply, host, inline, NOW, SPACE } from "../../contract/repository_samples.ts";

const MARK = "a mark";

function aStore(): Repository {
  return openSqlite({ path: ":memory:", durability: "full", now: () => NOW });
}

/** Of two thousand keys: events and guards too. */
async function aFullStore(): Promise<Repository> {
  const store = aStore();
  await host(store, SPACE);
  const keys = Array.from({ length: 2000 }, (_, i) => `${i}`);
  await Promise.all(keys.map((key) => apply(store, { key, effect: inline(key) })));
  return store;
}

Deno.test("a transfer that breaks off after any page goes on with the next, and ends exact", async () => {
  await using from = await aFullStore();
  const facts = await factsOf(from);
  await using to = aStore();
  await to.beginLoad(MARK);
  const broken = new Error("broken off");
  const pages: number[] = [];
  const loadOne = (told: number[]) =>
    transferRows({
      from,
      to,
      mark: MARK,
      progress(rows) {
        told.push(rows);
        throw broken;
      },
    });

  for (let hasEnded = false; !hasEnded;) {
    const told: number[] = [];
    hasEnded = await loadOne(told).then(() => true, (error) => {
      assert.equal(error, broken);
      return false;
    });
    pages.push(...told);
    assert.ok(pages.length < 100, "it goes on");
  }

  assert.equal(pages.reduce((sum, rows) => sum + rows, 0), facts.rows, "no page twice");
  assert.ok(pages.length >= 12, `${pages.length} pages`);
  assert.deepEqual(await factsOf(to), facts);
  assert.equal(await transferRows({ from, to, mark: MARK }), 0);
});

Deno.test("a transfer ends when its load is somebody else's", async () => {
  await using from = await aFullStore();
  await using to = aStore();
  await to.beginLoad("other");

  await assert.rejects(transferRows({ from, to, mark: MARK }), /another copy into the same store/);

  assert.equal((await factsOf(to)).rows, 0);
});

Deno.test("a store that fails is told with what it could not do, and why", async () => {
  const full = new NodeError("storage_full", undefined, { cause: new Error("a code") });
  const packet = new Error("a value is longer than the server's max_allowed_packet");
  const long = new NodeError("storage_unavailable", undefined, { cause: packet });
  const from = { rows: () => Promise.resolve([["a", "b"]]) };
  const loading = (error: NodeError) => ({
    lastKey: () => Promise.resolve(undefined),
    load: () => Promise.reject(error),
  });

  await assert.rejects(transferRows({ from, to: loading(full), mark: MARK }), {
    code: "storage_full",
    message: "cannot load rows of setting: the disk is full",
  });
  await assert.rejects(transferRows({ from, to: loading(long), mark: MARK }), {
    code: "storage_unavailable",
    message: `cannot load rows of setting: ${packet.message}`,
  });
  await assert.rejects(factsOf({ rows: () => Promise.reject(full) }), {
    message: "cannot read rows of setting: the disk is full",
  });
});

/** Facts of a store with one table of these rows. */
function factsOfRows(
  table: TableName,
  ...rows: readonly (string | number | null | Uint8Array)[][]
) {
  return factsOf({
    rows: (asked, after) => Promise.resolve(asked === table && after === undefined ? rows : []),
  });
}

Deno.test("facts tell any two stores apart", async () => {
  const bytes = (...values: number[]) => Uint8Array.from(values);
  const stores = [
    await factsOfRows("setting"),
    await factsOfRows("setting", ["a", "b"]),
    await factsOfRows("setting", ["ab", ""]),
    await factsOfRows("setting", ["a", "b"], ["c", "d"]),
    await factsOfRows("setting", ["c", "d"], ["a", "b"]),
    await factsOfRows("setting", ["1", null]),
    await factsOfRows("setting", ["1", "null"]),
    await factsOfRows("setting", ["1", 1]),
    await factsOfRows("setting", ["1", 1.0000000000000002]),
    await factsOfRows("setting", ["1", "1"]),
    await factsOfRows("used_token", [bytes(1), 1]),
    await factsOfRows("used_token", [bytes(2), 1]),
    await factsOfRows("used_token", [bytes(1, 10), 1]),
    await factsOfRows("used_token", ['{"bytes":1}', 1]),
    await factsOfRows("revocation", ["a", "b"]),
  ];

  assert.equal(new Set(stores.map(({ hash }) => hash)).size, stores.length);
  for (const [i, one] of stores.entries()) {
    for (const [j, other] of stores.entries()) {
      assert.equal(difference(one, other) === undefined, i === j, `${i} and ${j}`);
    }
  }
});
