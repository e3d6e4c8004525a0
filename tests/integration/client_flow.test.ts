// One whole sign-in and use, recorded from an independent client, replayed through HTTP
// (clients.md; tests/vectors/README.md).

import assert from "node:assert/strict";
import { connect, walletFromPrivateKey } from "../../client/mod.ts";
import recorded from "../vectors/client-flow.json" with { type: "json" };
import { startTestNode, type TestNode } from "../support/node.ts";

// The first account of a well-known test mnemonic.
const ALICE = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const SPACE = recorded.parties[0]?.alice.space ?? "";
/** The recording's tokens are valid until 2254, far beyond what a node accepts. */
const LIFETIME = { TINYCLOUD_AUTH_MAX_INVOCATION_LIFETIME: "8000000000" };

function delegation(name: string): { authorization: string; cid: string } {
  const found = recorded.delegations.find((each) => each.name === name);
  assert.ok(found, name);
  return found;
}

function invocation(name: string): string {
  const found = recorded.invocations.find((each) => each.name === name);
  assert.ok(found, name);
  return found.token;
}

function post(node: TestNode, path: string, token: string, init: RequestInit = {}) {
  const headers = new Headers(init.headers);
  headers.set("authorization", token);
  return fetch(`${node.url}${path}`, { method: "POST", ...init, headers });
}

Deno.test("the recorded client signs in, hosts, stores, lists, shares and deletes", async () => {
  await using node = await startTestNode({ env: LIFETIME });
  const session = delegation("session");
  const share = delegation("share");
  const invoke = (token: string, init?: RequestInit) => post(node, "/invoke", token, init);
  const expect = async (answer: Response, status: number, body?: string) => {
    const text = await answer.text();
    assert.deepEqual([answer.status, ...(body === undefined ? [] : [text])], [
      status,
      ...(body === undefined ? [] : [body]),
    ]);
    return text;
  };

  const version = await fetch(`${node.url}/version`);
  assert.equal((await version.json()).protocol, 1);

  // The first post finds no space; the client hosts it and posts the same bytes again.
  await expect(await post(node, "/delegate", session.authorization), 404, "Space not found");
  const peer = await fetch(`${node.url}/peer/generate/${encodeURIComponent(SPACE)}`);
  await peer.text();
  await connect(node.url).hostSpace(walletFromPrivateKey(ALICE), SPACE);
  const activated = await post(node, "/delegate", session.authorization);
  assert.deepEqual(await activated.json(), {
    cid: session.cid,
    activated: [SPACE],
    skipped: [],
  });

  await expect(await invoke(invocation("put"), { body: "hello" }), 200, "");
  const got = await invoke(invocation("get"));
  assert.equal(got.headers.get("content-type"), "text/plain;charset=UTF-8");
  await expect(got, 200, "hello");
  const head = await invoke(invocation("metadata"));
  assert.equal(head.headers.get("x-tinycloud-content-length"), "5");
  await expect(head, 200, "");
  await expect(await invoke(invocation("listAll")), 200, '["shared/greeting"]');
  await expect(await invoke(invocation("getMissing")), 404, "Key not found");
  await expect(
    await invoke(invocation("spaceListUnauthorized")),
    401,
    `Unauthorized Action: ${SPACE}/space/ / tinycloud.space/list`,
  );
  await expect(await invoke(invocation("badUriSpaceInPath")), 401);

  const text = { headers: { accept: "text/plain" } };
  await expect(await post(node, "/delegate", share.authorization, text), 200, share.cid);
  await expect(await invoke(invocation("shareGet")), 200, "hello");
  await expect(await invoke(invocation("sharePutUnauthorized"), { body: "x" }), 401);

  await expect(await post(node, "/delegate", delegation("aliceToCarolPkh").authorization), 200);
  await expect(await post(node, "/delegate", delegation("carolSession").authorization), 200);
  await expect(await invoke(invocation("carolGet")), 200, "hello");

  await expect(await post(node, "/delegate", delegation("legacyWebSession").authorization), 200);
  await expect(await invoke(invocation("legacyGetOk")), 404, "Key not found");
  await expect(await invoke(invocation("legacyCapsReadUnauthorized")), 401);

  const created = JSON.parse(await expect(await invoke(invocation("capsListCreated")), 200));
  assert.ok(session.cid in created && delegation("aliceToCarolPkh").cid in created);
  assert.ok(!(share.cid in created), "the share's delegator is the session key");
  await expect(await invoke(invocation("capsListReceived")), 200, "{}");

  await expect(await invoke(invocation("del")), 200, "");
  await expect(await invoke(invocation("put")), 409, "duplicate invocation");
});
