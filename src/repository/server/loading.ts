// One store into another, row by row (../tables.ts). Each page is one transaction under the lock of
// the load's mark: what a lost connection has left unknown is loaded again, and changes nothing.

import { LOAD_SETTING, USED } from "../loading.ts";
import type { LoadStart } from "../repository.ts";
import { text } from "../rows.ts";
import {
  bytesIn,
  quoted,
  storedRow,
  TABLE_NAMES,
  type TableName,
  tableOf,
  type TableRow,
} from "../tables.ts";
import { NEVER } from "./counts.ts";
import { setSetting } from "./leases.ts";
import type { Server, Session } from "./server.ts";
import { lockNode } from "./spaces.ts";

const IS_USED = `SELECT CASE WHEN ${USED} THEN 1 ELSE 0 END AS used FROM node WHERE id = ?`;
const LOCK_MARK = "SELECT value FROM setting WHERE name = ? FOR UPDATE";
const REMOVE_MARK = "DELETE FROM setting WHERE name = ?";
const COUNT_SPACES =
  "UPDATE node SET spaces = (SELECT count(*) FROM space), changes = changes + 1 WHERE id = ?";
const NUMBERED = [["space", "no"], ["event", "seq"]] as const;
/** Columns that only servers have, and what a loaded row has there. */
const OWN: Partial<Record<TableName, { readonly column: string; readonly value: string }>> = {
  used_token: { column: "attempt", value: "loaded" }, // nobody's attempt
};
const ROWS_A_STATEMENT = 64;
/** Far below what servers take in one packet. */
const BYTES_A_STATEMENT = 256 * 1024;

export async function beginLoad(server: Server, mark: string): Promise<LoadStart> {
  return await server.transaction(async (session) => {
    // Of two at once one begins.
    await lockNode(session);
    const known = await lockedMark(session);
    if (known !== undefined) return { kind: "resumed", mark: known };
    const row = await session.one(IS_USED, 1);
    if (row?.["used"] !== 0) return { kind: "used" };
    await setSetting(server, session, LOAD_SETTING, mark);
    return { kind: "begun" };
  });
}

export async function load(
  server: Server,
  mark: string,
  table: TableName,
  rows: readonly TableRow[],
): Promise<boolean> {
  const own = OWN[table];
  const columns = quoted([
    ...tableOf(table).columns,
    ...(own === undefined ? [] : [own.column]),
  ]);
  return await server.transaction(async (session) => {
    if (await lockedMark(session) !== mark) return false;
    for (const part of statementsOf(rows)) {
      const values = part.flatMap((row) => [
        ...storedRow(table, row, NEVER),
        ...(own === undefined ? [] : [own.value]),
      ]);
      await session.run(server.dialect.insertOrIgnore(table, columns, part.length), ...values);
    }
    return true;
  });
}

/** Without a deadline: there may be much to remove. */
export async function restartLoad(server: Server, mark: string, next: string): Promise<boolean> {
  return await server.patient(async (session) => {
    await session.run("BEGIN");
    const isOurs = await lockedMark(session) === mark;
    if (isOurs) {
      for (const table of [...TABLE_NAMES, "delegation_count"]) {
        const which = table === "setting" ? `WHERE ${tableOf(table).where}` : "";
        await session.run(`DELETE FROM ${table} ${which}`);
      }
      await setSetting(server, session, LOAD_SETTING, next);
    }
    await session.run("COMMIT");
    return isOurs;
  });
}

export async function finishLoad(server: Server, mark: string): Promise<boolean> {
  return await server.transaction(async (session) => {
    const known = await lockedMark(session);
    if (known !== mark) return known === undefined;
    await session.run(COUNT_SPACES, 1);
    for (const [table, column] of NUMBERED) {
      const sql = server.dialect.continueNumbers?.(table, column);
      if (sql !== undefined) await session.all(sql);
    }
    await session.run(REMOVE_MARK, LOAD_SETTING);
    return true;
  });
}

async function lockedMark(session: Session): Promise<string | undefined> {
  const row = await session.one(LOCK_MARK, LOAD_SETTING);
  return row === undefined ? undefined : text(row, "value");
}

/** By powers of two, so that few statements are prepared; a long row goes alone. */
function* statementsOf(rows: readonly TableRow[]): Generator<readonly TableRow[]> {
  for (let at = 0; at < rows.length;) {
    let count = ROWS_A_STATEMENT;
    while (count > rows.length - at) count /= 2;
    while (count > 1 && bytesIn(rows.slice(at, at + count)) > BYTES_A_STATEMENT) count /= 2;
    yield rows.slice(at, at + count);
    at += count;
  }
}
