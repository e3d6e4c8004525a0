// Real database servers for tests: an empty store of its own for whoever asks, gone in the end.

// @ts-types="../../src/repository/postgres/pg.d.ts"
import pg from "pg";
import mysql from "mysql2/promise";
import { Refusal } from "../../src/config/refusal.ts";
import { readServerUrl, type ServerUrl } from "../../src/config/server_url.ts";
import { openMysql } from "../../src/repository/mysql/open.ts";
import { openPostgres } from "../../src/repository/postgres/open.ts";
import type { Repository } from "../../src/repository/repository.ts";
import type { OpenServerOptions } from "../../src/repository/server/open.ts";

export type ServerKind = "postgres" | "mysql";

/** Where the servers are that tests may use; absent: the tests that need one are ignored. */
export const SERVERS: Readonly<Record<ServerKind, string | undefined>> = {
  postgres: Deno.env.get("TEST_POSTGRES_URL"),
  mysql: Deno.env.get("TEST_MYSQL_URL"),
};

/** An empty database. */
export interface TestDatabase extends AsyncDisposable {
  readonly kind: ServerKind;
  /** As an operator would configure it. */
  readonly text: string;
  readonly url: ServerUrl;
  /** All rows of all tables but those of migrations. */
  dump(): Promise<Record<string, unknown>>;
  /** Runs statements of the test's own. */
  run(sql: string): Promise<void>;
  /** Their rows. */
  rows(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** Opens it as a node would. */
  open(options: Partial<OpenServerOptions> & Pick<OpenServerOptions, "now">): Promise<Repository>;
}

const COMMON = { pool: 8, statementMs: 5_000, connectMs: 2_000, startMs: 5_000, migrates: true };

/** On the server that tests may use, or another. */
export async function freshDatabase(
  kind: ServerKind,
  base: string | undefined = SERVERS[kind],
): Promise<TestDatabase> {
  if (base === undefined) throw new Error(`TEST_${kind.toUpperCase()}_URL is not set`);
  const name = `tinycloud_test_${crypto.randomUUID().replaceAll("-", "").slice(0, 16)}`;
  const text = Object.assign(new URL(base), { pathname: `/${name}` }).href;
  const url = serverUrl(kind, text);
  const admin = kind === "postgres" ? await postgresAdmin(base) : await mysqlAdmin(base);
  const encoding = kind === "postgres" ? " ENCODING 'UTF8' TEMPLATE template0" : "";
  await admin.query(`CREATE DATABASE ${name}${encoding}`);
  const inside = kind === "postgres" ? await postgresAdmin(text) : await mysqlAdmin(text);
  return {
    kind,
    text,
    url,
    run: async (sql) => void await inside.query(sql),
    rows: (sql) => inside.query(sql),
    open: (options) =>
      kind === "postgres"
        ? openPostgres({ ...COMMON, url, durability: "full", ...options })
        : openMysql({ ...COMMON, url, ...options }),
    async dump() {
      const schema = kind === "postgres" ? "'public'" : "database()";
      const tables = await inside.query(
        `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = ${schema}`,
      );
      const found: Record<string, unknown> = {};
      for (const { name } of tables) {
        if (!String(name).startsWith("migration")) {
          found[String(name)] = await inside.query(`SELECT * FROM ${name} ORDER BY 1, 2`);
        }
      }
      return found;
    },
    async [Symbol.asyncDispose]() {
      await inside.close();
      await admin.query(`DROP DATABASE ${name}${kind === "postgres" ? " WITH (FORCE)" : ""}`);
      await admin.close();
    },
  };
}

/** The same database by another port, such as a proxy's. */
export function onPort(text: string, port: number): string {
  return Object.assign(new URL(text), { port: String(port) }).href;
}

export function serverUrl(kind: ServerKind, text: string): ServerUrl {
  const url = readServerUrl(kind, text);
  if (url instanceof Refusal) throw new Error(url.sentence);
  return url;
}

interface Admin {
  query(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
  close(): Promise<void>;
}

/** One connection; made anew when it is lost, as when its server is killed. */
async function reconnecting(connect: (lost: () => void) => Promise<Admin>): Promise<Admin> {
  let current: Admin | undefined;
  const connected = async () => current ??= await connect(() => current = undefined);
  await connected();
  return {
    query: async (sql) => (await connected()).query(sql),
    close: async () => await current?.close(),
  };
}

function postgresAdmin(url: string): Promise<Admin> {
  return reconnecting(async (lost) => {
    const client = new pg.Client({ connectionString: url });
    client.on("error", lost);
    await client.connect();
    return {
      query: async (sql) => (await client.query(sql)).rows ?? [],
      close: () => client.end(),
    };
  });
}

function mysqlAdmin(url: string): Promise<Admin> {
  return reconnecting(async (lost) => {
    const client = await mysql.createConnection({ uri: url, multipleStatements: true });
    client.on("error", lost);
    return {
      query: async (sql) => {
        const [rows] = await client.query<mysql.RowDataPacket[]>(sql);
        return rows;
      },
      close: () => client.end(),
    };
  });
}

/** Whether a server answers questions by now. */
export async function isReady(kind: ServerKind, url: string): Promise<boolean> {
  try {
    await (await (kind === "postgres" ? postgresAdmin(url) : mysqlAdmin(url))).close();
    return true;
  } catch {
    return false;
  }
}
