/**
 * Signing in: which requests are made, in which order, and what is told of failures (clients §1.2).
 */
import assert from "node:assert/strict";
import { decode } from "@ipld/dag-cbor";
import { base64urlpad } from "multiformats/bases/base64";
import { connect, spaceId, walletFromPrivateKey } from "../../../client/mod.ts";
import { FakeNode, refusal } from "./fake_node.ts";

const wallet = walletFromPrivateKey(new Uint8Array(32).fill(1));
const space = spaceId(wallet.did);
const peer = `GET /peer/generate/${encodeURIComponent(space)}`;
const hosting = ["GET /info", "POST /delegate", peer, "POST /delegate", "POST /delegate"];
const skipped = () => Response.json({ cid: "x", activated: [], skipped: [space] });

const flows: [string, Response[], string[]][] = [
  ["a space that is hosted takes one delegation", [], ["GET /info", "POST /delegate"]],
  ["a space that is skipped is hosted, then activated", [skipped()], hosting],
  ["a 404 hosts the space, too", [refusal(404, "space_not_found", "Space not found")], hosting],
  ["so does an old node's 404", [new Response("Space not found", { status: 404 })], hosting],
  [
    "an old node's bare CID is success",
    [new Response("bafkr4i")],
    ["GET /info", "POST /delegate"],
  ],
];

for (const [name, delegateAnswers, requests] of flows) {
  Deno.test(name, async () => {
    const node = new FakeNode();
    node.planned.set("POST /delegate", delegateAnswers);

    const session = await connect("http://node.test/", node).signIn(wallet);

    assert.deepEqual(node.seen, requests);
    assert.equal(session.space, space);
  });
}

Deno.test("the same session is posted before and after the host token", async () => {
  const node = new FakeNode();
  const tokens: string[] = [];
  node.planned.set("POST /delegate", [skipped()]);

  await connect("http://node.test", {
    fetch: (input, init) => {
      const token = new Headers(init?.headers).get("authorization");
      if (token !== null) tokens.push(token);
      return node.fetch(input, init);
    },
  }).signIn(wallet);

  const [first = "", host = "", second = ""] = tokens;
  assert.equal(second, first);
  const { p } = decode<{ p: Record<string, unknown> }>(base64urlpad.baseDecode(host));
  assert.equal(p.aud, "did:key:z6MkPeer");
  assert.equal(p.exp, undefined);
  assert.match(String(p.statement), new RegExp(`'host' for '${space}/space'\\.$`));
});

Deno.test("an older node is asked for its version instead", async () => {
  const node = new FakeNode();
  node.planned.set("GET /info", [refusal(404, "not_found")]);
  node.planned.set("GET /version", [
    Response.json({ protocol: 1, version: "1.0.0", features: ["kv"] }),
  ]);

  const info = await connect("http://node.test", node).info();

  assert.deepEqual(info, { protocol: 1, version: "1.0.0", features: ["kv"] });
});

const refusals: [string, Record<string, Response[]>, { code: string; message: string }][] = [
  [
    "another protocol",
    { "GET /info": [Response.json({ protocol: 2, version: "9", features: [] })] },
    { code: "protocol_mismatch", message: "This client speaks protocol 1, the node 2" },
  ],
  [
    "a page that is no node's",
    { "GET /info": [new Response("<html>")] },
    { code: "bad_answer", message: "The answer of the node is not JSON" },
  ],
  [
    "a refused session",
    { "POST /delegate": [refusal(401, "token_signature", "Failed to verify signature")] },
    { code: "token_signature", message: "Failed to verify signature" },
  ],
  [
    "a space that is not admitted",
    { "POST /delegate": [skipped(), refusal(403, "space_not_admitted", "Space not admitted")] },
    { code: "space_not_admitted", message: "Space not admitted" },
  ],
  [
    "a space that stays away",
    { "POST /delegate": [skipped(), skipped(), skipped()] },
    { code: "space_not_found", message: "Space not found" },
  ],
];

for (const [name, planned, expected] of refusals) {
  Deno.test(`signing in fails with one clear sentence on ${name}`, async () => {
    const node = new FakeNode();
    for (const [request, answers] of Object.entries(planned)) node.planned.set(request, answers);

    await assert.rejects(connect("http://node.test", node).signIn(wallet), {
      name: "TinyCloudError",
      ...expected,
    });
  });
}

Deno.test("where no node listens, the error names the address", async () => {
  const nowhere = () => Promise.reject(new TypeError("connection refused"));

  await assert.rejects(connect("http://node.test:1/", { fetch: nowhere }).signIn(wallet), {
    status: 0,
    code: "unreachable",
    message: "No TinyCloud node answers at http://node.test:1",
  });
});

Deno.test("where a browser sends no stream, the error says why that may be", async () => {
  const session = await connect("http://node.test", new FakeNode()).signIn(wallet);
  const browser = connect("http://node.test", {
    fetch: () => Promise.reject(new TypeError("Failed to fetch")),
  }).use(session.key, session.grant);

  await assert.rejects(browser.put("a", new Blob(["b"]).stream()), {
    code: "unreachable",
    message:
      "No TinyCloud node answers at http://node.test (browsers send streams over HTTP/2 only)",
  });
  await assert.rejects(browser.put("a", "b"), {
    message: "No TinyCloud node answers at http://node.test",
  });
});

Deno.test("a space is not hosted against one's will", async () => {
  const node = new FakeNode();
  node.planned.set("POST /delegate", [skipped()]);

  await assert.rejects(connect("http://node.test", node).signIn(wallet, { host: false }), {
    code: "space_not_found",
  });
  assert.deepEqual(node.seen, ["GET /info", "POST /delegate"]);
});

for (const url of ["nonsense", "localhost:8000", "file:///etc/passwd"]) {
  Deno.test(`${url} is no node's URL`, () => assert.throws(() => connect(url), TypeError));
}

Deno.test("a node may live below a path", async () => {
  const node = new FakeNode();
  node.planned.set("GET /tiny/info", [Response.json({ protocol: 1, version: "1", features: [] })]);

  assert.equal((await connect("http://node.test/tiny//?x#y", node).info()).version, "1");
});

Deno.test("no token follows a redirect", async () => {
  const redirects: unknown[] = [];
  const node = new FakeNode();

  await connect("http://node.test", {
    fetch: (input, init) => {
      redirects.push(init?.redirect);
      return node.fetch(input, init);
    },
  }).signIn(wallet);

  assert.deepEqual(redirects, ["error", "error"]);
});
