// `tinycloud migrate`: brings the database to this version's schema, without serving.

import { makeFolders } from "../blocks/folders.ts";
import { showDatabase } from "../config/database.ts";
import { ConfigError } from "../config/refusal.ts";
import { lockFile } from "../repository/lock_file.ts";
import { folderOf, openRepository } from "../repository/open.ts";
import { systemClock } from "../telemetry/clock.ts";
import { type Command, CONFIG_HELP, CONFIG_OPTIONS, configure } from "./command.ts";

export const migrate: Command = {
  name: "migrate",
  summary: "bring the database to this version's schema",
  help: `usage: tinycloud migrate [options]

Applies the migrations that the database lacks; of a SQLite file a copy as it was stays beside it.
\`tinycloud serve\` does the same at its start.

${CONFIG_HELP}
  --json          what was done, as one JSON object

example:
  tinycloud migrate --config /etc/tinycloud.toml`,
  options: { ...CONFIG_OPTIONS, json: { type: "boolean" } },
  words: 0,

  async run(flags, _words, io) {
    const { config } = await configure(flags, io);
    const { database } = config.storage;
    if (database.kind === "memory") {
      throw new ConfigError(["storage.database is in memory: there is nothing to migrate"]);
    }
    const folder = folderOf(config);
    if (folder !== undefined) await makeFolders(folder);
    await using _lock = database.kind === "sqlite"
      ? await lockFile(
        `${database.path}.lock`,
        `a node is using the database ${database.path}: stop it first`,
      )
      : undefined;
    let copy: string | undefined;
    await using _repository = await openRepository(config, "serve", {
      now: () => systemClock.nowSeconds(),
      onCopy: (path) => void (copy = path),
    });
    const name = showDatabase(database);
    if (flags.json === true) {
      io.print(JSON.stringify({ database: name, ...(copy === undefined ? {} : { copy }) }));
      return 0;
    }
    if (copy !== undefined) io.print(`kept the database as it was in ${copy}`);
    io.print(`${name} has this version's schema`);
    return 0;
  },
};
