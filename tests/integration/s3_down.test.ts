// A node whose S3 fails (adversary.md, 3): 503 with the reason for larger values, nothing is left of
// what was refused, small values go on, and all is well again without a restart.

import assert from "node:assert/strict";
import { assertOk, assertRefused, bytesOf, invoke, kv, signIn } from "../support/asking.ts";
import { startTestNode } from "../support/node.ts";
import { BUCKET, type Fault, refusal, silence, startS3Stub } from "../support/s3_stub.ts";
import { snapshot } from "../support/state.ts";

const LARGE = bytesOf(300_000);

const FAILURES: readonly [name: string, fault: Fault, code: string, sentence: string][] = [
  ["500", refusal(500, "InternalError"), "storage_unavailable", "Storage unavailable"],
  ["SlowDown", refusal(503, "SlowDown"), "storage_unavailable", "Storage unavailable"],
  ["no answer", silence, "storage_unavailable", "Storage unavailable"],
  ["a reset", () => Promise.resolve(), "storage_unavailable", "Storage unavailable"],
  ["a bucket that is full", refusal(507, "InsufficientStorage"), "storage_full", "Storage full"],
  ["read only", refusal(403, "AccessDenied"), "storage_readonly", "Storage read-only"],
];

for (const [name, fault, code, sentence] of FAILURES) {
  Deno.test(`while S3 says ${name}, a larger put is refused and leaves nothing`, async () => {
    await using stub = startS3Stub();
    await using node = await startTestNode({
      env: {
        TINYCLOUD_STORAGE_BLOCKS_TYPE: "S3",
        TINYCLOUD_STORAGE_BLOCKS_BUCKET: BUCKET,
        TINYCLOUD_STORAGE_BLOCKS_ENDPOINT: stub.url,
        AWS_ACCESS_KEY_ID: "AKtest",
        AWS_SECRET_ACCESS_KEY: "hidden-word",
      },
    });
    // `snapshot` looks there, too: nothing may come to lie in it.
    await Deno.mkdir(`${node.folder}/blocks`);
    const session = await signIn(node);
    await session.put("before", LARGE);
    const before = { ...snapshot(node), objects: [...stub.objects.keys()] };
    stub.always(fault);

    const put = await invoke(node, session, kv(session, "put", "new"), { body: bytesOf(200_000) });
    const after = { ...snapshot(node), objects: [...stub.objects.keys()] };
    const health = await fetch(`${node.url}/healthz`);
    await health.body?.cancel();
    await session.put("small", "a value");

    assertRefused(put, { status: 503, code, sentence });
    assert.equal(put.headers.get("retry-after"), "5");
    assert.deepEqual(after, before);
    assert.equal(health.status, 503);
    assert.equal((await session.get("small"))?.text(), "a value");
    stub.always(undefined);
    assertOk(await invoke(node, session, kv(session, "put", "new"), { body: bytesOf(200_000) }));
    assert.deepEqual((await session.get("before"))?.bytes, LARGE);
    assert.ok(node.lines.every((line) => !line.includes("hidden-word")));
  });
}
