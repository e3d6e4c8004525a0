// The migrations of this program, in order. A test compares the list with the folder.

import init from "../../../migrations/sqlite/0001_init.sql" with { type: "text" };
import retention from "../../../migrations/sqlite/0002_retention.sql" with { type: "text" };
import type { Migration } from "../migrations.ts";

export const MIGRATIONS: readonly Migration[] = [
  { name: "0001_init.sql", sql: init },
  { name: "0002_retention.sql", sql: retention },
];
