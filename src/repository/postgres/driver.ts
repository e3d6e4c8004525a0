// PostgreSQL by `pg` (dependencies.md, section 2), with its traps closed: a client without a listener
// ends the process when its backend dies; big integers come as text; a statement's name is bounded.

// @ts-types="./pg.d.ts"
import pg from "pg";
import type { ServerUrl } from "../../config/server_url.ts";
import type { Row } from "../rows.ts";
import {
  type Connection,
  type Driver,
  DRIVER_SLACK_MS,
  type Failure,
  type Result,
  type Value,
} from "../server/driver.ts";
import { inTime } from "../server/in_time.ts";
import { tlsOptions } from "../server/tls.ts";
import { DIALECT } from "./dialect.ts";

export interface PostgresDriverOptions {
  readonly url: ServerUrl;
  /** Connections at once. */
  readonly pool: number;
  readonly connectMs: number;
  readonly statementMs: number;
  /** `normal`: a commit is answered before it is on the disk. */
  readonly durability: "full" | "normal";
  /** Where tables are looked up; default: as the server says. */
  readonly schema?: string;
}

const IDLE_MS = 60_000;
/** What the server itself undoes when a node has begun and says no more. */
const IDLE_IN_TRANSACTION_MS = 10_000;
const INT8 = 20;
const NUMERIC = 1700;

/** https://www.postgresql.org/docs/current/errcodes-appendix.html */
const FAILURES: Readonly<Record<string, Failure>> = {
  "40001": "undone", // serialization failure
  "40P01": "undone", // deadlock
  "23505": "taken", // unique violation
  "25006": "readonly", // read-only transaction, as after a failover
  "53100": "full", // disk full
  "25P03": "lost", // it was idle in a transaction for too long
  "53300": "lost", // too many connections
  "57P01": "lost", // admin shutdown
  "57P02": "lost", // crash shutdown
  "57P03": "lost", // cannot connect now
  "57P05": "lost", // it was idle for too long
};

export async function postgresDriver(options: PostgresDriverOptions): Promise<Driver> {
  const { url, connectMs, statementMs } = options;
  const pool = new pg.Pool({
    host: url.socket ?? url.host,
    port: url.port,
    user: url.user,
    password: url.password,
    database: url.database,
    ssl: url.tls === undefined ? false : await tlsOptions(url.tls),
    application_name: "tinycloud",
    max: options.pool,
    idleTimeoutMillis: IDLE_MS,
    connectionTimeoutMillis: connectMs + DRIVER_SLACK_MS,
    keepAlive: true,
    types: { getTypeParser: parserOf },
  });
  pool.on("error", () => {});
  const ready = new WeakSet<pg.PoolClient>();

  return {
    dialect: DIALECT,
    async connect() {
      const client = await pool.connect();
      const connection = connectionOn(client);
      if (!ready.has(client)) {
        client.on("error", () => {});
        try {
          const late = "a new connection to the database went silent";
          await inTime(client.query(settings(options, statementMs)), connectMs, late);
        } catch (error) {
          connection.destroy();
          throw error;
        }
        ready.add(client);
      }
      return connection;
    },
    failureOf,
    close: () => pool.end(),
  };
}

/** Several statements in one text, all of our own words. */
function settings({ durability, schema }: PostgresDriverOptions, statementMs: number): string {
  const off = "SELECT set_config('synchronous_commit', 'off', false)";
  // What waits for more than this server's disk stays as its operator has set it.
  const on = "SELECT set_config('synchronous_commit', 'on', false) " +
    "WHERE current_setting('synchronous_commit') = 'off'";
  return [
    `SET statement_timeout = ${Math.ceil(statementMs)}`,
    `SET idle_in_transaction_session_timeout = ${IDLE_IN_TRANSACTION_MS}`,
    "SET default_transaction_isolation = 'read committed'",
    "SET client_min_messages = 'warning'",
    "SET timezone = 'UTC'",
    durability === "full" ? on : off,
    ...(schema === undefined ? [] : [`SET search_path = ${pg.escapeIdentifier(schema)}`]),
  ].join("; ");
}

function connectionOn(client: pg.PoolClient): Connection {
  let isOver = false;
  const end = (destroys: boolean) => {
    if (isOver) return;
    isOver = true;
    client.release(destroys);
  };
  return {
    query: (sql, values) => run(client, sql, values),
    unhurried: async () => void await client.query("SET statement_timeout = 0"),
    release: () => end(false),
    destroy: () => end(true),
  };
}

async function run(
  client: pg.PoolClient,
  sql: string,
  values: readonly Value[],
): Promise<Result> {
  // Without values it may be several statements, which cannot be prepared.
  const { rows, rowCount } = values.length === 0
    ? await client.query<Row>(sql)
    : await client.query<Row>({ ...prepared(sql), values: values.map(valueFor) });
  const numbered = rows?.[0]?.["numbered"];
  return {
    rows: rows ?? [],
    changes: rowCount ?? 0,
    id: typeof numbered === "number" ? numbered : undefined,
  };
}

function valueFor(value: Value): string | number | Buffer | null {
  return value instanceof Uint8Array ? Buffer.from(value) : value;
}

interface Prepared {
  readonly name: string;
  readonly text: string;
}

const statements = new Map<string, Prepared>();

/** Our `?` as the server's `$1`; no text of ours holds another question mark. */
function prepared(sql: string): Prepared {
  const known = statements.get(sql);
  if (known !== undefined) return known;
  let count = 0;
  const made = {
    name: `t${statements.size}`,
    text: sql.replaceAll("?", () => `$${++count}`),
  };
  statements.set(sql, made);
  return made;
}

/** Numbers as numbers: nothing that is stored is beyond 2^53 - 1. */
function parserOf(oid: number, format?: string) {
  if (oid === INT8 || oid === NUMERIC) return exactNumber;
  return pg.types.getTypeParser(oid, format);
}

function exactNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError("a stored number is too large");
  return value;
}

function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return "other";
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  // What is not of the server's own words is the connection's: closed, refused, timed out.
  if (!(error instanceof pg.DatabaseError)) {
    return error instanceof TypeError || error instanceof RangeError ? "other" : "lost";
  }
  if (code === undefined) return "other";
  return FAILURES[code] ?? (code.startsWith("08") ? "lost" : "other");
}
