// Three nodes on one database and one bucket, or one folder: two are killed and start again meanwhile.

import { testBucket } from "../support/s3.ts";
import { freshDatabase, type ServerKind } from "../support/servers.ts";
import { type Counts, type SeveralNodes, severalNodes } from "./several_nodes.ts";

export async function threeNodes(
  kind: ServerKind,
  hasBucket: boolean,
  size: Pick<SeveralNodes, "clients" | "operations" | "seed">,
): Promise<Counts> {
  await using opened = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "tinycloud-" });
  opened.defer(() => Deno.remove(folder, { recursive: true }));
  const database = opened.use(await freshDatabase(kind));
  const bucket = hasBucket ? opened.use(await testBucket()) : undefined;
  const stores = { TINYCLOUD_STORAGE_DATABASE: database.text, ...bucket?.env };

  return await severalNodes({
    ...size,
    folder,
    env: [stores, stores, stores],
    disturbances: [({ restart }) => restart(1), ({ restart }) => restart(2)],
  });
}
