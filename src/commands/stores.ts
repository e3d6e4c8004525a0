// The stores that a command opens beside the node, or instead of it.

import type { Blocks } from "../blocks/blocks.ts";
import { openBlocks as openConfigured, placeOfBlocks } from "../blocks/open.ts";
import type { Config } from "../config/config.ts";
import { ConfigError } from "../config/refusal.ts";
import { cannotOpen } from "../errors.ts";
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

/** Throws NodeError with a sentence. */
export async function openBlocks(
  { storage }: Config,
  durability = storage.durability,
): Promise<Blocks> {
  try {
    return await openConfigured({ ...storage, durability });
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw cannotOpen("the blocks", placeOfBlocks(storage.blocks), error);
  }
}

/** The SQLite file of the configuration. Throws ConfigError when there is none. */
export function databasePath({ storage: { database } }: Config): string {
  if (database.kind === "sqlite") return database.path;
  throw new ConfigError(["storage.database is in memory: only its own process can see it"]);
}
