import assert from "node:assert/strict";
import { SERVERS } from "../support/servers.ts";
import { threeNodes } from "./three_nodes.ts";

for (const [kind, server] of [["postgres", "PostgreSQL"], ["mysql", "MariaDB"]] as const) {
  Deno.test({
    name: `4, 6, 7: three nodes on ${server}, two of them killed, show all clients one history`,
    ignore: SERVERS[kind] === undefined,
    async fn() {
      const { seen, retried } = await threeNodes({ kind, operations: 600, seed: 1, keys: 12 });

      assert.equal(seen, 600);
      assert.ok(retried > 0, "nobody noticed that nodes were killed");
    },
  });
}
