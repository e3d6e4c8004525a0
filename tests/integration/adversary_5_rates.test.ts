// Who asks too much (configuration.md, `limits.client_*` and `limits.space_*`; adversary.md, group 5).

import assert from "node:assert/strict";
import {
  attenuation,
  randomSessionKey,
  randomWallet,
  resourceUri,
  spaceId,
} from "../../client/mod.ts";
import { type Answer, ask, assertRefused, clientAt } from "../support/asking.ts";
import { eventually } from "../support/eventually.ts";
import { startTestNode, type TestNode } from "../support/node.ts";
import { RATE_LIMITED } from "../support/refusals.ts";
import { refusesUntouched } from "../support/state.ts";
import { aSession, cacao, GET, invocation, LIST, PUT, use } from "../support/world.ts";

const version = (node: TestNode, from?: Deno.HttpClient, headers?: HeadersInit) =>
  ask(node, "/version", { method: "GET", from, headers });

/** The statuses of so many requests, one after the other. */
async function statuses(count: number, request: () => Promise<Answer>): Promise<number[]> {
  const found: number[] = [];
  for (let at = 0; at < count; at++) found.push((await request()).status);
  return found;
}

const THREE = { TINYCLOUD_LIMITS_CLIENT_RATE: "3" };

Deno.test("a client that asks more often than its rate is told to wait; others are not", async () => {
  await using node = await startTestNode({ env: THREE });
  using one = clientAt("127.0.0.2");
  using other = clientAt("127.0.0.3");

  assert.deepEqual(await statuses(3, () => version(node, one)), [200, 200, 200]);
  const refused = await version(node, one);

  assertRefused(refused, RATE_LIMITED);
  assert.equal(refused.headers.get("retry-after"), "1");
  assert.equal((await version(node, other)).status, 200);
  assert.deepEqual(await statuses(10, () => version(node)), Array(10).fill(200), "this machine");
  await eventually(
    "a second passes",
    async () => (await version(node, one)).status === 200 || undefined,
  );
});

Deno.test("what a client is told to wait with is not logged line by line", async () => {
  await using node = await startTestNode({ env: THREE });
  using one = clientAt("127.0.0.2");

  await statuses(20, () => version(node, one));

  const told = node.lines.filter((line) => line.includes("requests.limited"));
  assert.equal(told.length, 1);
  assert.ok(told[0]?.includes("127.0.0.2"), told[0]);
});

Deno.test("an invocation beyond a client's rate leaves nothing, and is good a second later", async () => {
  await using node = await startTestNode({ env: THREE });
  using one = clientAt("127.0.0.2");
  const session = await aSession(node);
  const { header: token } = await invocation(
    node,
    session,
    PUT,
    resourceUri(session.space, "kv", "a"),
  );
  const ask3 = () => ask(node, "/invoke", { token, body: "x", from: one });

  await refusesUntouched(node, async () => {
    await statuses(3, () => version(node, one));
    return await ask3();
  }, RATE_LIMITED);

  await eventually("a second passes", async () => (await ask3()).status === 200 || undefined);
});

Deno.test("a client that claims to be another by a header is limited all the same", async () => {
  await using node = await startTestNode({ env: THREE });
  using one = clientAt("127.0.0.2");
  let at = 0;

  const found = await statuses(
    4,
    () =>
      version(node, one, { "x-forwarded-for": `192.0.2.${at++}`, forwarded: `for=192.0.2.${at}` }),
  );

  assert.deepEqual(found, [200, 200, 200, 429]);
});

Deno.test("behind a trusted proxy each client is limited for itself", async () => {
  await using node = await startTestNode({
    env: { ...THREE, TINYCLOUD_HTTP_TRUSTED_PROXIES: "127.0.0.0/8" },
  });
  const behind = (name: string) =>
    version(node, undefined, { "x-forwarded-for": `9.9.9.9, ${name}` });

  assert.deepEqual(await statuses(4, () => behind("192.0.2.1")), [200, 200, 200, 429]);
  assert.deepEqual(await statuses(4, () => behind("192.0.2.2")), [200, 200, 200, 429]);
  assert.equal((await version(node)).status, 200, "the proxy's own probe");
});

Deno.test("a client has so many requests open at once, uploads among them", async () => {
  await using node = await startTestNode({ env: { TINYCLOUD_LIMITS_CLIENT_CONCURRENCY: "2" } });
  using one = clientAt("127.0.0.2");
  const session = await aSession(node);
  const uploads = await Promise.all(["a", "b"].map(async (key) => {
    const { header: token } = await invocation(
      node,
      session,
      PUT,
      resourceUri(session.space, "kv", key),
    );
    return openUpload(node, token, one);
  }));
  await eventually(
    "both uploads have arrived",
    async () => (await version(node, one)).status === 429 || undefined,
  );

  assert.equal((await version(node)).status, 200, "others");
  for (const upload of uploads) assert.equal((await upload.finish()).status, 200);

  await eventually(
    "both uploads have ended",
    async () => (await version(node, one)).status === 200 || undefined,
  );
});

/** An upload that has begun and ends when it is told to. */
function openUpload(node: TestNode, token: string, from: Deno.HttpClient) {
  const rest = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new Uint8Array(2048)),
    async pull(controller) {
      await rest.promise;
      controller.close();
    },
  });
  const answer = ask(node, "/invoke", { token, body, from });
  return { finish: () => (rest.resolve(), answer) };
}

Deno.test("a space takes so many invocations a second; another space takes its own", async () => {
  await using node = await startTestNode({ env: { TINYCLOUD_LIMITS_SPACE_RATE: "2" } });
  const [one, other] = [await aSession(node), await aSession(node)];
  const list = ({ space }: { space: string }) => resourceUri(space, "kv", "");

  const found = await statuses(3, () => use(node, one, LIST, list(one)));

  assert.deepEqual(found, [200, 200, 429]);
  assert.equal((await use(node, other, LIST, list(other))).status, 200);
});

Deno.test("a stranger's invocations do not use up a space's rate", async () => {
  await using node = await startTestNode({ env: { TINYCLOUD_LIMITS_SPACE_RATE: "2" } });
  const [owner, stranger] = [await aSession(node), await aSession(node)];
  const at = resourceUri(owner.space, "kv", "a");

  const refused = await statuses(5, () => use(node, stranger, GET, at));

  assert.deepEqual(refused, Array(5).fill(401));
  assert.equal((await use(node, owner, PUT, at, {}, "x")).status, 200);
});

Deno.test("a space has so many invocations at once", async () => {
  await using node = await startTestNode({ env: { TINYCLOUD_LIMITS_SPACE_CONCURRENCY: "1" } });
  const session = await aSession(node);
  const at = resourceUri(session.space, "kv", "a");
  const { header: token } = await invocation(node, session, PUT, at);
  using from = clientAt("127.0.0.2");
  const upload = openUpload(node, token, from);
  await eventually(
    "the upload has arrived",
    async () => (await use(node, session, GET, at)).status === 429 || undefined,
  );

  assert.equal((await upload.finish()).status, 200);

  await eventually(
    "the upload has ended",
    async () => (await use(node, session, GET, at)).status === 200 || undefined,
  );
});

/**
 * Forty at once and then forty more, against a rate of 120 a second: the codes of those that were
 * looked at, and not told to wait. Of the first forty many are under way before one is answered.
 */
async function looksAt(guess: (node: TestNode, from: Deno.HttpClient) => Guess) {
  await using node = await startTestNode({ env: { TINYCLOUD_LIMITS_CLIENT_RATE: "120" } });
  using one = clientAt("127.0.0.2");
  const wave = async () => {
    const guesses = await Promise.all(Array.from({ length: 40 }, () => guess(node, one)));
    const answers = await Promise.all(guesses.map((ask) => ask()));
    return answers.filter(({ status }) => status !== 429).map(({ code }) => code);
  };
  return { first: await wave(), second: await wave() };
}
type Guess = Promise<() => Promise<Answer>>;

/** With how many of the second forty at most: what comes back while the first are held. */
const DEAR: readonly [
  what: string,
  code: string,
  most: number,
  guess: (node: TestNode, from: Deno.HttpClient) => Guess,
][] = [
  [
    "a token that is none",
    "token_malformed",
    6,
    (node, from) => Promise.resolve(() => ask(node, "/invoke", { token: "a.b.c", from })),
  ],
  ["a revocation that its wallet did not sign", "revoke_signature", 6, async (node, from) => {
    const { header: token } = await cacao(randomWallet(), "ucan:bafkr4i", undefined, {}, {
      text: "another",
    });
    return () => ask(node, "/revoke", { token, from });
  }],
  ["a wallet's sign-in to a space that is not here", "space_not_found", 12, async (node, from) => {
    const wallet = randomWallet();
    const att = attenuation(resourceUri(spaceId(wallet.did), "kv"), [GET]);
    const { header: token } = await cacao(wallet, (await randomSessionKey()).did, att);
    return () => ask(node, "/delegate", { token, from });
  }],
];

for (const [what, code, most, guess] of DEAR) {
  Deno.test(`${what} counts for many requests, so a flood of them waits without a look`, async () => {
    const { first, second } = await looksAt(guess);

    assert.ok(first.length >= 3 && first.every((each) => each === code), first.join());
    assert.ok(second.length <= most, `${second.length} were looked at`);
  });
}
