// A space whose blocks were many goes step by step: no commit is long.

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { openSqlite } from "../../../src/repository/sqlite/open.ts";
import { host, NOW, OTHER_SPACE, SPACE } from "../../contract/repository_samples.ts";

Deno.test("a space goes with the graves of many blocks, in several commits", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/caps.db`;
  try {
    let commits = 0;
    const onCommit = () => void commits++;
    const how = { path, durability: "normal", now: () => NOW, onCommit } as const;
    await using repository = openSqlite({ ...how, commits: "here" });
    await host(repository, OTHER_SPACE, SPACE);
    using database = new DatabaseSync(path);
    database.exec(`
      WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 12000)
      INSERT INTO block (space_no, hash, size, refs, grave, buried_at)
      SELECT s.no, printf('%064x', n), 1, 0, s.no * 20000 + n, 1 FROM space s, numbers`);
    await repository.setSpaceState(SPACE, "open", "erasing");
    await repository.eraseDelegations(SPACE, 0, 10);
    commits = 0;

    assert.equal(await repository.eraseSpace(SPACE), true);

    assert.equal(commits, 3);
    const left = database.prepare("SELECT count(*) AS count FROM block").get();
    assert.equal(left?.["count"], 12_000);
    assert.deepEqual(await repository.spaces(undefined, 10), [OTHER_SPACE]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
