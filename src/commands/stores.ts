// The stores that a command opens beside the node, or instead of it.

import type { Blocks } from "../blocks/blocks.ts";
import { openBlocks as openConfigured, placeOfBlocks } from "../blocks/open.ts";
import type { Config } from "../config/config.ts";
import { ConfigError } from "../config/refusal.ts";
import { cannotOpen } from "../errors.ts";
import { openRepository } from "../repository/open.ts";
import type { Repository } from "../repository/repository.ts";
import { systemClock } from "../telemetry/clock.ts";

const now = () => systemClock.nowSeconds();

/** Throws when the database is not there, or lacks a migration. */
export function openToRead(config: Config): Promise<Repository> {
  requireShared(config);
  return openRepository(config, "read", { now });
}

/** As `openToRead`: it neither makes nor migrates a database beneath a node. */
export function openToWrite(config: Config): Promise<Repository> {
  requireShared(config);
  return openRepository(config, "write", { now });
}

/** For another store to be loaded into it. Throws when the database is an older one. */
export function openToLoad(config: Config): Promise<Repository> {
  requireShared(config);
  return openRepository(config, "load", { now });
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
export function databasePath(config: Config): string {
  const { storage: { database } } = config;
  requireShared(config);
  if (database.kind === "sqlite") return database.path;
  throw new ConfigError([
    "storage.database lies on a server: its own tools back it up and restore it " +
    "(docs/scale-out.md)",
  ]);
}

function requireShared({ storage: { database } }: Config): void {
  if (database.kind !== "memory") return;
  throw new ConfigError(["storage.database is in memory: only its own process can see it"]);
}
