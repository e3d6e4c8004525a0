// A copy of a database as it is at one instant, made beside whoever writes to it: the platform's
// backup of SQLite pages. `VACUUM INTO` would need ATTACH, which the runtime permits only with all
// permissions; copying the file itself (copy.ts) needs a database that nobody uses.

import { backup, DatabaseSync } from "node:sqlite";
import { cannot } from "../../errors.ts";
import { connect } from "./connection.ts";
import { translate } from "./errors.ts";
import { removeDatabase, sync } from "./files.ts";
import { text } from "../rows.ts";

export interface SnapshotOptions {
  /** The database, at this program's schema. */
  readonly path: string;
  /** The copy: made anew, 0600, in a folder that is there. */
  readonly to: string;
  /** Unix seconds. */
  readonly now: () => number;
  /** Told now and then how many pages of how many are copied; the loop stands still meanwhile. */
  readonly progress?: (done: number, total: number) => void;
}

export interface Snapshot {
  /** Unix seconds: what was acknowledged before is in the copy. */
  readonly instant: number;
  /** The last migration that was applied. */
  readonly schema: string;
}

const BUSY_MS = 10_000;
const PAGES_A_STEP = 1_000;
/** A transaction sees the state of its first look, not of its beginning. */
const FIRST_LOOK = "SELECT count(*) FROM setting";
const SCHEMA = "SELECT max(name) AS name FROM migration";
// Whoever had them does not use the copy, and would keep its first user waiting.
const NO_LEASES = "DELETE FROM lease";

/**
 * Copies the database, durably but for its name, to one file that needs no companions. Throws `storage_full`,
 * `storage_readonly` or `storage_unavailable` with a sentence; what is left then is no whole copy.
 */
export async function snapshotSqlite(options: SnapshotOptions): Promise<Snapshot> {
  const { to } = options;
  try {
    removeDatabase(to);
    Deno.openSync(to, { createNew: true, write: true, mode: 0o600 }).close();
    const instant = await copyPages(options);
    const schema = settle(to);
    sync(to);
    return { instant, schema };
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw cannot(`write the copy of the database ${to}`, translate(error, to));
  }
}

/**
 * Within one transaction of the reader. Without it the copy would be consistent too, but every
 * commit of somebody else would make it begin again, and under load it might never end.
 */
async function copyPages({ path, to, now, progress }: SnapshotOptions): Promise<number> {
  using source = new DatabaseSync(path, { readOnly: true, timeout: BUSY_MS });
  const instant = now();
  source.exec("BEGIN");
  source.prepare(FIRST_LOOK).get();
  await backup(source, to, {
    rate: PAGES_A_STEP,
    progress: ({ totalPages, remainingPages }) =>
      progress?.(totalPages - remainingPages, totalPages),
  });
  return instant;
}

function settle(to: string): string {
  const copy = connect(to);
  try {
    copy.one("PRAGMA journal_mode = DELETE");
    copy.run(NO_LEASES);
    return text(copy.one(SCHEMA) ?? {}, "name");
  } finally {
    copy.close();
  }
}
