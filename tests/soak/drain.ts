// A client that never ends its upload does not keep a node from ending (configuration.md,
// start-up): 30 s, then it is over.

import assert from "node:assert/strict";
import { bytesOf, kv, signIn } from "../support/asking.ts";
import { startProcess } from "../support/process.ts";
import { withinTime } from "../support/raw_http.ts";
import { halfAnUpload, STAGED_IN_FILES } from "../faults/uploads.ts";

const DRAIN_MS = 30_000;
const EXTRA_MS = 3000;

Deno.test("SIGTERM ends a node with 0 within 30 s, whoever is still uploading", async () => {
  const env = { ...STAGED_IN_FILES, TINYCLOUD_HTTP_BODY_IDLE_TIMEOUT: "10 min" };
  await using node = await startProcess({ env });
  const session = await signIn(node);
  const { header } = await session.invocationToken(kv(session, "put", "key"));
  using _upload = await halfAnUpload(node, header, bytesOf(2 * 1024 * 1024));

  node.kill("SIGTERM");
  const { code } = await withinTime(node.exited, "it did not end", DRAIN_MS + EXTRA_MS);

  assert.equal(code, 0);
});
