// Where the metadata lives, as `storage.database` names it.

import { path } from "./kinds.ts";
import { Refusal } from "./refusal.ts";
import { Secret } from "./secret.ts";
import { readServerUrl } from "./server_url.ts";

export type Database =
  | { readonly kind: "memory" }
  | { readonly kind: "sqlite"; readonly path: string }
  | { readonly kind: "postgres" | "mysql"; readonly url: Secret };

const SERVERS: ReadonlyMap<string, "postgres" | "mysql"> = new Map([
  ["postgres", "postgres"],
  ["postgresql", "postgres"],
  ["mysql", "mysql"],
  ["mariadb", "mysql"],
]);

/**
 * The database that a text names. A refused text is never shown: it may be a mistyped URL with a
 * password in it.
 */
export function parseDatabase(raw: unknown): Database | Refusal {
  if (typeof raw !== "string") return refuse("is not text");

  const colon = raw.indexOf(":");
  if (colon < 0) return parseSqlite(raw);
  const scheme = raw.slice(0, colon);
  const rest = raw.slice(colon + 1);
  if (scheme === "sqlite") return parseSqlite(rest.replace(/^\/\//, ""));

  const kind = SERVERS.get(scheme);
  if (kind === undefined) return refuse("has an unknown scheme");
  if (!rest.startsWith("//") || !URL.canParse(raw)) return refuse(`is no valid ${scheme} URL`);
  const server = readServerUrl(kind, raw);
  return server instanceof Refusal ? server : { kind, url: new Secret(raw) };
}

function parseSqlite(file: string): Database | Refusal {
  if (file === ":memory:") return { kind: "memory" };
  if (file.includes("?")) return refuse(`has parameters after "?"`);
  return path(file) === file ? { kind: "sqlite", path: file } : refuse("names no file");
}

function refuse(found: string): Refusal {
  return new Refusal(
    found,
    "sqlite:PATH, sqlite::memory:, a path such as data/caps.db, or a postgres:// or mysql:// URL",
  );
}

/** The database for people to read: no password, and no parameters, which may hold one too. */
export function showDatabase(database: Database): string {
  switch (database.kind) {
    case "memory":
      return "sqlite::memory:";
    case "sqlite":
      return `sqlite:${database.path}`;
    case "postgres":
    case "mysql": {
      const { protocol, username, host, pathname, search } = new URL(database.url.reveal());
      const user = username && `${username}:${database.url}@`;
      return `${protocol}//${user}${host}${pathname}${search && `?${database.url}`}`;
    }
  }
}
