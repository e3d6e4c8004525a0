// `storage.scrub` in a node that runs: what it finds is in the log and in the metrics, and what it
// reads stays as it is.

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { noise } from "../contract/blocks_contract.ts";
import { ask, signIn } from "../support/asking.ts";
import { eventually } from "../support/eventually.ts";
import { startTestNode, type TestNode } from "../support/node.ts";
import { snapshot } from "../support/state.ts";

/** The lines of a scrub, once it has ended. */
function scrubbed(node: TestNode): Promise<readonly string[]> {
  return eventually("the end of a scrub", () => {
    const lines = node.lines.filter((line) => /block\.damaged|scrub\./.test(line));
    return lines.at(-1)?.includes("scrub.finished") ? lines : undefined;
  });
}

Deno.test("a node tells of every stored value that is not as it was stored, and goes on", async () => {
  const folder = await Deno.makeTempDir();
  try {
    let session;
    {
      await using node = await startTestNode({ folder });
      session = await signIn(node);
      await session.put("small", "value");
      await session.put("flipped", noise(100_000));
      await session.put("cut", noise(100_001));
      await session.put("missing", noise(100_002));
      await session.put("whole", noise(100_003));
      for (const file of (await snapshot(node)).files) {
        const [path = "", size] = file.split(" ");
        if (size === "100000") await Deno.writeFile(path, noise(100_001).slice(1));
        if (size === "100001") await Deno.truncate(path, 5);
        if (size === "100002") await Deno.remove(path);
      }
    }
    {
      using database = new DatabaseSync(`${folder}/caps.db`);
      database.exec("UPDATE entry SET inline = CAST('valve' AS BLOB) WHERE key = 'small'");
    }

    await using node = await startTestNode({
      folder,
      env: { TINYCLOUD_STORAGE_SCRUB: "1 d" },
    });
    const lines = await scrubbed(node);

    assert.equal(lines.length, 5);
    for (
      const note of [
        "in the database has other bytes than its hash says",
        "the value has other bytes than its hash says",
        "is shorter than its 100001 bytes",
        "is missing",
      ]
    ) {
      const found = lines.filter((line) => line.includes(note));
      assert.equal(found.length, 1, note);
      assert.ok(found[0]?.includes(session.space) && /block=[0-9a-f]{64}/.test(found[0]));
    }
    assert.match(lines.at(-1) ?? "", /count=5.*4 damaged/);
    assert.equal((await ask(node, "/healthz", { method: "GET" })).status, 200);
    const { repository } = node.node.services;
    assert.deepEqual(await repository.list(session.space as never, "", undefined, 9), [
      ...["cut", "flipped", "missing", "small", "whole"],
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a node that stops does not wait for its scrub", async () => {
  const folder = await Deno.makeTempDir();
  try {
    {
      await using node = await startTestNode({ folder });
      const session = await signIn(node);
      // At ten megabytes a second this takes a while.
      await session.put("large", noise(8_000_000));
    }
    const node = await startTestNode({ folder, env: { TINYCLOUD_STORAGE_SCRUB: "1 d" } });
    await node[Symbol.asyncDispose]();

    assert.equal(node.lines.some((line) => line.includes("scrub.")), false);
    {
      await using again = await startTestNode({ folder });
      assert.equal(await again.node.services.repository.setting("scrub.ended"), undefined);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
