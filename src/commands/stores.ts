// The stores that a command opens beside the node, or instead of it.

import type { Blocks } from "../blocks/blocks.ts";
import { openLocalBlocks } from "../blocks/local.ts";
import type { Config } from "../config/config.ts";
import { ConfigError } from "../config/refusal.ts";
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

/** Throws ConfigError for a store that is not in this version, and NodeError. */
export function openBlocks(
  { storage: { blocks, durability: configured } }: Config,
  durability = configured,
): Promise<Blocks> {
  if (blocks.kind === "Local") return openLocalBlocks({ path: blocks.path, durability });
  throw new ConfigError([`storage.blocks.type: ${blocks.kind} is not in this version yet`]);
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
