// Settings of the whole node.

import type { Database } from "./database.ts";
import { text } from "../rows.ts";

const GET = "SELECT value FROM setting WHERE name = ?";
const SET = `
  INSERT INTO setting (name, value) VALUES (?, ?)
  ON CONFLICT (name) DO UPDATE SET value = excluded.value`;

export function setting(database: Database, name: string): string | undefined {
  const row = database.one(GET, name);
  return row === undefined ? undefined : text(row, "value");
}

/** Within a transaction. */
export function setSetting(database: Database, name: string, value: string): void {
  database.run(SET, name, value);
}
