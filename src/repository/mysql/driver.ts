// MySQL and MariaDB by `mysql2` (dependencies.md, section 1), with its traps closed: sums come as
// text, a packet that is too large ends its connection, and nothing ends a statement but the server.

import { isIP } from "node:net";
import mysql from "mysql2/promise";
import { NodeError } from "../../errors.ts";
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

export interface MysqlDriverOptions {
  readonly url: ServerUrl;
  /** Connections at once. */
  readonly pool: number;
  readonly connectMs: number;
  readonly statementMs: number;
}

const IDLE_MS = 60_000;
/** What the server itself undoes when a node has begun and says no more; it may have died. */
const IDLE_IN_TRANSACTION_SECONDS = 10;
/** MySQL knows only connections that are idle, so the pool ends them first. */
const IDLE_SECONDS = IDLE_MS / 1000 + 10;
/** What a statement takes beside its values, amply. */
const PACKET_OVERHEAD = 64 * 1024;
const SQL_MODE = "ANSI_QUOTES,STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_BACKSLASH_ESCAPES";

/** https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html */
const FAILURES: ReadonlyMap<unknown, Failure> = new Map<unknown, Failure>([
  [1213, "undone"], // deadlock; in a Galera cluster also a conflict at a commit
  [1205, "undone"], // lock wait timeout
  [1062, "taken"], // duplicate key
  [1021, "full"], // disk full
  [1114, "full"], // table full
  [1290, "readonly"], // --read-only
  [1792, "readonly"], // read-only transaction
  [1836, "readonly"], // running in read-only mode
  [1040, "lost"], // too many connections
  [1047, "lost"], // a Galera server that is not in its cluster
  [1053, "lost"], // shutdown in progress
  [1927, "lost"], // connection was killed
]);

export async function mysqlDriver(options: MysqlDriverOptions): Promise<Driver> {
  const { url, connectMs, pool: connectionLimit } = options;
  // The driver would compare the certificate with "localhost".
  if (url.tls?.verifiesName === true && isIP(url.host) !== 0) {
    throw new NodeError(
      "storage_unavailable",
      "storage.database has an address where TLS needs the server's name: " +
        "use its host name, or ssl-mode=VERIFY_CA",
    );
  }
  const pool = mysql.createPool({
    ...(url.socket === undefined ? { host: url.host, port: url.port } : { socketPath: url.socket }),
    user: url.user,
    password: url.password,
    database: url.database,
    ...(url.tls === undefined ? {} : {
      // Left out, the driver takes any name that an authority has signed.
      ssl: { ...await tlsOptions(url.tls), verifyIdentity: url.tls.verifiesName },
    }),
    connectionLimit,
    connectTimeout: connectMs + DRIVER_SLACK_MS,
    idleTimeout: IDLE_MS,
    enableKeepAlive: true,
    charset: "utf8mb4",
    supportBigNumbers: true,
    // An update that changes nothing counts as none.
    flags: ["-FOUND_ROWS"],
    typeCast: valueOf,
  });
  /** What is known of connections that are prepared. */
  const ready = new WeakMap<object, Server>();

  return {
    dialect: DIALECT,
    async connect() {
      const client = await pool.getConnection();
      // The pool hands out a new face of the same connection each time.
      const known = client.connection;
      let server = ready.get(known);
      if (server === undefined) {
        try {
          const late = "a new connection to the database went silent";
          server = await inTime(prepare(client, options), connectMs, late);
        } catch (error) {
          destroy(client);
          throw error;
        }
        ready.set(known, server);
      }
      return connectionOn(client, server);
    },
    failureOf,
    // A connection that was just being made, and came to nothing, fails the end of all.
    close: () => pool.end().catch(() => {}),
  };
}

interface Server {
  readonly isMaria: boolean;
  /** Bytes of the longest packet that it takes. */
  readonly maxPacket: number;
}

/** Sets up a new connection. */
async function prepare(
  client: mysql.PoolConnection,
  { statementMs }: MysqlDriverOptions,
): Promise<Server> {
  const seconds = Math.max(1, Math.ceil(statementMs / 1000));
  await client.query(`SET SESSION sql_mode = '${SQL_MODE}'`);
  await client.query("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
  await client.query(
    `SET SESSION time_zone = '+00:00', SESSION innodb_lock_wait_timeout = ${seconds}`,
  );
  const [rows] = await client.query<mysql.RowDataPacket[]>(
    "SELECT version() AS version, @@max_allowed_packet AS packet",
  );
  const isMaria = /mariadb/i.test(String(rows[0]?.["version"]));
  await client.query(longestStatement(isMaria, statementMs));
  await client.query(
    isMaria
      ? `SET SESSION idle_transaction_timeout = ${IDLE_IN_TRANSACTION_SECONDS}`
      : `SET SESSION wait_timeout = ${IDLE_SECONDS}`,
  );
  const [cluster] = await client.query<mysql.RowDataPacket[]>(
    "SHOW VARIABLES LIKE 'wsrep_on'",
  );
  // Nothing is decided by what another server of the cluster has overtaken.
  if (cluster[0]?.["Value"] === "ON") await client.query("SET SESSION wsrep_sync_wait = 7");
  return { isMaria, maxPacket: Number(rows[0]?.["packet"]) };
}

function longestStatement(isMaria: boolean, ms: number): string {
  return isMaria
    ? `SET SESSION max_statement_time = ${ms / 1000}`
    : `SET SESSION max_execution_time = ${Math.ceil(ms)}`;
}

function connectionOn(client: mysql.PoolConnection, { isMaria, maxPacket }: Server): Connection {
  let isOver = false;
  const end = (how: () => void) => {
    if (isOver) return;
    isOver = true;
    how();
  };
  const destroyed = Promise.withResolvers<never>();
  destroyed.promise.catch(() => {});
  return {
    query: (sql, values) => Promise.race([run(client, maxPacket, sql, values), destroyed.promise]),
    unhurried: async () => void await client.query(longestStatement(isMaria, 0)),
    release: () => end(() => client.release()),
    destroy: () =>
      end(() => {
        destroy(client);
        destroyed.reject(new Error("the connection was destroyed"));
      }),
  };
}

/** The driver only says good-bye, and forgets what it was asked: nothing of it ever settles. */
function destroy(client: mysql.PoolConnection): void {
  // Its socket, which its types keep to themselves.
  const { stream } = client.connection as unknown as { readonly stream: { destroy(): void } };
  client.destroy();
  stream.destroy();
}

async function run(
  client: mysql.PoolConnection,
  maxPacket: number,
  sql: string,
  values: readonly Value[],
): Promise<Result> {
  const asked = values.map(valueFor);
  const bytes = asked.reduce<number>((sum, value) => sum + sizeOf(value), sql.length);
  if (bytes + PACKET_OVERHEAD > maxPacket) {
    throw new NodeError("storage_unavailable", undefined, {
      cause: new Error("a value is longer than the server's max_allowed_packet"),
    });
  }
  // Statements of the schema and of transactions are not to be prepared.
  const [result] = values.length === 0
    ? await client.query<Answered>(sql)
    : await client.execute<Answered>(sql, asked);
  if (Array.isArray(result)) return { rows: result as readonly Row[], changes: 0, id: undefined };
  return { rows: [], changes: result.affectedRows, id: result.insertId };
}

type Answered = mysql.RowDataPacket[] | mysql.ResultSetHeader;

/** Whole numbers as text: the driver would send them as floating-point ones. */
function valueFor(value: Value): string | number | Buffer | null {
  if (value instanceof Uint8Array) return Buffer.from(value);
  return typeof value === "number" && Number.isSafeInteger(value) ? String(value) : value;
}

function sizeOf(value: string | number | Buffer | null): number {
  return typeof value === "string"
    ? Buffer.byteLength(value)
    : value instanceof Buffer
    ? value.length
    : 16;
}

/** VARBINARY holds texts here, BINARY and BLOB bytes; numbers are numbers. */
function valueOf(
  field: { readonly type: string; string(encoding?: BufferEncoding): string | null },
  next: () => unknown,
): unknown {
  if (field.type === "VAR_STRING") return field.string("utf8");
  if (field.type !== "NEWDECIMAL") return next();
  const sum = field.string();
  if (sum === null) return null;
  const value = Number(sum);
  if (!Number.isSafeInteger(value)) throw new RangeError("a stored number is too large");
  return value;
}

function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return "other";
  const known = "errno" in error ? FAILURES.get(error.errno) : undefined;
  if (known !== undefined) return known;
  const isServers = "sqlState" in error && error.sqlState !== undefined;
  if (isServers) return "other";
  return error instanceof TypeError || error instanceof RangeError ? "other" : "lost";
}
