// Nodes of two versions on one database (docs/scale-out.md): the newer one migrates while older ones
// go on working; an older one does not start on it any more. Migrations of one series only add.

import assert from "node:assert/strict";
import { NodeError } from "../../src/errors.ts";
import { MIGRATIONS as MYSQL } from "../../src/repository/mysql/migrations.ts";
import { MIGRATIONS as POSTGRES } from "../../src/repository/postgres/migrations.ts";
import type { Migration } from "../../src/repository/migrations.ts";
import { freshDatabase, SERVERS } from "../support/servers.ts";
import { aChange, apply, aRead, host, NOW, SPACE } from "./repository_samples.ts";

const now = () => NOW;

/** What a later version may do: add what the former one does not know of. */
const LATER: Readonly<Record<"postgres" | "mysql", readonly Migration[]>> = {
  postgres: [...POSTGRES, {
    name: "9999_later.sql",
    sql: `
      ALTER TABLE space ADD COLUMN blocked_at DOUBLE PRECISION;
      ALTER TABLE entry ADD COLUMN colour TEXT DEFAULT 'none';
      CREATE TABLE later (id BIGINT PRIMARY KEY, what BIGINT);`,
  }],
  mysql: [...MYSQL, {
    name: "9999_later.sql",
    sql: `
      ALTER TABLE space ADD COLUMN blocked_at DOUBLE;
      ALTER TABLE entry ADD COLUMN colour VARBINARY(16) DEFAULT 'none';
      CREATE TABLE later (id BIGINT PRIMARY KEY, what BIGINT) ENGINE = InnoDB;`,
  }],
};

for (const kind of ["postgres", "mysql"] as const) {
  const ignore = SERVERS[kind] === undefined;

  Deno.test({
    name: `${kind}: an older node goes on while a newer one migrates, beside it and after it`,
    ignore,
    async fn() {
      await using database = await freshDatabase(kind);
      await using older = await database.open({ now });
      await host(older, SPACE);
      await apply(older, { key: "before" });

      await using newer = await database.open({ now, migrations: LATER[kind] });
      await apply(newer, { key: "by the newer" });
      await apply(older, { key: "by the older" });

      for (const repository of [older, newer]) {
        const keys = await repository.list(SPACE, "", undefined, 10);
        assert.deepEqual(keys, ["before", "by the newer", "by the older"]);
        const read = await repository.admitRead(aRead({ space: SPACE, key: "before" }));
        assert.equal(read.kind, "admitted");
        assert.deepEqual(await Array.fromAsync(repository.check()), []);
      }
      const used = aChange({ key: "once" });
      assert.equal((await older.applyInvocation(used)).kind, "applied");
      assert.equal((await newer.applyInvocation(used)).kind, "duplicate");
    },
  });

  Deno.test({
    name:
      `${kind}: an older node does not start on the database of a newer one, and changes nothing`,
    ignore,
    async fn() {
      await using database = await freshDatabase(kind);
      await (await database.open({ now, migrations: LATER[kind] }))[Symbol.asyncDispose]();
      const before = await database.dump();

      for (const migrates of [true, false]) {
        await assert.rejects(
          database.open({ now, migrates }),
          (error) =>
            error instanceof NodeError && /another version .*9999_later/.test(error.message),
        );
      }

      assert.deepEqual(await database.dump(), before);
    },
  });

  Deno.test({
    name: `${kind}: a command does not start on the database of an older node`,
    ignore,
    async fn() {
      await using database = await freshDatabase(kind);
      await (await database.open({ now }))[Symbol.asyncDispose]();

      await assert.rejects(
        database.open({ now, migrates: false, migrations: LATER[kind] }),
        (error) =>
          error instanceof NodeError && /lacks the migration 9999_later/.test(error.message),
      );
    },
  });
}
