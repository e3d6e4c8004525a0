// Three MariaDB servers as one Galera cluster, a node on each (docs/scale-out.md): transactions collide,
// a server is killed and comes back.

import assert from "node:assert/strict";
import mysql from "mysql2/promise";
import { severalNodes } from "../faults/several_nodes.ts";
import { measured } from "../support/measured.ts";

const SCRIPT = new URL("../support/galera.sh", import.meta.url).pathname;
const PORT = 17306;

Deno.test("4: what one node of a cluster has answered holds on the others", async () => {
  await using opened = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "tinycloud-" });
  opened.defer(() => Deno.remove(folder, { recursive: true }));
  await Deno.chmod(folder, 0o755); // the servers are another user's
  const galera = async (...words: string[]) => {
    const [command = "", ...rest] = words;
    const args = [command, `${folder}/galera`, ...rest];
    const { success } = await new Deno.Command(SCRIPT, { args, stdout: "null" }).output();
    assert.ok(success, `galera.sh ${words.join(" ")}`);
  };
  opened.defer(() => galera("stop"));
  await galera("start", `${PORT}`);
  const admin = await mysql.createConnection(`mysql://root@127.0.0.1:${PORT}/`);
  await admin.query("CREATE DATABASE tinycloud");
  await admin.end();

  const counts = await severalNodes({
    clients: 12,
    operations: 2_400,
    seed: Number(Deno.env.get("SOAK_SEED") ?? 20_261_130),
    folder,
    env: [0, 1, 2].map((server) => ({
      TINYCLOUD_STORAGE_DATABASE: `mysql://root@127.0.0.1:${PORT + server}/tinycloud`,
    })),
    disturbances: [() => galera("kill", "1"), () => galera("join", "1")],
  });

  measured(JSON.stringify(counts));
});
