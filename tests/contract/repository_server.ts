// The repository contract on a database server.

import { reusedDatabase } from "../support/reused_database.ts";
import { type ServerKind, SERVERS } from "../support/servers.ts";
import { type Reopening, repositoryContract } from "./repository_contract.ts";

export function serverContract(kind: ServerKind, name: string): void {
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
