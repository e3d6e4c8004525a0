// Brings the schema up to this program: one transaction a migration, under the lock of a row, so that
// of nodes that start together one migrates and the others find nothing to do.

import { foreign, hashOf, type Migration, missing } from "../migrations.ts";
import { number, text } from "../rows.ts";
import type { Session } from "../server/server.ts";

const HAS_TABLES = `
  SELECT count(*) AS tables, count(*) FILTER (WHERE c.relname = 'migration') AS records
  FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = to_regnamespace(quote_ident(current_schema()))`;
// The first row is there to be locked.
const CREATE_RECORD = `
  CREATE TABLE IF NOT EXISTS migration (
    name TEXT COLLATE "C" PRIMARY KEY, -- of the file
    hash TEXT COLLATE "C" NOT NULL,    -- BLAKE3 of its text, hex
    applied_at DOUBLE PRECISION NOT NULL
  );
  INSERT INTO migration (name, hash, applied_at) VALUES ('', '', 0) ON CONFLICT DO NOTHING`;
/** Of programs that make it at the same moment one succeeds, and what is said to the others varies. */
const MADE_MEANWHILE: ReadonlySet<unknown> = new Set(["23505", "42P07", "42710"]);
const MAKING_TRIES = 5;
const LOCK = "SELECT name FROM migration WHERE name = '' FOR UPDATE";
const APPLIED = "SELECT name, hash FROM migration WHERE name <> '' ORDER BY name";
const RECORD = "INSERT INTO migration (name, hash, applied_at) VALUES (?, ?, ?)";

/** As `run` of a session, but of several statements in one text. */
export type Script = (sql: string) => Promise<void>;

/** Those that are missing. Throws `storage_unavailable` when the database is not ours. */
export async function pending(
  session: Session,
  migrations: readonly Migration[],
): Promise<readonly Migration[]> {
  const row = await session.one(HAS_TABLES);
  if (row === undefined || number(row, "records") === 0) {
    if (row !== undefined && number(row, "tables") > 0) throw foreign();
    return migrations;
  }
  const applied = await session.all(APPLIED);
  return missing(
    applied.map((each) => ({ name: text(each, "name"), hash: text(each, "hash") })),
    migrations,
  );
}

/** On one connection. What it throws has changed nothing but whole migrations. */
export async function migrate(
  session: Session,
  script: Script,
  migrations: readonly Migration[],
  now: number,
): Promise<void> {
  if ((await pending(session, migrations)).length === 0) return;
  await createRecord(script);
  while (await applyNext(session, script, migrations, now));
}

async function createRecord(script: Script): Promise<void> {
  for (let tries = 1;; tries++) {
    try {
      return await script(CREATE_RECORD);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (!MADE_MEANWHILE.has(code) || tries === MAKING_TRIES) throw error;
    }
  }
}

/** False when nothing was missing. */
async function applyNext(
  session: Session,
  script: Script,
  migrations: readonly Migration[],
  now: number,
): Promise<boolean> {
  await session.run("BEGIN");
  try {
    // However long another node takes, and this one.
    await script("SET LOCAL statement_timeout = 0");
    await session.one(LOCK);
    const [next] = await pending(session, migrations);
    if (next !== undefined) {
      await script(next.sql);
      await session.run(RECORD, next.name, hashOf(next), now);
    }
    await session.run("COMMIT");
    return next !== undefined;
  } catch (error) {
    await session.run("ROLLBACK").catch(() => {});
    throw error;
  }
}
