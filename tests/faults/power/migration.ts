// A migration on top of the released ones, and the judge of power cuts during it.

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { blake3Hex } from "../../../src/blake3.ts";
import { MIGRATIONS } from "../../../src/repository/sqlite/migrations.ts";
import { openSqlite } from "../../../src/repository/sqlite/open.ts";
import { NOW, SPACE } from "../../contract/repository_samples.ts";
import { Disk, KILLED } from "./disk.ts";
import type { Recording } from "./recording.ts";
import type { Judge } from "./replay.ts";
import { storageBelow } from "./storage.ts";

const NEXT = String(MIGRATIONS.length + 1).padStart(4, "0");

/** As the next version may have them. */
export const LATER = [
  ...MIGRATIONS,
  { name: `${NEXT}_more.sql`, sql: "CREATE TABLE more (no INTEGER PRIMARY KEY) STRICT" },
];

/**
 * The copy is never less than whole, and there when the operator has been told so, or the database
 * is migrated; the next start ends the migration, and what was stored before is there.
 */
export function migrationJudge({ root, steps }: Recording): Judge {
  const disk = new Disk(root);
  for (const step of steps) disk.apply(step);
  const { database } = storageBelow(root);
  const name = `${database.slice(root.length + 1)}.before-${NEXT}`;
  const kept = disk.survivors(KILLED).files.get(name)?.bytes();
  assert.ok(kept && kept.length > 0);
  const whole = blake3Hex(kept);
  const told = steps.findIndex(({ kind }) => kind === "answer");
  assert.ok(told >= 0);
  return async (shelf, count) => {
    const path = storageBelow(shelf.path).database;
    const copy = readIfThere(`${shelf.path}/${name}`);
    if (copy !== undefined && blake3Hex(copy) !== whole) return ["a torn copy"];
    if (count <= told && !isMigrated(path)) return [];
    if (copy === undefined) return ["there is no copy"];
    await using repository = openSqlite({
      path,
      durability: "normal",
      now: () => NOW,
      commits: "here",
      migrations: LATER,
    });
    const keys = await repository.list(SPACE, "", undefined, 10);
    return keys.includes(`with ${MIGRATIONS.length}`) ? [] : ["the value from before is lost"];
  };
}

function isMigrated(path: string): boolean {
  if (readIfThere(path) === undefined) return false;
  using database = new DatabaseSync(path);
  return database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'more'").get() !== undefined;
}

function readIfThere(path: string): Uint8Array | undefined {
  try {
    return Deno.readFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
