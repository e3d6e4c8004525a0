// The stores that a command opens beside the node, or instead of it.

import type { Blocks } from "../blocks/blocks.ts";
import { openLocalBlocks } from "../blocks/local.ts";
import type { Config } from "../config/config.ts";
import { ConfigError } from "../config/refusal.ts";

/** The SQLite file of the configuration. Throws ConfigError when there is none. */
export function databasePath({ storage: { database } }: Config): string {
  if (database.kind === "sqlite") return database.path;
  throw new ConfigError(["storage.database is in memory: only its own process can see it"]);
}

/** Throws ConfigError for a store that is not in this version, and NodeError. */
export function openBlocks(
  { storage: { blocks, durability: configured } }: Config,
  durability = configured,
): Promise<Blocks> {
  if (blocks.kind === "Local") return openLocalBlocks({ path: blocks.path, durability });
  throw new ConfigError([`storage.blocks.type: ${blocks.kind} is not in this version yet`]);
}
