// wire §6 and adversary 2: bodies on the wire. Framing, uploads that break off, and what happens
// to one while its token, its chain or its key changes.

import assert from "node:assert/strict";
import { randomWallet, type Session } from "../../client/mod.ts";
import { ask, assertOk, assertRefused, bytesOf, invoke, kv, signIn } from "../support/asking.ts";
import { eventually } from "../support/eventually.ts";
import { walk } from "../support/files.ts";
import { startTestNode, type TestNode } from "../support/node.ts";
import { askRaw, type RawAnswer, RawConnection, withinTime } from "../support/raw_http.ts";
import { snapshot } from "../support/state.ts";
import { halfAnUpload, STAGED_IN_FILES } from "../support/uploads.ts";

const NO_KEY = { status: 404, code: "key_not_found", sentence: "Key not found" };
const LARGE = bytesOf(1_000_000);
const HALF = LARGE.length / 2;

async function putToken(session: Session, key = "k", expiration?: number): Promise<string> {
  const call = kv(session, "put", key);
  const token = await session.invocationToken(
    expiration === undefined ? call : { ...call, expiration },
  );
  return token.header;
}

function codeOf({ status, text, headers }: RawAnswer): readonly [number, string | null, string] {
  return [status, headers.get("x-tinycloud-error"), text];
}

// --- Framing -----------------------------------------------------------------------------------

const BAD_LENGTH = [400, "length_invalid", "Invalid Content-Length"] as const;

/** What the handler sees and must refuse, as the runtime lets it pass. */
const LENGTHS: readonly { name: string; headers: readonly string[] }[] = [
  { name: "twice the same", headers: ["Content-Length: 3", "Content-Length: 3"] },
];

Deno.test("wire §6: a put is refused whose Content-Length is", async (t) => {
  await using node = await startTestNode();
  const session = await signIn(node);
  for (const { name, headers } of LENGTHS) {
    await t.step(name, async () => {
      const token = `Authorization: ${await putToken(session)}`;
      const before = await snapshot(node);

      const answer = await askRaw(node, "POST /invoke HTTP/1.1", [token, ...headers], "abc");

      assert.deepEqual(codeOf(answer), BAD_LENGTH);
      assert.deepEqual(await snapshot(node), before);
    });
  }
});

/** Either the runtime or the handler refuses these; 400 in any case, and nothing is done. */
const FRAMINGS: readonly { name: string; headers: readonly string[]; body: string }[] = [
  { name: 'a length of "3, 3"', headers: ["Content-Length: 3, 3"], body: "abc" },
  { name: "a length of +3", headers: ["Content-Length: +3"], body: "abc" },
  { name: "a length of -1", headers: ["Content-Length: -1"], body: "abc" },
  { name: "a length of 0x3", headers: ["Content-Length: 0x3"], body: "abc" },
  { name: "a length of 3.0", headers: ["Content-Length: 3.0"], body: "abc" },
  { name: "a length of 2^64", headers: ["Content-Length: 18446744073709551616"], body: "abc" },
  { name: "an empty length", headers: ["Content-Length: "], body: "abc" },
  { name: "two lengths", headers: ["Content-Length: 3", "Content-Length: 4"], body: "abcd" },
  {
    name: "a length and chunks",
    headers: ["Content-Length: 3", "Transfer-Encoding: chunked"],
    body: "3\r\nabc\r\n0\r\n\r\n",
  },
  { name: "gzip", headers: ["Transfer-Encoding: gzip"], body: "abc" },
  {
    name: "gzip in chunks",
    headers: ["Transfer-Encoding: gzip, chunked"],
    body: "3\r\nabc\r\n0\r\n\r\n",
  },
  {
    name: "gzip in chunks, on two lines",
    headers: ["Transfer-Encoding: gzip", "Transfer-Encoding: chunked"],
    body: "3\r\nabc\r\n0\r\n\r\n",
  },
  {
    name: "identity",
    headers: ["Transfer-Encoding: identity", "Content-Length: 3"],
    body: "abc",
  },
  {
    name: "chunked twice",
    headers: ["Transfer-Encoding: chunked, chunked"],
    body: "3\r\nabc\r\n0\r\n\r\n",
  },
];

Deno.test("wire §6: 400 is the answer to a body framed by", async (t) => {
  await using node = await startTestNode();
  const session = await signIn(node);
  for (const { name, headers, body } of FRAMINGS) {
    await t.step(name, async () => {
      const token = `Authorization: ${await putToken(session)}`;
      const before = await snapshot(node);

      const answer = await askRaw(node, "POST /invoke HTTP/1.1", [token, ...headers], body);

      assert.equal(answer.status, 400, answer.text);
      assert.deepEqual(await snapshot(node), before);
    });
  }
});

Deno.test("wire §6: chunked is accepted in any case", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  const token = `Authorization: ${await putToken(session)}`;

  const answer = await askRaw(
    node,
    "POST /invoke HTTP/1.1",
    [token, "Transfer-Encoding: Chunked"],
    "3\r\nabc\r\n0\r\n\r\n",
  );

  assert.equal(answer.status, 200, answer.text);
  assert.equal((await session.get("k"))?.text(), "abc");
});

/** Bodies whose framing breaks while they come. */
const BROKEN: readonly { name: string; headers: readonly string[]; body: string }[] = [
  {
    name: "a chunk size that is no number",
    headers: ["Transfer-Encoding: chunked"],
    body: "3\r\nabc\r\nzz\r\nabc\r\n0\r\n\r\n",
  },
  {
    name: "a chunk longer than it says",
    headers: ["Transfer-Encoding: chunked"],
    body: "3\r\nabcdef\r\n0\r\n\r\n",
  },
  {
    name: "a chunk size beyond 64 bits",
    headers: ["Transfer-Encoding: chunked"],
    body: "fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
  },
  {
    name: "a giant extension of a chunk",
    headers: ["Transfer-Encoding: chunked"],
    body: `3;${"x".repeat(100_000)}\r\nabc\r\n0\r\n\r\n`,
  },
];

Deno.test("adversary 2: nothing is stored of a body with", async (t) => {
  await using node = await startTestNode();
  const session = await signIn(node);
  for (const { name, headers, body } of BROKEN) {
    await t.step(name, async () => {
      const before = await snapshot(node);
      using connection = await RawConnection.open(node);
      await connection.head("POST /invoke HTTP/1.1", [
        `Authorization: ${await putToken(session)}`,
        ...headers,
      ]);
      await connection.write(body).catch(() => {});

      // The runtime may close the connection where it cannot answer any more.
      const status = await connection.answer().then((answer) => answer.status, () => "closed");

      assert.ok(status === 400 || status === "closed", String(status));
      assertRefused(await invoke(node, session, kv(session, "get", "k")), NO_KEY);
      assert.deepEqual(await snapshot(node), before);
    });
  }
});

Deno.test("adversary 2: an Authorization in a trailer is ignored", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);

  const answer = await askRaw(
    node,
    "POST /invoke HTTP/1.1",
    ["Transfer-Encoding: chunked", "Trailer: Authorization"],
    `3\r\nabc\r\n0\r\nAuthorization: ${await putToken(session)}\r\n\r\n`,
  );

  assert.deepEqual(codeOf(answer), [401, "token_missing", "Missing Authorization header"]);
});

Deno.test("adversary 2: two Authorization headers are refused", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  const token = `Authorization: ${await putToken(session)}`;

  const answer = await askRaw(node, "POST /invoke HTTP/1.1", [token, token, "Content-Length: 0"]);

  assert.equal(answer.status, 401);
  assert.equal(answer.headers.get("x-tinycloud-error"), "token_malformed");
});

/** What the node reported as faults of its own. */
function failures({ lines }: TestNode): readonly string[] {
  return lines.filter((line) => line.includes("request.failed"));
}

// --- Uploads that break off --------------------------------------------------------------------

/** Waits until nothing of an upload is left on the disk; a hang is an error. */
async function cleared(node: TestNode, before: readonly string[]): Promise<void> {
  const watcher = Deno.watchFs(`${node.folder}/staging`);
  const names = async () => [...(await walk(`${node.folder}/staging`)).keys()].sort();
  const wait = async () => {
    if (String(await names()) === String(before)) return;
    for await (const _event of watcher) if (String(await names()) === String(before)) return;
  };
  await withinTime(wait(), "the staged file is gone", 5000);
  try {
    watcher.close();
  } catch {
    // The loop above has closed it.
  }
}

Deno.test("adversary 2: nothing is left of an upload that is aborted", async (t) => {
  await using node = await startTestNode({ env: STAGED_IN_FILES });
  const session = await signIn(node);
  const staged = [...(await walk(`${node.folder}/staging`)).keys()].sort();
  for (let tenths = 0; tenths < 10; tenths++) {
    await t.step(`after ${tenths * 10} %`, async () => {
      const before = await snapshot(node);
      const token = await putToken(session);
      {
        using upload = await RawConnection.open(node);
        await upload.head("POST /invoke HTTP/1.1", [
          `Authorization: ${token}`,
          `Content-Length: ${LARGE.length}`,
        ]);
        await upload.write(LARGE.subarray(0, LARGE.length * tenths / 10));
        await eventually("the upload has begun", async () => {
          const sizes = (await walk(`${node.folder}/staging`)).values();
          const hasBegun = tenths === 0 || [...sizes].some((size) => size > 0);
          return hasBegun || undefined;
        });
      }

      await cleared(node, staged);
      assert.deepEqual(await snapshot(node), before);
      assertRefused(await invoke(node, session, kv(session, "get", "k")), NO_KEY);
      // Nobody has used the token up.
      assertOk(await ask(node, "/invoke", { token, body: "whole" }));
      assertOk(await invoke(node, session, kv(session, "del", "k")));
    });
  }
  assert.deepEqual(failures(node), []);
});

Deno.test("adversary 2: a body shorter than it says is refused and leaves nothing", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  const before = await snapshot(node);
  {
    using connection = await RawConnection.open(node);
    await connection.head("POST /invoke HTTP/1.1", [
      `Authorization: ${await putToken(session)}`,
      "Content-Length: 100",
    ]);
    await connection.write(bytesOf(99));
  }

  assertRefused(await invoke(node, session, kv(session, "get", "k")), NO_KEY);
  assert.deepEqual(await snapshot(node), before);
});

// --- What changes while an upload comes --------------------------------------------------------

Deno.test("wire §6: a token that expires during its upload is still good", async () => {
  await using node = await startTestNode({ env: STAGED_IN_FILES });
  const session = await signIn(node);
  using upload = await halfAnUpload(node, await putToken(session), LARGE);

  node.clock.advance(120);
  await upload.write(LARGE.subarray(HALF));

  assert.equal((await upload.answer()).status, 200);
});

Deno.test("wire §6: a chain that ends during the upload is refused at the end of it", async () => {
  await using node = await startTestNode({ env: STAGED_IN_FILES });
  const session = await signIn(node);
  const staged = [...(await walk(`${node.folder}/staging`)).keys()].sort();
  const before = await snapshot(node);
  using upload = await halfAnUpload(node, await putToken(session), LARGE);

  node.clock.advance(3601);
  await upload.write(LARGE.subarray(HALF));

  const { resource, ability } = kv(session, "put", "k");
  assert.deepEqual(codeOf(await upload.answer()), [
    401,
    "chain_time",
    `Unauthorized Action: ${resource} / ${ability}`,
  ]);
  await cleared(node, staged);
  assert.deepEqual(await snapshot(node), before);
});

Deno.test("wire §6: a precondition is judged when the upload has arrived", async () => {
  await using node = await startTestNode({ env: STAGED_IN_FILES });
  const session = await signIn(node);
  using upload = await halfAnUpload(node, await putToken(session), LARGE, ["If-None-Match: *"]);
  await session.put("k", "meanwhile");
  const before = await snapshot(node);

  await upload.write(LARGE.subarray(HALF));

  assert.deepEqual(codeOf(await upload.answer()), [
    412,
    "precondition_failed",
    "KV precondition failed",
  ]);
  assert.deepEqual(await snapshot(node), before, "no row, and no block");
  assert.equal((await session.get("k"))?.text(), "meanwhile");
});

Deno.test("wire §6: of two uploads of one token the second to arrive answers 409", async () => {
  await using node = await startTestNode({ env: STAGED_IN_FILES });
  const session = await signIn(node);
  const token = await putToken(session);
  using upload = await halfAnUpload(node, token, LARGE);
  assertOk(await invoke(node, session, kv(session, "list", "")));
  const first = await askRaw(node, "POST /invoke HTTP/1.1", [
    `Authorization: ${token}`,
    "Content-Length: 5",
  ], "small");
  const before = await snapshot(node);

  await upload.write(LARGE.subarray(HALF));

  assert.equal(first.status, 200);
  assert.deepEqual(codeOf(await upload.answer()), [
    409,
    "invocation_replayed",
    "duplicate invocation",
  ]);
  assert.deepEqual(await snapshot(node), before, "no row, and no block");
  assert.equal((await session.get("k"))?.text(), "small");
});

// --- Answers before the body has come ----------------------------------------------------------

const GIBIBYTE = 2 ** 30;

/** Refusals of a gibibyte of which the client keeps sending, until it is told to stop. */
const EARLY: readonly { name: string; framing: string; status: number; token: boolean }[] = [
  {
    name: "401 by Content-Length",
    framing: `Content-Length: ${GIBIBYTE}`,
    status: 401,
    token: false,
  },
  { name: "401 in chunks", framing: "Transfer-Encoding: chunked", status: 401, token: false },
  {
    name: "413 by Content-Length",
    framing: `Content-Length: ${GIBIBYTE}`,
    status: 413,
    token: true,
  },
  { name: "413 in chunks", framing: "Transfer-Encoding: chunked", status: 413, token: true },
];

Deno.test("adversary 2: an early answer to a large upload arrives, and nothing hangs:", async (t) => {
  await using node = await startTestNode({ env: { TINYCLOUD_STORAGE_MAX_OBJECT: "1000000" } });
  const session = await signIn(node);
  for (const { name, framing, status, token } of EARLY) {
    await t.step(name, async () => {
      using connection = await RawConnection.open(node);
      const authorization = token ? [`Authorization: ${await putToken(session)}`] : [];
      await connection.head("POST /invoke HTTP/1.1", [...authorization, framing]);
      const chunk = framing.startsWith("T")
        ? new TextEncoder().encode(`10000\r\n${"x".repeat(65536)}\r\n`)
        : new Uint8Array(65536);
      let answered = false;
      const answer = connection.answer().finally(() => answered = true);
      const sending = (async () => {
        for (let sent = 0; sent < GIBIBYTE && !answered; sent += 65536) {
          await connection.write(chunk);
        }
      })().catch(() => {});

      assert.equal((await withinTime(answer, "an answer")).status, status);
      await withinTime(sending, "the end of sending");
    });
  }
  assertOk(await invoke(node, session, kv(session, "list", "")));
});

Deno.test("adversary 2: a refusal by Content-Length does not wait for the body", async () => {
  await using node = await startTestNode({ env: { TINYCLOUD_STORAGE_MAX_OBJECT: "1000000" } });
  const session = await signIn(node);

  const answer = await askRaw(node, "POST /invoke HTTP/1.1", [
    `Authorization: ${await putToken(session)}`,
    "Content-Length: 1000001",
  ]);

  assert.equal(answer.status, 413);
});

Deno.test("adversary 2: a body that comes too slowly is refused with 408", async () => {
  const env = { TINYCLOUD_HTTP_BODY_IDLE_TIMEOUT: "200 ms" };
  await using node = await startTestNode({ env });
  const session = await signIn(node);
  const before = await snapshot(node);
  using connection = await RawConnection.open(node);
  await connection.head("POST /invoke HTTP/1.1", [
    `Authorization: ${await putToken(session)}`,
    "Content-Length: 100000",
  ]);
  await connection.write(bytesOf(5000));

  const answer = await connection.answer();

  assert.deepEqual(codeOf(answer), [408, "body_timeout", "Body too slow"]);
  assert.equal(answer.headers.get("access-control-allow-origin"), "*");
  assert.deepEqual(await snapshot(node), before);
});

for (const path of ["/delegate", "/revoke"]) {
  Deno.test(`adversary 2: a slow body at ${path} does not hold the answer up for long`, async () => {
    const env = { TINYCLOUD_HTTP_BODY_IDLE_TIMEOUT: "200 ms" };
    await using node = await startTestNode({ env });
    await signIn(node, {}, randomWallet());
    using connection = await RawConnection.open(node);
    await connection.head(`POST ${path} HTTP/1.1`, [
      "Authorization: a.b.c",
      "Content-Length: 100000",
    ]);
    await connection.write(bytesOf(10));

    const answer = await connection.answer();

    assert.ok(answer.status === 401 || answer.status === 408, String(answer.status));
  });
}
