// `tinycloud migrate`: brings the database to this version's schema, without serving.

import { ConfigError } from "../config/refusal.ts";
import { lockFile } from "../repository/lock_file.ts";
import { openSqlite } from "../repository/sqlite/open.ts";
import { type Command, CONFIG_HELP, CONFIG_OPTIONS, configure } from "./command.ts";

export const migrate: Command = {
  name: "migrate",
  summary: "bring the database to this version's schema",
  help: `usage: tinycloud migrate [options]

Applies the migrations that the database lacks; a copy of the file as it was stays beside it.
\`tinycloud serve\` does the same at its start.

${CONFIG_HELP}

example:
  tinycloud migrate --config /etc/tinycloud.toml`,
  options: CONFIG_OPTIONS,
  words: 0,

  async run(flags, _words, io) {
    const { config } = await configure(flags, io);
    const { database } = config.storage;
    if (database.kind !== "sqlite") {
      throw new ConfigError(["storage.database is in memory: there is nothing to migrate"]);
    }
    await using _lock = await lockFile(
      `${database.path}.lock`,
      `a node is using the database ${database.path}: stop it first`,
    );
    await using _repository = openSqlite({
      path: database.path,
      durability: config.storage.durability,
      now: () => Date.now() / 1000,
      log: (_event, { path }) => io.print(`kept the database as it was in ${path}`),
    });
    io.print(`${database.path} has this version's schema`);
    return 0;
  },
};
