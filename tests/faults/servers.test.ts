// Lost connections to a database server (adversary.md, 3 and 4): what a client is told is what
// happened, whichever piece of the conversation with the database is the last that arrives.

import assert from "node:assert/strict";
import { attenuation, randomSessionKey, resourceUri } from "../../client/mod.ts";
import { type Answer, ask, assertOk } from "../support/asking.ts";
import type { TestNode } from "../support/node.ts";
import { seeded } from "../support/random.ts";
import { withinTime } from "../support/raw_http.ts";
import { serverOf, startServerNode } from "../support/server_node.ts";
import { freshDatabase, type ServerKind, SERVERS, type TestDatabase } from "../support/servers.ts";
import {
  type Judge,
  losesAfter,
  says,
  startTcpProxy,
  type TcpProxy,
} from "../support/tcp_proxy.ts";
import {
  type ASession,
  aSession,
  DEL,
  GET,
  invocation,
  LIST,
  PUT,
  ucan,
} from "../support/world.ts";

const NAMES: readonly (readonly [ServerKind, string])[] = [
  ["postgres", "PostgreSQL"],
  ["mysql", "MariaDB"],
];

/** A node behind a wire that can be cut, and another one that is not concerned. */
interface Scene extends AsyncDisposable {
  readonly database: TestDatabase;
  readonly wire: TcpProxy;
  readonly node: TestNode;
  readonly other: TestNode;
  readonly session: ASession;
}

/** What a client asks: signed, and to be sent as often as it likes. */
interface Request {
  readonly path: "/invoke" | "/delegate" | "/revoke";
  readonly token: string;
  readonly body?: string;
}

interface Kind {
  readonly name: string;
  readonly request: (scene: Scene) => Promise<Request>;
  /** Rows of the event log that it leaves. */
  readonly events: 0 | 1;
  /** What the same token is told after it was answered 200. */
  readonly again: "invocation_replayed" | null;
}

const KEY = "notes/1";

const KINDS: readonly Kind[] = [
  {
    name: "a put",
    request: (scene) => anInvocation(scene, PUT, "put", "value"),
    events: 1,
    again: "invocation_replayed",
  },
  {
    name: "a deletion",
    request: (scene) => anInvocation(scene, DEL, KEY),
    events: 1,
    again: "invocation_replayed",
  },
  {
    name: "a get",
    request: (scene) => anInvocation(scene, GET, KEY),
    events: 0,
    again: "invocation_replayed",
  },
  {
    name: "a list",
    request: (scene) => anInvocation(scene, LIST, ""),
    events: 0,
    again: "invocation_replayed",
  },
  { name: "a delegation", request: aDelegation, events: 1, again: null },
  { name: "a revocation", request: aRevocation, events: 1, again: null },
];

for (const [kind, server] of NAMES) {
  const ignore = SERVERS[kind] === undefined;

  for (const { name, request, events, again } of KINDS) {
    Deno.test({
      name: `${server}: ${name} is answered 200 and done once, whichever piece is lost`,
      ignore,
      async fn() {
        await using scene = await aScene(kind);
        await warmedUp(scene);
        let pieces = 0;

        for (let last = 0;; last++) {
          await prepared(scene);
          const asked = await request(scene);
          const before = await eventCount(scene);
          const cut = cutsPiece(last);
          scene.wire.judge(cut.judge);
          const answer = await send(scene.node, asked);
          scene.wire.judge(undefined);

          const where = `piece ${last}`;
          assert.deepEqual([answer.status, answer.code], [200, null], where);
          assert.equal(await eventCount(scene) - before, events, where);
          const second = await send(scene.node, asked);
          assert.equal(second.code, again, where);
          assert.equal(await eventCount(scene) - before, events, where);
          if (!cut.hasCut()) break;
          pieces++;
        }

        // It is told in questions and answers: less than that was no test.
        assert.ok(pieces >= 2, `${pieces} pieces`);
      },
    });
  }

  for (const [moment, judge] of MOMENTS()) {
    Deno.test({
      name: `${server}: a connection lost ${moment}: the client hears 200, and it is there, once`,
      ignore,
      async fn() {
        await using scene = await aScene(kind);

        for (let round = 0; round < 10; round++) {
          const asked = await anInvocation(scene, PUT, `round/${round}`, `value ${round}`);
          const lost = judge(scene.wire, round);
          scene.wire.judge(lost.judge);
          const answer = await send(scene.node, asked);
          scene.wire.judge(undefined);

          assert.ok(lost.hasCut(), "nothing was lost");
          assert.deepEqual([answer.status, answer.code], [200, null]);
          assert.equal(await valueOf(scene.other, scene, `round/${round}`), `value ${round}`);
          assert.equal((await send(scene.node, asked)).code, "invocation_replayed");
          assert.equal((await send(scene.other, asked)).code, "invocation_replayed");
          assert.equal(await puts(scene, `round/${round}`), 1);
        }
      },
    });

    Deno.test({
      name: `${server}: one token at two nodes, one connection lost ${moment}: it counts once`,
      ignore,
      async fn() {
        await using scene = await aScene(kind);

        for (let round = 0; round < 10; round++) {
          const asked = await anInvocation(scene, PUT, `both/${round}`, `value ${round}`);
          scene.wire.judge(judge(scene.wire, round).judge);
          const answers = await Promise.all([send(scene.node, asked), send(scene.other, asked)]);
          scene.wire.judge(undefined);

          const codes = answers.map(({ status, code }) => code ?? status).toSorted();
          assert.deepEqual(codes, [200, "invocation_replayed"]);
          assert.equal(await valueOf(scene.other, scene, `both/${round}`), `value ${round}`);
          assert.equal(await puts(scene, `both/${round}`), 1);
        }
      },
    });
  }

  Deno.test({
    name: `${server}: after a lost commit a server that is silent for a moment is asked again`,
    ignore,
    async fn() {
      await using scene = await aScene(kind);
      const asked = await anInvocation(scene, PUT, "patient", "value");
      let cutAt = Infinity;
      // Longer than a connection is waited for.
      scene.wire.judge((from, _bytes, { asked }) => {
        if (performance.now() > cutAt) return performance.now() > cutAt + 2_500 ? "pass" : "drop";
        if (from !== "server" || !says(asked, "COMMIT")) return "pass";
        cutAt = performance.now();
        setTimeout(scene.wire.disconnect);
        return "cut";
      });

      const answer = await send(scene.node, asked);
      scene.wire.judge(undefined);

      assert.deepEqual([answer.status, answer.code], [200, null]);
      assert.equal(await puts(scene, "patient"), 1);
    },
  });

  Deno.test({
    name: `${server}: when nobody can be asked what became of a commit, the token tells later`,
    ignore,
    async fn() {
      await using scene = await aScene(kind);
      const asked = await anInvocation(scene, PUT, "unknown", "value");
      // It takes place; then no connection lives for longer than its first word.
      let isGone = false;
      scene.wire.judge((from, _bytes, { asked }) => {
        isGone ||= from === "server" && says(asked, "COMMIT");
        return isGone ? "cut" : "pass";
      });

      const begun = performance.now();
      const answer = await send(scene.node, asked);
      const seconds = (performance.now() - begun) / 1000;
      scene.wire.judge(undefined);

      assertUnavailable(answer);
      assert.ok(seconds < 6, `${seconds} s`);
      assert.equal((await send(scene.other, asked)).code, "invocation_replayed");
      assert.equal((await send(scene.node, asked)).code, "invocation_replayed");
      assert.equal(await puts(scene, "unknown"), 1);
    },
  });

  Deno.test({
    name: `${server}: a commit that never arrives, and nobody to ask: 503, and nothing is there`,
    ignore,
    async fn() {
      await using scene = await aScene(kind);
      const asked = await anInvocation(scene, PUT, "never", "value");
      let isGone = false;
      scene.wire.judge((from, bytes) => {
        isGone ||= from === "client" && says(bytes, "COMMIT");
        return isGone ? "cut" : "pass";
      });

      const answer = await send(scene.node, asked);
      scene.wire.judge(undefined);

      assertUnavailable(answer);
      assert.equal(await puts(scene, "never"), 0);
      assertOk(await send(scene.other, asked));
    },
  });

  for (const side of ["client", "server"] as const) {
    Deno.test({
      name: `${server}: bytes of the ${side} that get lost cost one request its time, no more`,
      ignore,
      async fn() {
        await using scene = await aScene(kind);
        const asked = await anInvocation(scene, PUT, "lost", "value");

        scene.wire.judge(losesAfter(side, 500));
        const begun = performance.now();
        const answer = await withinTime(send(scene.node, asked), "it hung", 15_000);
        const seconds = (performance.now() - begun) / 1000;
        scene.wire.judge(undefined);

        assertUnavailable(answer);
        assert.ok(seconds < 11, `${seconds} s`);
        assertOk(await recovered(scene, asked));
        assert.equal(await puts(scene, "lost"), 1);
      },
    });
  }

  Deno.test({
    name: `${server}: new connections that go silent take no place in the pool for long`,
    ignore,
    async fn() {
      await using scene = await aScene(kind, { TINYCLOUD_DATABASE_POOL: "4" });
      scene.wire.disconnect();
      scene.wire.judge((_from, _bytes, { asked }) => says(asked, "SET ") ? "drop" : "pass");

      const answers = await withinTime(
        Promise.all(Array.from({ length: 8 }, () => get(scene.node, scene, KEY))),
        "it hung",
        10_000,
      );
      scene.wire.judge(undefined);

      answers.forEach(assertUnavailable);
      assert.equal(await valueOf(scene.node, scene, KEY), "first");
    },
  });

  Deno.test({
    name: `${server}: connections that have gone silent are replaced, by all that wait for one`,
    ignore,
    async fn() {
      await using scene = await aScene(kind, { TINYCLOUD_DATABASE_POOL: "4" });
      await Promise.all(Array.from({ length: 8 }, () => valueOf(scene.node, scene, KEY)));
      // As behind an address that another server has taken over: the old connections say nothing
      // more, and new ones work.
      const silent = scene.wire.count;
      scene.wire.judge((_from, _bytes, { number }) => number <= silent ? "drop" : "pass");

      const statuses = await withinTime(
        Promise.all(
          Array.from({ length: 16 }, async () => (await get(scene.node, scene, KEY)).status),
        ),
        "it hung",
        20_000,
      );

      assert.deepEqual(statuses.filter((status) => status !== 200 && status !== 503), []);
      assert.equal(await valueOf(scene.node, scene, KEY), "first");
    },
  });
}

/** Where in the conversation about a commit the connection is lost. */
function MOMENTS(): readonly (readonly [string, (wire: TcpProxy, round: number) => Cut])[] {
  return [
    [
      "before COMMIT arrives",
      () => once((from, bytes) => from === "client" && says(bytes, "COMMIT")),
    ],
    [
      "after COMMIT took place",
      () => once((from, _bytes, asked) => from === "server" && says(asked, "COMMIT")),
    ],
    ["while COMMIT is under way", (wire, round) => {
      const random = seeded(round);
      let isOver = false;
      return {
        judge(from, bytes) {
          if (isOver || from !== "client" || !says(bytes, "COMMIT")) return "pass";
          isOver = true;
          setTimeout(wire.disconnect, random.below(4) / 2);
          return "pass";
        },
        hasCut: () => isOver,
      };
    }],
  ];
}

interface Cut {
  readonly judge: Judge;
  readonly hasCut: () => boolean;
}

function once(when: (from: string, bytes: Uint8Array, asked: Uint8Array) => boolean): Cut {
  let isOver = false;
  return {
    judge(from, bytes, { asked }) {
      if (isOver || !when(from, bytes, asked)) return "pass";
      isOver = true;
      return "cut";
    },
    hasCut: () => isOver,
  };
}

/** Breaks the connection instead of passing the piece of this number, either side's. */
function cutsPiece(index: number): Cut {
  let count = 0;
  return { judge: () => count++ === index ? "cut" : "pass", hasCut: () => count > index };
}

async function aScene(kind: ServerKind, env: Record<string, string> = {}): Promise<Scene> {
  await using opened = new AsyncDisposableStack();
  const database = opened.use(await freshDatabase(kind));
  const wire = opened.use(startTcpProxy(serverOf(database)));
  // The node's own work would take pieces of its own.
  const quiet = { TINYCLOUD_STORAGE_GC_INTERVAL: "1 d", ...env };
  const node = opened.use(await startServerNode(database, { by: wire, env: quiet }));
  const other = opened.use(await startServerNode(database, { env: quiet }));
  const session = await aSession(node);
  const scene = { database, wire, node, other, session };
  await prepared(scene);
  const resources = opened.move();
  return { ...scene, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

type Around = Pick<Scene, "database" | "other" | "session">;

/** The value that a get finds, and a deletion removes. */
async function prepared({ other, session }: Pick<Scene, "other" | "session">): Promise<void> {
  const resource = resourceUri(session.space, "kv", KEY);
  const { header: token } = await invocation(other, session, PUT, resource);
  assertOk(await ask(other, "/invoke", { token, body: "first" }));
}

/** One connection, used before: what a first one asks is not told again. */
async function warmedUp(scene: Scene): Promise<void> {
  for (let count = 0; count < 3; count++) await valueOf(scene.node, scene, KEY);
}

async function anInvocation(
  { node, session }: Pick<Scene, "node" | "session">,
  ability: string,
  key: string,
  body?: string,
): Promise<Request> {
  const resource = resourceUri(session.space, "kv", key);
  const { header: token } = await invocation(node, session, ability, resource);
  return { path: "/invoke", token, ...(body === undefined ? {} : { body }) };
}

async function aDelegation({ node, session }: Scene): Promise<Request> {
  const to = await randomSessionKey();
  const att = attenuation(resourceUri(session.space, "kv", "shared"), [GET]);
  return { path: "/delegate", token: (await ucan(node, session, to.did, att)).header };
}

async function aRevocation(scene: Scene): Promise<Request> {
  const { node, other, session } = scene;
  const to = await randomSessionKey();
  const att = attenuation(resourceUri(session.space, "kv", "shared"), [GET]);
  const given = await ucan(node, session, to.did, att);
  assertOk(await ask(other, "/delegate", { token: given.header }));
  const resource = `urn:cid:${given.cid}`;
  const { header: token } = await invocation(
    node,
    session,
    "tinycloud.delegation/revoke",
    resource,
  );
  return { path: "/revoke", token };
}

function send(node: TestNode, { path, token, body }: Request): Promise<Answer> {
  return ask(node, path, { token, body });
}

async function get(node: TestNode, { session }: Around, key: string): Promise<Answer> {
  const resource = resourceUri(session.space, "kv", key);
  const { header: token } = await invocation(node, session, GET, resource);
  return await ask(node, "/invoke", { token });
}

async function valueOf(node: TestNode, around: Around, key: string): Promise<string> {
  return assertOk(await get(node, around, key)).text;
}

async function eventCount({ database }: Around): Promise<number> {
  const [row] = await database.rows("SELECT count(*) AS count FROM event");
  return Number(row?.["count"]);
}

async function puts({ database }: Around, key: string): Promise<number> {
  const quote = database.kind === "postgres" ? '"' : "`";
  const [row] = await database.rows(
    `SELECT count(*) AS count FROM event WHERE kind = 'put' AND ${quote}key${quote} = '${key}'`,
  );
  return Number(row?.["count"]);
}

/** The same request until it is not answered 503: each silent connection costs one. */
async function recovered({ node }: Scene, asked: Request): Promise<Answer> {
  for (let tries = 0; tries < 5; tries++) {
    const answer = await send(node, asked);
    if (answer.status !== 503) return answer;
  }
  throw new Error("it does not recover");
}

function assertUnavailable({ status, code, headers }: Answer): void {
  assert.deepEqual([status, code], [503, "storage_unavailable"]);
  assert.equal(headers.get("retry-after"), "5");
}
