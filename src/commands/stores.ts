// The stores that a command opens beside the node, or instead of it.

import type { Blocks } from "../blocks/blocks.ts";
import { openLocalBlocks } from "../blocks/local.ts";
import type { Config } from "../config/config.ts";
import { ConfigError } from "../config/refusal.ts";
import type { Repository } from "../repository/repository.ts";
import { openSqlite, openSqliteReadOnly } from "../repository/sqlite/open.ts";
import { systemClock } from "../telemetry/clock.ts";

const now = () => systemClock.nowSeconds();

/** Throws when the database is not there, or lacks a migration. */
export function openToRead(config: Config): Repository {
  return openSqliteReadOnly(databasePath(config), now);
}

/** As `openToRead`: it neither makes nor migrates a database beneath a node. */
export async function openToWrite(config: Config): Promise<Repository> {
  await openToRead(config)[Symbol.asyncDispose]();
  return openSqlite({ path: databasePath(config), durability: config.storage.durability, now });
}

/** Throws ConfigError for a store that is not in this version, and NodeError. */
export function openBlocks(
  { storage: { blocks, durability: configured } }: Config,
  durability = configured,
): Promise<Blocks> {
  if (blocks.kind === "Local") return openLocalBlocks({ path: blocks.path, durability });
  throw new ConfigError([`storage.blocks.type: ${blocks.kind} is not in this version yet`]);
}

/** The SQLite file of the configuration. Throws ConfigError when there is none. */
export function databasePath({ storage: { database } }: Config): string {
  if (database.kind === "sqlite") return database.path;
  throw new ConfigError(["storage.database is in memory: only its own process can see it"]);
}
