// The syncs of a node by what they are for. Each is one place in the code, or SQLite's.

import { basename, dirname } from "node:path";
import { Disk, File, Folder } from "./disk.ts";
import type { Recording, Step } from "./recording.ts";
import { storageBelow } from "./storage.ts";

/** What the syncs of a node are for; docs/durability.md has the same names. */
export const SITES = [
  "the log",
  "the log's header",
  "the database",
  "the rollback journal",
  "the names of database and log",
  "the secret",
  "the secret's name",
  "a block from memory",
  "a block linked from its upload",
  "a block copied from its upload",
  "a block's name",
  "the folder of two digits",
  "the folder of a space",
  "the folders above",
] as const;

/** Those before a migration. */
export const COPY_SITES = ["the copy of a database", "the copy's name"] as const;

export type Site = (typeof SITES)[number] | (typeof COPY_SITES)[number];

/** The site of each sync, by the number of its step. Throws for a sync that is none of these. */
export function sitesOf({ root, steps }: Recording): ReadonlyMap<number, Site> {
  const sites = new Map<number, Site>();
  const disk = new Disk(root);
  steps.forEach((step, index) => {
    if (step.kind === "sync") sites.set(index, siteOf(disk, root, step));
    disk.apply(step);
  });
  return sites;
}

function siteOf(disk: Disk, root: string, step: Extract<Step, { kind: "sync" }>): Site {
  const node = disk.nodeOf(step);
  if (node instanceof File) return siteOfFile(node, root, step.path);
  const { database, blocks, staging } = storageBelow(root);
  const { path } = step;
  if (path === dirname(database)) {
    const changed = node instanceof Folder ? node.changed : [];
    if (changed.includes("node.secret")) return "the secret's name";
    if (changed.some((name) => COPY.test(name))) return "the copy's name";
    return "the names of database and log";
  }
  if (dirname(dirname(path)) === blocks) return "a block's name";
  if (dirname(path) === blocks) return "the folder of two digits";
  if (path === blocks) return "the folder of a space";
  if ([database, blocks, staging].some((each) => each.startsWith(`${path}/`))) {
    return "the folders above";
  }
  throw new Error(`A sync of nothing that is known here: ${path}`);
}

function siteOfFile(file: File, root: string, path: string): Site {
  const { database, blocks, staging } = storageBelow(root);
  if (path === database) return "the database";
  if (path === `${database}-journal`) return "the rollback journal";
  if (path === `${database}-wal`) {
    return file.changesOnly(LOG_HEADER_BYTES) ? "the log's header" : "the log";
  }
  if (basename(path).startsWith("node.secret")) return "the secret";
  if (path.startsWith(`${database}.before-`)) return "the copy of a database";
  if (dirname(path) === staging) return "a block linked from its upload";
  if (dirname(path) === `${blocks}/.tmp`) {
    return file.isCopied ? "a block copied from its upload" : "a block from memory";
  }
  throw new Error(`A sync of nothing that is known here: ${path}`);
}

/** As src/repository/sqlite/copy.ts names a whole one. */
const COPY = /\.before-\d+$/;
/** https://sqlite.org/fileformat2.html#walformat */
export const LOG_HEADER_BYTES = 32;
