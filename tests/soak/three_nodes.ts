import { threeNodes } from "../faults/three_nodes.ts";
import { measured } from "../support/measured.ts";
import { ENDPOINT } from "../support/s3.ts";
import { SERVERS } from "../support/servers.ts";

for (const [kind, stores] of [["postgres", "PostgreSQL and S3"], ["mysql", "MariaDB"]] as const) {
  const hasBucket = kind === "postgres";
  Deno.test({
    name: `4, 6, 7: three nodes on ${stores}, two of them killed, five thousand operations`,
    ignore: SERVERS[kind] === undefined || (hasBucket && ENDPOINT === undefined),
    async fn() {
      const seed = Number(Deno.env.get("SOAK_SEED") ?? 2);
      const size = { operations: 5_000, seed, keys: 60 };

      const { retried } = await threeNodes({ kind, hasBucket, ...size });

      measured(`${stores}: ${retried} of 5,000 operations answered at another try`);
    },
  });
}
