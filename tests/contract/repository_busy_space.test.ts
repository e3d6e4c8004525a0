// A space in which nothing goes on does not keep others from the database (architecture.md, invariant 9).

import assert from "node:assert/strict";
import { freshDatabase, SERVERS } from "../support/servers.ts";
import {
  aChange,
  aDelegation,
  aRead,
  aRevocation,
  host,
  NOW,
  OTHER_SPACE,
  SPACE,
} from "./repository_samples.ts";

const POOL = 3;
const WAITING = 20;

for (const kind of ["postgres", "mysql"] as const) {
  Deno.test({
    name: `9: ${kind}: changes that wait for one space take one connection, and others go on`,
    ignore: SERVERS[kind] === undefined,
    async fn() {
      await using database = await freshDatabase(kind);
      await using repository = await database.open({ now: () => NOW, pool: POOL });
      await host(repository, SPACE, OTHER_SPACE);
      await repository.applyInvocation(aChange({ space: OTHER_SPACE, key: "k" }));
      await database.run(`BEGIN; SELECT no FROM space WHERE id = '${SPACE}' FOR UPDATE`);

      const waiting = Array.from(
        { length: WAITING },
        (_, at) => repository.applyInvocation(aChange({ key: `${at}` })),
      );
      const change = await repository.applyInvocation(aChange({ space: OTHER_SPACE }));
      const read = await repository.admitRead(aRead({ space: OTHER_SPACE, key: "k" }));
      await repository.revoke(aRevocation(aDelegation({ spaces: [OTHER_SPACE] }).record));

      assert.equal(change.kind, "applied");
      assert.equal(read.kind, "admitted");
      await database.run("ROLLBACK");
      for (const outcome of await Promise.all(waiting)) assert.equal(outcome.kind, "applied");
      assert.equal((await repository.list(SPACE, "", undefined, 100)).length, WAITING);
    },
  });
}
