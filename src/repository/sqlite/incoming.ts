// A database on its way in, from a backup: copied beside its place and verified there, so that it
// takes its place whole or not at all. While `{path}.restoring` is there, a restore is under way or
// was cut off, and no node starts on what it left.

import { dirname } from "node:path";
import { cannot, NodeError } from "../../errors.ts";
import { connect } from "./connection.ts";
import { translate } from "./errors.ts";
import { copyTo, type FileFacts, removeCompanions, removeDatabase, sync } from "./files.ts";
import { migrate } from "./migrate.ts";
import { MIGRATIONS } from "./migrations.ts";

/** Where a database waits that is to become `path`. */
export function incomingPath(path: string): string {
  return `${path}.restoring`;
}

/**
 * Copies the file `from` to `incomingPath(path)`, durably, and brings it to this program's schema.
 * Throws `block_corrupt` when it is not what `expected` says, `storage_unavailable` when another
 * version made it, and what the disk says, each with a sentence. Then nothing is left of it, unless
 * a restore was cut off before: what that left is known by this file.
 */
export async function bringDatabase(
  from: string,
  path: string,
  expected: FileFacts,
  now: number,
): Promise<void> {
  const incoming = incomingPath(path);
  const isResumed = await isThere(incoming);
  try {
    removeCompanions(incoming);
    const found = await copyTo(from, incoming);
    if (found.hash !== expected.hash || found.size !== expected.size) {
      throw new NodeError("block_corrupt", `${from} is damaged: it is not what the manifest says`);
    }
    const database = connect(incoming);
    try {
      migrate(database, MIGRATIONS, now);
    } finally {
      database.close();
    }
    // Before any block comes: what is left of a restore must be known as such.
    sync(dirname(incoming));
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    if (!isResumed) removeDatabase(incoming);
    if (error instanceof NodeError && !(error.cause instanceof Error)) throw error;
    throw cannot(`restore the database ${path}`, translate(error, path));
  }
}

/** Gives it up: the place is as empty as before. */
export function discardDatabase(path: string): void {
  removeDatabase(incomingPath(path));
}

/** Gives the database its place, durably. */
export function placeDatabase(path: string): void {
  Deno.renameSync(incomingPath(path), path);
  sync(dirname(path));
}

/** Throws `storage_unavailable` with a sentence while a restore of this database is not over. */
export async function refuseIncoming(path: string): Promise<void> {
  const incoming = incomingPath(path);
  if (!await isThere(incoming)) return;
  throw new NodeError(
    "storage_unavailable",
    `a restore of the database ${path} was cut off: run \`tinycloud restore\` again, ` +
      `or remove ${incoming} to start without`,
  );
}

async function isThere(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
