import { threeNodes } from "../faults/three_nodes.ts";
import { measured } from "../support/measured.ts";
import { SERVERS } from "../support/servers.ts";

for (const [kind, server] of [["postgres", "PostgreSQL"], ["mysql", "MariaDB"]] as const) {
  Deno.test({
    name: `4, 6, 7: three nodes on ${server}, two of them killed, five thousand operations`,
    ignore: SERVERS[kind] === undefined,
    async fn() {
      const seed = Number(Deno.env.get("SOAK_SEED") ?? 2);

      const { retried } = await threeNodes({ kind, operations: 5_000, seed, keys: 60 });

      measured(`${server}: ${retried} of 5,000 operations answered at another try`);
    },
  });
}
