// A read that could not be answered gives back its own use of a token, and no other (wire §6, replay).

import assert from "node:assert/strict";
import { freshDatabase, SERVERS } from "../support/servers.ts";
import { aRead, host, NOW, SPACE } from "./repository_samples.ts";

for (const kind of ["postgres", "mysql"] as const) {
  Deno.test({
    name: `${kind}: a release that comes once more takes nothing from a use by another node`,
    ignore: SERVERS[kind] === undefined,
    async fn() {
      await using database = await freshDatabase(kind);
      await using one = await database.open({ now: () => NOW });
      await using other = await database.open({ now: () => NOW });
      await host(one, SPACE);
      const read = aRead({ space: SPACE });
      assert.equal((await one.admitRead(read)).kind, "admitted");
      await one.releaseRead(read.use);
      const again = { ...read, use: { ...read.use } };
      assert.equal((await other.admitRead(again)).kind, "admitted");

      await one.releaseRead(read.use);

      assert.equal((await one.admitRead({ ...again, use: { ...read.use } })).kind, "duplicate");
    },
  });
}
