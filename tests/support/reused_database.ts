// An empty database for a test that does not mind that another had it before: making and dropping one
// takes a third of a second, emptying one a hundredth.

import { freshDatabase, type ServerKind, SERVERS, type TestDatabase } from "./servers.ts";

const idle: Readonly<Record<ServerKind, TestDatabase[]>> = { postgres: [], mysql: [] };

if (SERVERS.postgres !== undefined || SERVERS.mysql !== undefined) {
  Deno.test.afterAll(async () => {
    for (const database of Object.values(idle).flat()) await database[Symbol.asyncDispose]();
  });
}

/** Nobody may have it open any more when it is disposed of. */
export async function reusedDatabase(kind: ServerKind): Promise<TestDatabase> {
  const database = idle[kind].pop() ?? await freshDatabase(kind);
  return {
    ...database,
    async [Symbol.asyncDispose]() {
      await empty(database);
      idle[kind].push(database);
    },
  };
}

async function empty({ kind, rows, run }: TestDatabase): Promise<void> {
  const schema = kind === "postgres" ? "'public'" : "database()";
  const tables = (await rows(
    `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = ${schema}`,
  )).map(({ name }) => String(name)).filter((name) => !name.startsWith("migration"));
  if (tables.length === 0) return;
  for (const table of tables) await run(`DELETE FROM ${table}`);
  await run("INSERT INTO node (id, spaces, graves, changes) VALUES (1, 0, 0, 0)");
}
