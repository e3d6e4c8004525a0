// Opens a MySQL or MariaDB database: driver, migrations.

import type { ServerUrl } from "../../config/server_url.ts";
import { lacking } from "../migrations.ts";
import type { Repository } from "../repository.ts";
import { openServer, type OpenServerOptions } from "../server/open.ts";
import { mysqlDriver } from "./driver.ts";
import { migrate, pending } from "./migrate.ts";
import { MIGRATIONS } from "./migrations.ts";

export interface MysqlOptions extends OpenServerOptions {
  readonly url: ServerUrl;
}

/** As `openServer`. */
export function openMysql(options: MysqlOptions): Promise<Repository> {
  const { migrations = MIGRATIONS } = options;
  return openServer(options, mysqlDriver, {
    migrate: (session, _script, now) => migrate(session, migrations, now),
    isNew: async (session) => (await pending(session, migrations)).length === migrations.length,
    async verify(session, name) {
      const [first] = await pending(session, migrations);
      if (first !== undefined) throw lacking(`The database ${name}`, first);
    },
  });
}
