// Uploads that end before their time leave nothing (invariant 1; adversary.md, 2): no file, no row,
// and the token is good for another try. Whoever sends too slowly is told so.

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import type { Session } from "../../client/mod.ts";
import { ask, assertOk, bytesOf, kv, signIn } from "../support/asking.ts";
import { eventually } from "../support/eventually.ts";
import { walk } from "../support/files.ts";
import { type NodeProcess, startProcess, startProgram } from "../support/process.ts";
import { halfAnUpload, openUpload, STAGED_IN_FILES, uploadBegun, uploadsGone } from "./uploads.ts";

const CLIENT = fileURLToPath(new URL("half_upload.program.ts", import.meta.url));
const BODY = bytesOf(2 * 1024 * 1024);

for (const staging of ["Memory", "FileSystem"]) {
  Deno.test(`uploads cut off at every tenth leave nothing: ${staging}`, async () => {
    await leavesNothing({ TINYCLOUD_STORAGE_STAGING: staging }, async (node, token) => {
      for (let tenth = 0; tenth < 10; tenth++) {
        using connection = await openUpload(node, token, BODY.length);
        await connection.write(BODY.subarray(0, BODY.length * tenth / 10));
      }
    }, 10);
  });
}

Deno.test("an upload in chunks that is cut off leaves nothing", async () => {
  await leavesNothing(STAGED_IN_FILES, async (node, token) => {
    const cut = new AbortController();
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(BODY.slice()),
    });
    const asked = ask(node, "/invoke", { token, body, signal: cut.signal });
    await uploadBegun(node);

    cut.abort();

    await assert.rejects(asked, { name: "AbortError" });
  });
});

Deno.test("an upload whose client is killed leaves nothing", async () => {
  await leavesNothing(STAGED_IN_FILES, async (node, token) => {
    const sizes = [BODY.length, BODY.length / 2].map(String);
    await using client = startProgram(CLIENT, [node.url, token, ...sizes]);
    await client.line("sent");
    await uploadBegun(node);

    client.kill("SIGKILL");

    await client.exited;
  });
});

Deno.test("an upload that stalls is answered 408 and leaves nothing", async () => {
  const env = { ...STAGED_IN_FILES, TINYCLOUD_HTTP_BODY_IDLE_TIMEOUT: "500 ms" };
  await leavesNothing(env, async (node, token) => {
    using connection = await halfAnUpload(node, token, BODY);

    const answer = await connection.answer();

    assert.deepEqual(
      [answer.status, answer.headers.get("x-tinycloud-error"), answer.text],
      [408, "body_timeout", "Body too slow"],
    );
  });
});

Deno.test("a small upload that stalls is answered 408 and leaves nothing", async () => {
  await leavesNothing({ TINYCLOUD_HTTP_BODY_IDLE_TIMEOUT: "500 ms" }, async (node, token) => {
    using connection = await openUpload(node, token, 100);
    await connection.write("half");

    const answer = await connection.answer();

    assert.equal(answer.status, 408);
  });
});

Deno.test("a stalled upload is answered and gone; its connection stays, but no stop waits for it", async () => {
  await using node = await startProcess({ env: { TINYCLOUD_HTTP_BODY_IDLE_TIMEOUT: "500 ms" } });
  const session = await signIn(node);
  const { header } = await session.invocationToken(kv(session, "put", "key"));
  using connection = await openUpload(node, header, BODY.length);
  await connection.write(BODY.subarray(0, 100));
  assert.equal((await connection.answer()).status, 408);
  await uploadsGone(node);

  // The runtime keeps the connection until the sender closes it (decision 0004).
  const begun = performance.now();
  node.kill("SIGTERM");
  assert.equal((await node.exited).code, 0);
  assert.ok(performance.now() - begun < 10_000, "the stop waited for it");
});

/** Breaks so many uploads with one token; then nothing is there of them, and the token works. */
async function leavesNothing(
  env: Record<string, string>,
  breakUploads: (node: NodeProcess, token: string) => Promise<void>,
  count = 1,
): Promise<void> {
  await using node = await startProcess({ env });
  const session = await signIn(node);
  await session.put("other", BODY);
  const { header } = await session.invocationToken(kv(session, "put", "key"));
  const before = await storedBy(node);

  await breakUploads(node, header);

  await uploadsGone(node);
  await answered(node, 1 + count);
  assert.deepEqual(await storedBy(node), before);
  await assertGood(node, session, header);
  assert.deepEqual(node.complaints, []);
}

async function assertGood(node: NodeProcess, session: Session, token: string): Promise<void> {
  assertOk(await ask(node, "/invoke", { token, body: BODY }));
  assert.deepEqual((await session.get("key"))?.bytes, BODY);
}

/** Files below blocks and staging, and how many rows each table has. */
async function storedBy({ folder }: NodeProcess): Promise<unknown> {
  using database = new DatabaseSync(`${folder}/caps.db`, { readOnly: true });
  const names = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  const rows = names.map(({ name }) => [
    name,
    database.prepare(`SELECT count(*) AS rows FROM "${name}"`).get()?.rows,
  ]);
  return { rows, blocks: await walk(`${folder}/blocks`), staged: await walk(`${folder}/staging`) };
}

/** Resolves when the node has logged so many requests to /invoke: it is done with them. */
async function answered(node: NodeProcess, count: number): Promise<void> {
  await eventually(`${count} requests are logged`, () => {
    const lines = node.lines.filter((line) => line.includes('"route":"/invoke"'));
    return lines.length === count || undefined;
  });
}
