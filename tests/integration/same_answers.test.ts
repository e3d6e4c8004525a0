// One script of 300 requests, signed once and sent to a node on each kind of store: every answer is the
// same, byte for byte, but for the trace and the date.

import assert from "node:assert/strict";
import {
  attenuation,
  connect,
  randomSessionKey,
  randomWallet,
  resourceUri,
} from "../../client/mod.ts";
import { type At, bytesOf } from "../support/asking.ts";
import { startTestNode, testClock, type TestNode } from "../support/node.ts";
import { type Random, seeded } from "../support/random.ts";
import { ENDPOINT, testBucket } from "../support/s3.ts";
import { freshDatabase, SERVERS } from "../support/servers.ts";
import {
  type ASession,
  aSession,
  DEL,
  GET,
  granted,
  invocation,
  LIST,
  PUT,
} from "../support/world.ts";

const REQUESTS = 300;
/** The client goes by the real clock, the nodes stand still. */
const NOW = Math.floor(Date.now() / 1000);
/** Bytes that a space may hold. */
const LIMIT = 200 * 1024;
const SECRET = "YSBzZWNyZXQgb2YgdGVzdHMgYW5kIG9mIG5vdGhpbmcgZWxzZSBoZXJl";
/** They say when, and which request it was. */
const UNEQUAL = new Set(["date", "tinycloud-trace-id"]);

interface Recorded {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array<ArrayBuffer>;
}

interface Answered {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

interface Stores extends AsyncDisposable {
  readonly env: Readonly<Record<string, string>>;
}

const STORES: readonly (readonly [name: string, isHere: boolean, open: () => Promise<Stores>])[] = [
  ["SQLite and local blocks", true, () => Promise.resolve(nothing())],
  [
    "SQLite in memory",
    true,
    () => Promise.resolve({ ...nothing(), env: { TINYCLOUD_STORAGE_DATABASE: "sqlite::memory:" } }),
  ],
  ["SQLite and S3", ENDPOINT !== undefined, () => testBucket()],
  ["PostgreSQL and local blocks", SERVERS.postgres !== undefined, () => onServer("postgres")],
  ["MariaDB and local blocks", SERVERS.mysql !== undefined, () => onServer("mysql")],
  [
    "PostgreSQL and S3",
    SERVERS.postgres !== undefined && ENDPOINT !== undefined,
    () => both(),
  ],
];

const script = recorded();

for (const [name, isHere, open] of STORES) {
  Deno.test({
    name: `the answers of a node on ${name} are those of any other`,
    ignore: !isHere,
    async fn() {
      const { requests, answers } = await script;
      await using stores = await open();
      await using node = await startAt(stores.env);

      for (const [at, request] of requests.entries()) {
        const answer = await send(node, request);
        assert.deepEqual(answer, answers[at], `request ${at}: ${request.method} ${request.path}`);
      }
    },
  });
}

Deno.test("the script asks for every kind of thing, and is answered in every kind of way", async () => {
  const { requests, answers } = await script;

  assert.ok(requests.length >= REQUESTS);
  const statuses = new Set(answers.map(({ status }) => status));
  for (const status of [200, 400, 401, 402, 404, 405, 409, 412, 413]) {
    assert.ok(statuses.has(status), `none is answered ${status}`);
  }
});

/** Runs the script through a listener that notes what comes and goes. */
async function recorded(): Promise<{ requests: Recorded[]; answers: Answered[] }> {
  const requests: Recorded[] = [];
  const answers: Answered[] = [];
  await using node = await startAt({});
  await using listener = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const { pathname, search } = new URL(request.url);
      const headers = [...request.headers].filter(([name]) =>
        !["host", "accept-encoding", "content-length"].includes(name)
      );
      const asked = {
        method: request.method,
        path: pathname + search,
        headers,
        body: await request.bytes(),
      };
      requests.push(asked);
      const { status, ...answer } = await send(node, asked);
      answers.push({ status, ...answer });
      return new Response(request.method === "HEAD" ? null : Uint8Array.fromHex(answer.body), {
        status: status === 204 ? 200 : status,
        headers: answer.headers.filter(([name]) => name !== "content-length") as [string, string][],
      });
    },
  );
  await play({ ...node, url: `http://127.0.0.1:${listener.addr.port}` }, seeded(7));
  return { requests, answers };
}

async function startAt(env: Readonly<Record<string, string>>): Promise<TestNode> {
  const clock = testClock();
  clock.freeze(NOW);
  return await startTestNode({
    clock,
    env: { TINYCLOUD_KEYS_SECRET: SECRET, TINYCLOUD_STORAGE_LIMIT: `${LIMIT}`, ...env },
  });
}

async function send(at: At, { method, path, headers, body }: Recorded): Promise<Answered> {
  const response = await fetch(`${at.url}${path}`, {
    method,
    headers: headers as [string, string][],
    ...(body.length === 0 && method !== "POST" ? {} : { body }),
    redirect: "manual",
  });
  const bytes = await response.bytes();
  return {
    status: response.status,
    headers: [...response.headers].filter(([name]) => !UNEQUAL.has(name)),
    body: bytes.toHex(),
  };
}

/** Everything that the protocol has, in an order that chance has made once. */
async function play(node: TestNode, random: Random): Promise<void> {
  const one = await aSession(node, { wallet: randomWallet() });
  const other = await aSession(node, { wallet: one.wallet, name: "other" });
  const guests = [
    await granted(node, one, attenuation(resourceUri(one.space, "kv", "a"), [GET, PUT])),
    await granted(node, one, attenuation(resourceUri(one.space, "kv", "b"), [GET, LIST])),
  ];
  const owner = connect(node.url).use(one.key, one);
  const tokens: string[] = [];
  let revoked = false;
  const steps: readonly (() => Promise<unknown>)[] = [
    ...Array.from({ length: 5 }, () => () => put(pick(one, other))),
    () => put(one, 70_000),
    () => put(one, 150_000),
    () => ask(pick(one, other), GET, key()),
    () => ask(one, GET, key()),
    () => ask(one, "tinycloud.kv/metadata", key()),
    () => ask(pick(one, other), LIST, random.pick(["", "a", "a/", "zz"])),
    () => ask(pick(one, other), DEL, key()),
    () => ask(one, GET, "k".repeat(1_025)),
    () => ask(guests[random.below(2)] ?? one, GET, key(), one.space),
    () => ask(guests[random.below(2)] ?? one, PUT, key(), one.space, "from a guest"),
    () => ask(one, GET, key(), one.space.replace("default", "nowhere")),
    () => post("/invoke", tokens[random.below(Math.max(1, tokens.length))] ?? "none"),
    () => post("/invoke", `${tokens[0] ?? "a.b.c"}x`),
    () => post("/delegate", one.token),
    () => post("/delegate", "nonsense"),
    () => owner.delegations().catch(() => {}),
    () => get("/", "GET"),
    () => get("/info", "GET"),
    () => get("/healthz", "HEAD"),
    () => get("/invoke", "GET"),
    () => get(`/peer/generate/${encodeURIComponent(one.space)}`, "GET"),
    async () => {
      const guest = await randomSessionKey();
      const share = await owner.delegate({ to: guest.did, abilities: ["get"], path: "a" });
      if (random.below(2) === 0) await owner.revoke(share.cid);
      await connect(node.url).use(guest, share).get("a").catch(() => {});
    },
  ];
  // A value that fills its space, and one more.
  const full = await aSession(node, { wallet: one.wallet, name: "full" });
  await ask(full, PUT, "f", full.space, bytesOf(LIMIT - 1));
  await ask(full, PUT, "g", full.space, bytesOf(1));
  for (let step = 0; step < REQUESTS; step++) {
    await steps[random.below(steps.length)]?.();
    if (step === REQUESTS - 60 && !revoked) {
      revoked = true;
      await owner.revoke(guests[0]?.cid ?? "");
    }
  }

  function pick(...choices: readonly [ASession, ASession]): ASession {
    return random.pick(choices);
  }

  function key(): string {
    return random.pick(["a", "a/1", "a/2", "b", "b/x", "c%20d", "é", "z"]);
  }

  async function put(session: ASession, size = random.pick([0, 10, 1_000, 20_000])): Promise<void> {
    const headers = random.pick<Record<string, string>>([
      {},
      { "content-type": "text/plain" },
      { "content-type": "image/png", "x-tinycloud-meta-colour": "red" },
      { "if-none-match": "*" },
      { "if-match": `"blake3-${"0".repeat(64)}"` },
    ]);
    const bytes = bytesOf(size, random.below(5));
    await ask(session, PUT, key(), session.space, bytes, headers);
  }

  async function ask(
    by: Parameters<typeof invocation>[1],
    ability: string,
    path: string,
    space = "space" in by ? String(by.space) : one.space,
    body?: BodyInit,
    headers: Record<string, string> = {},
  ): Promise<void> {
    const { header } = await invocation(node, by, ability, resourceUri(space, "kv", path));
    tokens.push(header);
    await post("/invoke", header, body, headers);
  }

  async function post(
    path: string,
    token: string,
    body?: BodyInit,
    headers: Record<string, string> = {},
  ): Promise<void> {
    const answer = await fetch(`${node.url}${path}`, {
      method: "POST",
      headers: { ...headers, authorization: token },
      ...(body === undefined ? {} : { body }),
    });
    await answer.bytes();
  }

  async function get(path: string, method: string): Promise<void> {
    await (await fetch(`${node.url}${path}`, { method })).bytes();
  }
}

function nothing(): Stores {
  return { env: {}, async [Symbol.asyncDispose]() {} };
}

async function onServer(kind: "postgres" | "mysql"): Promise<Stores> {
  const database = await freshDatabase(kind);
  return {
    env: { TINYCLOUD_STORAGE_DATABASE: database.text },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

async function both(): Promise<Stores> {
  const [database, bucket] = [await onServer("postgres"), await testBucket()];
  return {
    env: { ...database.env, ...bucket.env },
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
      await bucket[Symbol.asyncDispose]();
    },
  };
}
