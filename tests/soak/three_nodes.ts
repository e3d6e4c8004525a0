import { threeNodes } from "../faults/three_nodes.ts";
import { measured } from "../support/measured.ts";
import { SERVERS } from "../support/servers.ts";

Deno.test({
  name: "4: three nodes on PostgreSQL and S3 under twenty clients",
  ignore: SERVERS.postgres === undefined,
  async fn() {
    const seed = Number(Deno.env.get("SOAK_SEED") ?? 20_261_130);
    const counts = await threeNodes("postgres", true, { clients: 20, operations: 5_000, seed });
    measured(JSON.stringify(counts));
  },
});
