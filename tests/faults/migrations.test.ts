// Migrations of a database server (adversary.md, 6): many programs at once, and one that is cut off
// at any statement: the next one finishes, and what was half made is made whole or was never there.

import assert from "node:assert/strict";
import { ask } from "../support/asking.ts";
import { runTinycloud, startProcess, storageIn } from "../support/process.ts";
import { NODE_SECRET, serverOf } from "../support/server_node.ts";
import {
  freshDatabase,
  onPort,
  type ServerKind,
  SERVERS,
  serverUrl,
  type TestDatabase,
} from "../support/servers.ts";
import { startTcpProxy } from "../support/tcp_proxy.ts";

const NAMES: readonly (readonly [ServerKind, string])[] = [
  ["postgres", "PostgreSQL"],
  ["mysql", "MariaDB"],
];
const now = () => Date.now() / 1000;

for (const [kind, server] of NAMES) {
  const ignore = SERVERS[kind] === undefined;

  Deno.test({
    name: `${server}: two nodes and ten commands migrate an empty database at once`,
    ignore,
    async fn() {
      await using database = await freshDatabase(kind);
      await using opened = new AsyncDisposableStack();
      const folder = await Deno.makeTempDir({ prefix: "tinycloud-migrate-" });
      opened.defer(() => Deno.remove(folder, { recursive: true }));
      const env = {
        ...storageIn(folder),
        TINYCLOUD_STORAGE_DATABASE: database.text,
        TINYCLOUD_KEYS_SECRET: NODE_SECRET,
      };

      const nodes = [startProcess({ env }), startProcess({ env })];
      const commands = Array.from({ length: 10 }, () => runTinycloud(["migrate"], { env }));
      const ended = await Promise.all(commands);
      const running = (await Promise.all(nodes)).map((node) => opened.use(node));

      assert.deepEqual(ended.flatMap(({ complaints }) => complaints), []);
      assert.deepEqual(ended.map(({ code }) => code), Array(10).fill(0));
      for (const node of running) {
        assert.equal((await ask(node, "/healthz", { method: "GET" })).status, 200);
      }
      const { code, lines } = await runTinycloud(["check"], { env });
      assert.deepEqual({ code, lines }, { code: 0, lines: ["clean"] });
      assert.deepEqual(await schemaOf(database), await schemaOf(await migrated(kind, opened)));
    },
  });

  Deno.test({
    name: `${server}: many open an empty database at once, their clocks minutes apart`,
    ignore,
    async fn() {
      for (let round = 0; round < 10; round++) {
        await using database = await freshDatabase(kind);

        const opened = await Promise.all(
          Array.from(
            { length: 6 },
            (_, index) => database.open({ now: () => now() + index * 60, pool: 1 }),
          ),
        );

        for (const repository of opened) await repository[Symbol.asyncDispose]();
      }
    },
  });

  Deno.test({
    name: `${server}: a migration that is cut off at any statement is finished by the next start`,
    ignore,
    async fn() {
      await using whole = new AsyncDisposableStack();
      const wanted = await schemaOf(await migrated(kind, whole));
      let cuts = 0;

      for (let last = 0;; last++) {
        await using database = await freshDatabase(kind);
        await using wire = startTcpProxy(serverOf(database));
        const url = serverUrl(kind, onPort(database.text, wire.port));
        let pieces = 0;
        // From this one on nothing arrives, as when the program has died.
        wire.judge((from) => from === "client" && pieces++ >= last ? "cut" : "pass");
        const outcome = await database.open({ now, url, startMs: 100, connectMs: 500 })
          .then(
            (repository) => repository[Symbol.asyncDispose]().then(() => "opened"),
            () => "cut",
          );
        const half = await tablesOf(database);
        if (kind === "postgres") {
          // The record of migrations is one thing, each migration another.
          assert.ok([0, 1, ALL_TABLES].includes(half), `piece ${last}: ${half} tables`);
        }

        if (kind === "mysql") await forgetLock(database);
        const repository = await database.open({ now });
        await repository[Symbol.asyncDispose]();

        assert.deepEqual(await schemaOf(database), wanted, `piece ${last}`);
        if (outcome === "opened") break;
        cuts++;
      }

      assert.ok(cuts > (kind === "postgres" ? 8 : 20), `${cuts} cuts`);
    },
  });
}

Deno.test({
  name: "MariaDB: a migrator that is overtaken during a long statement goes on beside the other",
  ignore: SERVERS.mysql === undefined,
  async fn() {
    await using database = await freshDatabase("mysql");
    // The first that comes waits for longer than its lock lasts.
    const sql = `
      CREATE TABLE turn (no INT AUTO_INCREMENT PRIMARY KEY) ENGINE = MyISAM;
      INSERT INTO turn VALUES (NULL);
      DO SLEEP(IF((SELECT count(*) FROM turn) > 1, 0, 13));
      CREATE TABLE setting (name VARBINARY(255) PRIMARY KEY, value VARBINARY(1024) NOT NULL);
      CREATE TABLE result (no INT);
      CREATE INDEX result_no ON result (no)`;
    const migrations = [{ name: "0001_slow.sql", sql }];

    const opened = await Promise.all([
      database.open({ now, migrations }),
      database.open({ now, migrations }),
    ]);

    for (const repository of opened) await repository[Symbol.asyncDispose]();
    const [row] = await database.rows("SELECT count(*) AS count FROM turn");
    assert.equal(Number(row?.["count"]), 2, "one was overtaken");
  },
});

/** As if its ten seconds were over. */
async function forgetLock({ rows, run }: TestDatabase): Promise<void> {
  const found = await rows("SHOW TABLES LIKE 'migration_lock'");
  if (found.length > 0) await run("UPDATE migration_lock SET until = 0");
}

/** Of migration 0001, with the record of migrations. */
const ALL_TABLES = 13;

async function migrated(kind: ServerKind, opened: AsyncDisposableStack): Promise<TestDatabase> {
  const database = opened.use(await freshDatabase(kind));
  await (await database.open({ now }))[Symbol.asyncDispose]();
  return database;
}

/** Every column, index and check, and the migrations that are recorded. */
async function schemaOf({ kind, rows }: TestDatabase): Promise<unknown> {
  const schema = kind === "postgres" ? "'public'" : "database()";
  const columns = await rows(
    `SELECT table_name AS t, column_name AS c, data_type AS d, is_nullable AS n
     FROM information_schema.columns WHERE table_schema = ${schema} ORDER BY 1, 2`,
  );
  const indexes = await rows(
    kind === "postgres"
      ? "SELECT indexname AS i, indexdef AS d FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
      : `SELECT table_name AS t, index_name AS i, column_name AS c, seq_in_index AS s
         FROM information_schema.statistics WHERE table_schema = database() ORDER BY 1, 2, 4`,
  );
  const applied = await rows(
    "SELECT name FROM migration WHERE applied_at IS NOT NULL ORDER BY name",
  );
  return { columns, indexes, applied: applied.map(({ name }) => String(name)) };
}

async function tablesOf({ kind, rows }: TestDatabase): Promise<number> {
  const schema = kind === "postgres" ? "'public'" : "database()";
  const found = await rows(
    `SELECT 1 AS one FROM information_schema.tables WHERE table_schema = ${schema}`,
  );
  return found.length;
}
