// wire §9 and adversary 2: discovery, health, routing, CORS, trace ids and metrics.

import assert from "node:assert/strict";
import { randomWallet, resourceUri, type Session, spaceId } from "../../client/mod.ts";
import {
  type Answer,
  ask,
  assertOk,
  assertRefused,
  invoke,
  kv,
  signIn,
} from "../support/asking.ts";
import { ARE_FILES } from "../support/node_stores.ts";
import { startTestNode } from "../support/node.ts";
import { asAnswer, askRaw, RawConnection } from "../support/raw_http.ts";
import { refusesUntouched, snapshot } from "../support/state.ts";

const NOT_FOUND = { status: 404, code: "not_found", sentence: "Not found" };
const NOT_ALLOWED = {
  status: 405,
  code: "method_not_allowed",
  sentence: "Method not allowed",
};

/** Without a token there is no guard to look for. */
const UNSIGNED = { settle: false };

const get = (at: { url: string }, path: string, headers?: HeadersInit) =>
  ask(at, path, { method: "GET", headers });

// --- Discovery ---------------------------------------------------------------------------------

for (const path of ["/version", "/info"]) {
  Deno.test(`wire §9: ${path} says what the node is`, async () => {
    await using node = await startTestNode();

    const answer = assertOk(await get(node, path));

    assert.match(answer.headers.get("content-type") ?? "", /^application\/json/);
    const { version, features, nodeId, ...rest } = JSON.parse(answer.text);
    assert.deepEqual(rest, { protocol: 1, inTEE: false });
    assert.match(version, /^\d+\.\d+\.\d+/);
    assert.match(nodeId, /^did:key:z6Mk[1-9A-HJ-NP-Za-km-z]{44}$/);
    assert.deepEqual(features.slice(0, 3), ["kv", "delegation", "sharing"]);
    for (const missing of ["sql", "duckdb", "hooks", "encryption"]) {
      assert.ok(!features.includes(missing), "only what works is named");
    }
  });
}

Deno.test("wire §9: the node's id is of its secret, and stays", async () => {
  const secret = (byte: number) =>
    new Uint8Array(32).fill(byte).toBase64({ alphabet: "base64url", omitPadding: true });
  const idOf = async (byte: number) => {
    await using node = await startTestNode({ env: { TINYCLOUD_KEYS_SECRET: secret(byte) } });
    return JSON.parse((await get(node, "/info")).text).nodeId;
  };
  assert.equal(await idOf(1), await idOf(1));
  assert.notEqual(await idOf(1), await idOf(2));
});

Deno.test("wire §9: /healthz answers 200 while the stores do", async () => {
  await using node = await startTestNode();
  const answer = assertOk(await get(node, "/healthz"));
  assert.ok(!/[\r\n]/.test(answer.text));
});

if (ARE_FILES) {
  Deno.test("wire §9: /healthz answers 503 while the block store is gone, then 200", async () => {
    await using node = await startTestNode();
    const blocks = `${node.folder}/blocks`;
    // A check counts for a second.
    const healthz = () => {
      node.clock.advance(2);
      return get(node, "/healthz");
    };
    assertOk(await healthz());

    await Deno.rename(blocks, `${blocks}-away`);
    const away = await healthz();
    await Deno.rename(`${blocks}-away`, blocks);

    assertRefused(away, {
      status: 503,
      code: "storage_unavailable",
      sentence: "Storage unavailable",
    });
    assert.match(away.headers.get("retry-after") ?? "", /^\d+$/);
    assertOk(await healthz());
    const told = node.lines.filter((line) => / blocks\.(?:unavailable|recovered)/.test(line));
    assert.equal(told.length, 2, "each change is told once");
    assert.match(told[0] ?? "", /error blocks\.unavailable code=storage_unavailable cause=/);
    assert.match(told[1] ?? "", /info blocks\.recovered/);
  });

  Deno.test("/livez answers 200 while the block store is gone, and does not look for it", async () => {
    await using node = await startTestNode();
    const blocks = `${node.folder}/blocks`;
    await Deno.rename(blocks, `${blocks}-away`);

    const answer = assertOk(await get(node, "/livez"));

    assert.equal(answer.text, "ok");
    assert.deepEqual(node.lines.filter((line) => line.includes("unavailable")), []);
    await Deno.rename(`${blocks}-away`, blocks);
  });
}

Deno.test("wire §5: the host DID of a space is bare text, the same each time", async () => {
  await using node = await startTestNode();
  const space = spaceId(randomWallet().did);
  const path = `/peer/generate/${encodeURIComponent(space)}`;

  const [first, second] = [assertOk(await get(node, path)), assertOk(await get(node, path))];

  assert.match(first.text, /^did:key:z6Mk[1-9A-HJ-NP-Za-km-z]{44}$/);
  assert.equal(first.text, second.text);
  assert.match(first.headers.get("content-type") ?? "", /^text\/plain/);
});

// --- Routing -----------------------------------------------------------------------------------

/** Request targets that are other paths, though some clients would mend them on the way. */
const UNKNOWN = [
  "/x",
  "/invoke/",
  "/delegate/",
  "/revoke/",
  "/version/",
  "/info/",
  "/healthz/",
  "/livez/",
  "/status",
  "/x/../invoke",
  "/./invoke",
  "/x//invoke",
  "/invoke//",
  "/Invoke",
  "/INVOKE",
  "/%69nvoke",
  "/invoke%20",
  "/invoke%3F",
  "/peer",
  "/peer/generate",
  "/peer/generate/",
  "/peer/generate/a/b",
  "/metrics",
  "/public/x/kv/y",
  "/favicon.ico",
];

Deno.test("wire §9: an unknown path answers 404:", async (t) => {
  await using node = await startTestNode();
  for (const method of ["GET", "POST"]) {
    for (const path of UNKNOWN) {
      // What stands after /peer/generate/ is a space id, and a bad one.
      if (path === "/peer/generate/") continue;
      await t.step(`${method} ${path}`, async () => {
        const request = () => askRaw(node, `${method} ${path} HTTP/1.1`, ["Content-Length: 0"]);

        await refusesUntouched(node, async () => asAnswer(await request()), NOT_FOUND, UNSIGNED);
      });
    }
  }
});

const COLLAPSED: readonly [target: string, status: number][] = [
  ["GET //version", 200],
  ["GET ///version", 200],
  ["GET ////////info", 200],
  ["POST //invoke", 401],
  ["POST //delegate", 401],
  ["POST //revoke", 401],
  ["GET //healthz", 200],
  ["GET //peer/generate/x", 400],
  ["GET /version?x=y", 200],
  ["GET /version?", 200],
  ["POST /invoke?a=%zz", 401],
];

Deno.test("wire §9: leading slashes are collapsed to one, and a query is ignored:", async (t) => {
  await using node = await startTestNode();
  for (const [target, status] of COLLAPSED) {
    await t.step(`${target} is ${status}`, async () => {
      const answer = await askRaw(node, `${target} HTTP/1.1`, ["Content-Length: 0"]);
      assert.equal(answer.status, status, answer.text);
    });
  }
});

const ROUTES: readonly [path: string, allow: readonly string[]][] = [
  ["/", ["GET", "HEAD", "OPTIONS"]],
  ["/version", ["GET", "HEAD", "OPTIONS"]],
  ["/info", ["GET", "HEAD", "OPTIONS"]],
  ["/healthz", ["GET", "HEAD", "OPTIONS"]],
  ["/livez", ["GET", "HEAD", "OPTIONS"]],
  ["/peer/generate/x", ["GET", "HEAD", "OPTIONS"]],
  ["/delegate", ["POST", "OPTIONS"]],
  ["/invoke", ["POST", "OPTIONS"]],
  ["/revoke", ["POST", "OPTIONS"]],
];

Deno.test("wire §9: a wrong method answers 405 and says which are right:", async (t) => {
  await using node = await startTestNode();
  for (const [path, allow] of ROUTES) {
    for (const method of ["GET", "POST", "PUT", "DELETE", "PATCH", "PROPFIND", "HEAD"]) {
      if (allow.includes(method)) continue;
      await t.step(`${method} ${path}`, async () => {
        const before = await snapshot(node);
        const answer = await ask(node, path, { method });

        if (method === "HEAD") assert.equal(answer.code, NOT_ALLOWED.code);
        else assertRefused(answer, NOT_ALLOWED);
        assert.equal(answer.status, 405);
        assert.deepEqual(await snapshot(node), before);
        assert.equal(answer.headers.get("allow"), allow.join(", "));
      });
    }
  }
  // A target of CONNECT is no path, so the runtime refuses it.
  for (const [method, status] of [["TRACE", 405], ["get", 405], ["post", 405], ["CONNECT", 400]]) {
    await t.step(`${method} on a socket is refused with ${status}`, async () => {
      const answer = await askRaw(node, `${method} /invoke HTTP/1.1`, ["Content-Length: 0"]);
      assert.equal(answer.status, status);
    });
  }
});

Deno.test("wire §9: HEAD is GET without the body", async (t) => {
  await using node = await startTestNode();
  const space = encodeURIComponent(spaceId(randomWallet().did));
  const paths = [
    "/",
    "/version",
    "/info",
    "/healthz",
    "/livez",
    `/peer/generate/${space}`,
    "/peer/generate/x",
    "/x",
  ];
  for (const path of paths) {
    await t.step(path, async () => {
      const [head, whole] = [
        await askRaw(node, `HEAD ${path} HTTP/1.1`),
        await askRaw(node, `GET ${path} HTTP/1.1`),
      ];

      assert.equal(head.status, whole.status);
      assert.equal(head.text, "");
      assert.equal(head.headers.get("content-length"), String(whole.text.length));
      for (const name of ["content-type", "content-length", "x-tinycloud-error", "vary"]) {
        assert.equal(head.headers.get(name), whole.headers.get(name), name);
      }
    });
  }
});

// --- CORS --------------------------------------------------------------------------------------

const CORS = {
  "access-control-allow-origin": "*",
  "access-control-allow-methods": "POST, PUT, GET, HEAD, OPTIONS, DELETE",
  "access-control-allow-headers": "*, Authorization",
  "access-control-max-age": "600",
  "access-control-expose-headers": "*, Authorization, ETag",
};

function corsOf({ headers }: { readonly headers: Headers }): Record<string, string> {
  return Object.fromEntries([...headers].filter(([name]) => name.startsWith("access-control-")));
}

interface Asked {
  readonly name: string;
  readonly status: number;
  ask(node: { url: string }, session: Session): Promise<Answer>;
}

/** One answer of each status that is easily had. */
const STATUSES: readonly Asked[] = [
  { name: "200 of /version", status: 200, ask: (node) => get(node, "/version") },
  {
    name: "200 of a value, whatever was stored",
    status: 200,
    async ask(node, session) {
      const headers = { "access-control-allow-origin": "https://a.example" };
      await invoke(node, session, kv(session, "put", "k"), { body: "v", headers });
      return await invoke(node, session, kv(session, "get", "k"));
    },
  },
  { name: "204 of OPTIONS", status: 204, ask: (node) => ask(node, "/x", { method: "OPTIONS" }) },
  { name: "400", status: 400, ask: (node) => get(node, "/peer/generate/x") },
  { name: "401", status: 401, ask: (node) => ask(node, "/invoke") },
  {
    name: "403",
    status: 403,
    ask: async (node, session) => {
      const { header } = await session.invocationToken({
        resource: `urn:cid:${session.cid}`,
        ability: "tinycloud.delegation/revoke",
        expiration: 1,
      });
      return await ask(node, "/revoke", { token: header });
    },
  },
  { name: "404 of a path", status: 404, ask: (node) => get(node, "/x") },
  {
    name: "404 of a key",
    status: 404,
    ask: (node, session) => invoke(node, session, kv(session, "get", "absent")),
  },
  { name: "405", status: 405, ask: (node) => ask(node, "/version") },
  {
    name: "409",
    status: 409,
    async ask(node, session) {
      const { header: token } = await session.invocationToken(kv(session, "list", ""));
      await ask(node, "/invoke", { token });
      return await ask(node, "/invoke", { token });
    },
  },
  {
    name: "412",
    status: 412,
    ask: (node, session) =>
      invoke(node, session, kv(session, "put", "new"), {
        headers: { "if-match": `"blake3-${"0".repeat(64)}"` },
      }),
  },
  {
    name: "413",
    status: 413,
    ask: (node, session) =>
      invoke(node, session, kv(session, "put", "new"), { body: new Uint8Array(2000) }),
  },
];

Deno.test("wire §9: CORS and a trace id are on every answer:", async (t) => {
  await using node = await startTestNode({ env: { TINYCLOUD_STORAGE_MAX_OBJECT: "1000" } });
  const session = await signIn(node);
  const traces = new Set<string | null>();
  for (const { name, status, ask } of STATUSES) {
    await t.step(name, async () => {
      const answer = await ask(node, session);

      assert.equal(answer.status, status, answer.text);
      assert.deepEqual(corsOf(answer), CORS);
      const trace = answer.headers.get("tinycloud-trace-id");
      assert.match(trace ?? "", /^[0-9a-f]{32}$/);
      assert.ok(!traces.has(trace), "a trace id of its own");
      traces.add(trace);
      assert.equal(answer.code === null, status < 400, "a code on errors, on no other answer");
    });
  }
});

Deno.test("wire §9: cors = false sends none", async () => {
  await using node = await startTestNode({ env: { TINYCLOUD_CORS: "false" } });
  for (const answer of [await get(node, "/version"), await ask(node, "/invoke")]) {
    assert.deepEqual(corsOf(answer), {});
  }
  assert.equal((await ask(node, "/x", { method: "OPTIONS" })).status, 204);
});

const PREFLIGHTS: readonly [asked: string, allowed: boolean][] = [
  ["authorization", true],
  ["authorization,content-type", true],
  ["authorization, if-match, if-none-match, x-tinycloud-limit", true],
  ["x-tinycloud-meta-a", true],
  ["a".repeat(1024), true],
  ["a".repeat(1025), false],
  ["a b", false],
  ["a;b", false],
  ['"a"', false],
  ["a(b)", false],
  ["ä", false],
];

Deno.test("wire §9: a preflight is told that it may send", async (t) => {
  await using node = await startTestNode();
  for (const path of ["/invoke", "/anything/else"]) {
    for (const [asked, allowed] of PREFLIGHTS) {
      await t.step(`${asked.slice(0, 60)} to ${path}: ${allowed}`, async () => {
        const answer = await askRaw(node, `OPTIONS ${path} HTTP/1.1`, [
          "Origin: https://a.example",
          "Access-Control-Request-Method: POST",
          `Access-Control-Request-Headers: ${asked}`,
        ]);

        assert.equal(answer.status, 204);
        const { "access-control-allow-headers": names = "", ...rest } = corsOf(answer);
        const { "access-control-allow-headers": _names, ...cors } = CORS;
        assert.deepEqual(rest, cors);
        const list = names.toLowerCase().split(",").map((name) => name.trim());
        assert.deepEqual(list.slice(0, 2), ["*", "authorization"]);
        const names2 = asked.toLowerCase().split(",").map((name) => name.trim());
        if (allowed) {
          assert.ok(names2.every((name) => list.includes(name)), names);
          assert.match(answer.headers.get("vary") ?? "", /access-control-request-headers/i);
        } else assert.equal(names, "*, Authorization");
      });
    }
  }
  await t.step("and the origin is never reflected", async () => {
    const answer = await get(node, "/version", { origin: "https://a.example" });
    assert.deepEqual(corsOf(answer), CORS);
  });
});

// --- Trace -------------------------------------------------------------------------------------

Deno.test("wire §9: the header of the trace id can be named", async () => {
  await using node = await startTestNode({ env: { TINYCLOUD_LOG_TRACING_TRACEHEADER: "X-Trace" } });
  const { headers } = await get(node, "/version");
  assert.match(headers.get("x-trace") ?? "", /^[0-9a-f]{32}$/);
  assert.equal(headers.get("tinycloud-trace-id"), null);
});

Deno.test("wire §9: the trace of a traceparent is taken over, a bad one is not", async () => {
  await using node = await startTestNode();
  const trace = "0af7651916cd43dd8448eb211c80319c";
  const asked = async (traceparent: string) =>
    (await get(node, "/version", { traceparent })).headers.get("tinycloud-trace-id");

  assert.equal(await asked(`00-${trace}-b7ad6b7169203331-01`), trace);
  for (
    const bad of [
      `00-${"0".repeat(32)}-b7ad6b7169203331-01`,
      `00-${trace}-${"0".repeat(16)}-01`,
      `ff-${trace}-b7ad6b7169203331-01`,
      `00-${trace.toUpperCase()}-b7ad6b7169203331-01`,
      `00-${trace}-b7ad6b7169203331-01-more`,
      `00-${trace}`,
      "nonsense",
    ]
  ) {
    const told = await asked(bad);
    assert.match(told ?? "", /^[0-9a-f]{32}$/);
    assert.notEqual(told, trace, bad);
    assert.notEqual(told, "0".repeat(32), bad);
  }
});

Deno.test("wire §10: an error tells no internals, and what was sent does not come back", async () => {
  await using node = await startTestNode();
  const canary = "canary5ecret";
  for (
    const token of [
      canary,
      `${canary}.a.b`,
      `Bearer ${canary}`,
      btoa(`{"a":"${canary}"}`),
      `${canary},`,
    ]
  ) {
    const { text, headers } = await ask(node, "/delegate", { token });
    assert.ok(!JSON.stringify([text, ...headers]).includes(canary), text);
    assert.ok(!/\.ts|at |Error:|\/srv|\/tmp/.test(text), text);
  }
  assert.ok(!node.lines.join("\n").includes(canary), "nor is it in the log");
});

// --- Values on the wire ------------------------------------------------------------------------

const TEXT = "The same words again and again. ".repeat(5000);

for (const type of ["text/plain", "application/json", "text/html; charset=utf-8", undefined]) {
  Deno.test(`wire §6: a value of ${type} is never compressed on its way`, async () => {
    await using node = await startTestNode();
    const session = await signIn(node);
    const headers = type === undefined ? {} : { "content-type": type };
    const body = new TextEncoder().encode(TEXT);
    assertOk(await invoke(node, session, kv(session, "put", "k"), { body, headers }));
    const { header } = await session.invocationToken(kv(session, "get", "k"));

    const answer = await askRaw(node, "POST /invoke HTTP/1.1", [
      `Authorization: ${header}`,
      "Accept-Encoding: gzip, br, deflate, zstd",
    ]);

    assert.equal(answer.headers.get("content-encoding"), null);
    assert.equal(answer.headers.get("content-length"), String(TEXT.length));
    assert.match(answer.headers.get("etag") ?? "", /^"blake3-/, "not made weak");
    assert.equal(answer.text, TEXT);
  });
}

Deno.test("wire §6: a value that is stored as gzip comes back as it was", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  const zipped = new Uint8Array(
    await new Response(new Blob([TEXT]).stream().pipeThrough(new CompressionStream("gzip")))
      .arrayBuffer(),
  );
  const headers = { "content-encoding": "gzip", "content-type": "text/plain" };
  assertOk(await invoke(node, session, kv(session, "put", "k"), { body: zipped, headers }));
  for (const accept of ["gzip", "identity", "br"]) {
    const { header } = await session.invocationToken(kv(session, "get", "k"));

    const answer = await askRaw(node, "POST /invoke HTTP/1.1", [
      `Authorization: ${header}`,
      `Accept-Encoding: ${accept}`,
    ]);

    assert.equal(answer.headers.get("content-encoding"), "gzip");
    assert.deepEqual(Uint8Array.from(answer.text, (each) => each.charCodeAt(0)), zipped);
  }
});

Deno.test("wire §7: the JSON answers of the node are whole, compressed or not", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  await Promise.all(
    Array.from({ length: 200 }, (_, index) => session.put(`a/long/name/of/a/key/${index}`, "")),
  );
  const { header } = await session.invocationToken(kv(session, "list", ""));

  const answer = await askRaw(node, "POST /invoke HTTP/1.1", [
    `Authorization: ${header}`,
    "Accept-Encoding: gzip, br",
  ]);

  assert.equal(answer.headers.get("content-encoding"), null);
  assert.equal(JSON.parse(answer.text).length, 200);
});

for (const range of ["bytes=0-1", "bytes=2-", "bytes=-1", "bytes=100-", "nonsense"]) {
  Deno.test(`wire §9: Range: ${range} is ignored at /invoke`, async () => {
    await using node = await startTestNode();
    const session = await signIn(node);
    await session.put("k", "value");

    const answer = await invoke(node, session, kv(session, "get", "k"), { headers: { range } });

    assert.equal(assertOk(answer).text, "value");
    assert.equal(answer.headers.get("content-range"), null);
  });
}

// --- Connections -------------------------------------------------------------------------------

Deno.test("adversary 2: one connection carries many requests, refusals too", async () => {
  await using node = await startTestNode();
  using connection = await RawConnection.open(node);
  for (let count = 0; count < 20; count++) {
    await connection.head("GET /version HTTP/1.1");
    assert.equal((await connection.answer("GET")).status, 200);
    await connection.head("POST /invoke HTTP/1.1", ["Content-Length: 0"]);
    assert.equal((await connection.answer()).status, 401);
  }
});

Deno.test("adversary 2: pipelined requests are answered in order", async () => {
  await using node = await startTestNode();
  using connection = await RawConnection.open(node);
  await connection.write(
    "GET /version HTTP/1.1\r\nHost: n\r\n\r\nGET /x HTTP/1.1\r\nHost: n\r\n\r\n" +
      "GET /healthz HTTP/1.1\r\nHost: n\r\n\r\n",
  );

  const statuses = [];
  for (let count = 0; count < 3; count++) statuses.push((await connection.answer("GET")).status);

  assert.deepEqual(statuses, [200, 404, 200]);
});

/** As Deno 2.9.6 takes or refuses them; another release may, and then this tells. */
const ODD_REQUESTS: readonly { name: string; text: string; status: number }[] = [
  {
    name: "an absolute target",
    text: "GET http://other.example/version HTTP/1.1\r\nHost: n\r\n\r\n",
    status: 200,
  },
  { name: "no Host", text: "GET /version HTTP/1.1\r\n\r\n", status: 200 },
  { name: "bare line feeds", text: "GET /version HTTP/1.1\nHost: n\n\n", status: 200 },
  { name: "HTTP/1.0", text: "GET /version HTTP/1.0\r\n\r\n", status: 200 },
  {
    name: "a target that is no path",
    text: "GET version HTTP/1.1\r\nHost: n\r\n\r\n",
    status: 400,
  },
  { name: "an asterisk", text: "OPTIONS * HTTP/1.1\r\nHost: n\r\n\r\n", status: 204 },
  {
    name: "a header with a NUL",
    text: "GET /version HTTP/1.1\r\nHost: n\r\nA: \x00\r\n\r\n",
    status: 400,
  },
  {
    name: "a folded header",
    text: "GET /version HTTP/1.1\r\nHost: n\r\nA: a\r\n b\r\n\r\n",
    status: 400,
  },
  {
    name: "headers of 100 KiB",
    text: `GET /version HTTP/1.1\r\nHost: n\r\nA: ${"a".repeat(102_400)}\r\n\r\n`,
    status: 400,
  },
  {
    name: "a bad escape in a target",
    text: "GET /peer/generate/%zz HTTP/1.1\r\nHost: n\r\n\r\n",
    status: 400,
  },
  {
    name: "an escape that is no UTF-8",
    text: "GET /peer/generate/%ff HTTP/1.1\r\nHost: n\r\n\r\n",
    status: 400,
  },
  {
    name: "raw bytes in a target",
    text: "GET /peer/generate/\xff HTTP/1.1\r\nHost: n\r\n\r\n",
    status: 400,
  },
];

Deno.test("adversary 2: no 500 and no hang is the answer to", async (t) => {
  await using node = await startTestNode();
  for (const { name, text, status } of ODD_REQUESTS) {
    await t.step(`${name}: ${status}`, async () => {
      using connection = await RawConnection.open(node);
      await connection.write(text);

      const answer = await connection.answer("GET");

      assert.equal(answer.status, status);
    });
  }
  assertOk(await get(node, "/version"));
});

// --- Metrics -----------------------------------------------------------------------------------

/** A port that was free a moment ago. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.transport === "tcp" ? listener.addr.port : 0;
}

Deno.test("wire §9: metrics are on a port of their own", async () => {
  const port = freePort();
  await using node = await startTestNode({ env: { TINYCLOUD_PROMETHEUS_PORT: String(port) } });
  const session = await signIn(node);
  await session.put("k", "v");
  await session.get("k");
  const unknown = resourceUri(session.space, "kv", "k");
  await invoke(node, session, { resource: unknown, ability: "tinycloud.kv/made-up" });
  await invoke(node, session, { resource: unknown, ability: "evil/label" });

  const answer = assertOk(await get({ url: `http://127.0.0.1:${port}` }, "/metrics"));

  assert.match(answer.headers.get("content-type") ?? "", /^text\/plain/);
  for (
    const name of [
      "tinycloud_authorized_invoke_duration_seconds",
      "tinycloud_authorization_duration_seconds",
    ]
  ) {
    assert.match(answer.text, new RegExp(`^# TYPE ${name} histogram$`, "m"));
    assert.match(answer.text, new RegExp(`^${name}_count\\{`, "m"));
  }
  const labels = (name: string, label: string) =>
    new Set([...answer.text.matchAll(new RegExp(`^${name}_count\\{.*?${label}="(.*?)"`, "gm"))].map(
      ([, value]) => value,
    ));
  const actions = labels("tinycloud_authorized_invoke_duration_seconds", "action");
  assert.ok([...actions].some((action) => action?.endsWith("kv/put")), String([...actions]));
  assert.ok([...actions].some((action) => action?.endsWith("kv/get")), String([...actions]));
  const requests = labels("tinycloud_authorization_duration_seconds", "request");
  assert.ok(requests.has("invoke") && requests.has("delegate"), String([...requests]));
  assert.ok(!/made-up|evil/.test(answer.text), "unknown abilities are `other`");
  assert.ok(!answer.text.includes(session.space), "no name of a user");
  await refusesUntouched(node, () => get(node, "/metrics"), NOT_FOUND);
});
