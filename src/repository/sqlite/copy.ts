// A copy of a database file before a migration. `VACUUM INTO` would need ATTACH, which the runtime
// permits only with all permissions; so the file itself is copied, while nobody has it open.

import { dirname } from "node:path";
import { NodeError } from "../../errors.ts";
import { sync } from "./files.ts";

/**
 * Copies the file, durably, to `{path}.before-{label}`, a name that only a whole copy has. Call it
 * with no connection open in this process: SQLite's locks end when a file is closed, whoever opened
 * it. Throws `storage_unavailable` when another process has the database open and writes to it.
 */
export function keepCopy(path: string, label: string): string {
  const copy = `${path}.before-${label}`;
  const unfinished = `${copy}.tmp`;
  const before = stateOf(path);
  Deno.copyFileSync(path, unfinished);
  // Every write goes to the log first, and from there to the file: neither was touched meanwhile.
  if (stateOf(path) !== before) throw inUse(path);
  Deno.chmodSync(unfinished, 0o600);
  sync(unfinished);
  Deno.renameSync(unfinished, copy);
  sync(dirname(copy));
  return copy;
}

/** Changes with every write to the file. Throws when some of the database is in its log alone. */
function stateOf(path: string): string {
  if ((sizeOf(`${path}-wal`) ?? 0) > 0) throw inUse(path);
  const { size, mtime } = Deno.statSync(path);
  return `${size} ${mtime?.getTime()}`;
}

function sizeOf(path: string): number | undefined {
  try {
    return Deno.statSync(path).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function inUse(path: string): NodeError {
  return new NodeError(
    "storage_unavailable",
    `Another program is using the database ${path}: stop it first. Nothing was changed.`,
  );
}
