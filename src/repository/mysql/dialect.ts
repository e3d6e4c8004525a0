// The SQL of MySQL and MariaDB, where servers differ. Names stand in double quotes, as everywhere
// else: every session asks for that (driver.ts).

import type { Dialect } from "../server/driver.ts";

/** An assignment that changes nothing; `INSERT IGNORE` would let more than a known key pass. */
const insertOrIgnore: Dialect["insertOrIgnore"] = (table, columns, rows) => {
  const [first] = columns;
  return `${insert(table, columns, rows)} ON DUPLICATE KEY UPDATE ${first} = ${table}.${first}`;
};

export const DIALECT: Dialect = {
  insertOrIgnore,
  upsert: (table, key, columns) => {
    const rest = columns.filter((column) => !key.includes(column));
    const sets = rest.map((column) => `${column} = VALUES(${column})`).join(", ");
    return `${insert(table, columns)} ON DUPLICATE KEY UPDATE ${sets}`;
  },
  insertNumbered: (table, _column, columns) => insert(table, columns),
  deleteSome: (table, _key, where, order) =>
    `DELETE FROM ${table} WHERE ${where} ORDER BY ${order} LIMIT ?`,
  // There is no way to commit one statement without the disk.
  useForRead: insertOrIgnore("used_token", ["guard", "attempt", "expires_at"]),
};

function insert(table: string, columns: readonly string[], rows = 1): string {
  const row = `(${columns.map(() => "?").join(", ")})`;
  return `INSERT INTO ${table} (${columns.join(", ")}) VALUES ${
    new Array(rows).fill(row).join(", ")
  }`;
}
