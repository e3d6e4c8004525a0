// Opens the database that the configuration names. Only the driver that is asked for is loaded.

import { dirname } from "node:path";
import type { Config } from "../config/config.ts";
import { Refusal } from "../config/refusal.ts";
import { readServerUrl, type ServerUrl } from "../config/server_url.ts";
import type { Repository } from "./repository.ts";
import type { OpenServerOptions } from "./server/open.ts";
import { openSqlite, openSqliteReadOnly } from "./sqlite/open.ts";

/**
 * - `serve`: makes what is missing, and migrates
 * - `write`: beside a node: neither makes nor migrates a database beneath it
 * - `read`: as `write`; on SQLite, writes are refused
 * - `load`: for another store to be loaded into it: makes what is missing, but migrates no older one
 */
export type Access = "serve" | "write" | "read" | "load";

export interface OpenOptions {
  /** Unix seconds. */
  readonly now: () => number;
  /** Told of every commit: how many requests it carried, and how many seconds it took. */
  readonly onCommit?: (batchSize: number, seconds: number) => void;
  /** Told where a copy of a SQLite file was kept before it was migrated. */
  readonly onCopy?: (path: string) => void;
}

type Databases = Pick<Config, "storage" | "database">;

/** Throws `storage_full`, `storage_readonly` or `storage_unavailable`, with a sentence. */
export async function openRepository(
  config: Databases,
  access: Access,
  options: OpenOptions,
): Promise<Repository> {
  const { storage: { database, durability } } = config;
  switch (database.kind) {
    case "memory":
      return openSqlite({ path: ":memory:", durability, ...options });
    case "sqlite": {
      const { path } = database;
      if (access === "write" || access === "read") {
        const reader = openSqliteReadOnly(path, options.now);
        if (access === "read") return reader;
        await reader[Symbol.asyncDispose]();
      }
      return openSqlite({ path, durability, loads: access === "load", ...options });
    }
    case "postgres": {
      const { openPostgres } = await import("./postgres/open.ts");
      return await openPostgres({ ...serverOptions(config, access, options), durability });
    }
    case "mysql": {
      const { openMysql } = await import("./mysql/open.ts");
      return await openMysql(serverOptions(config, access, options));
    }
  }
}

/** The folder that a database needs to be there; undefined when it lies on a server. */
export function folderOf({ storage: { database } }: Databases): string | undefined {
  return database.kind === "sqlite" ? dirname(database.path) : undefined;
}

function serverOptions(
  { storage, database }: Databases,
  access: Access,
  { now, onCommit }: OpenOptions,
): OpenServerOptions {
  return {
    url: urlOf(storage.database),
    pool: database.pool,
    statementMs: database.statementTimeoutMs,
    connectMs: database.connectTimeoutMs,
    startMs: storage.connectTimeoutMs,
    now,
    migrates: access === "serve" || access === "load",
    loads: access === "load",
    ...(onCommit === undefined ? {} : { onCommit }),
  };
}

function urlOf(database: Config["storage"]["database"]): ServerUrl {
  if (database.kind === "postgres" || database.kind === "mysql") {
    const url = readServerUrl(database.kind, database.url.reveal());
    if (!(url instanceof Refusal)) return url;
  }
  throw new TypeError("the configuration was not checked");
}
