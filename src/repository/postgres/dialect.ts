// PostgreSQL's SQL, where servers differ.

import type { Dialect } from "../server/driver.ts";

export const DIALECT: Dialect = {
  insertOrIgnore: (table, columns, rows) =>
    `${insert(table, columns, rows)} ON CONFLICT DO NOTHING`,
  upsert: (table, key, columns) => {
    const rest = columns.filter((column) => !key.includes(column));
    const sets = rest.map((column) => `${column} = excluded.${column}`).join(", ");
    return `${insert(table, columns)} ON CONFLICT (${key.join(", ")}) DO UPDATE SET ${sets}`;
  },
  insertNumbered: (table, column, columns) =>
    `${insert(table, columns)} RETURNING ${column} AS numbered`,
  deleteSome: (table, key, where, order) =>
    `DELETE FROM ${table} WHERE ${key} IN
      (SELECT ${key} FROM ${table} WHERE ${where} ORDER BY ${order} LIMIT ?)`,
  continueNumbers: (table, column) =>
    `SELECT setval(pg_get_serial_sequence('${table}', '${column}'),
       (SELECT coalesce(max(${column}), 0) + 1 FROM ${table}), false)`,
  // The setting holds for this statement's own commit: a read does not wait for the disk.
  useForRead: `
    WITH unsynced AS (SELECT set_config('synchronous_commit', 'off', true))
    INSERT INTO used_token (guard, attempt, expires_at)
    SELECT ?::bytea, ?::text, ?::double precision FROM unsynced
    ON CONFLICT DO NOTHING`,
};

function insert(table: string, columns: readonly string[], rows = 1): string {
  const row = `(${columns.map(() => "?").join(", ")})`;
  return `INSERT INTO ${table} (${columns.join(", ")}) VALUES ${
    new Array(rows).fill(row).join(", ")
  }`;
}
