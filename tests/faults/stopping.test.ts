// How a node ends (configuration.md, start-up; adversary.md, 6), and what keeps a second one from
// starting.

import assert from "node:assert/strict";
import { bytesOf, kv, signIn } from "../support/asking.ts";
import {
  type NodeProcess,
  runTinycloud,
  startProcess,
  startTinycloud,
  storageIn,
} from "../support/process.ts";
import { RawConnection, withinTime } from "../support/raw_http.ts";
import { halfAnUpload, STAGED_IN_FILES } from "./uploads.ts";

const BODY = bytesOf(2 * 1024 * 1024);

/** A node that was told to stop while an upload is half done. */
async function stopping(
  test: (
    node: NodeProcess,
    upload: RawConnection,
    idle: RawConnection,
  ) => Promise<void>,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  await using node = await startProcess({ env: { ...STAGED_IN_FILES, ...env } });
  const session = await signIn(node);
  const { header } = await session.invocationToken(kv(session, "put", "key"));
  using idle = await RawConnection.open(node);
  await idle.head("GET /info HTTP/1.1");
  assert.equal((await idle.answer()).status, 200);
  using upload = await halfAnUpload(node, header, BODY);
  node.kill("SIGTERM");
  await node.line('"node.stopping"');
  await test(node, upload, idle);
}

Deno.test("SIGTERM lets an upload end that is under way, and the node then ends with 0", async () => {
  await stopping(async (node, upload) => {
    await sendsAway(node);

    await upload.write(BODY.subarray(BODY.length / 2));
    const answer = await upload.answer();

    assert.equal(answer.status, 200);
    assert.match(answer.headers.get("etag") ?? "", /^"blake3-/);
    const begun = performance.now();
    const { code, signal } = await withinTime(node.exited, "it did not end");
    assert.deepEqual({ code, signal }, { code: 0, signal: null });
    assert.ok(performance.now() - begun < 5000, "with nothing left to do it ends soon");
    await node.line('"node.stopped"');
    assert.deepEqual(node.complaints, []);
  });
});

Deno.test("SIGTERM lets a download end that is under way", async () => {
  await using node = await startProcess();
  const session = await signIn(node);
  const value = bytesOf(32 * 1024 * 1024);
  await session.put("key", value);
  const { body } = await session.getStream("key") ?? assert.fail("it was stored");
  const reader = body.getReader();
  const first = await reader.read();
  assert.ok(!first.done);
  // More than the buffers between the two hold, so the node is not done yet.
  assert.ok(first.value.length < value.length / 2);

  node.kill("SIGTERM");
  await node.line('"node.stopping"');

  let size = first.value.length;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    assert.deepEqual(next.value, value.subarray(size, size += next.value.length));
  }
  assert.equal(size, value.length);
  assert.equal((await withinTime(node.exited, "it did not end")).code, 0);
});

Deno.test("once SIGTERM has come, a connection that was idle gets no more work done", async () => {
  await stopping(async (_node, _upload, idle) => {
    await idle.head("GET /info HTTP/1.1").catch(() => {});
    const answer = await idle.answer().catch(() => undefined);

    if (answer === undefined) return; // closed, as a client must expect of any idle connection
    assert.equal(answer.status, 503);
    assert.equal(answer.headers.get("x-tinycloud-error"), "shutting_down");
    assert.equal(answer.text, "Shutting down");
    assert.ok(answer.headers.has("retry-after"));
  });
});

Deno.test("while it drains a node is alive and not ready, and says so to its operator", async () => {
  const operatorPort = freePort();
  await stopping(async (node, upload) => {
    const get = (url: string) => fetch(url, { signal: AbortSignal.timeout(5000) });
    const healthz = await get(`${node.url}/healthz`);
    const livez = await get(`${node.url}/livez`);
    const status = await get(`http://127.0.0.1:${operatorPort}/status`);
    const metrics = await get(`http://127.0.0.1:${operatorPort}/metrics`);

    assert.deepEqual([livez.status, await livez.text()], [200, "ok"]);
    assert.equal(healthz.status, 503);
    assert.equal(healthz.headers.get("x-tinycloud-error"), "shutting_down");
    assert.equal(await healthz.text(), "Shutting down");
    assert.equal((await status.json()).state, "stopping");
    assert.match(await metrics.text(), /^tinycloud_requests_in_flight 1$/m);
    const command = await runTinycloud(["status"], {
      env: {
        TINYCLOUD_PORT: new URL(node.url).port,
        TINYCLOUD_PROMETHEUS_PORT: operatorPort,
      },
    });
    assert.equal(command.code, 1);
    assert.match(command.lines[0] ?? "", /: stopping$/);

    await upload.write(BODY.subarray(BODY.length / 2));
    assert.equal((await upload.answer()).status, 200);
    assert.equal((await withinTime(node.exited, "it did not end")).code, 0);
  }, { TINYCLOUD_PROMETHEUS_PORT: operatorPort });
});

/** A port that was free a moment ago. */
function freePort(): string {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return String(listener.addr.transport === "tcp" ? listener.addr.port : 0);
}

Deno.test("a second SIGTERM ends the node at once, whatever is under way", async () => {
  await stopping(async (node) => {
    node.kill("SIGTERM");

    const { success } = await withinTime(node.exited, "it did not end", 3000);

    assert.equal(success, false);
  });
});

Deno.test("SIGINT ends a node as SIGTERM does", async () => {
  await using node = await startProcess();

  node.kill("SIGINT");

  assert.equal((await withinTime(node.exited, "it did not end")).code, 0);
});

Deno.test("a second node on the same database refuses in a sentence, and the first goes on", async () => {
  await using node = await startProcess();
  const session = await signIn(node);

  const second = await runTinycloud(["serve"], { env: storageIn(node.folder), cwd: node.folder });

  assert.equal(second.code, 1);
  assert.deepEqual(second.complaints, [
    `tinycloud: another node is using the database ${node.folder}/caps.db`,
  ]);
  await session.put("key", "value");
  assert.equal((await session.get("key"))?.text(), "value");
});

Deno.test("a database whose node was killed is free at once", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const killed = await startProcess({ folder });
    killed.kill("SIGKILL");
    await killed.exited;

    await using _node = await startProcess({ folder });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a port that is taken stops the start, in a sentence", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  await refusesToStart(
    { TINYCLOUD_PORT: String(port) },
    `cannot listen on 127.0.0.1 port ${port}: another program is listening there`,
  );
});

Deno.test("a metrics port that is taken stops the start when it was chosen", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  await refusesToStart(
    { TINYCLOUD_PROMETHEUS_PORT: String(port) },
    `cannot listen on 127.0.0.1 port ${port}: another program is listening there`,
  );
});

Deno.test("a metrics port that is taken costs only the metrics when nobody chose it", async () => {
  // Whoever has it already does as well.
  using _taken = listenIfFree(8001);
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(
      `${folder}/tinycloud.toml`,
      `[global]\nport = 0\nlog.format = "Json"\nstorage.database = "caps.db"\n`,
    );
    await using node = startTinycloud(["serve"], { cwd: folder });

    assert.match(await node.line('"metrics.unavailable"'), /port 8001 is taken/);
    const { address } = JSON.parse(await node.line('"node.started"'));
    assert.equal((await (await fetch(`${address}/info`)).json()).protocol, 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** Who comes now finds nobody, or is told to go elsewhere. */
async function sendsAway(node: NodeProcess): Promise<void> {
  let answer: Response;
  try {
    answer = await fetch(`${node.url}/info`);
  } catch (error) {
    if (error instanceof TypeError) return; // refused
    throw error;
  }
  assert.equal(await answer.text(), "Shutting down");
  assert.equal(answer.status, 503);
}

async function refusesToStart(env: Record<string, string>, sentence: string): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const ended = await runTinycloud(["serve"], {
      env: { ...storageIn(folder), ...env },
      cwd: folder,
    });
    assert.equal(ended.code, 78);
    assert.deepEqual(ended.complaints, [`tinycloud: ${sentence}`]);
    assert.ok(!ended.lines.some((line) => line.includes("node.started")));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function listenIfFree(port: number): Disposable {
  try {
    return Deno.listen({ hostname: "127.0.0.1", port });
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return { [Symbol.dispose]() {} };
    throw error;
  }
}
