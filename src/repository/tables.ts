// What a store holds, in a form that no engine owns, so that it can be brought into another one row
// by row. What a store derives for itself is left out: counters, counts of delegations, leases,
// graves.

import { damaged, type Row } from "./rows.ts";

export type Field = string | number | Uint8Array | null;

/** In the order of the table's columns. */
export type TableRow = readonly Field[];

interface Table {
  readonly columns: readonly string[];
  /** By which rows are told apart and ordered, texts and bytes as bytes. */
  readonly key: readonly [string] | readonly [string, string];
  /** Columns that may be long. */
  readonly long?: readonly string[];
  /** Which rows go along, where not all do. */
  readonly where?: string;
}

/** In an order in which each refers to those before it. */
export const TABLES = {
  setting: {
    columns: ["name", "value"],
    key: ["name"],
    // What begins so is the store's own: traces of its probes, and of a load under way.
    where: `"name" NOT LIKE 'store.%' AND "name" NOT LIKE 'load.%'`,
  },
  space: {
    columns: ["no", "id", "owner", "created_at", "used"],
    key: ["no"],
  },
  event: {
    columns: ["seq", "kind", "cid", "token", "at", "space_no", "key", "hash", "size"],
    key: ["seq"],
    long: ["token"],
  },
  delegation: {
    columns: [
      "position",
      "cid",
      "identity",
      "kind",
      "delegator",
      "delegatee",
      "capabilities",
      "proofs",
      "parents",
      "ancestors",
      "lineage",
      "issued_at",
      "not_before",
      "expires_at",
      "accepted_at",
      "host",
    ],
    key: ["position"],
    long: ["capabilities", "proofs", "parents", "ancestors", "lineage"],
  },
  delegation_scope: {
    columns: ["scope", "position", "delegator", "delegatee", "until"],
    key: ["scope", "position"],
  },
  revocation: {
    columns: ["identity", "seq", "target", "revoker", "revoked_at"],
    key: ["identity"],
  },
  block: {
    columns: ["space_no", "hash", "size", "refs"],
    key: ["space_no", "hash"],
    where: `"refs" > 0`,
  },
  entry: {
    columns: ["space_no", "key", "hash", "size", "held", "seq", "headers", "inline"],
    key: ["space_no", "key"],
    long: ["headers", "inline"],
  },
  used_token: {
    columns: ["guard", "expires_at"],
    key: ["guard"],
  },
} as const satisfies Record<string, Table>;

export type TableName = keyof typeof TABLES;

/** In the order of `TABLES`. */
export const TABLE_NAMES = Object.keys(TABLES) as readonly TableName[]; // it has no other keys

/** A column that engines without infinity keep otherwise: as a field, null is never. */
const ENDLESS = "until";
const LARGEST = Number.MAX_VALUE;

export function tableOf(name: TableName): Table {
  return TABLES[name];
}

/** A row's key. */
export function keyOf(name: TableName, row: TableRow): readonly Field[] {
  const { columns, key } = tableOf(name);
  return key.map((column) => row[columns.indexOf(column)] ?? null);
}

/** Every name is quoted, since some engine reserves it. */
export function quoted(columns: readonly string[]): readonly string[] {
  return columns.map((column) => `"${column}"`);
}

/** What an engine stores for a row; `never` is its word for a time that does not come. */
export function storedRow(name: TableName, row: TableRow, never: number): readonly Field[] {
  const at = tableOf(name).columns.indexOf(ENDLESS);
  return at < 0 || row[at] !== null ? row : row.with(at, never);
}

export type Select = (
  sql: string,
  ...values: readonly Field[]
) => readonly Row[] | Promise<readonly Row[]>;

/** Bytes of long columns in a page; one longer row is a page of its own. */
const PAGE_BYTES = 1024 * 1024;

/**
 * At most so many of the rows that follow a key, in order; none: there are no more. First how long
 * they are, then the rows, so that no more comes than a page may hold.
 */
export async function pageOf(
  select: Select,
  name: TableName,
  after: readonly Field[] | undefined,
  limit: number,
): Promise<readonly TableRow[]> {
  const { columns, key, long = [], where } = tableOf(name);
  const order = quoted(key).join(", ");
  const lengths = quoted(long).map((column) => `coalesce(octet_length(${column}), 0)`);
  const rows: TableRow[] = [];
  let bytes = 0;
  for (const { sql, values } of reaches(key, after)) {
    const conditions = [...(where === undefined ? [] : [where]), ...(sql === "" ? [] : [sql])];
    const which = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
    const read = (what: string, count: number) =>
      select(
        `SELECT ${what} FROM ${name} ${which} ORDER BY ${order} LIMIT ?`,
        ...values,
        count,
      );

    let count = limit - rows.length;
    if (count > 0 && lengths.length > 0) {
      const found = (await read(`${lengths.join(" + ")} AS length`, count)).map(lengthIn);
      const cut = found.findIndex((length) => (bytes += length) > PAGE_BYTES);
      count = cut < 0 ? found.length : rows.length === 0 ? Math.max(1, cut) : cut;
    }
    if (count > 0) {
      const found = await read(quoted(columns).join(", "), count);
      rows.push(...found.map((row) => columns.map((column) => fieldOf(row, column))));
    }
    if (bytes > PAGE_BYTES) break;
  }
  return rows;
}

/**
 * What follows a key, in order: of a key of two columns the rest with the same first one, then the
 * others. Every engine finds each part by its index.
 */
function reaches(
  [first, second]: Table["key"],
  after: readonly Field[] | undefined,
): readonly { readonly sql: string; readonly values: readonly Field[] }[] {
  if (after === undefined) return [{ sql: "", values: [] }];
  const [one = null] = after;
  const beyond = { sql: `"${first}" > ?`, values: [one] };
  if (second === undefined) return [beyond];
  return [{ sql: `"${first}" = ? AND "${second}" > ?`, values: after }, beyond];
}

/** The key of the last row; undefined when there is none. */
export async function lastKey(
  select: Select,
  name: TableName,
): Promise<readonly Field[] | undefined> {
  const { key } = tableOf(name);
  const order = quoted(key).map((column) => `${column} DESC`).join(", ");
  const [row] = await select(
    `SELECT ${quoted(key).join(", ")} FROM ${name} ORDER BY ${order} LIMIT ?`,
    1,
  );
  return row === undefined ? undefined : key.map((column) => fieldOf(row, column));
}

function lengthIn({ length }: Row): number {
  if (typeof length !== "number") throw damaged("length");
  return length;
}

function fieldOf(row: Row, column: string): Field {
  const value = row[column];
  if (typeof value === "number") return column === ENDLESS && value >= LARGEST ? null : value;
  if (typeof value === "string" || value === null) return value;
  if (!(value instanceof Uint8Array)) throw damaged(column);
  // Drivers give parts of larger buffers, which would be kept, or sent, as a whole.
  return new Uint8Array(value);
}

/** What rows come to in memory, about. */
export function bytesIn(rows: readonly TableRow[]): number {
  let bytes = 0;
  for (const row of rows) {
    for (const field of row) {
      bytes += typeof field === "string"
        ? field.length
        : field instanceof Uint8Array
        ? field.length
        : 8;
    }
  }
  return bytes;
}
