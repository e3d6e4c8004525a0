// A table in pages, by the SQL that all engines share.

import { damaged, type Row } from "./rows.ts";
import {
  ENDLESS,
  type Field,
  quoted,
  type Table,
  type TableName,
  tableOf,
  type TableRow,
} from "./tables.ts";

export type Select = (
  sql: string,
  ...values: readonly Field[]
) => readonly Row[] | Promise<readonly Row[]>;

/** Bytes of long columns in a page; one longer row is a page of its own. */
const PAGE_BYTES = 1024 * 1024;
/** From here on a time never comes: engines without infinity keep this number. */
const NEVER = Number.MAX_VALUE;

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
  if (typeof value === "number") return column === ENDLESS && value >= NEVER ? null : value;
  if (typeof value === "string" || value === null) return value;
  if (!(value instanceof Uint8Array)) throw damaged(column);
  // Drivers give parts of larger buffers, which would be kept, or sent, as a whole.
  return new Uint8Array(value);
}
