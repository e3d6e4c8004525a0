// `tinycloud inspect` on tokens of a node that runs: what it would decide, and by which paths.

import assert from "node:assert/strict";
import { attenuation, resourceUri } from "../../client/mod.ts";
import { inspect } from "../../src/commands/inspect.ts";
import { ask, assertOk } from "../support/asking.ts";
import { startTestNode, type TestNode } from "../support/node.ts";
import { aSession, cacao, GET, granted, invocation, PUT } from "../support/world.ts";

/** What the command prints of a token, with the node's database beside it, and its exit code. */
async function inspected(
  node: TestNode,
  token: string,
  json = false,
): Promise<readonly [number, string[]]> {
  const lines: string[] = [];
  const print = (line: string) => void lines.push(line);
  const flags = { database: `${node.folder}/caps.db`, json };
  const exit = await inspect.run(flags, [token], { cwd: "/", env: {}, print, complain: print });
  return [exit, lines];
}

const startsWith = (word: string) => (line: string) => line.startsWith(`${word} `);

Deno.test("inspect calls an invocation valid, and shows the chain it rests on", async () => {
  await using node = await startTestNode();
  const session = await aSession(node);
  const { header } = await invocation(node, session, GET, resourceUri(session.space, "kv", "a"));

  const [exit, lines] = await inspected(node, header);

  assert.equal(exit, 0);
  assert.equal(lines.at(-1), "valid");
  assert.equal(lines.filter(startsWith("chain")).length, 1);
  assert.deepEqual(lines.filter(startsWith("tried")), []);
});

Deno.test("inspect shows every path that was tried, and the one sentence of the wire", async () => {
  await using node = await startTestNode();
  const session = await aSession(node);
  const at = (path: string) => resourceUri(session.space, "kv", path);
  const bob = await granted(node, session, attenuation(at("a"), [GET]));
  const { header } = await invocation(node, bob, PUT, at("ab"));

  const [exit, lines] = await inspected(node, header);

  assert.equal(exit, 1);
  assert.deepEqual(lines.filter(startsWith("tried")), [`tried        ${bob.cid}: gives no ${PUT}`]);
  assert.equal(lines.at(-1), `refused: Unauthorized Action: ${at("ab")} / ${PUT}`);
});

Deno.test("inspect shows the way to a revoked ancestor; so does the log at level debug", async () => {
  await using node = await startTestNode();
  const session = await aSession(node);
  const at = resourceUri(session.space, "kv", "a");
  const bob = await granted(node, session, attenuation(at, [GET]));
  const { header: token } = await cacao(session.wallet, `ucan:${session.cid}`, undefined);
  assertOk(await ask(node, "/revoke", { token }));
  const { header } = await invocation(node, bob, GET, at);

  const [exit, lines] = await inspected(node, header);
  const answer = await ask(node, "/invoke", { token: header });

  const path = `${bob.cid} → ${session.cid}: was revoked`;
  const sentence = `delegation-ancestor-revoked: ancestor=${session.cid} invoked=${bob.cid}`;
  assert.equal(exit, 1);
  assert.deepEqual(lines.filter(startsWith("tried")), [`tried        ${path}`]);
  assert.equal(lines.at(-1), `refused: ${sentence}`);
  assert.equal(answer.text, sentence);
  assert.ok(node.lines.some((line) => line.includes("request.refused") && line.includes(path)));
});

Deno.test("inspect says the same as one JSON object", async () => {
  await using node = await startTestNode();
  const session = await aSession(node);
  const at = (path: string) => resourceUri(session.space, "kv", path);
  const bob = await granted(node, session, attenuation(at("a"), [GET]));
  for (const [ability, valid] of [[GET, true], [PUT, false]] as const) {
    const { header } = await invocation(node, bob, ability, at("a"));

    const [exit, lines] = await inspected(node, header);
    const [code, [json = "", ...more]] = await inspected(node, header, true);

    const said = JSON.parse(json);
    assert.deepEqual([code, more.length, said.valid], [exit, 0, valid]);
    assert.equal(said.lines.length, lines.length - 1);
    assert.equal(said.refusals.length, valid ? 0 : 1);
  }
});
