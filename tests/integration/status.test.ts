// `tinycloud status` against a node in this process, and what the operator's listener tells.

import assert from "node:assert/strict";
import { ask, signIn } from "../support/asking.ts";
import { tinycloud } from "../support/commands.ts";
import { startTestNode, type TestNode } from "../support/node.ts";
import { ARE_FILES } from "../support/node_stores.ts";

/** A port that was free a moment ago. */
function freePort(): string {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return String(listener.addr.transport === "tcp" ? listener.addr.port : 0);
}

/** A node with a listener for its operator, and how a command finds both. */
async function watchedNode(env: Readonly<Record<string, string>> = {}) {
  const operatorPort = freePort();
  const node = await startTestNode({
    env: { TINYCLOUD_PROMETHEUS_PORT: operatorPort, ...env },
  });
  const places = {
    TINYCLOUD_PORT: new URL(node.url).port,
    TINYCLOUD_PROMETHEUS_PORT: operatorPort,
  };
  return { node, operatorPort, places, [Symbol.asyncDispose]: () => node[Symbol.asyncDispose]() };
}

const status = (
  node: TestNode,
  env: Readonly<Record<string, string>>,
  ...args: readonly string[]
) => tinycloud(node.folder, ["status", ...args], { env });

Deno.test("status tells people how a node does, and ends with 0", async () => {
  await using watched = await watchedNode();
  const { node, places } = watched;
  await (await signIn(node)).put("key", "value");
  await ask(node, "/invoke");

  const { code, lines, complaints } = await status(node, places);

  const text = lines.join("\n");
  assert.deepEqual({ code, complaints }, { code: 0, complaints: [] });
  assert.match(text, new RegExp(`^tinycloud [0-9.]+ at ${node.url}: ready$`, "m"));
  assert.ok(text.includes(node.node.nodeId));
  for (
    const row of [
      /^up {10}\d+ s, since 20\d\d-/m,
      /^holds {7}1 space, \d+ bytes$/m,
      /^requests {4}\d+\.\d\/s, \d+\.\d\/s refused, 0\.0\/s limited, 0\.0\/s failed; \d in flight$/m,
      /^collection {2}\w+/m,
      /^errors {6}401 token_missing +1 ×, last \d+ s ago\n {12}404 space_not_found/m,
    ]
  ) assert.match(text, row);
  assert.ok(!text.includes("\x1b"), "no colours but on a terminal");
});

Deno.test("status --json is one object with all there is", async () => {
  await using watched = await watchedNode();
  const { node, places } = watched;

  const { code, lines } = await status(node, places, "--json");

  assert.equal(code, 0);
  assert.equal(lines.length, 1);
  const seen = JSON.parse(lines[0] ?? "");
  assert.deepEqual([seen.state, seen.url, seen.code, seen.note], ["ready", node.url, null, null]);
  assert.equal(seen.nodeId, node.node.nodeId);
  assert.deepEqual(Object.keys(seen.details).toSorted(), [
    "collection",
    "deno",
    "errors",
    "lastMinute",
    "nodeId",
    "requestsInFlight",
    "spaces",
    "startedAt",
    "state",
    "storedBytes",
    "stores",
    "uptimeSeconds",
    "version",
  ]);
});

Deno.test("what the operator is told names no space, no key and nobody but the node", async () => {
  await using watched = await watchedNode();
  const { node, operatorPort } = watched;
  const session = await signIn(node);
  await session.put("canary", "canary");
  await session.get("canary/absent");
  await ask(node, "/invoke", { token: "canary" });
  await ask(node, "/canary", { method: "GET" });

  const answer = await ask({ url: `http://127.0.0.1:${operatorPort}` }, "/status", {
    method: "GET",
  });

  const report = answer.text.replace(node.node.nodeId, "");
  assert.equal(answer.status, 200);
  assert.ok(!/canary|did:|tinycloud:|0x/.test(report), report);
});

Deno.test("a scrape looks at the stores and at what they hold", async () => {
  await using watched = await watchedNode();
  const { node, operatorPort } = watched;
  await (await signIn(node)).put("key", "value");

  const { text } = await ask({ url: `http://127.0.0.1:${operatorPort}` }, "/metrics", {
    method: "GET",
  });

  for (
    const series of [
      /^tinycloud_spaces_hosted 1$/m,
      /^tinycloud_stored_bytes [1-9]\d*$/m,
      /^tinycloud_healthy\{store="database"\} 1$/m,
      /^tinycloud_healthy\{store="blocks"\} 1$/m,
      /^tinycloud_database_operations\{state="waiting"\} 0$/m,
      /^tinycloud_errors_total\{code="storage_full"\} 0$/m,
    ]
  ) assert.match(text, series);
});

Deno.test("the node's own listener has no /status", async () => {
  await using watched = await watchedNode();

  assert.equal((await ask(watched.node, "/status", { method: "GET" })).status, 404);
});

Deno.test("without a metrics listener status tells what anybody may ask, and why no more", async () => {
  await using node = await startTestNode();
  const places = { TINYCLOUD_PORT: new URL(node.url).port, TINYCLOUD_PROMETHEUS_PORT: "0" };

  const { code, lines } = await status(node, places);

  const text = lines.join("\n");
  assert.equal(code, 0);
  assert.match(text, /ready$/m);
  assert.match(text, /the metrics listener is off \(prometheus\.port\)/);
});

Deno.test("another node's metrics listener is not taken for this one's", async () => {
  await using other = await watchedNode({
    TINYCLOUD_KEYS_SECRET: "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE",
  });
  await using node = await startTestNode();
  const places = {
    TINYCLOUD_PORT: new URL(node.url).port,
    TINYCLOUD_PROMETHEUS_PORT: other.operatorPort,
  };

  const { code, lines } = await status(node, places, "--json");

  const seen = JSON.parse(lines[0] ?? "");
  assert.equal(code, 0);
  assert.deepEqual([seen.nodeId, seen.details], [node.node.nodeId, null]);
  assert.equal(seen.note, "the metrics listener is another node's");
});

Deno.test("where nothing listens, status says so and ends with 2", async () => {
  await using node = await startTestNode();
  const port = freePort();

  const { code, lines, complaints } = await status(node, { TINYCLOUD_PORT: port });

  assert.equal(code, 2);
  assert.deepEqual(lines, []);
  assert.deepEqual(complaints, [
    `tinycloud status: nothing listens at http://127.0.0.1:${port}`,
  ]);
});

Deno.test("what listens there and is no node is told apart", async () => {
  await using stranger = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response('{"version":"\\u001b[2J","nodeId":"x"}'),
  );
  await using node = await startTestNode();
  const url = `http://127.0.0.1:${stranger.addr.port}`;

  const { code, complaints } = await status(node, {}, "--url", url);

  assert.equal(code, 2);
  assert.deepEqual(complaints, [
    `tinycloud status: what listens at ${url} is not a TinyCloud node`,
  ]);
});

if (ARE_FILES) {
  Deno.test("a node whose store is gone is not ready: 1, with the code", async () => {
    await using watched = await watchedNode();
    const { node, places } = watched;
    const blocks = `${node.folder}/blocks`;
    await Deno.rename(blocks, `${blocks}-away`);

    const seen = await status(node, places);
    const waited = await status(node, places, "--wait", "0");
    await Deno.rename(`${blocks}-away`, blocks);

    assert.deepEqual([seen.code, waited.code], [1, 1]);
    assert.match(seen.lines.join("\n"), /: not ready \(storage_unavailable\)$/m);
    assert.match(seen.lines.join("\n"), /^blocks {6}local, storage_unavailable$/m);
    assert.match(waited.lines.join("\n"), /^errors {6}503 storage_unavailable/m);
  });

  Deno.test("--wait ends with 0 as soon as the node is ready", async () => {
    await using watched = await watchedNode();
    const { node, places } = watched;
    const blocks = `${node.folder}/blocks`;
    await Deno.rename(blocks, `${blocks}-away`);
    assert.equal((await status(node, places)).code, 1);

    const waiting = status(node, places, "--wait", "30");
    await Deno.rename(`${blocks}-away`, blocks);

    assert.equal((await waiting).code, 0);
  });
}

const MISTAKES: readonly [args: readonly string[], sentence: RegExp][] = [
  [["5"], /belongs to --wait/],
  [["--wait", "soon"], /whole seconds/],
  [["--wait", "-1"], /.+/],
  [["--wait", "86401"], /86400 at most/],
  [["--url", "cloud.example.org"], /http:\/\/ or https:\/\/ URL/],
  [["--url", "file:///etc/passwd"], /http:\/\/ or https:\/\/ URL/],
  [["--port", "1"], /Unknown option/],
];

for (const [args, sentence] of MISTAKES) {
  Deno.test(`status ${args.join(" ")} is wrong usage: 64`, async () => {
    const folder = await Deno.makeTempDir();
    const { code, complaints } = await tinycloud(folder, ["status", ...args]);
    await Deno.remove(folder, { recursive: true });

    assert.equal(code, 64);
    assert.match(complaints.join("\n"), sentence);
  });
}

Deno.test("status of a configuration with port 0 asks for the address", async () => {
  const folder = await Deno.makeTempDir();
  const { code, complaints } = await tinycloud(folder, ["status"], {
    env: { TINYCLOUD_PORT: "0" },
  });
  await Deno.remove(folder, { recursive: true });

  assert.equal(code, 64);
  assert.match(complaints.join("\n"), /name its address by --url/);
});

Deno.test("a node on all addresses is asked on this machine's own", async () => {
  await using watched = await watchedNode({ TINYCLOUD_ADDRESS: "127.0.0.1" });
  const { node, places } = watched;

  for (const address of ["0.0.0.0"]) {
    const { code, lines } = await status(node, { ...places, TINYCLOUD_ADDRESS: address }, "--json");

    assert.equal(code, 0);
    assert.equal(JSON.parse(lines[0] ?? "").url, node.url);
  }
});
