// Leases and settings: what the nodes that share a database agree on.

import { number, text } from "../rows.ts";
import type { Server, Session } from "./server.ts";

const FIND = "SELECT holder, until FROM lease WHERE name = ? FOR UPDATE";
const UPDATE = "UPDATE lease SET holder = ?, until = ? WHERE name = ?";
const RELEASE = "DELETE FROM lease WHERE name = ? AND holder = ?";
const SETTING = "SELECT value FROM setting WHERE name = ?";

export async function takeLease(
  server: Server,
  name: string,
  holder: string,
  now: number,
  until: number,
): Promise<boolean> {
  return await server.transaction(async (session) => {
    const insert = server.dialect.insertOrIgnore("lease", ["name", "holder", "until"]);
    if (await session.run(insert, name, holder, until) > 0) return true;
    const row = await session.one(FIND, name);
    if (row === undefined) return false;
    if (text(row, "holder") !== holder && number(row, "until") > now) return false;
    await session.run(UPDATE, holder, until, name);
    return true;
  });
}

export async function releaseLease(session: Session, name: string, holder: string): Promise<void> {
  await session.run(RELEASE, name, holder);
}

export async function setting(session: Session, name: string): Promise<string | undefined> {
  const row = await session.one(SETTING, name);
  return row === undefined ? undefined : text(row, "value");
}

export async function setSetting(
  { dialect }: Server,
  session: Session,
  name: string,
  value: string,
): Promise<void> {
  await session.run(dialect.upsert("setting", ["name"], ["name", "value"]), name, value);
}
