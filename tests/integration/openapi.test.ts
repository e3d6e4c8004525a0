// docs/openapi.yaml is what the node does: a valid document, its paths those of the router, its codes
// those of the source, and each answer as it says. `ask` compares the answers of all other tests
// too; here every documented pair of operation and status is brought about, as far as can be.

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { Validator } from "@seriousme/openapi-schema-validator";
import { parse } from "yaml";
import {
  attenuation,
  randomSessionKey,
  randomWallet,
  resourceUri,
  signCacao,
  spaceId,
} from "../../client/mod.ts";
import { RETRY_AFTER, STATUS } from "../../src/http/status.ts";
import { ROUTES } from "../../src/http/router.ts";
import { type Answer, ask, clientAt, type Question } from "../support/asking.ts";
import {
  assertDocumented,
  differences,
  DOCUMENT,
  DOCUMENT_TEXT,
  type DocumentedAnswer,
  type Exchange,
  METHODS,
  type Operation,
  pairsDocumented,
  pairsSeen,
} from "../support/documented.ts";
import { tinycloud } from "../support/commands.ts";
import { walk } from "../support/files.ts";
import { measured } from "../support/measured.ts";
import { ARE_FILES } from "../support/node_stores.ts";
import { startTestNode, testClock, type TestNode } from "../support/node.ts";
import { RawConnection, withinTime } from "../support/raw_http.ts";
import {
  type ASession,
  aSession,
  cacao,
  DEL,
  GET,
  granted,
  hosting,
  invocation,
  LIST,
  post,
  PUT,
  ucan,
  use,
} from "../support/world.ts";

const METADATA = "tinycloud.kv/metadata";
const READ = "tinycloud.capabilities/read";
const REVOKE = "tinycloud.delegation/revoke";

// --- The document ------------------------------------------------------------------------------

Deno.test("docs/openapi.yaml is valid OpenAPI 3.1", async () => {
  const { valid, errors } = await new Validator().validate(parse(DOCUMENT_TEXT));

  assert.deepEqual(errors ?? [], []);
  assert.equal(valid, true);
});

Deno.test("its paths and methods are the router's", () => {
  const routed = ROUTES.flatMap(({ method, path, takesSegment }) => {
    const name = takesSegment === true ? `${path}{space}` : path;
    const methods = method === "GET" ? ["GET", "HEAD", "OPTIONS"] : [method, "OPTIONS"];
    return methods.map((each) => `${each} ${name}`);
  });

  assert.deepEqual(operations().map(({ name }) => name).sort(), routed.sort());
});

Deno.test("it has every code of the source, each under its status, and no other", () => {
  const documented: Record<string, Set<number>> = {};
  for (const { status, answer } of answers()) {
    for (const code of codesOf(answer)) (documented[code] ??= new Set()).add(Number(status));
  }

  const expected = Object.entries(STATUS).map(([code, status]) => [code, new Set([status])]);
  assert.deepEqual(documented, Object.fromEntries(expected));
});

Deno.test("it tells of Retry-After where the source sends it", () => {
  for (const { name, status, answer } of answers()) {
    const [waits, others] = [true, false].map((isWait) =>
      codesOf(answer).filter((code) => Object.hasOwn(RETRY_AFTER, code) === isWait)
    );
    assert.ok(
      waits?.length === 0 || others?.length === 0,
      `${name} ${status}: codes of both kinds`,
    );
    const isTold = answer.headers?.["Retry-After"]?.required === true;
    assert.equal(isTold, (waits?.length ?? 0) > 0, `${name} ${status}`);
  }
});

function operations(): { name: string; operation: Operation }[] {
  return Object.entries(DOCUMENT.paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) =>
      // `as`: the document is valid, see above.
      item[method] === undefined ? [] : [{
        name: `${method.toUpperCase()} ${path}`,
        operation: item[method] as Operation,
      }]
    )
  );
}

function answers(): { name: string; status: string; answer: DocumentedAnswer }[] {
  const all = [
    ...operations().map(({ name, operation }) => ({ name, responses: operation.responses })),
    { name: "any other path", responses: DOCUMENT["x-any-other-path"] },
    { name: "any other method", responses: DOCUMENT["x-any-other-method"] },
  ];
  return all.flatMap(({ name, responses }) =>
    Object.entries(responses).map(([status, answer]) => ({ name, status, answer }))
  );
}

function codesOf({ headers }: DocumentedAnswer): readonly string[] {
  const schema = headers?.["x-tinycloud-error"]?.schema;
  return typeof schema === "object" && Array.isArray(schema.enum) ? schema.enum : [];
}

// --- The comparison itself ---------------------------------------------------------------------

/** What an answer of /healthz would be that fits. */
const FINE: Exchange = {
  method: "GET",
  path: "/healthz",
  status: 200,
  headers: new Headers({
    "content-type": "text/plain;charset=UTF-8",
    "tinycloud-trace-id": "0".repeat(32),
  }),
  text: "ok",
};
const KEY_LIST: Exchange = {
  ...FINE,
  method: "POST",
  path: "/invoke",
  token: ["", btoa('{"att":{"a":{"tinycloud.kv/list":[{}]}}}').replaceAll("=", ""), ""].join("."),
  headers: headersWith({ "content-type": "application/json" }),
  text: '["a"]',
};
const REFUSED: Exchange = {
  ...FINE,
  status: 503,
  headers: headersWith({ "x-tinycloud-error": "shutting_down", "retry-after": "5" }),
  text: "Shutting down",
};

function headersWith(more: Readonly<Record<string, string>>): Headers {
  return new Headers({ ...Object.fromEntries(FINE.headers), ...more });
}

const DIFFERENT: readonly [what: string, exchange: Exchange, finding: RegExp][] = [
  ["another status", { ...FINE, status: 201 }, /status is not documented/],
  ["no trace id", { ...FINE, headers: new Headers({ "content-type": "text/plain" }) }, /missing/],
  ["a trace id of another form", {
    ...FINE,
    headers: headersWith({ "tinycloud-trace-id": "x" }),
  }, /tinycloud-trace-id is x/],
  ["a header more", { ...FINE, headers: headersWith({ "x-more": "1" }) }, /x-more is not/],
  [
    "another type",
    { ...FINE, headers: headersWith({ "content-type": "text/html" }) },
    /text\/html/,
  ],
  ["another body", { ...FINE, text: "fine" }, /body does not fit/],
  ["a body for HEAD", { ...FINE, method: "HEAD" }, /a body is not documented/],
  ["a code of another operation", {
    ...REFUSED,
    headers: headersWith({ "x-tinycloud-error": "body_timeout", "retry-after": "5" }),
    text: "Body too slow",
  }, /x-tinycloud-error is body_timeout/],
  ["no Retry-After", {
    ...REFUSED,
    headers: headersWith({ "x-tinycloud-error": "shutting_down" }),
  }, /retry-after is missing/],
  ["another sentence", { ...REFUSED, text: "Good bye" }, /no such sentence/],
  ["a list that is none", { ...KEY_LIST, text: '{"a":1}' }, /kv\/list: the body does not fit/],
  ["a list that is no JSON", { ...KEY_LIST, text: "[" }, /no JSON/],
  ["a path that is not routed", { ...FINE, path: "/healthz/" }, /status is not documented/],
  ["a method that is not", { ...FINE, method: "POST" }, /status is not documented/],
];

Deno.test("an answer differs from the document by", async (t) => {
  for (const exchange of [FINE, KEY_LIST, REFUSED]) assert.deepEqual(differences(exchange), []);
  for (const [what, exchange, finding] of DIFFERENT) {
    await t.step(what, () => {
      assert.match(differences(exchange).join("; "), finding);
      assert.throws(() => assertDocumented(exchange), /^Error: docs\/openapi\.yaml: /);
    });
  }
});

// --- The node ----------------------------------------------------------------------------------

interface Actors {
  readonly node: TestNode;
  readonly session: ASession;
}

interface Case {
  /** `POST /invoke 200`, and what tells it from others. */
  readonly name: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly how: (actors: Actors) => Promise<Answer | Omit<Exchange, "method" | "path">>;
}

const at = ({ session }: Actors, key: string) => resourceUri(session.space, "kv", key);
const put = (actors: Actors, key: string, body: BodyInit = "v") =>
  use(actors.node, actors.session, PUT, at(actors, key), {}, body);
const does = (ability: string) => async (actors: Actors) => {
  await put(actors, "a");
  return await use(actors.node, actors.session, ability, at(actors, "a"));
};
const readAll = (facts?: readonly unknown[]) => async ({ node, session }: Actors) => {
  const att = attenuation(resourceUri(session.space, "capabilities"), [READ]);
  const token = await cacao(session.wallet, session.key.didUrl, att);
  await post(node, token.header);
  const resource = resourceUri(session.space, "capabilities", "all");
  const fields = facts === undefined ? {} : { facts };
  return await use(node, { key: session.key, cid: token.cid }, READ, resource, fields);
};
const revoke = async (node: TestNode, by: ASession, cid: string, fields = {}, body?: BodyInit) => {
  const { header: token } = await ucan(
    node,
    { key: by.key },
    by.key.did,
    attenuation(`urn:cid:${cid}`, [REVOKE]),
    fields,
  );
  return await ask(node, "/revoke", { token, body });
};
/** Announces a body that never comes. */
const neverSends = async ({ node }: Actors, path: string, token: string) => {
  using connection = await RawConnection.open(node);
  await connection.head(`POST ${path} HTTP/1.1`, [
    `Authorization: ${token}`,
    "Content-Length: 10000",
  ]);
  return await connection.answer();
};
const twiceTheLength = async ({ node, session }: Actors, path: string) => {
  using connection = await RawConnection.open(node);
  await connection.head(`POST ${path} HTTP/1.1`, [
    `Authorization: ${session.token}`,
    "Content-Length: 0",
    "Content-Length: 0",
  ]);
  return await connection.answer();
};
/** While somebody else has the database's lock. */
const locked = async ({ node }: Actors, work: () => Promise<Answer>) => {
  using database = new DatabaseSync(`${node.folder}/caps.db`, { timeout: 2000 });
  database.exec("BEGIN IMMEDIATE");
  return await withinTime(work(), "an answer");
};
const cidOfNobody = async (node: TestNode) =>
  (await ucan(node, { key: await randomSessionKey() }, "did:key:x", {})).cid;

const CASES: readonly Case[] = [
  { name: "POST /invoke 200 put", how: (actors) => put(actors, "a") },
  { name: "POST /invoke 200 get", how: does(GET) },
  { name: "POST /invoke 200 metadata", how: does(METADATA) },
  { name: "POST /invoke 200 list", how: does(LIST) },
  { name: "POST /invoke 200 del", how: does(DEL) },
  { name: "POST /invoke 200 capabilities", how: readAll() },
  {
    name: "POST /invoke 200 a chain",
    how: (actors) =>
      readAll([{
        capabilitiesReadParams: { type: "chain", delegation_cid: actors.session.cid },
      }])(actors),
  },
  {
    name: "POST /invoke 400",
    how: ({ node, session }) => use(node, session, GET, resourceUri(session.space, "kv")),
  },
  { name: "POST /invoke 401", how: ({ node }) => ask(node, "/invoke") },
  {
    name: "POST /invoke 402",
    env: { TINYCLOUD_STORAGE_LIMIT: "10" },
    how: async (actors) => {
      await put(actors, "a", new Uint8Array(9));
      return await put(actors, "b", new Uint8Array(1));
    },
  },
  {
    name: "POST /invoke 404",
    how: (actors) => use(actors.node, actors.session, GET, at(actors, "absent")),
  },
  {
    name: "POST /invoke 408",
    env: { TINYCLOUD_HTTP_BODY_IDLE_TIMEOUT: "100 ms" },
    how: async (actors) => {
      const { header } = await invocation(actors.node, actors.session, PUT, at(actors, "a"));
      return await neverSends(actors, "/invoke", header);
    },
  },
  {
    name: "POST /invoke 409",
    how: async (actors) => {
      const { header: token } = await invocation(actors.node, actors.session, PUT, at(actors, "a"));
      await ask(actors.node, "/invoke", { token });
      return await ask(actors.node, "/invoke", { token });
    },
  },
  {
    name: "POST /invoke 412",
    how: async (actors) => {
      const { header: token } = await invocation(actors.node, actors.session, PUT, at(actors, "a"));
      const headers = { "if-match": `"blake3-${"0".repeat(64)}"` };
      return await ask(actors.node, "/invoke", { token, headers });
    },
  },
  {
    name: "POST /invoke 413",
    env: { TINYCLOUD_STORAGE_MAX_OBJECT: "10" },
    how: (actors) => put(actors, "a", "12345678901"),
  },
  {
    name: "POST /delegate 200 as JSON",
    how: ({ node, session }) => post(node, session.token),
  },
  {
    name: "POST /delegate 200 as text",
    how: ({ node, session }) => post(node, session.token, { accept: "text/plain" }),
  },
  { name: "POST /delegate 400", how: (actors) => twiceTheLength(actors, "/delegate") },
  { name: "POST /delegate 401", how: ({ node }) => post(node, "nonsense") },
  {
    name: "POST /delegate 403",
    env: { TINYCLOUD_SPACES_PER_OWNER: "1" },
    how: async ({ node, session: { wallet } }) =>
      post(node, (await hosting(node, wallet, spaceId(wallet.did, "second"))).header),
  },
  {
    name: "POST /delegate 404",
    how: async ({ node, session }) => {
      const wallet = randomWallet();
      const att = attenuation(resourceUri(spaceId(wallet.did), "kv"), [GET]);
      return await post(node, (await cacao(wallet, session.key.didUrl, att)).header);
    },
  },
  {
    name: "POST /revoke 200",
    how: async ({ node, session }) => {
      const { cid } = await granted(node, session, attenuation(`${session.space}/kv/a`, [GET]));
      return await revoke(node, session, cid, {}, JSON.stringify({ cid }));
    },
  },
  {
    name: "POST /revoke 200 by a wallet",
    how: async ({ node, session }) => {
      const { header: token } = await signCacao(session.wallet, {
        domain: "app.example",
        uri: `ucan:${session.cid}`,
      });
      return await ask(node, "/revoke", { token });
    },
  },
  { name: "POST /revoke 400", how: ({ node, session }) => revoke(node, session, "nothing") },
  { name: "POST /revoke 401", how: ({ node }) => ask(node, "/revoke") },
  {
    name: "POST /revoke 403",
    how: ({ node, session }) => revoke(node, session, session.cid, { expiration: 1 }),
  },
  {
    name: "POST /revoke 404",
    how: async ({ node, session }) => revoke(node, session, await cidOfNobody(node)),
  },
  {
    name: "POST /revoke 408",
    env: { TINYCLOUD_HTTP_BODY_IDLE_TIMEOUT: "100 ms" },
    how: async (actors) => {
      const { node, session } = actors;
      const att = attenuation(`urn:cid:${session.cid}`, [REVOKE]);
      const { header } = await ucan(node, { key: session.key }, session.key.did, att);
      return await neverSends(actors, "/revoke", header);
    },
  },
  ...["GET", "HEAD"].map((method) => ({
    name: `${method} /peer/generate/{space} 200`,
    how: ({ node, session }: Actors) =>
      ask(node, `/peer/generate/${encodeURIComponent(session.space)}`, { method }),
  })),
  ...["GET", "HEAD"].map((method) => ({
    name: `${method} /peer/generate/{space} 400`,
    how: ({ node }: Actors) => ask(node, "/peer/generate/nonsense", { method }),
  })),
  ...ROUTES.flatMap(({ method, path, takesSegment }) => {
    const isPlain = method === "GET" && takesSegment !== true;
    return (isPlain ? ["GET", "HEAD"] : []).map((each) => ({
      name: `${each} ${path} 200`,
      how: ({ node }: Actors) => ask(node, path, { method: each }),
    }));
  }),
  ...["GET", "HEAD"].map((method) => ({
    name: `${method} / 200 as a page`,
    how: ({ node }: Actors) => ask(node, "/", { method, headers: { accept: "text/html" } }),
  })),
  ...Object.keys(DOCUMENT.paths).map((path) => ({
    name: `OPTIONS ${path} 204`,
    how: ({ node }: Actors) =>
      ask(node, path.replace("{space}", "x"), {
        method: "OPTIONS",
        headers: { "access-control-request-headers": "authorization, x-tinycloud-meta-a" },
      }),
  })),
  {
    name: "any other path 404",
    how: ({ node }) => ask(node, "/nowhere", { method: "GET" }),
  },
  {
    name: "any other method 405 of a GET",
    how: ({ node }) => ask(node, "/info", { method: "DELETE" }),
  },
  {
    name: "any other method 405 of a POST",
    how: ({ node }) => ask(node, "/invoke", { method: "GET" }),
  },
];

/** They reach into the SQLite file or the folder of blocks. */
const ON_FILES: readonly Case[] = [
  {
    name: "POST /invoke 500 damaged",
    how: async (actors) => {
      const { node, session } = actors;
      await put(actors, "a", new Uint8Array(100_000));
      const block = [...await walk(`${node.folder}/blocks`)].find(([, size]) => size === 100_000);
      await Deno.writeFile(`${node.folder}/blocks/${block?.[0]}`, new Uint8Array(99_999));
      return await use(node, session, GET, at(actors, "a"));
    },
  },
  {
    name: "POST /invoke 403",
    how: async (actors) => {
      await tinycloud(actors.node.folder, ["spaces", "block", actors.session.space]);
      return await put(actors, "a");
    },
  },
  { name: "POST /invoke 503", how: (actors) => locked(actors, () => put(actors, "a")) },
  {
    name: "POST /delegate 503",
    how: async (actors) => {
      const { node, session } = actors;
      const att = attenuation(`${session.space}/kv/a`, [GET]);
      const { header } = await ucan(node, session, (await randomSessionKey()).did, att);
      return await locked(actors, () => post(node, header));
    },
  },
  {
    name: "POST /revoke 503",
    how: (actors) => locked(actors, () => revoke(actors.node, actors.session, actors.session.cid)),
  },
  ...["GET", "HEAD"].map((method) => ({
    name: `${method} /healthz 503`,
    how: async ({ node }: Actors) => {
      await Deno.rename(`${node.folder}/blocks`, `${node.folder}/away`);
      node.clock.advance(2);
      const answer = await ask(node, "/healthz", { method });
      await Deno.rename(`${node.folder}/away`, `${node.folder}/blocks`);
      return answer;
    },
  })),
];

const ALL_CASES = ARE_FILES ? [...CASES, ...ON_FILES] : CASES;

for (const { name, how, env = {} } of ALL_CASES) {
  Deno.test(`an answer is as documented: ${name}`, async () => {
    await using node = await startTestNode({ env });
    const actors = { node, session: await aSession(node) };

    const { status, headers, text } = await how(actors);

    const [, method = "", path = "", expected] = /^(\S+) (.+) (\d{3})/.exec(name) ?? [];
    assert.equal(status, Number(expected), text);
    if (method === "any") return;
    assertDocumented({ method, path: path.replace("{space}", "x"), status, headers, text });
  });
}

/** Every operation but those on one path, with a token where it takes one. */
async function everyOperation(
  { node, session }: Actors,
  { from, except }: { readonly from?: Deno.HttpClient; readonly except?: string } = {},
) {
  const { header } = await invocation(node, session, LIST, at({ node, session }, ""));
  const asked = operations().filter(({ name }) =>
    !name.startsWith("OPTIONS") && (except === undefined || !name.endsWith(` ${except}`))
  );
  const questions = asked.map(
    ({ name }) => {
      const [method = "", path = ""] = name.split(" ");
      const token = method === "POST" ? { token: path === "/invoke" ? header : session.token } : {};
      return { path: path.replace("{space}", "x"), question: { method, from, ...token } };
    },
  );
  return await Promise.all(
    questions.map(({ path, question }: { path: string; question: Question }) =>
      ask(node, path, question)
    ),
  );
}

Deno.test("answers are as documented: 429 of every operation", async () => {
  await using node = await startTestNode({ env: { TINYCLOUD_LIMITS_CLIENT_RATE: "1" } });
  const session = await aSession(node);
  using from = clientAt("127.0.0.2");
  await ask(node, "/info", { method: "GET", from });

  const answers = await everyOperation({ node, session }, { from });

  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([429]));
});

Deno.test("answers are as documented: 503 of all but /livez while the node stops", async () => {
  await using node = await startTestNode();
  const session = await aSession(node);
  const { header } = await invocation(node, session, PUT, resourceUri(session.space, "kv", "a"));
  using upload = await RawConnection.open(node);
  await upload.head("POST /invoke HTTP/1.1", [`Authorization: ${header}`, "Content-Length: 2"]);
  await upload.write("a");
  // Once this is answered the upload is under way: the node reads one connection after the other.
  await ask(node, "/info", { method: "GET" });

  const stopped = node.node.stop();
  const answers = await everyOperation({ node, session }, { except: "/livez" });
  const alive = await ask(node, "/livez", { method: "GET" });
  await upload.write("b");
  const { status } = await upload.answer();
  await stopped;

  assert.deepEqual(new Set(answers.map(({ code }) => code)), new Set(["shutting_down"]));
  assert.deepEqual(new Set(answers.map((answer) => answer.status)), new Set([503]));
  assert.deepEqual([alive.status, status], [200, 200]);
});

Deno.test("answers are as documented: 500 when the node has a mistake", async () => {
  const clock = testClock();
  let isBroken = false;
  const broken = {
    ...clock,
    nowSeconds() {
      if (isBroken) throw new Error("no clock");
      return clock.nowSeconds();
    },
  };
  await using node = await startTestNode({ clock: broken });
  const session = await aSession(node);
  const { header } = await invocation(node, session, GET, `${session.space}/kv/a`);
  isBroken = true;

  const answers = await Promise.all([
    ask(node, "/invoke", { token: header }),
    ask(node, "/delegate", { token: session.token }),
    ask(node, "/revoke", { token: header }),
  ]);
  isBroken = false;

  assert.deepEqual(answers.map(({ code }) => code), ["internal", "internal", "internal"]);
});

/** Pairs that no test brings about, and why. */
const UNSEEN: readonly [RegExp, string][] = [
  [/^(GET|HEAD) .* 500$/, "no request is known that brings a mistake about here"],
];

Deno.test("every documented pair of operation and status was seen, but for", () => {
  const documented = pairsDocumented();
  const missing = documented.filter((pair) => !pairsSeen().has(pair));

  const seen = documented.length - missing.length;
  measured(`${seen} of ${documented.length} documented (operation, status) pairs seen`);
  const unexplained = missing.filter((pair) => !UNSEEN.some(([shape]) => shape.test(pair)));
  assert.deepEqual(ARE_FILES ? unexplained : [], []);
  for (const [shape, reason] of UNSEEN) {
    assert.ok(missing.some((pair) => shape.test(pair)), `seen after all: ${shape} (${reason})`);
  }
});
