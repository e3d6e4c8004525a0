import assert from "node:assert/strict";
import { ENDPOINT } from "../support/s3.ts";
import { SERVERS } from "../support/servers.ts";
import { threeNodes } from "./three_nodes.ts";

for (const [kind, stores] of [["postgres", "PostgreSQL and S3"], ["mysql", "MariaDB"]] as const) {
  const hasBucket = kind === "postgres";
  Deno.test({
    name: `4, 6, 7: three nodes on ${stores}, two of them killed, show all clients one history`,
    ignore: SERVERS[kind] === undefined || (hasBucket && ENDPOINT === undefined),
    async fn() {
      const size = { operations: 600, seed: 1, keys: 12 };
      const { seen, retried } = await threeNodes({ kind, hasBucket, ...size });

      assert.equal(seen, 600);
      assert.ok(retried > 0, "nobody noticed that nodes were killed");
    },
  });
}
