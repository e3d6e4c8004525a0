// A whole node, and the commands beside it, whose larger values live in a bucket of a real S3 server.

import assert from "node:assert/strict";
import { connect } from "../../client/mod.ts";
import { blake3Hex } from "../../src/blake3.ts";
import { assertRefused, bytesOf, invoke, kv, signIn } from "../support/asking.ts";
import { tinycloud } from "../support/commands.ts";
import { startTestNode } from "../support/node.ts";
import { s3Test, type TestBucket, testBucket } from "../support/s3.ts";

const SECRET = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY";
const LARGE = bytesOf(3_000_000);

/** A bucket with objects of others in it, which must be there, unchanged, in the end. */
async function inBucket(
  test: (bucket: TestBucket, folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "tinycloud-s3-" });
  await using bucket = await testBucket();
  const { prefix } = bucket.place;
  const foreign = [
    `${prefix}-other/${"a".repeat(64)}/${"b".repeat(64)}`,
    `${prefix}/notes.txt`,
    `${prefix}/.probe/notes.txt`,
  ];
  const bytes = bytesOf(100);
  for (const key of foreign) await bucket.put(key, bytes);
  try {
    await test(bucket, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  for (const key of foreign) {
    assert.deepEqual(await bucket.get(key), bytes, `${key} is what it was`);
    await bucket.remove(key);
  }
}

function blocksIn(bucket: TestBucket): Promise<string[]> {
  const block = new RegExp(`^${bucket.place.prefix}/[0-9a-f]{64}/[0-9a-f]{64}$`);
  return bucket.keys(`${bucket.place.prefix}/`).then((keys) =>
    keys.filter((key) => block.test(key))
  );
}

s3Test(
  "values are put, read, replaced and deleted; larger ones in the bucket",
  () =>
    inBucket(async (bucket, folder) => {
      await using node = await startTestNode({ folder, env: bucket.env });
      const session = await signIn(node);

      await session.put("small", "a value");
      await session.put("large", LARGE);
      await session.put("block", bytesOf(100_000));

      assert.equal((await session.get("small"))?.text(), "a value");
      assert.deepEqual((await session.get("large"))?.bytes, LARGE);
      assert.deepEqual((await session.get("block"))?.bytes, bytesOf(100_000));
      const names = (await blocksIn(bucket)).map((key) => key.split("/").at(-1)).sort();
      assert.deepEqual(names, [blake3Hex(LARGE), blake3Hex(bytesOf(100_000))].sort());
      await session.put("large", "small now");
      await session.delete("block");
      assert.equal((await session.get("large"))?.text(), "small now");
      assert.equal(await session.get("block"), undefined);
      assert.equal(await fetch(`${node.url}/healthz`).then((answer) => answer.text()), "ok");
    }),
);

s3Test(
  "a block that was damaged in the bucket is no answer, and a put heals it",
  () =>
    inBucket(async (bucket, folder) => {
      await using node = await startTestNode({ folder, env: bucket.env });
      const session = await signIn(node);
      await session.put("large", LARGE);
      const [key = ""] = await blocksIn(bucket);
      await bucket.put(key, bytesOf(LARGE.length, 2));

      await assert.rejects(invoke(node, session, kv(session, "get", "large")));
      await bucket.put(key, bytesOf(5));
      const cut = await invoke(node, session, kv(session, "get", "large"));
      assertRefused(cut, {
        status: 500,
        code: "block_corrupt",
        sentence: "Stored value is damaged",
      });
      await session.put("other", LARGE);

      assert.deepEqual((await session.get("large"))?.bytes, LARGE);
    }),
);

s3Test("check, gc, backup and restore work on a bucket", () =>
  inBucket(async (bucket, folder) => {
    const env = { ...bucket.env, TINYCLOUD_KEYS_SECRET: SECRET };
    const [data, other] = [`${folder}/data`, `${folder}/other`];
    const first = await startTestNode({ folder: data, env });
    const session = await signIn(first);
    await session.put("large", LARGE);
    await session.put("deleted", bytesOf(50_000));
    await session.delete("deleted");
    await first.node.stop();

    const gc = await tinycloud(data, ["gc", "--json"], { env });
    const check = await tinycloud(data, ["check", "--fast"], { env });
    const backup = await tinycloud(data, ["backup", "../backup"], { env });
    const used = await tinycloud(other, ["restore", "../backup"], { env });
    await using target = await testBucket();
    const there = { ...env, ...target.env };
    const restored = await tinycloud(other, ["restore", "../backup"], {
      env: there,
    });

    assert.deepEqual(gc.complaints, []);
    assert.equal((await blocksIn(bucket)).length, 1, "the deleted one is collected");
    assert.deepEqual([check.code, check.lines], [0, ["clean"]]);
    assert.match(backup.lines.join(), /^backed up .* 1 block \(1 copied, 0 removed\)$/);
    assert.equal(used.code, 2);
    assert.match(used.complaints.join(), /there are blocks in s3:.*a restore needs empty storage$/);
    assert.deepEqual([restored.code, restored.lines.at(-1)], [0, "clean"]);
    assert.equal((await blocksIn(target)).length, 1);
    await using node = await startTestNode({ folder: other, env: there });
    const here = connect(node.url).use(session.key, session.grant);
    assert.deepEqual((await here.get("large"))?.bytes, LARGE);
  }));

s3Test(
  "two nodes' blocks in one bucket are apart by their prefixes",
  () =>
    inBucket(async (bucket, folder) => {
      await using other = await testBucket(`${bucket.place.prefix}/inner`);
      await using node = await startTestNode({ folder: `${folder}/a`, env: bucket.env });
      await using second = await startTestNode({ folder: `${folder}/b`, env: other.env });
      await (await signIn(node)).put("large", LARGE);
      await (await signIn(second)).put("large", LARGE);

      const { blocks } = node.node.services;

      assert.equal((await Array.fromAsync(blocks.all())).length, 1);
      assert.equal((await Array.fromAsync(second.node.services.blocks.all())).length, 1);
    }),
);
