// The repository contract on SQLite: in a file that a Worker or this isolate writes, and in memory.

import { DatabaseSync } from "node:sqlite";
import { openSqlite } from "../../src/repository/sqlite/open.ts";
import { type Reopening, repositoryContract } from "./repository_contract.ts";

for (const commits of ["worker", "here"] as const) {
  repositoryContract(`SQLite file, commits: ${commits}`, async (now) => {
    const folder = await Deno.makeTempDir();
    const path = `${folder}/data/caps.db`;
    const open = (how: Reopening = {}) =>
      openSqlite({ path, durability: "full", now, commits, ...how });
    let repository = open();
    return {
      repository,
      reopen: async (how) => {
        await repository[Symbol.asyncDispose]();
        repository = open(how);
        return repository;
      },
      dump: () => dump(path),
      [Symbol.asyncDispose]: async () => {
        await repository[Symbol.asyncDispose]();
        await Deno.remove(folder, { recursive: true });
      },
    };
  });
}

repositoryContract("SQLite in memory", (now) => {
  const repository = openSqlite({ path: ":memory:", durability: "full", now });
  return Promise.resolve({
    repository,
    [Symbol.asyncDispose]: () => repository[Symbol.asyncDispose](),
  });
}, { canReopen: false });

/** Every row of every table. */
function dump(path: string): Record<string, unknown> {
  using database = new DatabaseSync(path, { readOnly: true });
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  return Object.fromEntries(tables.map(({ name }) => [
    String(name),
    database.prepare(`SELECT * FROM "${name}" ORDER BY 1, 2`).all(),
  ]));
}
