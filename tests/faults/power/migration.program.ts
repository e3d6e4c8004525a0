// A database that is made, used, and then brought to a later schema; run by power_loss.test.ts.

import { dirname } from "node:path";
import { makeFolders } from "../../../src/blocks/folders.ts";
import { MIGRATIONS } from "../../../src/repository/sqlite/migrations.ts";
import { openSqlite } from "../../../src/repository/sqlite/open.ts";
import { apply, host, NOW, SPACE } from "../../contract/repository_samples.ts";
import { LATER } from "./migration.ts";

const [path = ""] = Deno.args;

/** Says so in the form of an answer: those are recorded. */
function told(): void {
  Deno.stdout.writeSync(new TextEncoder().encode("HTTP/1.1 200 OK\r\n\r\n"));
}

await makeFolders(dirname(path));
for (const migrations of [MIGRATIONS, LATER]) {
  await using repository = openSqlite({
    path,
    durability: "full",
    now: () => NOW,
    migrations,
    onCopy: told,
  });
  await host(repository, SPACE);
  await apply(repository, { key: `with ${migrations.length}` });
}
