// Opens a PostgreSQL database: driver, encoding, migrations.

import type { ServerUrl } from "../../config/server_url.ts";
import { NodeError } from "../../errors.ts";
import { lacking } from "../migrations.ts";
import type { Repository } from "../repository.ts";
import { text } from "../rows.ts";
import { openServer, type OpenServerOptions } from "../server/open.ts";
import { migrate, pending } from "./migrate.ts";
import { postgresDriver } from "./driver.ts";
import { MIGRATIONS } from "./migrations.ts";

export interface PostgresOptions extends OpenServerOptions {
  readonly url: ServerUrl;
  readonly durability: "full" | "normal";
  readonly schema?: string;
}

const ENCODING = "SELECT current_setting('server_encoding') AS encoding";

/** As `openServer`. */
export function openPostgres(options: PostgresOptions): Promise<Repository> {
  const { durability, schema, migrations = MIGRATIONS } = options;
  return openServer(options, async (common) =>
    await postgresDriver({
      ...common,
      durability,
      ...(schema === undefined ? {} : { schema }),
    }), {
    async migrate(session, script, now) {
      await requireUtf8(session.one(ENCODING).then((row) => text(row ?? {}, "encoding")));
      await migrate(session, script, migrations, now());
    },
    isNew: async (session) => (await pending(session, migrations)).length === migrations.length,
    async verify(session, name) {
      const [first] = await pending(session, migrations);
      if (first !== undefined) throw lacking(`The database ${name}`, first);
    },
  });
}

async function requireUtf8(encoding: Promise<string>): Promise<void> {
  const found = await encoding;
  if (found === "UTF8") return;
  throw new NodeError(
    "storage_unavailable",
    `the database has the encoding ${found}: make one with ENCODING 'UTF8'`,
  );
}
