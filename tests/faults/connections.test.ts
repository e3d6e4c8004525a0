// 2,000 connections that do nothing, beside 200 that work (adversary.md, group 5).

import assert from "node:assert/strict";
import { assertOk, bytesOf, invoke, kv, signIn } from "../support/asking.ts";
import { measured, mib } from "../support/measured.ts";
import { startProcess } from "../support/process.ts";
import { RawConnection } from "../support/raw_http.ts";

const IDLE = 2000;
const BUSY = 200;
const ROUNDS = 10;
/** 16 KiB a connection, and what V8 takes for itself once it works. */
const ALLOWANCE = (IDLE + BUSY) * 16 * 1024 + 96 * 1024 * 1024;

Deno.test("beside 2,000 idle connections 200 busy ones are served, in bounded memory", async () => {
  await using node = await startProcess();
  const session = await signIn(node);
  await session.put("k", bytesOf(8 * 1024));
  const before = await node.rss();
  using opened = new DisposableStack();

  for (let count = 0; count < IDLE; count++) opened.use(await RawConnection.open(node));
  const idle = await node.rss();
  const token = async () => (await session.invocationToken(kv(session, "get", "k"))).header;
  const busy = await Promise.all(
    Array.from({ length: BUSY }, async () => opened.use(await RawConnection.open(node))),
  );
  const begun = performance.now();
  await Promise.all(busy.map(async (connection) => {
    for (let round = 0; round < ROUNDS; round++) {
      await connection.head("POST /invoke HTTP/1.1", [`Authorization: ${await token()}`]);
      const { status, text } = await connection.answer();
      assert.deepEqual([status, text.length], [200, 8 * 1024]);
    }
  }));
  const seconds = (performance.now() - begun) / 1000;
  const after = await node.rss();

  measured(
    `${IDLE} idle connections: ${mib(idle - before)}; ${BUSY} busy ones: ${
      (BUSY * ROUNDS / seconds).toFixed(0)
    } requests/s, ${mib(after - before)} in all`,
  );
  assert.ok(after - before < ALLOWANCE, mib(after - before));
  assertOk(await invoke(node, session, kv(session, "get", "k")));
});
