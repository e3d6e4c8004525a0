// Brings the schema up to this program. The engine commits every statement of a schema by itself, so a
// migration is recorded when it begins and when it has ended; one that was cut off is run again, and
// what it did before says so by its code. A row is the lock: of nodes that start together one
// migrates, and the others wait until it has.

import { NodeError } from "../../errors.ts";
import { pause } from "../../pause.ts";
import { foreign, hashOf, type Migration, missing } from "../migrations.ts";
import { isNull, number, text } from "../rows.ts";
import type { Session } from "../server/server.ts";

const TABLES = `
  SELECT count(*) AS tables,
    coalesce(sum(CASE WHEN table_name IN ('migration', 'migration_lock') THEN 1 ELSE 0 END), 0)
      AS records
  FROM information_schema.tables WHERE table_schema = database()`;
const CREATE_RECORD = `
  CREATE TABLE IF NOT EXISTS migration (
    name VARBINARY(255) PRIMARY KEY, -- of the file
    hash VARBINARY(64) NOT NULL,     -- BLAKE3 of its text, hex
    applied_at DOUBLE                -- NULL until it has ended
  ) ENGINE = InnoDB`;
const CREATE_LOCK = `
  CREATE TABLE IF NOT EXISTS migration_lock (
    id SMALLINT PRIMARY KEY,
    holder VARBINARY(255) NOT NULL,
    until DOUBLE NOT NULL
  ) ENGINE = InnoDB`;
const ADD_LOCK = `
  INSERT INTO migration_lock (id, holder, until) VALUES (1, '', 0)
  ON DUPLICATE KEY UPDATE id = migration_lock.id`;
// By the server's clock: those of the programs differ.
const TAKE = `
  UPDATE migration_lock SET holder = ?, until = unix_timestamp(now(6)) + ?
  WHERE id = 1 AND (holder = ? OR until <= unix_timestamp(now(6)))`;
const RENEW = `
  UPDATE migration_lock SET until = unix_timestamp(now(6)) + ? WHERE id = 1 AND holder = ?`;
const RELEASE = "UPDATE migration_lock SET until = 0 WHERE id = 1 AND holder = ?";
const APPLIED = "SELECT name, hash, applied_at FROM migration ORDER BY name";
const BEGIN = `
  INSERT INTO migration (name, hash) VALUES (?, ?) ON DUPLICATE KEY UPDATE hash = VALUES(hash)`;
const END = "UPDATE migration SET applied_at = ? WHERE name = ?";

/**
 * After a crash the next one waits so long. Whoever is overtaken meanwhile, by a statement that takes
 * longer, does no harm: from then on both go through the same statements.
 */
const LOCK_SECONDS = 10;
const POLL_MS = 200;
const WAIT_MS = 5 * 60_000;

/** "There already", or "gone already": of tables, columns, indexes and rows. */
const DONE_ALREADY: ReadonlySet<unknown> = new Set([1050, 1060, 1061, 1062, 1091]);

/** Those that are missing. Throws `storage_unavailable` when the database is not ours. */
export async function pending(
  session: Session,
  migrations: readonly Migration[],
): Promise<readonly Migration[]> {
  const row = await session.one(TABLES);
  const [tables, records] = row === undefined
    ? [0, 0]
    : [number(row, "tables"), number(row, "records")];
  if (records < 2) {
    if (tables > records) throw foreign();
    return migrations;
  }
  const applied = (await session.all(APPLIED)).filter((each) => !isNull(each, "applied_at"));
  return missing(
    applied.map((each) => ({ name: text(each, "name"), hash: text(each, "hash") })),
    migrations,
  );
}

/** On one connection. */
export async function migrate(
  session: Session,
  migrations: readonly Migration[],
  now: () => number,
): Promise<void> {
  if ((await pending(session, migrations)).length === 0) return;
  for (const sql of [CREATE_RECORD, CREATE_LOCK, ADD_LOCK]) await session.run(sql);
  const holder = crypto.randomUUID();
  const take = async () => await session.run(TAKE, holder, LOCK_SECONDS, holder) > 0;
  const renew = async () => await session.run(RENEW, LOCK_SECONDS, holder) > 0;
  const until = performance.now() + WAIT_MS;
  while (!await take()) {
    if (performance.now() > until) {
      throw new NodeError("storage_unavailable", "another program is migrating the database");
    }
    await pause(POLL_MS);
  }
  try {
    for (const next of await pending(session, migrations)) await apply(session, next, renew, now);
  } finally {
    await session.run(RELEASE, holder).catch(() => {});
  }
}

async function apply(
  session: Session,
  migration: Migration,
  renew: () => Promise<boolean>,
  now: () => number,
): Promise<void> {
  // Others have begun it, before or meanwhile: what they have done is not to be done again.
  let isShared = (await session.all(APPLIED)).some((row) => text(row, "name") === migration.name);
  await session.run(BEGIN, migration.name, hashOf(migration));
  for (const statement of statementsOf(migration)) {
    try {
      await session.run(statement);
    } catch (error) {
      const code = error instanceof Error && "errno" in error ? error.errno : undefined;
      if (!isShared || !DONE_ALREADY.has(code)) throw error;
    }
    isShared = !await renew() || isShared;
  }
  await session.run(END, now(), migration.name);
}

/** Our migrations hold no string with `--` or `;` in it. */
function statementsOf({ sql }: Migration): readonly string[] {
  return sql.replaceAll(/--.*$/gm, "").split(";").map((part) => part.trim())
    .filter((part) => part !== "");
}
