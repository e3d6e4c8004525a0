// Several processes at one database.

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { MIGRATIONS } from "../../src/repository/sqlite/migrations.ts";

async function inFolder(run: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(`${folder}/data/caps.db`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function rows(path: string, sql: string): unknown[] {
  using database = new DatabaseSync(path, { readOnly: true });
  return database.prepare(sql).all().map((row) => ({ ...row }));
}

Deno.test("two processes that create one store at once end with one schema", () =>
  inFolder(async (path) => {
    const module = import.meta.resolve("../../src/repository/sqlite/open.ts");
    const program = `
      const { openSqlite } = await import(${JSON.stringify(module)});
      const path = ${JSON.stringify(path)};
      await using repository = openSqlite({ path, durability: "full", now: () => 1 });
      await repository.ping();`;
    const config = new URL("../../deno.json", import.meta.url).pathname;
    const args = ["eval", "--no-lock", "--config", config, program];

    const outputs = await Promise.all(
      [1, 2, 3].map(() => new Deno.Command(Deno.execPath(), { args }).output()),
    );

    for (const { code, stderr } of outputs) assert.equal(code, 0, new TextDecoder().decode(stderr));
    assert.equal(rows(path, "SELECT 1 FROM migration").length, MIGRATIONS.length);
  }));
