// wire §6, limits: what counts as used, when a put is refused for it, and by which sentence.

import assert from "node:assert/strict";
import { connect, randomWallet, type Session, type Wallet } from "../../client/mod.ts";
import {
  type Answer,
  assertOk,
  assertRefused,
  type At,
  bytesOf,
  invoke,
  kv,
  type Refusal,
  signIn,
} from "../support/asking.ts";
import { startTestNode, type TestNode } from "../support/node.ts";
import { askRaw } from "../support/raw_http.ts";
import { refusesUntouched, snapshot } from "../support/state.ts";
import { halfAnUpload, STAGED_IN_FILES } from "../support/uploads.ts";

const LIMIT = { TINYCLOUD_STORAGE_LIMIT: "100" };

const exceeded = (used: number, limit = 100): Refusal => ({
  status: 402,
  code: "quota_exceeded",
  sentence: `Storage quota exceeded. Used: ${used} bytes, Limit: ${limit} bytes`,
});
const wouldExceed = (used: number, limit = 100): Refusal => ({
  status: 413,
  code: "quota_would_exceed",
  sentence: `Write exceeds remaining storage. Used: ${used} bytes, Limit: ${limit} bytes`,
});
const tooLarge = (max: number): Refusal => ({
  status: 413,
  code: "object_too_large",
  sentence: `Value exceeds maximum of ${max} bytes`,
});
const NO_KEY = { status: 404, code: "key_not_found", sentence: "Key not found" };

/** Whether the node is told a put's size before it comes. */
const WAYS = ["with Content-Length", "chunked"] as const;

/** Stores `size` bytes; no header is stored with them. */
function put(
  at: At,
  session: Session,
  key: string,
  size: number,
  way: (typeof WAYS)[number] = "with Content-Length",
  headers: HeadersInit = {},
): Promise<Answer> {
  const bytes = bytesOf(size);
  const body = way === "chunked" ? new Blob([bytes]).stream() : bytes;
  return invoke(at, session, kv(session, "put", key), { body, headers });
}

interface Step {
  readonly key: string;
  /** Bytes of the value; undefined: the key is deleted. */
  readonly size?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly expected: "200" | Refusal;
}

/** What happens in a space of 100 bytes, put by put. A value of n bytes at a key of one is n+1. */
const STORIES: readonly { name: string; steps: readonly Step[] }[] = [
  {
    name: "the whole limit can be used, not a byte more",
    steps: [
      { key: "a", size: 100, expected: wouldExceed(0) },
      { key: "a", size: 99, expected: "200" },
    ],
  },
  {
    name: "the key counts, and the bytes of stored header names and values",
    steps: [
      { key: "k".repeat(50), size: 51, expected: wouldExceed(0) },
      { key: "k".repeat(50), size: 50, expected: "200" },
      {
        key: "k".repeat(50),
        size: 36,
        headers: { "content-type": "a/b" },
        expected: exceeded(100),
      },
      { key: "k".repeat(50), size: 35, headers: { "content-type": "a/b" }, expected: "200" },
      { key: "k".repeat(50), size: 35, headers: { "x-other": "more" }, expected: "200" },
    ],
  },
  {
    name: "a full space refuses even an empty value at a new key",
    steps: [
      { key: "a", size: 99, expected: "200" },
      { key: "b", size: 0, expected: exceeded(100) },
    ],
  },
  {
    name: "the byte that is left can be used by an empty value",
    steps: [
      { key: "a", size: 98, expected: "200" },
      { key: "b", size: 1, expected: wouldExceed(99) },
      { key: "b", size: 0, expected: "200" },
    ],
  },
  {
    name: "a put that does not grow the total passes in a full space",
    steps: [
      { key: "a", size: 99, expected: "200" },
      { key: "a", size: 99, expected: "200" },
      { key: "a", size: 100, expected: exceeded(100) },
      { key: "a", size: 10, expected: "200" },
      { key: "a", size: 100, expected: wouldExceed(11) },
    ],
  },
  {
    name: "equal content counts for each key",
    steps: [
      { key: "a", size: 49, expected: "200" },
      { key: "b", size: 49, expected: "200" },
      { key: "c", size: 0, expected: exceeded(100) },
    ],
  },
  {
    name: "deletion frees exactly what the key held",
    steps: [
      { key: "a", size: 59, expected: "200" },
      { key: "b", size: 39, expected: "200" },
      { key: "a", expected: "200" },
      { key: "c", size: 60, expected: wouldExceed(40) },
      { key: "c", size: 59, expected: "200" },
    ],
  },
  {
    name: "an overwrite counts once",
    steps: [
      { key: "a", size: 59, expected: "200" },
      { key: "a", size: 89, expected: "200" },
      { key: "a", size: 19, expected: "200" },
      { key: "b", size: 80, expected: wouldExceed(20) },
      { key: "b", size: 79, expected: "200" },
    ],
  },
];

for (const way of WAYS) {
  Deno.test(`wire §6: in a space of 100 bytes, ${way},`, async (t) => {
    await using node = await startTestNode({ env: LIMIT });
    for (const { name, steps } of STORIES) {
      await t.step(name, async () => {
        const session = await signIn(node);
        for (const { key, size, headers, expected } of steps) {
          const request = () =>
            size === undefined
              ? invoke(node, session, kv(session, "del", key))
              : put(node, session, key, size, way, headers);

          if (expected === "200") assertOk(await request());
          else await refusesUntouched(node, request, expected);
        }
      });
    }
  });
}

Deno.test("wire §6: a value in blocks counts like one in the database", async () => {
  await using node = await startTestNode({ env: { TINYCLOUD_STORAGE_LIMIT: "200000" } });
  const session = await signIn(node);
  assertOk(await put(node, session, "a", 99_999));
  assertOk(await put(node, session, "b", 99_998));

  await refusesUntouched(node, () => put(node, session, "c", 1), wouldExceed(199_999, 200_000));
  await refusesUntouched(
    node,
    () => put(node, session, "c", 100_000, "chunked"),
    wouldExceed(199_999, 200_000),
  );
});

Deno.test("wire §6: 100 puts at once of a tenth of the limit: ten pass", async () => {
  await using node = await startTestNode({ env: LIMIT });
  const session = await signIn(node);

  const answers = await Promise.all(
    Array.from(
      { length: 100 },
      (_, index) => put(node, session, String(index).padStart(2, "0"), 8),
    ),
  );

  const passed = answers.filter(({ status }) => status === 200);
  assert.equal(passed.length, 10);
  for (const answer of answers) {
    if (answer.status !== 200) assertRefused(answer, exceeded(100));
  }
  assert.equal((await session.list("")).length, 10);
});

Deno.test("wire §6: hosting a space again does not reset what is used (U13)", async () => {
  await using node = await startTestNode({ env: LIMIT });
  const wallet = randomWallet();
  const session = await signIn(node, {}, wallet);
  assertOk(await put(node, session, "a", 99));

  await connect(node.url).hostSpace(wallet, session.space);

  await refusesUntouched(node, () => put(node, session, "b", 0), exceeded(100));
});

Deno.test("wire §6: a space beyond a limit that was lowered may shrink, not grow", async () => {
  const folder = await Deno.makeTempDir({ prefix: "tinycloud-" });
  try {
    const wallet = randomWallet();
    {
      await using node = await startTestNode({ folder, env: LIMIT });
      assertOk(await put(node, await signIn(node, {}, wallet), "a", 99));
    }
    await using node = await startTestNode({ folder, env: { TINYCLOUD_STORAGE_LIMIT: "50" } });
    const session = await signIn(node, {}, wallet);

    assertOk(await put(node, session, "a", 99));
    assertOk(await put(node, session, "a", 79));
    await refusesUntouched(node, () => put(node, session, "a", 80), exceeded(80, 50));
    await refusesUntouched(node, () => put(node, session, "b", 0), exceeded(80, 50));
    assertOk(await put(node, session, "a", 10));
    await refusesUntouched(node, () => put(node, session, "b", 39), wouldExceed(11, 50));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("wire §6: what is used survives a restart", async () => {
  const folder = await Deno.makeTempDir({ prefix: "tinycloud-" });
  try {
    const wallet = randomWallet();
    {
      await using node = await startTestNode({ folder, env: LIMIT });
      assertOk(await put(node, await signIn(node, {}, wallet), "a", 59));
    }
    await using node = await startTestNode({ folder, env: LIMIT });

    const answer = await put(node, await signIn(node, {}, wallet), "b", 40);

    assertRefused(answer, wouldExceed(60));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("wire §6: without a limit no put is refused for one", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  assertOk(await put(node, session, "a", 1_000_000));
  assertOk(await put(node, session, "b", 1_000_000, "chunked"));
});

// --- All spaces together -----------------------------------------------------------------------

/** What a check writes beside the request would count too. */
const WITHOUT_MORE = { settle: false };

// The contract names no numbers for `storage.total`; "likewise" is read as: those of all spaces.
Deno.test("wire §6: storage.total bounds all spaces together", async () => {
  await using node = await startTestNode({ env: { TINYCLOUD_STORAGE_TOTAL: "100" } });
  const [one, two] = [await signIn(node), await signIn(node)];
  assertOk(await put(node, one, "a", 59));

  await refusesUntouched(node, () => put(node, two, "a", 40), wouldExceed(60), WITHOUT_MORE);
  await refusesUntouched(
    node,
    () => put(node, two, "a", 40, "chunked"),
    wouldExceed(60),
    WITHOUT_MORE,
  );
  assertOk(await put(node, two, "a", 39));
  await refusesUntouched(node, () => put(node, one, "b", 0), exceeded(100), WITHOUT_MORE);
  assertOk(await put(node, one, "a", 59));
  assertOk(await invoke(node, one, kv(one, "del", "a")));
  assertOk(await put(node, two, "b", 59));
});

Deno.test("wire §6: 50 puts at once into 50 spaces pass storage.total exactly", async () => {
  await using node = await startTestNode({ env: { TINYCLOUD_STORAGE_TOTAL: "100" } });
  const sessions = await Promise.all(Array.from({ length: 50 }, () => signIn(node)));

  const answers = await Promise.all(sessions.map((session) => put(node, session, "k", 9)));

  assert.equal(answers.filter(({ status }) => status === 200).length, 10);
  assert.equal(answers.filter(({ status }) => status === 402).length, 40);
});

Deno.test("wire §6: of both limits each holds", async () => {
  const env = { ...LIMIT, TINYCLOUD_STORAGE_TOTAL: "150" };
  await using node = await startTestNode({ env });
  const [one, two] = [await signIn(node), await signIn(node)];
  assertOk(await put(node, one, "a", 99));

  await refusesUntouched(node, () => put(node, one, "b", 9), exceeded(100), WITHOUT_MORE);
  await refusesUntouched(node, () => put(node, two, "b", 59), wouldExceed(100, 150), WITHOUT_MORE);
  assertOk(await put(node, two, "b", 49));
});

// --- One value ---------------------------------------------------------------------------------

for (const way of WAYS) {
  Deno.test(`wire §6: a value may have storage.max_object bytes, ${way}, and no more`, async () => {
    const env = { TINYCLOUD_STORAGE_MAX_OBJECT: "50000" };
    await using node = await startTestNode({ env });
    const session = await signIn(node);

    assertOk(await put(node, session, "k", 50_000, way));
    await refusesUntouched(node, () => put(node, session, "k", 50_001, way), tooLarge(50_000));
    await refusesUntouched(node, () => put(node, session, "k", 5_000_000, way), tooLarge(50_000));

    const got = assertOk(await invoke(node, session, kv(session, "get", "k")));
    assert.deepEqual(got.bytes, bytesOf(50_000));
  });
}

Deno.test("wire §6: a value is at most 1 GiB unless set otherwise", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  const { header } = await session.invocationToken(kv(session, "put", "k"));

  const answer = await askRaw(node, "POST /invoke HTTP/1.1", [
    `Authorization: ${header}`,
    `Content-Length: ${2 ** 30 + 1}`,
  ]);

  assert.deepEqual([answer.status, answer.text], [
    413,
    "Value exceeds maximum of 1073741824 bytes",
  ]);
});

Deno.test("wire §6: a Content-Length beyond the largest value comes before a full space", async () => {
  const env = { ...LIMIT, TINYCLOUD_STORAGE_MAX_OBJECT: "200" };
  await using node = await startTestNode({ env });
  const session = await signIn(node);
  assertOk(await put(node, session, "a", 99));

  await refusesUntouched(node, () => put(node, session, "b", 201), tooLarge(200));
  await refusesUntouched(node, () => put(node, session, "b", 200), exceeded(100));
  // Who does not tell the length is told what stands against him first.
  await refusesUntouched(node, () => put(node, session, "b", 201, "chunked"), exceeded(100));
});

// --- While an upload is under way --------------------------------------------------------------

const LARGE = bytesOf(1_000_000);

/** A put of LARGE at "k", of which half is sent, in a space of `limit` bytes. */
async function beginPut(node: TestNode, wallet: Wallet) {
  const session = await signIn(node, {}, wallet);
  const { header } = await session.invocationToken(kv(session, "put", "k"));
  return { session, connection: await halfAnUpload(node, header, LARGE) };
}

Deno.test("wire §6: the limit is judged again when the upload has arrived", async () => {
  const env = { ...STAGED_IN_FILES, TINYCLOUD_STORAGE_LIMIT: "1000100" };
  await using node = await startTestNode({ env });
  const { session, connection } = await beginPut(node, randomWallet());
  using upload = connection;
  assertOk(await put(node, session, "other", 100));
  const blocks = await snapshot(node);

  await upload.write(LARGE.subarray(LARGE.length / 2));
  const answer = await upload.answer();

  assert.deepEqual([answer.status, answer.text], [
    413,
    "Write exceeds remaining storage. Used: 105 bytes, Limit: 1000100 bytes",
  ]);
  assert.deepEqual(await snapshot(node), blocks, "no row, and no block");
  assertRefused(await invoke(node, session, kv(session, "get", "k")), NO_KEY);
});
