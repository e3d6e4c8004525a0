// The number of a hosting is not given out again after the database server was started anew, also when
// the space was the last one: an upload that began before must not end in another hosting.

import assert from "node:assert/strict";
import { MAY_START, startPrivateServer } from "../support/private_servers.ts";
import { freshDatabase } from "../support/servers.ts";
import { host, NOW, SPACE } from "../contract/repository_samples.ts";

for (const kind of ["postgres", "mysql"] as const) {
  Deno.test({
    name: `${kind}: a number of a hosting is not given out again after the server was killed`,
    ignore: !MAY_START[kind],
    async fn() {
      await using server = await startPrivateServer(kind);
      await using database = await freshDatabase(kind, server.url);
      const numbers: (number | undefined)[] = [];
      for (let round = 0; round < 3; round++) {
        {
          await using repository = await database.open({ now: () => NOW });
          await host(repository, SPACE);
          const { usage } = await repository.standing({ identities: [], space: SPACE });
          numbers.push(usage?.hosting);
          await repository.setSpaceState(SPACE, "open", "erasing");
          await repository.eraseDelegations(SPACE, 0, 10);
          assert.equal(await repository.eraseSpace(SPACE), true);
        }
        await server.kill();
        await server.start();
      }

      assert.equal(new Set(numbers).size, 3);
    },
  });
}
