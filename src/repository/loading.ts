// A store into which another one is being loaded: what marks it, and what it refuses meanwhile.

import { FINGERPRINT_SETTING } from "../config/secret.ts";
import { NodeError } from "../errors.ts";
import { TABLE_NAMES, tableOf } from "./tables.ts";

/** The setting that a store has from the beginning of a load to its end. */
export const LOAD_SETTING = "load.from";

/** One row where a store holds anything but the fingerprint of its secret. */
export const USED = TABLE_NAMES.map((name) => {
  const { where } = tableOf(name);
  // Also blocks that wait for the collector: a store that has them is somebody's.
  const which = name === "setting" ? `WHERE ${where} AND "name" <> '${FINGERPRINT_SETTING}'` : "";
  return `SELECT 1 AS one FROM ${name} ${which}`;
}).map((sql) => `EXISTS (${sql})`).join(" OR ");

/** Throws `storage_unavailable` with a sentence where a load into the database was not finished. */
export function refuseUnfinished(mark: string | undefined, database: string): void {
  if (mark === undefined) return;
  throw new NodeError(
    "storage_unavailable",
    `a copy into ${database} was cut off, or is under way: run \`tinycloud copy\` again, ` +
      "or begin with an empty database",
  );
}
