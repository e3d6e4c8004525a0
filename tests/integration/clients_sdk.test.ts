// clients.md: the flows of real SDKs (1.0.x, 2.x, 3.0 beta), request by request, in the forms they
// send and with the checks they make of the answers.

import assert from "node:assert/strict";
import { z } from "zod";
import {
  attenuation,
  type Attenuations,
  type Cacao,
  type CacaoFields,
  connect,
  type Invocation,
  openShare,
  randomSessionKey,
  randomWallet,
  resourceUri,
  type Session,
  type SessionKey,
  signCacao,
  signUcan,
  spaceId,
  type Wallet,
} from "../../client/mod.ts";
import {
  type Answer,
  ask,
  assertOk,
  type At,
  invoke,
  kv,
  owner,
  signIn,
} from "../support/asking.ts";
import { startTestNode, type TestNode } from "../support/node.ts";
import { NO_KEY, NO_SPACE, notAllowed, notGranted, revoked } from "../support/refusals.ts";
import { refusesUntouched } from "../support/state.ts";

const KV = ["put", "get", "del", "list", "metadata"].map((name) => `tinycloud.kv/${name}`);
const GET = "tinycloud.kv/get";
const READ = "tinycloud.capabilities/read";
const REVOKE = "tinycloud.delegation/revoke";

const iso = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();

/** A SIWE as `prepareSession` makes it: domain without port, URI the receiver, an hour. */
function siwe(
  node: At,
  wallet: Wallet,
  uri: string,
  attenuations: Attenuations,
  fields: Partial<CacaoFields> = {},
): Promise<Cacao> {
  return signCacao(wallet, {
    domain: new URL(node.url).hostname,
    uri,
    expirationTime: iso(3600),
    attenuations,
    ...fields,
  });
}

const nodeGrants = (space: string) => ({
  ...attenuation(resourceUri(space, "kv"), KV),
  ...attenuation(resourceUri(space, "capabilities"), [READ]),
});

const delegate = (node: At, { header }: { readonly header: string }, headers?: HeadersInit) =>
  ask(node, "/delegate", { token: header, headers });

/** The host flow: peer id, then a host CACAO that never ends. */
async function hostSpace(node: At, wallet: Wallet, space: string): Promise<Answer> {
  const path = `/peer/generate/${encodeURIComponent(space)}`;
  const peer = assertOk(await ask(node, path, { method: "GET" })).text;
  const token = await signCacao(wallet, {
    domain: new URL(node.url).hostname,
    uri: peer,
    attenuations: attenuation(resourceUri(space, "space"), ["tinycloud.space/host"]),
  });
  return await delegate(node, token);
}

const session = (node: At, key: SessionKey, cid: string, space: string) =>
  connect(node.url).use(key, { cid, space });

/** What `/delegate` answers, as SDKs from 1.3 read it. */
const accepted = z.object({
  cid: z.string(),
  activated: z.array(z.string()),
  skipped: z.array(z.string()),
});

// --- Sign-in -----------------------------------------------------------------------------------

for (const path of ["/version", "/info"]) {
  Deno.test(`clients §1.3: ${path} passes the version check`, async () => {
    await using node = await startTestNode();
    const { text } = assertOk(await ask(node, path, { method: "GET" }));
    const info = JSON.parse(text);
    assert.ok(info.protocol === 1, "strictly the number 1");
    assert.ok(Array.isArray(info.features) && typeof info.version === "string");
  });
}

Deno.test("clients §1.2: node-sdk 1.0 signs in: 404, peer, host, the same bytes again", async () => {
  await using node = await startTestNode();
  const wallet = randomWallet();
  const key = await randomSessionKey();
  const space = spaceId(wallet.did);
  const token = await siwe(node, wallet, key.didUrl, nodeGrants(space));

  await refusesUntouched(node, () => delegate(node, token), NO_SPACE);
  assertOk(await hostSpace(node, wallet, space));
  const again = assertOk(await delegate(node, token));

  assert.deepEqual(accepted.strict().parse(JSON.parse(again.text)), {
    cid: token.cid,
    activated: [space],
    skipped: [],
  });
  assertOk(await invoke(node, session(node, key, token.cid, space), kv({ space }, "list", "")));
});

Deno.test("clients §1.4: a web session without an end, with the app's statement and resources", async () => {
  await using node = await startTestNode();
  const wallet = randomWallet();
  const key = await randomSessionKey();
  const space = spaceId(wallet.did);
  await hostSpace(node, wallet, space);
  const token = await signCacao(wallet, {
    domain: "app.example:8443",
    uri: key.didUrl,
    statement: "Sign in to the app.",
    requestId: "some-id",
    resources: ["https://app.example/terms"],
    attenuations: {
      ...attenuation(resourceUri(space, "kv", "demo-app"), KV),
      ...attenuation(resourceUri(space, "capabilities", "all/"), [READ]),
    },
  });
  assertOk(await delegate(node, token));
  const own = session(node, key, token.cid, space);

  assertOk(await invoke(node, own, kv(own, "put", "demo-app/a"), { body: "v" }));
  await refusesCall(node, own, kv(own, "get", "other"));
  // `all/` does not cover `all`.
  const all = resourceUri(space, "capabilities", "all");
  await refusesCall(node, own, { ability: READ, resource: all });
});

Deno.test("clients §6.2: 3.0 beta signs in: skipped, host flow, then activated", async () => {
  await using node = await startTestNode();
  const wallet = randomWallet();
  const key = await randomSessionKey();
  const [primary, secrets, account] = ["default", "secrets", "account"].map((name) =>
    spaceId(wallet.did, name)
  );
  assert.ok(primary && secrets && account);
  // Another space of theirs is hosted, so the answer is 200 with the primary space skipped.
  assertOk(await hostSpace(node, wallet, account));
  const token = await siwe(node, wallet, key.didUrl, {
    ...nodeGrants(primary),
    ...attenuation(resourceUri(primary, "sql"), ["tinycloud.sql/read", "tinycloud.sql/write"]),
    ...attenuation(resourceUri(primary, "duckdb"), ["tinycloud.duckdb/read"]),
    ...attenuation(resourceUri(primary, "hooks"), ["tinycloud.hooks/subscribe"]),
    ...attenuation(resourceUri(secrets, "kv", "vault/secrets/"), KV),
    ...attenuation(resourceUri(account, "kv", "applications/"), KV),
    ...attenuation(resourceUri(account, "sql", "account"), ["tinycloud.sql/read"]),
    ...attenuation(`urn:tinycloud:encryption:${wallet.did}:default`, [
      "tinycloud.encryption/decrypt",
      "tinycloud.encryption/network.create",
    ]),
  });

  const before = accepted.parse(JSON.parse(assertOk(await delegate(node, token)).text));
  assert.deepEqual(before.activated, [account]);
  assert.deepEqual(before.skipped.toSorted(), [primary, secrets].toSorted());

  assertOk(await hostSpace(node, wallet, primary));
  const after = accepted.parse(JSON.parse(assertOk(await delegate(node, token)).text));
  assert.deepEqual(after.activated.toSorted(), [account, primary].toSorted());
  assert.deepEqual(after.skipped, [secrets]);

  const own = session(node, key, token.cid, primary);
  assertOk(await invoke(node, own, kv(own, "put", "a"), { body: "v" }));
  const secret = kv({ space: secrets }, "get", "vault/secrets/a");
  await refusesUntouched(node, () => invoke(node, own, secret), NO_SPACE);
});

Deno.test("clients §6.2: identical sign-ins at once all succeed", async () => {
  await using node = await startTestNode();
  const { wallet, session: { space } } = await owner(node);
  const token = await siwe(node, wallet, (await randomSessionKey()).didUrl, nodeGrants(space));

  const answers = await Promise.all(Array.from({ length: 20 }, () => delegate(node, token)));

  for (const answer of answers) {
    assert.equal(JSON.parse(assertOk(answer).text).cid, token.cid);
  }
});

Deno.test("clients §1.8: who asks for text gets the bare CID", async () => {
  await using node = await startTestNode();
  const { wallet, session: { space } } = await owner(node);
  const token = await siwe(node, wallet, (await randomSessionKey()).didUrl, nodeGrants(space));
  const asked: readonly [accept: string, text: boolean][] = [
    ["text/plain", true],
    ["text/plain; charset=utf-8", true],
    ["text/html, text/plain;q=0.5", true],
    ["*/*", false],
    ["text/plain, */*", false],
    ["application/json", false],
    ["application/json, text/plain", false],
    ["text/html", false],
  ];
  for (const [accept, isText] of asked) {
    const answer = assertOk(await delegate(node, token, { accept }));
    if (isText) {
      assert.equal(answer.text, token.cid, accept);
      assert.match(answer.headers.get("content-type") ?? "", /^text\/plain/);
    } else assert.equal(JSON.parse(answer.text).cid, token.cid, accept);
  }
});

// --- KV as SDKs send it ------------------------------------------------------------------------

Deno.test("clients §2.6: what put sends is what get needs", async (t) => {
  await using node = await startTestNode();
  const own = await signIn(node);
  /** As `KVService.get` parses an answer. */
  const parsed = ({ headers, text }: Answer): unknown => {
    const type = headers.get("content-type") ?? "";
    if (type.includes("application/json")) return JSON.parse(text);
    if (type.startsWith("text/")) return text;
    if (text === "") return undefined;
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  };
  const get = async (key: string) => assertOk(await invoke(node, own, kv(own, "get", key)));

  await t.step("a string stays a string: its text/plain is echoed", async () => {
    assertOk(await invoke(node, own, kv(own, "put", "s"), { body: '{"a":1}' }));
    const got = await get("s");
    assert.equal(got.headers.get("content-type"), "text/plain;charset=UTF-8");
    assert.equal(parsed(got), '{"a":1}');
  });
  await t.step("bytes without a type become an object again, as under Bun", async () => {
    const body = new TextEncoder().encode('{"a":1}');
    assertOk(await invoke(node, own, kv(own, "put", "b"), { body }));
    assert.deepEqual(parsed(await get("b")), { a: 1 });
  });
  await t.step("undefined is the empty value", async () => {
    assertOk(await invoke(node, own, kv(own, "put", "u")));
    assert.equal(parsed(await get("u")), undefined);
  });
  await t.step("raw bytes with a type, as 3.0 beta sends them", async () => {
    const body = Uint8Array.from([0, 255, 128]);
    const headers = { "content-type": "application/octet-stream" };
    assertOk(await invoke(node, own, kv(own, "put", "r"), { body, headers }));
    assert.deepEqual((await get("r")).bytes, body);
  });
  await t.step("withPrefix writes a key with two slashes", async () => {
    assertOk(await invoke(node, own, kv(own, "put", "/app.x/s.json"), { body: "v" }));
    assert.equal((await get("/app.x/s.json")).text, "v");
  });
  await t.step("head tells headers, list full keys", async () => {
    const head = assertOk(await invoke(node, own, kv(own, "metadata", "s")));
    assert.equal(head.headers.get("content-type"), "text/plain;charset=UTF-8");
    const list = assertOk(await invoke(node, own, kv(own, "list", "")));
    assert.match(list.headers.get("content-type") ?? "", /application\/json/);
    assert.deepEqual(JSON.parse(list.text), ["/app.x/s.json", "b", "r", "s", "u"]);
  });
  await t.step("a missing key is 404 and never called a missing space", async () => {
    for (const verb of ["get", "metadata", "del"] as const) {
      const answer = await invoke(node, own, kv(own, verb, "none"));
      assert.equal(answer.status, 404);
      assert.ok(!/space not found/i.test(answer.text));
    }
  });
});

Deno.test("clients §6.2: quota errors are read by their numbers", async () => {
  await using node = await startTestNode({ env: { TINYCLOUD_STORAGE_LIMIT: "100" } });
  const own = await signIn(node);
  const put = (key: string, size: number) =>
    invoke(node, own, kv(own, "put", key), { body: new Uint8Array(size) });
  const numbers = ({ text }: Answer) =>
    /Used: (\d+) bytes, Limit: (\d+) bytes/.exec(text)?.slice(1);

  const beyond = await put("a", 200);
  assertOk(await put("a", 99));
  const full = await put("b", 1);

  assert.deepEqual([beyond.status, numbers(beyond)], [413, ["0", "100"]]);
  assert.deepEqual([full.status, numbers(full)], [402, ["100", "100"]]);
});

/** `KVService` maps 401 by this text; the line must be whole. */
const UNAUTHORIZED = /^Unauthorized Action:\s*(.+?)\s*\/\s*(tinycloud\.\S+)$/m;

/** The node has no leave for the call, says so in that line, and does nothing. */
function refusesCall(
  node: TestNode,
  by: Session,
  call: Invocation,
  body?: string,
): Promise<void> {
  const refusal = notAllowed(call.resource, call.ability);
  return refusesUntouched(node, () => invoke(node, by, call, { body }), refusal);
}

/** Calls that no session may make, with the bodies that 1.0.x sends (clients §2.8). */
const REFUSED: readonly { name: string; path: string; ability: string; body?: string }[] = [
  { name: "spaces.list", path: "space/", ability: "tinycloud.space/list" },
  {
    name: "spaces.create",
    path: "space/n",
    ability: "tinycloud.space/create",
    body: '{"name":"n"}',
  },
  {
    name: "spaces.info",
    path: "space/x",
    ability: "tinycloud.space/info",
    body: '{"spaceId":"x"}',
  },
  {
    name: "delegate",
    path: "delegation/p",
    ability: "tinycloud.delegation/create",
    body: '{"delegateDID":"did:key:z","path":"p","actions":[]}',
  },
  { name: "listDelegations", path: "delegation/", ability: "tinycloud.delegation/list" },
  {
    name: "getChain",
    path: "delegation/bafkr4i",
    ability: "tinycloud.delegation/get",
    body: '{"cid":"bafkr4i","includeChain":true}',
  },
  {
    name: "checkPermission",
    path: "delegation/p",
    ability: "tinycloud.delegation/check",
    body: '{"path":"p","action":"a"}',
  },
  { name: "sql", path: "sql/default", ability: "tinycloud.sql/read", body: '{"action":"query"}' },
];

Deno.test("clients §2.8: refused with a sentence that SDKs parse:", async (t) => {
  await using node = await startTestNode();
  const own = await signIn(node);
  for (const { name, path, ability, body } of REFUSED) {
    await t.step(name, async () => {
      const resource = `${own.space}/${path}`;

      await refusesCall(node, own, { resource, ability }, body);

      const { sentence } = notAllowed(resource, ability);
      assert.deepEqual(UNAUTHORIZED.exec(String(sentence))?.slice(1), [resource, ability]);
    });
  }
});

// --- Sharing -----------------------------------------------------------------------------------

Deno.test("clients §3.3: a share link is made, opened and taken back", async () => {
  await using node = await startTestNode();
  const own = await signIn(node);
  await own.put("docs/a.txt", "shared");
  const { link, delegation } = await own.shareLink("docs/a.txt", { expiresInSeconds: 600 });
  const receiver = await openShare(`https://app.example/share/${link}`);

  // SharingService.receive asks nothing of /delegate; the web's posts the JWT once more.
  const again = await ask(node, "/delegate", {
    token: delegation.header,
    headers: { "content-type": "application/json" },
  });
  assert.equal(JSON.parse(assertOk(again).text).cid, delegation.cid);
  assert.equal((await receiver.get("docs/a.txt"))?.text(), "shared");
  assert.equal((await receiver.head("docs/a.txt"))?.size, 6);

  // node-sdk's receive() reads the prefix as a folder; that key is covered and absent.
  await refusesUntouched(
    node,
    () => invoke(node, receiver, kv(receiver, "get", "docs/a.txt/")),
    NO_KEY,
  );
  await refusesCall(node, receiver, kv(receiver, "get", "docs/b.txt"));
  await refusesCall(node, receiver, kv(receiver, "put", "docs/a.txt"));

  await own.revoke(delegation.cid);
  const use = () => invoke(node, receiver, kv(receiver, "get", "docs/a.txt"));
  await refusesUntouched(node, use, revoked(delegation.cid));
});

Deno.test("clients §3.3: a share clamped to a clock read after sign-in is accepted", async () => {
  await using node = await startTestNode();
  const { wallet, session: { space } } = await owner(node);
  const key = await randomSessionKey();
  const end = Math.floor(Date.now() / 1000) + 3600;
  const token = await siwe(node, wallet, key.didUrl, nodeGrants(space), {
    expirationTime: new Date(end * 1000).toISOString(),
  });
  assertOk(await delegate(node, token));
  const share = async (over: number) =>
    await delegate(
      node,
      await signUcan(key, {
        audience: (await randomSessionKey()).did,
        expiration: end + over,
        proofs: [token.cid],
        attenuations: attenuation(resourceUri(space, "kv", "a"), [GET]),
      }),
    );

  assertOk(await share(0));
  assertOk(await share(30));
  assertOk(await share(120));
  await refusesUntouched(node, () => share(121), {
    status: 401,
    code: "proof_window",
    sentence: "Child delegation expiry exceeds parent expiry",
  });
});

Deno.test("clients §6.2: a share longer than its session is a root CACAO to the share key", async () => {
  await using node = await startTestNode();
  const { wallet, session: own } = await owner(node);
  const key = await randomSessionKey();
  const token = await siwe(node, wallet, key.didUrl, {
    ...attenuation(resourceUri(own.space, "kv", "a"), [GET]),
  }, { expirationTime: iso(30 * 24 * 3600), proofs: [own.cid] });

  assertOk(await delegate(node, token));

  const by = session(node, key, token.cid, own.space);
  await refusesUntouched(node, () => invoke(node, by, kv(own, "get", "a")), NO_KEY);
});

interface ToBob {
  readonly alice: Wallet;
  readonly own: Session;
  readonly bob: Wallet;
  readonly bobKey: SessionKey;
  readonly token: Cacao;
}

/** Alice's wallet grants `shared/` to Bob's wallet, citing her session, as createDelegation does. */
async function aliceToBob(node: TestNode): Promise<ToBob> {
  const { wallet: alice, session: own } = await owner(node);
  const bob = randomWallet();
  const grants = attenuation(resourceUri(own.space, "kv", "shared/"), [
    GET,
    "tinycloud.kv/put",
    "tinycloud.kv/list",
  ]);
  const token = await siwe(node, alice, bob.did, grants, {
    proofs: [own.cid],
    expirationTime: iso(7200),
  });
  assertOk(await delegate(node, token));
  return { alice, own, bob, bobKey: await randomSessionKey(), token };
}

Deno.test("clients §3.2: useDelegation with a wallet: its own SIWE to its own key", async () => {
  await using node = await startTestNode();
  const { own, bob, bobKey, token } = await aliceToBob(node);
  await own.put("shared/a", "from Alice");
  const mine = await siwe(node, bob, bobKey.didUrl, {
    ...attenuation(resourceUri(own.space, "kv", "shared/"), [GET, "tinycloud.kv/list"]),
  }, { proofs: [token.cid] });

  assertOk(await delegate(node, mine));

  const by = session(node, bobKey, mine.cid, own.space);
  const got = await invoke(node, by, kv(own, "get", "shared/a"));
  assert.equal(assertOk(got).text, "from Alice");
  // Bob's wallet did not pass `put` on.
  await refusesCall(node, by, kv(own, "put", "shared/b"), "v");
  // DelegatedAccess.list() asks for the path without its slash: not covered.
  await refusesCall(node, by, kv(own, "list", "shared"));
  assert.equal(assertOk(await invoke(node, by, kv(own, "list", "shared/"))).text, '["shared/a"]');
});

Deno.test("clients §3.2: a child may end exactly when its parent does", async () => {
  await using node = await startTestNode();
  const { own, bob, bobKey, alice } = await aliceToBob(node);
  const expirationTime = iso(1800);
  const grants = attenuation(resourceUri(own.space, "kv", "shared/"), [GET]);
  const first = await siwe(node, alice, bob.did, grants, { expirationTime });
  assertOk(await delegate(node, first));
  const second = await siwe(node, bob, bobKey.didUrl, grants, {
    expirationTime,
    proofs: [first.cid],
  });
  assertOk(await delegate(node, second));
});

Deno.test("clients §3.2: createSubDelegation: Bob's wallet to Carol's, then Carol's key", async () => {
  await using node = await startTestNode();
  const { own, bob, token } = await aliceToBob(node);
  await own.put("shared/photos/1", "picture");
  const carol = randomWallet();
  const carolKey = await randomSessionKey();
  const grants = attenuation(resourceUri(own.space, "kv", "shared/photos/"), [GET]);
  const toCarol = await siwe(node, bob, carol.did, grants, { proofs: [token.cid] });
  assertOk(await delegate(node, toCarol));
  const carols = await siwe(node, carol, carolKey.didUrl, grants, { proofs: [toCarol.cid] });
  assertOk(await delegate(node, carols));

  const by = session(node, carolKey, carols.cid, own.space);
  assert.equal(assertOk(await invoke(node, by, kv(own, "get", "shared/photos/1"))).text, "picture");
  await refusesCall(node, by, kv(own, "get", "shared/a"));

  // More than Bob has is refused as it is posted.
  const more = attenuation(resourceUri(own.space, "kv"), [GET]);
  const beyond = await siwe(node, bob, carol.did, more, { proofs: [token.cid] });
  const refusal = notGranted(resourceUri(own.space, "kv"), GET);
  await refusesUntouched(node, () => delegate(node, beyond), refusal);
});

Deno.test("clients §3.2: a receiver with a session only uses the delegation as it is", async () => {
  await using node = await startTestNode();
  const { wallet: alice, session: own } = await owner(node);
  const key = await randomSessionKey();
  const grants = attenuation(resourceUri(own.space, "kv", "shared/"), [GET]);
  const token = await siwe(node, alice, key.didUrl, grants, { proofs: [own.cid] });
  assertOk(await delegate(node, token));

  const by = session(node, key, token.cid, own.space);

  await refusesUntouched(node, () => invoke(node, by, kv(own, "get", "shared/a")), NO_KEY);
});

// --- Revocation --------------------------------------------------------------------------------

/** 3.0 beta's receipt: strict, and compared with what was sent. */
const receipt = z.object({ revoked: z.literal(true), cid: z.string() }).strict();

Deno.test("clients §3.4: revokeDelegation of 3.0 beta: no body, a strict receipt", async () => {
  await using node = await startTestNode();
  const own = await signIn(node);
  const { cid } = await own.delegate({ to: (await randomSessionKey()).did, abilities: ["get"] });
  const { header: token } = await own.invocationToken({
    resource: `urn:cid:${cid}`,
    ability: REVOKE,
  });

  const answer = assertOk(await ask(node, "/revoke", { token }));

  assert.equal(receipt.parse(JSON.parse(answer.text)).cid, cid);
});

Deno.test("clients §3.4: 3.0 beta's default session revokes what it gave without the ability", async () => {
  await using node = await startTestNode();
  const wallet = randomWallet();
  const own = await signIn(node, { attenuations: nodeGrants(spaceId(wallet.did)) }, wallet);
  const { cid } = await own.delegate({ to: (await randomSessionKey()).did, abilities: ["get"] });
  const { header: token } = await own.invocationToken({
    resource: `urn:cid:${cid}`,
    ability: REVOKE,
  });

  assertOk(await ask(node, "/revoke", { token }));
});

Deno.test("clients §3.4: space.delegations.revoke sends the CID and the space in its body", async () => {
  await using node = await startTestNode();
  const own = await signIn(node);
  const { cid } = await own.delegate({ to: (await randomSessionKey()).did, abilities: ["get"] });
  const { header: token } = await own.invocationToken({
    resource: resourceUri(own.space, "delegation", cid),
    ability: REVOKE,
  });

  const answer = await ask(node, "/revoke", {
    token,
    body: JSON.stringify({ cid, spaceId: own.space }),
  });

  assert.deepEqual(JSON.parse(assertOk(answer).text), { revoked: true, cid });
});

Deno.test("clients §3.4: 1.0's revocation by /invoke is refused without leave", async () => {
  await using node = await startTestNode();
  const wallet = randomWallet();
  const own = await signIn(node, { attenuations: nodeGrants(spaceId(wallet.did)) }, wallet);
  const call = { resource: resourceUri(own.space, "delegation", own.cid), ability: REVOKE };

  await refusesCall(node, own, call, JSON.stringify({ cid: own.cid }));
});

// --- capabilities/read -------------------------------------------------------------------------

/** The SDK's zod schema: absent times are left out, never null. */
const delegations = z.record(
  z.string(),
  z.object({
    delegator: z.string(),
    delegate: z.string(),
    parents: z.array(z.union([z.string(), z.array(z.number())])),
    capabilities: z.array(z.object({ resource: z.string(), ability: z.string() })),
    expiry: z.string().optional(),
    not_before: z.string().optional(),
    issued_at: z.string().optional(),
  }),
);

Deno.test("clients §4: delegations.list() and listReceived() pass the SDK's schema", async () => {
  await using node = await startTestNode();
  const { own, token, alice, bob } = await aliceToBob(node);
  const list = async (direction: string) => {
    const answer = await invoke(node, own, {
      resource: resourceUri(own.space, "capabilities", "all"),
      ability: READ,
      facts: [{ capabilitiesReadParams: { type: "list", filters: { direction } } }],
    });
    return delegations.parse(JSON.parse(assertOk(answer).text));
  };

  const created = await list("created");
  const received = await list("received");

  assert.ok(created[own.cid] && created[token.cid]);
  assert.equal(created[token.cid]?.delegator, alice.did);
  assert.equal(created[token.cid]?.delegate, bob.did);
  assert.deepEqual(received, {});
  const pattern = /^(tinycloud:pkh:eip155:\d+:0x[0-9a-fA-F]+:[^/]+)\/[^/]+\/(.*)$/;
  const last = created[token.cid]?.capabilities.findLast(({ resource }) => pattern.test(resource));
  assert.deepEqual(pattern.exec(last?.resource ?? "")?.slice(1), [own.space, "shared/"]);
});
