// `tinycloud gc` in a process of its own, beside a node in another: they take turns, and whoever puts
// meanwhile loses nothing (invariant 5).

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { connect, randomWallet } from "../../client/mod.ts";
import { bytesOf } from "../support/asking.ts";
import { eventually } from "../support/eventually.ts";
import {
  type NodeProcess,
  runTinycloud,
  START_MS,
  startProcess,
  startTinycloud,
  stopped,
  storageIn,
} from "../support/process.ts";

const KEYS = ["a", "b", "c", "d"];
const CONTENTS = [20_000, 30_000, 40_000].map((size, at) => bytesOf(size, at));

function sql(node: NodeProcess, text: string): unknown[] {
  // The node may be writing just now.
  using database = new DatabaseSync(`${node.folder}/caps.db`, { timeout: 5_000 });
  return database.prepare(text).all();
}

Deno.test("collections beside a node that is put to and deleted from lose no value", async () => {
  // Its own collector runs all the time too.
  await using node = await startProcess({ env: { TINYCLOUD_STORAGE_GC_INTERVAL: "1 s" } });
  const session = await connect(node.url).signIn(randomWallet());
  let isOver = false;

  async function churn(key: string, seed: number): Promise<void> {
    for (let turn = 0; !isOver; turn++) {
      const content = CONTENTS[(turn + seed) % CONTENTS.length];
      assert.ok(content);
      await session.put(key, content);
      assert.deepEqual((await session.get(key))?.bytes, content);
      if (turn % 3 === 0) await session.delete(key);
    }
    await session.put(key, bytesOf(50_000, 7));
  }
  const churning = Promise.all(KEYS.map(churn));
  const codes: number[] = [];
  try {
    for (let run = 0; run < 3; run++) {
      const { code, complaints } = await runTinycloud(["gc", "--json"], {
        env: storageIn(node.folder),
      });
      codes.push(code);
      assert.deepEqual(complaints.filter((line) => !line.includes("waiting for it")), []);
    }
  } finally {
    isOver = true;
    await churning;
  }

  assert.deepEqual(codes, [0, 0, 0]);
  for (const key of KEYS) assert.deepEqual((await session.get(key))?.bytes, bytesOf(50_000, 7));
  assert.equal((await runTinycloud(["gc"], { env: storageIn(node.folder) })).code, 0);
  const check = await runTinycloud(["check", "--json"], { env: storageIn(node.folder) });
  assert.deepEqual([check.code, check.lines], [0, ['{"findings":0}']]);
  assert.equal(await stopped(node), 0);
});

Deno.test("a gc that waits for its turn ends at the first signal, and holds nobody up", async () => {
  await using node = await startProcess();
  sql(node, "INSERT OR REPLACE INTO lease VALUES ('collector', 'another', 1e12)");
  await using gc = startTinycloud(["gc"], { env: storageIn(node.folder) });
  await eventually(
    "its waiting",
    () => gc.complaints.find((line) => line.includes("waiting for it")),
    START_MS,
  );

  assert.equal(await stopped(gc, "SIGINT"), 2);

  assert.equal(gc.complaints.at(-1), "tinycloud gc: ended before its turn came");
  const holders = () => sql(node, "SELECT holder FROM lease").map((row) => ({ ...row as object }));
  assert.deepEqual(holders(), [{ holder: "another" }]);
  sql(node, "DELETE FROM lease");
  assert.equal((await runTinycloud(["gc"], { env: storageIn(node.folder) })).code, 0);
  assert.deepEqual(holders(), []);
  const session = await connect(node.url).signIn(randomWallet());
  await session.put("k", "value");
  assert.equal((await session.get("k"))?.text(), "value");
});
