// Three nodes are one, whichever of them is asked, and while two are killed and start again.

import { measured } from "../support/measured.ts";
import { ENDPOINT } from "../support/s3.ts";
import { SERVERS } from "../support/servers.ts";
import { threeNodes } from "./three_nodes.ts";

const SIZE = { clients: 10, operations: 600, seed: 20_261_130 };

Deno.test({
  name: "4: three nodes on PostgreSQL and S3 are one",
  ignore: SERVERS.postgres === undefined || ENDPOINT === undefined,
  fn: async () => measured(JSON.stringify(await threeNodes("postgres", true, SIZE))),
});

Deno.test({
  name: "4: three nodes on MariaDB and one folder are one",
  ignore: SERVERS.mysql === undefined,
  fn: async () => measured(JSON.stringify(await threeNodes("mysql", false, SIZE))),
});
