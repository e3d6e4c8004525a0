// A database that cannot be opened is tried again and again, and must not take a descriptor each
// time. Asks `ls`, as blocks_descriptors.test.ts does.

import assert from "node:assert/strict";
import { NodeError } from "../../src/errors.ts";
import { openSqlite, openSqliteReadOnly } from "../../src/repository/sqlite/open.ts";

const now = () => 1;

Deno.test("a file that is no database leaves no descriptor open", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/caps.db`;
  await Deno.writeTextFile(path, "not a database ".repeat(1000));
  try {
    assert.throws(() => openSqlite({ path, durability: "full", now }), NodeError);
    assert.throws(() => openSqliteReadOnly(path, now), NodeError);

    assert.deepEqual(await descriptorsBelow(folder), []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

async function descriptorsBelow(folder: string): Promise<readonly string[]> {
  const { stdout } = await new Deno.Command("ls", {
    args: ["-l", `/proc/${Deno.pid}/fd`],
    stderr: "null",
  }).output();
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line.includes(folder));
}
