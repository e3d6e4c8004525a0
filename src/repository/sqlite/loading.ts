// One store into another, row by row (../tables.ts). Within a transaction throughout.

import { LOAD_SETTING, USED } from "../loading.ts";
import type { LoadStart } from "../repository.ts";
import {
  quoted,
  storedRow,
  TABLE_NAMES,
  type TableName,
  tableOf,
  type TableRow,
} from "../tables.ts";
import type { Database } from "./database.ts";
import { setSetting, setting } from "./settings.ts";

const IS_USED = `SELECT 1 FROM node WHERE ${USED}`;
const REMOVE_MARK = "DELETE FROM setting WHERE name = ?";
const COUNT = `
  UPDATE node SET used = c.used, spaces = c.spaces
  FROM (SELECT coalesce(sum(used), 0) AS used, count(*) AS spaces FROM space) c`;

export function beginLoad(database: Database, mark: string): LoadStart {
  const known = setting(database, LOAD_SETTING);
  if (known !== undefined) return { kind: "resumed", mark: known };
  if (database.one(IS_USED) !== undefined) return { kind: "used" };
  setSetting(database, LOAD_SETTING, mark);
  return { kind: "begun" };
}

export function load(
  database: Database,
  mark: string,
  table: TableName,
  rows: readonly TableRow[],
): boolean {
  if (setting(database, LOAD_SETTING) !== mark) return false;
  const columns = quoted(tableOf(table).columns);
  const sql = `INSERT INTO ${table} (${columns.join(", ")})
    VALUES (${columns.map(() => "?").join(", ")}) ON CONFLICT DO NOTHING`;
  for (const row of rows) database.run(sql, ...storedRow(table, row, Infinity));
  return true;
}

export function restartLoad(database: Database, mark: string, next: string): boolean {
  if (setting(database, LOAD_SETTING) !== mark) return false;
  // What refers to others goes before them.
  for (const table of ["delegation_count", ...TABLE_NAMES.toReversed()]) {
    const which = table === "setting" ? `WHERE ${tableOf(table).where}` : "";
    database.run(`DELETE FROM ${table} ${which}`);
  }
  setSetting(database, LOAD_SETTING, next);
  return true;
}

export function finishLoad(database: Database, mark: string): boolean {
  const known = setting(database, LOAD_SETTING);
  if (known !== mark) return known === undefined;
  database.run(COUNT);
  database.run(REMOVE_MARK, LOAD_SETTING);
  return true;
}
