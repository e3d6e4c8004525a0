// The repository contract on PostgreSQL, and on MySQL or MariaDB.

import { reusedDatabase } from "../support/reused_database.ts";
import { SERVERS } from "../support/servers.ts";
import { type Reopening, repositoryContract } from "./repository_contract.ts";

for (const [kind, name] of [["postgres", "PostgreSQL"], ["mysql", "MySQL"]] as const) {
  const open = async (now: () => number) => {
    const database = await reusedDatabase(kind);
    let repository = await database.open({ now });
    return {
      repository,
      reopen: async (how: Reopening = {}) => {
        await repository[Symbol.asyncDispose]();
        repository = await database.open({ now, ...how });
        return repository;
      },
      dump: database.dump,
      [Symbol.asyncDispose]: async () => {
        await repository[Symbol.asyncDispose]();
        await database[Symbol.asyncDispose]();
      },
    };
  };
  repositoryContract(name, open, { ignore: SERVERS[kind] === undefined });
}
