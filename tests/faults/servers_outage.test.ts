// A database server that fails under load (adversary.md, 3): what is answered, and when; nothing that
// was acknowledged is lost, and the node goes on by itself once the server is back.

import assert from "node:assert/strict";
import { resourceUri } from "../../client/mod.ts";
import { mysqlDriver } from "../../src/repository/mysql/driver.ts";
import { postgresDriver } from "../../src/repository/postgres/driver.ts";
import type { Driver } from "../../src/repository/server/driver.ts";
import { type Answer, ask, assertOk } from "../support/asking.ts";
import { eventually } from "../support/eventually.ts";
import type { TestNode } from "../support/node.ts";
import { MAY_START, type PrivateServer, startPrivateServer } from "../support/private_servers.ts";
import { withinTime } from "../support/raw_http.ts";
import { startServerNode } from "../support/server_node.ts";
import { freshDatabase, type ServerKind, type TestDatabase } from "../support/servers.ts";
import { type ASession, aSession, GET, invocation, LIST, PUT } from "../support/world.ts";

const NAMES: readonly (readonly [ServerKind, string])[] = [
  ["postgres", "PostgreSQL"],
  ["mysql", "MariaDB"],
];
const WRITERS = 8;
/** Before, during and after it. */
const PHASE_MS = 1_000;
/** Five seconds to try, as long again to learn of a commit, and something for a busy machine. */
const LONGEST_MS = 11_500;

interface Outage {
  readonly name: string;
  readonly begin: (server: PrivateServer) => Promise<void>;
  readonly end: (server: PrivateServer) => Promise<void>;
  readonly ms: number;
}

const OUTAGES: readonly Outage[] = [
  {
    name: "killed",
    begin: (server) => server.kill(),
    end: (server) => server.start(),
    ms: PHASE_MS,
  },
  {
    name: "shut down",
    begin: (server) => server.stop(),
    end: (server) => server.start(),
    ms: PHASE_MS,
  },
  {
    name: "killed and back at once",
    begin: (server) => server.kill(),
    end: (server) => server.start(),
    ms: 0,
  },
  {
    name: "frozen for a moment",
    begin: (server) => server.freeze(),
    end: (server) => server.thaw(),
    ms: PHASE_MS,
  },
  // Longer than a request may take.
  {
    name: "frozen for long",
    begin: (server) => server.freeze(),
    end: (server) => server.thaw(),
    ms: 8_000,
  },
];

for (const [kind, server] of NAMES) {
  for (const outage of OUTAGES) {
    Deno.test({
      name: `${server} ${outage.name} under load: 200 or 503, nothing lost, and it goes on`,
      ignore: !MAY_START[kind],
      async fn() {
        await using scene = await aScene(kind);
        let isOver = false;
        const writers = Array.from(
          { length: WRITERS },
          (_, index) => write(scene, `writer${index}`, () => isOver),
        );
        await pause(PHASE_MS);

        await outage.begin(scene.server);
        const unready = outage.ms < PHASE_MS ? undefined : await healthWithin(scene, 503);
        await pause(outage.ms);
        await outage.end(scene.server);
        const ready = await healthWithin(scene, 200);
        await pause(PHASE_MS);
        isOver = true;
        const written = (await withinTime(Promise.all(writers), "a writer hung", 30_000)).flat();

        assert.ok(unready === undefined || unready.headers.get("retry-after") === "5");
        assertOk(ready);
        const done = written.filter(({ answer }) => answer.status === 200);
        assert.ok(done.length > WRITERS, `${done.length} of ${written.length} done`);
        for (const one of written) await assertKept(scene, one);
      },
    });
  }

  Deno.test({
    name: `a node whose ${server} server is frozen stops all the same when it is told to`,
    ignore: !MAY_START[kind],
    async fn() {
      await using scene = await aScene(kind);
      await Promise.all(Array.from({ length: 4 }, () => get(scene, "some")));
      await scene.server.freeze();
      const waiting = get(scene, "some");
      await pause(500);

      const begun = performance.now();
      const stopping = scene.node.node.stop().then(() => performance.now() - begun);
      await pause(15_000);
      await scene.server.thaw();

      assert.ok(await stopping < 15_000, `${await stopping} ms`);
      assert.equal((await waiting).status, 503);
    },
  });

  Deno.test({
    name: `${server}: when all connections wait for a lock, others are told to come back`,
    ignore: !MAY_START[kind],
    async fn() {
      await using scene = await aScene(kind, { TINYCLOUD_DATABASE_POOL: "1" });
      const { database } = scene;
      await database.run("BEGIN");
      await database.run("SELECT no FROM space FOR UPDATE");
      const puts = Array.from({ length: 4 }, (_, index) => put(scene, `stuck/${index}`, "value"));
      await eventually("it waits", async () => await waiting(database) === 1 ? true : undefined);

      const begun = performance.now();
      const answer = await get(scene, "some");
      const seconds = (performance.now() - begun) / 1000;
      const told = await Promise.all(puts);

      assertUnavailable(answer);
      assert.ok(seconds < 3, `${seconds} s`);
      told.forEach(assertUnavailable);
      await database.run("ROLLBACK");
      assertOk(await put(scene, "free", "value"));
      assert.equal(await eventCount(database, "put"), 1);
    },
  });

  Deno.test({
    name: `${server}: a put that is the victim of a deadlock is done all the same`,
    ignore: !MAY_START[kind],
    async fn() {
      await using scene = await aScene(kind, { TINYCLOUD_STORAGE_TOTAL: "1 GiB" });
      const { database } = scene;
      // The other way round than the node; and with more to undo than it has.
      await database.run("BEGIN");
      for (let count = 0; count < 50; count++) {
        await database.run(`INSERT INTO setting (name, value) VALUES ('heavy ${count}', '')`);
      }
      await database.run("UPDATE space SET changes = changes + 1");
      const putting = put(scene, "victim", "value");
      await eventually("it waits", async () => await waiting(database) === 1 ? true : undefined);

      await database.run("UPDATE node SET changes = changes + 1");
      await database.run("COMMIT");
      const answer = await putting;

      assertOk(answer);
      assert.equal(await eventCount(database, "put"), 1);
      assert.ok(await deadlocks(database) > 0, "there was no deadlock");
    },
  });

  Deno.test({
    name: `${server}: the locks of a node that says no more are given up by the server`,
    ignore: !MAY_START[kind],
    async fn() {
      await using scene = await aScene(kind);
      const silent = await driverOf(scene.database);
      const connection = await silent.connect();
      await connection.query("BEGIN", []);
      await connection.query("SELECT no FROM space FOR UPDATE", []);

      const answers = await untilDone(() => put(scene, "waits", "value"), 15_000);

      assertOk(answers.at(-1) ?? assert.fail("nothing was answered"));
      answers.slice(0, -1).forEach(assertUnavailable);
      await assert.rejects(connection.query("COMMIT", []));
      connection.destroy();
      await silent.close();
    },
  });

  Deno.test({
    name: `${server}: what the server undoes is done again, and given up in time`,
    ignore: !MAY_START[kind],
    async fn() {
      await using scene = await aScene(kind);
      await undoes(scene.database, 2);

      const answer = await put(scene, "again", "value");

      assertOk(answer);
      assert.equal(await eventCount(scene.database, "put"), 1);
      await undoes(scene.database, 1_000_000);
      const begun = performance.now();
      assertUnavailable(await put(scene, "never", "value"));
      assert.ok(performance.now() - begun < 6_000, `${performance.now() - begun} ms`);
      assert.equal(await eventCount(scene.database, "put"), 1);
    },
  });

  Deno.test({
    name: `${server}: a statement that takes too long is ended, here and there`,
    ignore: !MAY_START[kind],
    async fn() {
      await using scene = await aScene(kind, { TINYCLOUD_DATABASE_STATEMENT_TIMEOUT: "1 s" });
      await sleeps(scene.database, 20);

      const begun = performance.now();
      const answer = await put(scene, "slow", "value");
      const seconds = (performance.now() - begun) / 1000;

      assertUnavailable(answer);
      assert.ok(seconds < 3, `${seconds} s`);
      await eventually(
        "nothing runs on there",
        async () => await sleeping(scene.database) ? undefined : true,
      );
      assertOk(await get(scene, "some"));
      assert.equal(await eventCount(scene.database, "put"), 0);
    },
  });

  Deno.test({
    name: `${server} read-only: writes are told so, reads go on, each token once; then it goes on`,
    ignore: !MAY_START[kind],
    async fn() {
      await using scene = await aScene(kind, {}, "user");
      const { database, node } = scene;
      assertOk(await put(scene, "before", "value"));
      await readOnly(database, true);

      const written = await put(scene, "after", "value");
      const reads = await Promise.all(Array.from({ length: 5 }, () => get(scene, "before")));
      const { header: token } = await invocation(node, scene.session, GET, at(scene, "before"));
      const twice = [await ask(node, "/invoke", { token }), await ask(node, "/invoke", { token })];
      const listed = await ask(node, "/invoke", {
        token: (await invocation(node, scene.session, LIST, at(scene, ""))).header,
      });

      assert.deepEqual([written.status, written.code], [503, "storage_readonly"]);
      assert.equal(written.headers.get("retry-after"), "5");
      assert.deepEqual(
        reads.map(({ status, text }) => [status, text]),
        Array(5).fill([200, "value"]),
      );
      assert.deepEqual(twice.map(({ status }) => status), [200, 409]);
      assert.equal(assertOk(listed).text, '["before","some"]');
      await healthWithin(scene, 503);
      await readOnly(database, false);
      assertOk(await healthWithin(scene, 200));
      assertOk(await put(scene, "after", "value"));
      assert.equal((await ask(node, "/invoke", { token })).code, "invocation_replayed");
      // The other nodes know it too, once the database takes writes.
      await using other = await startServerNode(scene.database);
      await eventually("the guard is stored", async () => {
        const { code } = await ask(other, "/invoke", { token });
        return code === "invocation_replayed" ? true : undefined;
      });
    },
  });
}

Deno.test({
  name: "MariaDB: a value longer than its longest packet is refused, and costs no connection",
  ignore: !MAY_START.mysql,
  async fn() {
    await using scene = await aScene(
      "mysql",
      {
        TINYCLOUD_STORAGE_BLOCKS_INLINE: "4 MiB",
        TINYCLOUD_DATABASE_POOL: "1",
      },
      "root",
      ["--max-allowed-packet=1M"],
    );
    const connections = () =>
      scene.database.rows("SELECT id FROM information_schema.processlist ORDER BY id");
    assertOk(await put(scene, "short", "x".repeat(900_000)));
    const before = await connections();

    const answer = await put(scene, "long", "x".repeat(2_000_000));

    assertUnavailable(answer);
    assert.deepEqual(await connections(), before);
    assertOk(await put(scene, "short", "value"));
  },
});

interface Scene extends AsyncDisposable {
  readonly server: PrivateServer;
  readonly database: TestDatabase;
  readonly node: TestNode;
  readonly session: ASession;
}

/** `user`: the node may only do what it must, which is not more than a read-only server permits. */
async function aScene(
  kind: ServerKind,
  env: Record<string, string> = {},
  as: "root" | "user" = "root",
  settings: readonly string[] = [],
): Promise<Scene> {
  await using opened = new AsyncDisposableStack();
  const server = opened.use(await startPrivateServer(kind, { settings }));
  const database = opened.use(await freshDatabase(kind, server.url));
  const text = as === "user" ? await userOf(database) : database.text;
  const node = opened.use(
    await startServerNode({ text }, { env: { TINYCLOUD_STORAGE_GC_INTERVAL: "1 d", ...env } }),
  );
  const session = await aSession(node);
  assertOk(await put({ node, session }, "some", "value"));
  await database.run("DELETE FROM event WHERE kind = 'put'");
  const resources = opened.move();
  return { server, database, node, session, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

async function userOf({ kind, text, run }: TestDatabase): Promise<string> {
  const url = new URL(text);
  const name = url.pathname.slice(1);
  if (kind === "mysql") {
    await run("CREATE USER 'someone'@'%' IDENTIFIED BY 'word'");
    await run(`GRANT ALL ON \`${name}\`.* TO 'someone'@'%'`);
  } else {
    await run("CREATE USER someone PASSWORD 'word'");
    await run(`ALTER DATABASE ${name} OWNER TO someone; ALTER SCHEMA public OWNER TO someone`);
  }
  return Object.assign(url, { username: "someone", password: "word" }).href;
}

interface Written {
  readonly key: string;
  readonly value: string;
  readonly token: string;
  readonly answer: Answer;
}

/** Puts one key after the other. */
async function write(scene: Scene, name: string, isOver: () => boolean): Promise<Written[]> {
  const written: Written[] = [];
  for (let count = 0; !isOver(); count++) {
    const key = `${name}/${count}`;
    const value = `${key} of the test`;
    const { header: token } = await invocation(scene.node, scene.session, PUT, at(scene, key));
    const begun = performance.now();
    const answer = await ask(scene.node, "/invoke", { token, body: value });
    const ms = performance.now() - begun;
    assert.ok(answer.status === 200 || answer.status === 503, `${answer.status} ${answer.code}`);
    if (answer.status === 503) assertUnavailable(answer);
    assert.ok(ms < LONGEST_MS, `${key}: ${answer.status} after ${ms} ms`);
    written.push({ key, value, token, answer });
    // So that there is time for more than the first of them.
    await pause(answer.status === 200 ? 10 : 100);
  }
  return written;
}

/** 200: it is there, and the token is spent. 503: it is there or not, and the token says which. */
async function assertKept(
  scene: Scene,
  { key, value, token, answer: { status } }: Written,
): Promise<void> {
  const before = await get(scene, key);
  const again = await ask(scene.node, "/invoke", { token, body: value });
  const told = `${key}: ${status}, then ${before.status}, and again ${again.status}`;
  if (status === 200) assert.equal(before.text, value, told);
  assert.equal(again.code, before.status === 200 ? "invocation_replayed" : null, told);
  assert.equal((await get(scene, key)).text, value, told);
}

type Around = Pick<Scene, "node" | "session">;

function at({ session }: Pick<Scene, "session">, key: string): string {
  return resourceUri(session.space, "kv", key);
}

async function put({ node, session }: Around, key: string, body: string): Promise<Answer> {
  const { header: token } = await invocation(node, session, PUT, at({ session }, key));
  return await ask(node, "/invoke", { token, body });
}

async function get({ node, session }: Around, key: string): Promise<Answer> {
  const { header: token } = await invocation(node, session, GET, at({ session }, key));
  return await ask(node, "/invoke", { token });
}

/** Readiness, asked until it is this. */
function healthWithin({ node }: Scene, status: number): Promise<Answer> {
  return eventually(`healthz says ${status}`, async () => {
    const answer = await ask(node, "/healthz", { method: "GET" });
    return answer.status === status ? answer : undefined;
  }, 15_000);
}

function assertUnavailable({ status, code, headers }: Answer): void {
  assert.deepEqual([status, code], [503, "storage_unavailable"]);
  assert.equal(headers.get("retry-after"), "5");
}

async function eventCount({ rows }: TestDatabase, kind: "put"): Promise<number> {
  const [row] = await rows(`SELECT count(*) AS count FROM event WHERE kind = '${kind}'`);
  return Number(row?.["count"]);
}

async function deadlocks({ kind, rows }: TestDatabase): Promise<number> {
  if (kind === "mysql") {
    const [row] = await rows("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'");
    return Number(row?.["Value"]);
  }
  return await eventually("the deadlock is counted", async () => {
    const [row] = await rows(
      "SELECT deadlocks AS count FROM pg_stat_database WHERE datname = current_database()",
    );
    return Number(row?.["count"]) || undefined;
  });
}

/** The next so many events are refused as those of a transaction that the server has undone. */
async function undoes({ kind, run }: TestDatabase, times: number): Promise<void> {
  if (kind === "postgres") {
    await run(`
      DROP SEQUENCE IF EXISTS undone; CREATE SEQUENCE undone;
      CREATE OR REPLACE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF nextval('undone') <= ${times} THEN RAISE SQLSTATE '40001'; END IF;
          RETURN NEW;
        END $$;
      CREATE OR REPLACE TRIGGER undoing BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION undo()`);
    return;
  }
  // That engine does not undo what it has counted.
  await run(`
    CREATE TABLE IF NOT EXISTS undone (times INT) ENGINE = MyISAM;
    DELETE FROM undone; INSERT INTO undone VALUES (0);
    CREATE OR REPLACE TRIGGER undoing BEFORE INSERT ON event FOR EACH ROW
    BEGIN
      UPDATE undone SET times = times + 1;
      IF (SELECT times FROM undone) <= ${times} THEN
        SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213;
      END IF;
    END`);
}

async function sleeps({ kind, run }: TestDatabase, seconds: number): Promise<void> {
  await run(
    kind === "postgres"
      ? `
      CREATE FUNCTION sleeps() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_sleep(${seconds}); RETURN NEW; END $$;
      CREATE TRIGGER sleeps BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION sleeps()`
      : `CREATE TRIGGER sleeps BEFORE INSERT ON event FOR EACH ROW DO SLEEP(${seconds})`,
  );
}

/** As a node makes its connections. */
function driverOf({ kind, url }: TestDatabase): Promise<Driver> {
  const options = { url, pool: 1, connectMs: 2_000, statementMs: 5_000 };
  return kind === "postgres"
    ? postgresDriver({ ...options, durability: "full" })
    : mysqlDriver(options);
}

/** The answers up to the first that is not 503. */
async function untilDone(request: () => Promise<Answer>, ms: number): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  const end = performance.now() + ms;
  while (performance.now() < end && (answers.at(-1)?.status ?? 503) === 503) {
    answers.push(await request());
  }
  return answers;
}

/** How many sessions wait for a lock. */
async function waiting({ kind, rows }: TestDatabase): Promise<number> {
  if (kind === "mysql") {
    const [row] = await rows("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'");
    return Number(row?.["Value"]);
  }
  const [row] = await rows(
    "SELECT count(*) AS count FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
  );
  return Number(row?.["count"]);
}

/** Whether another session than the asking one is at work. */
async function sleeping({ kind, rows }: TestDatabase): Promise<boolean> {
  const found = await rows(
    kind === "postgres"
      ? `SELECT 1 AS one FROM pg_stat_activity
         WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid()`
      : `SELECT 1 AS one FROM information_schema.processlist
         WHERE db = database() AND command <> 'Sleep' AND id <> connection_id()`,
  );
  return found.length > 0;
}

async function readOnly({ kind, run }: TestDatabase, is: boolean): Promise<void> {
  const on = is ? "on" : "off";
  if (kind === "mysql") return await run(`SET GLOBAL read_only = ${on}`);
  await run(`ALTER SYSTEM SET default_transaction_read_only = ${on}`);
  await run("SELECT pg_reload_conf()");
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
