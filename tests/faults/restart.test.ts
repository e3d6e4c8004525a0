// What a node that was stopped or killed still knows when it starts again (invariants 1 and 4).

import assert from "node:assert/strict";
import { connect, openShare, randomSessionKey, type Session } from "../../client/mod.ts";
import { type Answer, ask, assertOk, bytesOf, kv, owner, signIn } from "../support/asking.ts";
import { type NodeProcess, startProcess, stopped } from "../support/process.ts";

Deno.test("1: a clean stop and a start keep values, headers, deletes, grants and keys", async () => {
  await withFolder(async (folder) => {
    const block = bytesOf(100_000);
    const receiver = await randomSessionKey();
    const before = await startProcess({ folder });
    const session = await signIn(before);
    await session.put("small", "a value", {
      contentType: "text/x-small",
      metadata: { mood: "calm" },
    });
    await session.put("block", block);
    await session.put("gone", "x");
    await session.delete("gone");
    const granted = await session.delegate({ to: receiver.did, path: "block", abilities: ["get"] });
    const revoked = await session.shareLink("small");
    await session.revoke(revoked.delegation.cid);
    const known = await identityOf(before, session.space);
    const listed = await session.delegations();
    await end(before);

    await using node = await startProcess({ folder });

    const here = again(node, session);
    assert.deepEqual(await identityOf(node, session.space), known);
    assert.deepEqual(await here.list(), ["block", "small"]);
    const small = await here.get("small");
    assert.deepEqual(
      [small?.text(), small?.contentType, small?.metadata],
      ["a value", "text/x-small", { mood: "calm" }],
    );
    assert.deepEqual((await here.get("block"))?.bytes, block);
    assert.deepEqual(await here.delegations(), listed);
    const received = connect(node.url).use(receiver, granted);
    assert.deepEqual((await received.get("block"))?.bytes, block);
    await assert.rejects((await openShare(revoked.link, { url: node.url })).get("small"), {
      code: "revoked",
    });
  });
});

Deno.test("tokens that were used up stay so, a read's some moments before a clean stop too", async () => {
  await withFolder(async (folder) => {
    const before = await startProcess({ folder });
    const session = await signIn(before);
    await session.put("key", "first");
    const tokens = await tokensFor(session);
    for (const [verb, token] of tokens) assertOk(await use(before, token, verb));
    await end(before);

    await using node = await startProcess({ folder });

    const here = again(node, session);
    await here.put("key", "second");
    for (const [verb, token] of tokens) {
      const { status, code } = await use(node, token, verb);
      assert.deepEqual([verb, status, code], [verb, 409, "invocation_replayed"]);
    }
    assert.equal((await here.get("key"))?.text(), "second");
  });
});

Deno.test("1, 4: kill -9 right after the answer loses no grant, no revocation and no spent token", async () => {
  await withFolder(async (folder) => {
    const before = await startProcess({ folder });
    const { wallet, session } = await owner(before);
    await session.put("key", "value");
    const granted = await session.shareLink("key");
    const revoked = await session.shareLink("key");
    const { header: put } = await session.invocationToken(kv(session, "put", "key"));
    assertOk(await use(before, put, "put"));
    await connect(before.url).revoke(wallet, revoked.delegation.cid);
    before.kill("SIGKILL");
    await before.exited;

    await using node = await startProcess({ folder });

    const open = (link: string) => openShare(link, { url: node.url });
    assert.equal((await (await open(granted.link)).get("key"))?.text(), "put");
    await assert.rejects((await open(revoked.link)).get("key"), { code: "revoked" });
    assert.equal((await use(node, put, "put")).code, "invocation_replayed");
  });
});

/** The last of them is answered just before the stop. */
const VERBS = ["put", "list", "metadata", "get"] as const;

async function tokensFor(
  session: Session,
): Promise<readonly (readonly [verb: string, token: string])[]> {
  return await Promise.all(VERBS.map(async (verb) => {
    const { header } = await session.invocationToken(kv(session, verb, "key"));
    return [verb, header] as const;
  }));
}

function use(node: NodeProcess, token: string, verb: string): Promise<Answer> {
  return ask(node, "/invoke", { token, ...(verb === "put" ? { body: verb } : {}) });
}

function again(node: NodeProcess, { key, grant }: Session): Session {
  return connect(node.url).use(key, grant);
}

/** What clients and spaces know a node by. */
async function identityOf(node: NodeProcess, space: string): Promise<readonly string[]> {
  const other = space.replace(/[^:]+$/, "another");
  const paths = [space, other].map((each) => `/peer/generate/${encodeURIComponent(each)}`);
  return await Promise.all(
    ["/info", ...paths].map(async (path) =>
      assertOk(await ask(node, path, { method: "GET" })).text
    ),
  );
}

async function end(node: NodeProcess): Promise<void> {
  assert.equal(await stopped(node), 0);
}

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir({ prefix: "tinycloud-restart-" });
  try {
    await test(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}
