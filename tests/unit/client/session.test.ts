/**
 * What a session sends for each of its methods, and what it makes of the answers (wire §6 to §8).
 */
import assert from "node:assert/strict";
import {
  connect,
  openShare,
  parseShareLink,
  randomSessionKey,
  type Session,
  TinyCloudError,
  walletFromPrivateKey,
} from "../../../client/mod.ts";
import { FakeNode, refusal } from "./fake_node.ts";

const wallet = walletFromPrivateKey(new Uint8Array(32).fill(1));
const friend = walletFromPrivateKey(new Uint8Array(32).fill(2));

Deno.test("a value comes back with its bytes, type, metadata and ETag", async () => {
  const { session } = await signedIn();

  const { etag } = await session.put("notes/1", "Grüße", {
    contentType: "text/markdown",
    metadata: { author: "me" },
  });
  const value = await session.get("notes/1");
  const info = await session.head("notes/1");

  assert.equal(value?.text(), "Grüße");
  assert.equal(value.size, 7);
  assert.equal(info?.size, 7);
  for (const known of [value, info]) {
    assert.equal(known.etag, etag);
    assert.equal(known.contentType, "text/markdown");
    assert.deepEqual(known.metadata, { author: "me" });
  }
});

const bodies: [string, () => Parameters<Session["put"]>[1]][] = [
  ["bytes", () => Uint8Array.of(0, 255)],
  ["a blob", () => new Blob([Uint8Array.of(0, 255)])],
  ["a stream", () => new Blob([Uint8Array.of(0, 255)]).stream()],
];

for (const [name, body] of bodies) {
  Deno.test(`${name} can be stored, without any content type`, async () => {
    const { session } = await signedIn();

    await session.put("k", body());

    const value = await session.get("k");
    assert.deepEqual(value?.bytes, Uint8Array.of(0, 255));
    assert.equal(value.contentType, undefined);
  });
}

Deno.test("a large value can be read as it arrives", async () => {
  const { session } = await signedIn();
  await session.put("k", "streamed");

  const stream = await session.getStream("k");

  assert.equal(stream?.size, 8);
  assert.equal(await new Response(stream.body).text(), "streamed");
});

Deno.test("a key that holds nothing is no error", async () => {
  const { session } = await signedIn();

  assert.equal(await session.get("none"), undefined);
  assert.equal(await session.head("none"), undefined);
  assert.equal(await session.delete("none"), false);
});

for (const code of ["space_not_found", "not_found", "unknown"]) {
  Deno.test(`a 404 that says ${code} is one`, async () => {
    const { node, session } = await signedIn();
    node.planned.set("POST /invoke", [refusal(404, code, "Not found")]);

    await assert.rejects(session.get("k"), { status: 404, code });
  });
}

Deno.test("deleting says that something was deleted", async () => {
  const { session } = await signedIn();
  await session.put("k", "");

  assert.equal(await session.delete("k"), true);
  assert.deepEqual(await session.list(), []);
});

Deno.test("preconditions travel as headers", async () => {
  const { node, session } = await signedIn();

  await session.put("k", "", { ifNoneMatch: "*" });
  assert.equal(node.last?.headers.get("if-none-match"), "*");
  await session.delete("k", { ifMatch: '"blake3-1"' });
  assert.equal(node.last?.headers.get("if-match"), '"blake3-1"');
});

Deno.test("a key that is no URI path is refused unsent", async () => {
  const { node, session } = await signedIn();
  const before = node.seen.length;

  await assert.rejects(session.put("a?b", ""), TypeError);
  assert.equal(node.seen.length, before);
});

Deno.test("a refusal carries status, code, sentence and trace", async () => {
  const { node, session } = await signedIn();
  node.planned.set("POST /invoke", [refusal(413, "object_too_large", "Value exceeds maximum")]);

  const error = await session.put("k", "x").catch((caught: unknown) => caught);

  assert.ok(error instanceof TinyCloudError);
  assert.deepEqual(
    [error.status, error.code, error.message, error.traceId],
    [413, "object_too_large", "Value exceeds maximum", "trace-1"],
  );
});

Deno.test("a refusal without end is cut off", async () => {
  const { node, session } = await signedIn();
  const endless = new ReadableStream({ pull: (c) => c.enqueue(new Uint8Array(1000).fill(65)) });
  node.planned.set("POST /invoke", [new Response(endless, { status: 500 })]);

  const error = await session.get("k").catch((caught: unknown) => caught);

  assert.ok(error instanceof TinyCloudError);
  assert.deepEqual([error.code, error.message.length], ["unknown", 8192]);
});

Deno.test("an invocation is addressed to itself, cites its session, lives a minute", async () => {
  const { node, session } = await signedIn();
  const before = Date.now() / 1000;

  await session.get("k");

  const { aud, iss, exp, prf, nnc } = node.last?.payload ?? {};
  assert.deepEqual([aud, iss, prf], [session.key.did, session.key.didUrl, [session.cid]]);
  assert.ok(Number(exp) >= before + 60 && Number(exp) < before + 90);
  assert.match(String(nnc), /^urn:uuid:/);
});

Deno.test("any invocation can be sent, with any claim", async () => {
  const { node, session } = await signedIn();
  const resource = `${session.space}/kv/a b`;

  await session.invoke({
    ability: "tinycloud.kv/put",
    resource,
    body: "x",
    expiration: 5,
    nonce: "n",
  }, { payload: { prf: [] } });

  assert.deepEqual(node.lastCapability(), { resource, ability: "tinycloud.kv/put" });
  const { exp, nnc, prf } = node.last?.payload ?? {};
  assert.deepEqual([exp, nnc, prf], [5, "n", []]);
});

Deno.test("delegations are asked for with their filter, and come with their CIDs", async () => {
  const { node, session } = await signedIn();
  const entry = { capabilities: [], delegator: "did:a", delegate: "did:b", parents: [] };
  node.planned.set("POST /invoke", [Response.json({ bafk: entry })]);

  const entries = await session.delegations({ direction: "created" });

  assert.deepEqual(entries, [{ cid: "bafk", ...entry }]);
  const params = { type: "list", filters: { direction: "created" } };
  assert.deepEqual(node.last?.payload.fct, [{ capabilitiesReadParams: params }]);
  assert.equal(node.lastCapability().resource, `${session.space}/capabilities/all`);
});

const oddAnswers: [string, unknown, (session: Session) => Promise<unknown>][] = [
  ["a list", [1], (session) => session.list()],
  ["delegations", { bafk: { delegator: 1 } }, (session) => session.delegations()],
];

for (const [name, answer, ask] of oddAnswers) {
  Deno.test(`an answer of another shape to ${name} is an error`, async () => {
    const { node, session } = await signedIn();
    node.planned.set("POST /invoke", [Response.json(answer)]);

    await assert.rejects(ask(session), { code: "bad_answer" });
  });
}

Deno.test("a delegation lets another key act on the same space, below its path", async () => {
  const { node, session, connection } = await signedIn();
  const other = await randomSessionKey();
  const now = Date.now() / 1000;
  await session.put("photos/1", "p");

  const delegation = await session.delegate({
    to: other.did,
    path: "photos/",
    abilities: ["get", "list"],
    expiresInSeconds: 60,
  });
  const { att, aud, prf, exp } = node.last?.payload ?? {};
  const theirs = connection.use(other, JSON.parse(JSON.stringify(delegation)));
  const keys = await theirs.list();

  assert.deepEqual(att, {
    [`${session.space}/kv/photos/`]: { "tinycloud.kv/get": [{}], "tinycloud.kv/list": [{}] },
  });
  assert.deepEqual([aud, prf, Number.isInteger(exp)], [other.did, [session.cid], true]);
  assert.ok(Number(exp) > now + 58 && Number(exp) < now + 90);
  assert.equal(delegation.expiresAt, new Date(Number(exp) * 1000).toISOString());
  assert.deepEqual(keys, ["photos/1"]);
  assert.equal(node.lastCapability().resource, `${session.space}/kv/photos/`);
  assert.deepEqual(node.last?.payload.prf, [delegation.cid]);
});

Deno.test("a delegation never outlives its session unless told to", async () => {
  const { session } = await signedIn();

  const { expiresAt } = await session.delegate({ to: "did:key:z", abilities: ["get"] });

  assert.ok(Date.parse(expiresAt ?? "") <= Date.parse(session.grant.expiresAt ?? ""));
});

Deno.test("what a wallet received, it passes on to its session key", async () => {
  const { node, session, connection } = await signedIn();
  const delegation = await session.delegate({ to: friend.did, path: "a/", abilities: ["get"] });
  const theirs = await connection.signIn(friend);
  const before = node.seen.length;

  const used = await theirs.use(delegation);

  assert.deepEqual(node.seen.slice(before), ["POST /delegate"]);
  assert.equal(used.space, session.space);
  assert.notEqual(used.cid, delegation.cid);
  assert.ok(Date.parse(used.grant.expiresAt ?? "") <= Date.parse(delegation.expiresAt ?? ""));
});

Deno.test("what a session key received, it uses without a request", async () => {
  const { node, session, connection } = await signedIn();
  const theirs = await connection.signIn(friend);
  const delegation = await session.delegate({ to: theirs.key.did, abilities: ["get"] });
  const before = node.seen.length;

  const used = await theirs.use(delegation);

  assert.equal(node.seen.length, before);
  assert.equal(used.cid, delegation.cid);
});

Deno.test("a share link opens what it was made for, also inside a URL", async () => {
  const { node, session } = await signedIn();
  await session.put("photos/1", "p");

  const { link, delegation } = await session.shareLink("photos/1");
  const theirs = await openShare(`https://app.test/share?share=${link}`, node);
  const value = await theirs.get("photos/1");

  assert.equal(value?.text(), "p");
  assert.deepEqual(node.last?.payload.prf, [delegation.cid]);
  assert.deepEqual(parseShareLink(link).delegation, delegation);
});

const badLinks = [
  ["text without one", "hello"],
  ["no JSON", "tc1:aGVsbG8"],
  ["no object", `tc1:${btoa("[1]").replaceAll("=", "")}`],
  ["an object without key", "tc1:e30"],
  ["text that is no base64url", "tc1:a"],
  ["another kind of key", link({ key: { crv: "P-256", d: "" }, delegation: {} })],
  ["a short seed", link({ key: { crv: "Ed25519", d: "AAAA" }, delegation: {} })],
  ["no host", link({ key: { crv: "Ed25519", d: "A".repeat(43) }, delegation: {} })],
];

for (const [name, text = ""] of badLinks) {
  Deno.test(`a share link that holds ${name} is refused`, () => {
    assert.throws(() => parseShareLink(text), { code: "bad_link" });
  });
}

Deno.test("a session revokes by naming the CID", async () => {
  const { node, session } = await signedIn();

  await session.revoke("bafkx");

  assert.equal(node.seen.at(-1), "POST /revoke");
  assert.deepEqual(node.lastCapability(), {
    resource: "urn:cid:bafkx",
    ability: "tinycloud.delegation/revoke",
  });
});

Deno.test("a wallet revokes without a session", async () => {
  const { node, connection } = await signedIn();

  await connection.revoke(wallet, "bafkx");

  assert.equal(node.seen.at(-1), "POST /revoke");
});

Deno.test("a revocation that the node does not confirm is an error", async () => {
  const { node, session } = await signedIn();
  node.planned.set("POST /revoke", [Response.json({ revoked: false })]);

  await assert.rejects(session.revoke("bafkx"), { code: "bad_answer" });
});

async function signedIn() {
  const node = new FakeNode();
  const connection = connect("http://node.test", node);
  return { node, connection, session: await connection.signIn(wallet) };
}

function link(content: unknown): string {
  return `tc1:${btoa(JSON.stringify(content)).replaceAll("=", "")}`;
}
