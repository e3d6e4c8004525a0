// wire §6, the kv abilities: what is stored, listed, deleted and told. Limits are in
// wire_6_limits.test.ts, uploads and framing in wire_6_uploads.test.ts.

import assert from "node:assert/strict";
import { blake3 } from "@noble/hashes/blake3.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import {
  attenuation,
  connect,
  randomSessionKey,
  randomWallet,
  resourceUri,
  type Session,
  signUcan,
  spaceId,
} from "../../client/mod.ts";
import {
  type Answer,
  ask,
  assertOk,
  assertRefused,
  type At,
  bytesOf,
  invoke,
  kv,
  type Refusal,
  signIn,
  type Verb,
} from "../support/asking.ts";
import { startTestNode } from "../support/node.ts";
import { askRaw } from "../support/raw_http.ts";
import { refusesUntouched, snapshot } from "../support/state.ts";

const NO_KEY = { status: 404, code: "key_not_found", sentence: "Key not found" };
const NO_SPACE = { status: 404, code: "space_not_found", sentence: "Space not found" };
const PRECONDITION = {
  status: 412,
  code: "precondition_failed",
  sentence: "KV precondition failed",
};
const BAD_REQUEST = { status: 400, code: "request_malformed", sentence: /^Malformed request: ./ };
const KEY_TOO_LONG = { status: 400, code: "key_too_long", sentence: "Key exceeds 1024 bytes" };
const HEADERS_TOO_LARGE = {
  status: 400,
  code: "headers_too_large",
  sentence: "Stored headers exceed 64 names or 8 KiB",
};
const noSuchKey = (key: string): Refusal => ({
  status: 404,
  code: "key_not_deleted",
  sentence: `No Such Key: ${key}`,
});
const VERBS: readonly Verb[] = ["put", "get", "metadata", "list", "del"];

function etagOf(content: string | Uint8Array): string {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return `"blake3-${bytesToHex(blake3(bytes))}"`;
}

const put = (
  at: At,
  session: Session,
  key: string,
  body?: BodyInit,
  headers?: HeadersInit,
): Promise<Answer> => invoke(at, session, kv(session, "put", key), { body, headers });
const get = (at: At, session: Session, key: string) => invoke(at, session, kv(session, "get", key));
const list = async (at: At, session: Session, prefix: string): Promise<unknown> =>
  JSON.parse(assertOk(await invoke(at, session, kv(session, "list", prefix))).text);

/** A session of a fresh key that may list, and no more, below each path. */
async function lister(at: At, from: Session, paths: readonly string[]): Promise<Session> {
  const key = await randomSessionKey();
  const { header, cid } = await signUcan(from.key, {
    audience: key.did,
    expiration: Math.floor(Date.now() / 1000) + 600,
    proofs: [from.cid],
    attenuations: Object.assign(
      {},
      ...paths.map((path) =>
        attenuation(resourceUri(from.space, "kv", path), ["tinycloud.kv/list"])
      ),
    ),
  });
  assertOk(await ask(at, "/delegate", { token: header }));
  return connect(at.url).use(key, { cid, space: from.space });
}

// --- Values ------------------------------------------------------------------------------------

const VALUES: readonly { name: string; bytes: Uint8Array<ArrayBuffer> }[] = [
  { name: "the empty value", bytes: new Uint8Array() },
  { name: "one zero byte", bytes: new Uint8Array(1) },
  { name: "every byte there is", bytes: Uint8Array.from({ length: 256 }, (_, index) => index) },
  { name: "16 KiB, the largest that is kept in the database", bytes: bytesOf(16 * 1024) },
  { name: "16 KiB and a byte", bytes: bytesOf(16 * 1024 + 1) },
  { name: "64 KiB", bytes: bytesOf(64 * 1024) },
  { name: "3 MiB and a byte", bytes: bytesOf(3 * 1024 * 1024 + 1) },
];

Deno.test("wire §6: a value comes back as it was put:", async (t) => {
  await using node = await startTestNode();
  const session = await signIn(node);
  for (const { name, bytes } of VALUES) {
    for (
      const [way, body] of [["whole", bytes], ["chunked", new Blob([bytes]).stream()]] as const
    ) {
      await t.step(`${name}, ${way}`, async () => {
        const stored = assertOk(await put(node, session, `k/${way}`, body));
        assert.equal(stored.text, "");
        assert.equal(stored.headers.get("etag"), etagOf(bytes));

        const got = assertOk(await get(node, session, `k/${way}`));
        assert.deepEqual(got.bytes, bytes);
        assert.equal(got.headers.get("content-length"), String(bytes.length));
        assert.equal(got.headers.get("etag"), etagOf(bytes));

        const told = assertOk(await invoke(node, session, kv(session, "metadata", `k/${way}`)));
        assert.equal(told.bytes.length, 0);
        assert.equal(told.headers.get("content-length"), "0");
        assert.equal(told.headers.get("x-tinycloud-content-length"), String(bytes.length));
        assert.equal(told.headers.get("etag"), etagOf(bytes));
      });
    }
  }
});

Deno.test("wire §6: a put without a body stores the empty value", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  const { header: token } = await session.invocationToken(kv(session, "put", "k"));

  const answer = await askRaw(node, "POST /invoke HTTP/1.1", [`Authorization: ${token}`]);

  assert.equal(answer.status, 200);
  assert.equal(assertOk(await get(node, session, "k")).bytes.length, 0);
});

Deno.test("wire §6: the last put wins, with its value and its headers", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  const big = bytesOf(100_000);
  const first = { "content-type": "text/plain", "x-tinycloud-meta-a": "1" };

  await put(node, session, "k", big, first);
  await put(node, session, "k", bytesOf(3), { "x-tinycloud-meta-b": "2" });

  const got = assertOk(await get(node, session, "k"));
  assert.deepEqual(got.bytes, bytesOf(3));
  assert.equal(got.headers.get("content-type"), null);
  assert.equal(got.headers.get("x-tinycloud-meta-a"), null);
  assert.equal(got.headers.get("x-tinycloud-meta-b"), "2");

  await put(node, session, "k", big);
  assert.deepEqual(assertOk(await get(node, session, "k")).bytes, big);
});

Deno.test("wire §6: of puts at once the value and the headers of one remain", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  const contents = Array.from({ length: 20 }, (_, index) => bytesOf(index * 3000, index));

  const answers = await Promise.all(
    contents.map((content, index) =>
      put(node, session, "k", content, { "x-tinycloud-meta-index": String(index) })
    ),
  );

  answers.forEach(assertOk);
  const got = assertOk(await get(node, session, "k"));
  assert.deepEqual(got.bytes, contents[Number(got.headers.get("x-tinycloud-meta-index"))]);
});

Deno.test("wire §6: a get during an overwrite is the old value or the new, whole", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  const contents = [bytesOf(200_000, 1), bytesOf(300_000, 2)] as const;
  await put(node, session, "k", contents[0]);

  const [written, ...read] = await Promise.all([
    put(node, session, "k", contents[1]),
    ...Array.from({ length: 10 }, () => get(node, session, "k")),
  ]);

  assertOk(written);
  for (const got of read) {
    assert.deepEqual(assertOk(got).bytes, contents[got.bytes.length === 200_000 ? 0 : 1]);
    assert.equal(got.headers.get("etag"), etagOf(got.bytes));
  }
});

Deno.test("wire §6: values survive a restart", async () => {
  const folder = await Deno.makeTempDir({ prefix: "tinycloud-" });
  try {
    const wallet = randomWallet();
    {
      await using node = await startTestNode({ folder });
      const session = await signIn(node, {}, wallet);
      await put(node, session, "small", "s", { "x-tinycloud-meta-a": "1" });
      await put(node, session, "big", bytesOf(100_000));
      await put(node, session, "gone", "g");
      assertOk(await invoke(node, session, kv(session, "del", "gone")));
    }
    await using node = await startTestNode({ folder });
    const session = await signIn(node, {}, wallet);

    assert.deepEqual(await list(node, session, ""), ["big", "small"]);
    assert.equal((await get(node, session, "small")).headers.get("x-tinycloud-meta-a"), "1");
    assert.deepEqual(assertOk(await get(node, session, "big")).bytes, bytesOf(100_000));
    await refusesUntouched(node, () => get(node, session, "gone"), NO_KEY);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("wire §6: a body where none belongs is ignored", async (t) => {
  await using node = await startTestNode();
  const session = await signIn(node);
  await put(node, session, "k", "v");
  for (const [verb, text] of [["get", "v"], ["metadata", ""], ["list", '["k"]'], ["del", ""]]) {
    for (const size of [1, 1_000_000]) {
      await t.step(`${verb} with ${size} bytes`, async () => {
        await put(node, session, "k", "v");
        const call = kv(session, verb as Verb, "k"); // one of the four above
        const answer = await invoke(node, session, call, { body: bytesOf(size) });
        assert.equal(assertOk(answer).text, text);
      });
    }
  }
});

// --- Keys --------------------------------------------------------------------------------------

/** Keys that look odd and are kept literally (wire §1). */
const ODD_KEYS = [
  "",
  "/",
  "//",
  "/a",
  "a/",
  "a//b",
  "a///",
  "%20",
  "%00",
  "%2F",
  "%25",
  "%C3%A9",
  "a:b@c+d,e;f=g&h!i$j'k(l)m*n~o",
  "...",
  "a.b/..c",
  "-",
  "_",
  "__proto__",
  "constructor",
];

Deno.test("wire §1: a key is kept literally:", async (t) => {
  await using node = await startTestNode();
  const session = await signIn(node);
  for (const key of ODD_KEYS) {
    await t.step(JSON.stringify(key), async () => {
      assertOk(await put(node, session, key, `value of ${key}`));

      assert.equal(assertOk(await get(node, session, key)).text, `value of ${key}`);
      const keys = await list(node, session, key);
      assert.ok(Array.isArray(keys) && keys.includes(key), String(keys));
    });
  }
  await t.step("and none is another", async () => {
    const encoder = new TextEncoder();
    const inByteOrder = ODD_KEYS.toSorted((a, b) => compare(encoder.encode(a), encoder.encode(b)));
    assert.deepEqual(await list(node, session, ""), inByteOrder);
    for (const key of ODD_KEYS) {
      assert.equal(assertOk(await get(node, session, key)).text, `value of ${key}`);
    }
  });
});

function compare(a: Uint8Array, b: Uint8Array): number {
  for (let index = 0; index < Math.min(a.length, b.length); index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

Deno.test("wire §1: the query of a resource is no part of the key", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);

  assertOk(await put(node, session, "a?x", "v"));

  assert.deepEqual(await list(node, session, ""), ["a"]);
  assert.equal(assertOk(await get(node, session, "a?y=z")).text, "v");
});

Deno.test("wire §1: a key of 1,024 bytes is accepted and one of 1,025 is not, for", async (t) => {
  await using node = await startTestNode();
  const session = await signIn(node);
  const longest = "k/".repeat(512);
  assertOk(await put(node, session, longest, "v"));
  for (const verb of VERBS) {
    await t.step(verb, async () => {
      assertOk(await invoke(node, session, kv(session, verb, longest)));
      await refusesUntouched(
        node,
        () => invoke(node, session, kv(session, verb, `${longest}k`)),
        KEY_TOO_LONG,
      );
    });
  }
  await t.step("escapes, which count as they are written", async () => {
    const call = kv(session, "get", "%C3%A9".repeat(171));
    await refusesUntouched(node, () => invoke(node, session, call), KEY_TOO_LONG);
  });
});

Deno.test("wire §1: a granted path may be longer than a key", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  const granted = await session.delegate({
    to: (await randomSessionKey()).did,
    path: "k".repeat(3000),
    abilities: ["get"],
  });
  assert.match(granted.cid, /^bafkr4i/);
});

// --- Absent keys and spaces --------------------------------------------------------------------

Deno.test("wire §6: an absent key is told", async (t) => {
  await using node = await startTestNode();
  const session = await signIn(node);
  await put(node, session, "gone", "v");
  assertOk(await invoke(node, session, kv(session, "del", "gone")));
  for (const key of ["never", "gone"]) {
    await t.step(
      `${key}: get`,
      () => refusesUntouched(node, () => get(node, session, key), NO_KEY),
    );
    await t.step(`${key}: metadata`, async () => {
      await refusesUntouched(
        node,
        () => invoke(node, session, kv(session, "metadata", key)),
        NO_KEY,
      );
    });
    await t.step(`${key}: del`, async () => {
      await refusesUntouched(
        node,
        () => invoke(node, session, kv(session, "del", key)),
        noSuchKey(key),
      );
    });
    await t.step(`${key}: list`, async () => assert.deepEqual(await list(node, session, key), []));
  }
});

Deno.test("wire §6: a space that is not hosted is told to who has leave in it, for", async (t) => {
  await using node = await startTestNode();
  const wallet = randomWallet();
  const space = spaceId(wallet.did, "nowhere");
  const abilities = VERBS.map((verb) => `tinycloud.kv/${verb}`);
  const session = await signIn(node, {
    attenuations: {
      ...attenuation(resourceUri(spaceId(wallet.did), "kv"), abilities),
      ...attenuation(resourceUri(space, "kv"), abilities),
      ...attenuation(resourceUri(space, "capabilities"), ["tinycloud.capabilities/read"]),
    },
  }, wallet);
  for (const verb of VERBS) {
    await t.step(verb, async () => {
      await refusesUntouched(
        node,
        () => invoke(node, session, kv({ space }, verb, "k"), { body: "v" }),
        NO_SPACE,
      );
    });
  }
  await t.step("capabilities/read", async () => {
    const call = {
      ability: "tinycloud.capabilities/read",
      resource: resourceUri(space, "capabilities", "all"),
    };
    await refusesUntouched(node, () => invoke(node, session, call), NO_SPACE);
  });
});

// --- Deletion ----------------------------------------------------------------------------------

Deno.test("wire §6: put, put, delete leaves nothing, until the next put (B12)", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  await put(node, session, "k", "one", { "x-tinycloud-meta-a": "1" });
  await put(node, session, "k", "two");

  const deleted = assertOk(await invoke(node, session, kv(session, "del", "k")));

  assert.equal(deleted.text, "");
  await refusesUntouched(node, () => get(node, session, "k"), NO_KEY);
  await refusesUntouched(node, () => invoke(node, session, kv(session, "metadata", "k")), NO_KEY);
  assert.deepEqual(await list(node, session, ""), []);
  await refusesUntouched(
    node,
    () => invoke(node, session, kv(session, "del", "k")),
    noSuchKey("k"),
  );

  await put(node, session, "k", "three");
  const got = assertOk(await get(node, session, "k"));
  assert.equal(got.text, "three");
  assert.equal(got.headers.get("x-tinycloud-meta-a"), null);
});

for (const size of [10, 100_000]) {
  Deno.test(`wire §6: ${size} bytes at two keys survive the deletion of one (B13)`, async () => {
    await using node = await startTestNode();
    const [session, stranger] = [await signIn(node), await signIn(node)];
    const content = bytesOf(size);
    await put(node, session, "a", content);
    await put(node, session, "b", content);
    await put(node, stranger, "c", content);

    assertOk(await invoke(node, session, kv(session, "del", "a")));

    assert.deepEqual(assertOk(await get(node, session, "b")).bytes, content);
    assertOk(await invoke(node, session, kv(session, "del", "b")));
    assert.deepEqual(assertOk(await get(node, stranger, "c")).bytes, content);
  });

  Deno.test(`wire §6: ${size} bytes that are overwritten stay at their other key`, async () => {
    await using node = await startTestNode();
    const session = await signIn(node);
    const content = bytesOf(size);
    await put(node, session, "a", content);
    await put(node, session, "b", content);

    await put(node, session, "a", "other");
    await put(node, session, "a", content);
    await put(node, session, "a", "other");

    assert.deepEqual(assertOk(await get(node, session, "b")).bytes, content);
  });
}

Deno.test("wire §6: spaces are apart", async () => {
  await using node = await startTestNode();
  const wallet = randomWallet();
  const one = await signIn(node, {}, wallet);
  const two = await signIn(node, { spaceName: "two" }, wallet);
  await put(node, one, "k", "of one");
  await put(node, two, "k", "of two");

  assertOk(await invoke(node, one, kv(one, "del", "k")));

  await refusesUntouched(node, () => get(node, one, "k"), NO_KEY);
  assert.equal(assertOk(await get(node, two, "k")).text, "of two");
});

// --- List --------------------------------------------------------------------------------------

const KEYS = ["B", "a", "a%25", "a*", "a-b", "a.b", "a/b", "aXb", "a_b", "ab", "b", "~"];

const PREFIXES: readonly [prefix: string, keys: readonly string[]][] = [
  ["", KEYS],
  ["a", ["a", "a%25", "a*", "a-b", "a.b", "a/b", "aXb", "a_b", "ab"]],
  ["A", []],
  ["b", ["b"]],
  ["a_", ["a_b"]],
  ["a%25", ["a%25"]],
  ["%25", []],
  ["a*", ["a*"]],
  ["a/", ["a/b"]],
  ["_", []],
  ["~", ["~"]],
  ["abc", []],
];

Deno.test("wire §6: list gives the keys with a byte prefix, in byte order:", async (t) => {
  await using node = await startTestNode();
  const session = await signIn(node);
  for (const key of KEYS.toReversed()) await put(node, session, key, key);
  for (const key of KEYS) await put(node, session, key, `${key} again`);
  for (const [prefix, keys] of PREFIXES) {
    await t.step(`"${prefix}"`, async () => {
      const answer = assertOk(await invoke(node, session, kv(session, "list", prefix)));
      assert.deepEqual(JSON.parse(answer.text), keys);
      assert.match(answer.headers.get("content-type") ?? "", /^application\/json/);
    });
  }
});

Deno.test("wire §6: a list of 3,000 keys is whole and in order", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  const keys = Array.from({ length: 3000 }, (_, index) => `k/${String(index).padStart(5, "0")}`);
  for (let at = 0; at < keys.length; at += 100) {
    await Promise.all(keys.slice(at, at + 100).map((key) => put(node, session, key, "")));
  }

  assert.deepEqual(await list(node, session, "k/"), keys);
});

const NEIGHBOURS = ["", "/", "/x", "photos", "photos-private/x", "photos/", "photos/1", "photosx"];

const GRANTS: readonly {
  grants: readonly string[];
  prefix: string;
  keys: readonly string[];
}[] = [
  { grants: ["photos"], prefix: "photos", keys: ["photos", "photos/", "photos/1"] },
  { grants: ["photos"], prefix: "photos/", keys: ["photos/", "photos/1"] },
  { grants: ["photos/"], prefix: "photos/", keys: ["photos/", "photos/1"] },
  { grants: [""], prefix: "", keys: ["", "/", "/x"] },
  {
    grants: ["photos", "photosx"],
    prefix: "photos",
    keys: ["photos", "photos/", "photos/1", "photosx"],
  },
];

Deno.test("wire §6: a list does not tell the names of a grant's neighbours:", async (t) => {
  await using node = await startTestNode();
  const session = await signIn(node);
  for (const key of NEIGHBOURS) await put(node, session, key, "v");
  for (const { grants, prefix, keys } of GRANTS) {
    await t.step(`granted "${grants.join('" and "')}", asked for "${prefix}"`, async () => {
      const by = await lister(node, session, grants);

      assert.deepEqual(await list(node, by, prefix), keys);
    });
  }
  await t.step("nor does a chain tell more than its narrowest link", async () => {
    const wide = await lister(node, session, ["photos"]);
    const narrow = await lister(node, wide, ["photos/"]);
    assert.deepEqual(await list(node, narrow, "photos/"), ["photos/", "photos/1"]);
    const call = kv(session, "list", "photos");
    await refusesUntouched(node, () => invoke(node, narrow, call), {
      status: 401,
      code: "unauthorized_action",
      sentence: `Unauthorized Action: ${call.resource} / ${call.ability}`,
    });
  });
  await t.step("nor those under a grant to read", async () => {
    const key = await randomSessionKey();
    const { header, cid } = await signUcan(session.key, {
      audience: key.did,
      expiration: Math.floor(Date.now() / 1000) + 600,
      proofs: [session.cid],
      attenuations: {
        ...attenuation(resourceUri(session.space, "kv", "photos"), ["tinycloud.kv/list"]),
        ...attenuation(resourceUri(session.space, "kv", "photosx"), ["tinycloud.kv/get"]),
      },
    });
    assertOk(await ask(node, "/delegate", { token: header }));
    const by = connect(node.url).use(key, { cid, space: session.space });
    assert.deepEqual(await list(node, by, "photos"), ["photos", "photos/", "photos/1"]);
  });
});

// --- Preconditions -----------------------------------------------------------------------------

interface Condition {
  readonly name: string;
  /** What the key holds; undefined: nothing. */
  readonly held?: string;
  readonly verb: "put" | "del";
  readonly headers: Readonly<Record<string, string>>;
  readonly expected: "200" | Refusal;
}

const CONDITIONS: readonly Condition[] = [
  {
    name: "If-None-Match: * on an absent key",
    verb: "put",
    headers: { "if-none-match": "*" },
    expected: "200",
  },
  {
    name: "If-None-Match: * on a key",
    held: "v",
    verb: "put",
    headers: { "if-none-match": "*" },
    expected: PRECONDITION,
  },
  {
    name: "If-Match of what is there",
    held: "v",
    verb: "put",
    headers: { "if-match": etagOf("v") },
    expected: "200",
  },
  {
    name: "If-Match of something else",
    held: "v",
    verb: "put",
    headers: { "if-match": etagOf("w") },
    expected: PRECONDITION,
  },
  {
    name: "If-Match on an absent key",
    verb: "put",
    headers: { "if-match": etagOf("v") },
    expected: PRECONDITION,
  },
  {
    name: "If-None-Match: * on an absent key",
    verb: "del",
    headers: { "if-none-match": "*" },
    expected: noSuchKey("k"),
  },
  {
    name: "If-None-Match: * on a key",
    held: "v",
    verb: "del",
    headers: { "if-none-match": "*" },
    expected: PRECONDITION,
  },
  {
    name: "If-Match of what is there",
    held: "v",
    verb: "del",
    headers: { "if-match": etagOf("v") },
    expected: "200",
  },
  {
    name: "If-Match of something else",
    held: "v",
    verb: "del",
    headers: { "if-match": etagOf("w") },
    expected: PRECONDITION,
  },
  {
    name: "If-Match on an absent key",
    verb: "del",
    headers: { "if-match": etagOf("v") },
    expected: PRECONDITION,
  },
];

const OTHER_CONDITIONS: readonly Readonly<Record<string, string>>[] = [
  { "if-match": "*" },
  { "if-match": `W/${etagOf("v")}` },
  { "if-match": etagOf("v").replaceAll('"', "") },
  { "if-match": `${etagOf("v")}, ${etagOf("w")}` },
  { "if-match": etagOf("v").toUpperCase() },
  { "if-match": etagOf("v").replace("blake3", "sha256") },
  { "if-match": '"v"' },
  { "if-match": "" },
  { "if-none-match": etagOf("w") },
  { "if-none-match": '"*"' },
  { "if-none-match": "" },
  { "if-none-match": "*, *" },
  { "if-none-match": "*", "if-match": etagOf("v") },
];

Deno.test("wire §6: a precondition is honoured:", async (t) => {
  await using node = await startTestNode();
  for (const { name, held, verb, headers, expected } of CONDITIONS) {
    await t.step(`${verb} with ${name}`, async () => {
      const session = await signIn(node);
      if (held !== undefined) await put(node, session, "k", held);
      const body = verb === "put" ? { body: "new" } : {};

      const request = () => invoke(node, session, kv(session, verb, "k"), { headers, ...body });

      if (expected !== "200") {
        await refusesUntouched(node, request, expected);
        return;
      }
      assertOk(await request());
      const after = await get(node, session, "k");
      if (verb === "put") assert.equal(assertOk(after).text, "new");
      else assertRefused(after, NO_KEY);
    });
  }
  for (const verb of ["put", "del"] as const) {
    for (const headers of OTHER_CONDITIONS) {
      await t.step(`${verb} refuses ${JSON.stringify(headers)}`, async () => {
        const session = await signIn(node);
        await put(node, session, "k", "v");

        const request = () => invoke(node, session, kv(session, verb, "k"), { headers });

        await refusesUntouched(node, request, BAD_REQUEST);
      });
    }
  }
  await t.step("not on reads, for now", async () => {
    const session = await signIn(node);
    await put(node, session, "k", "v");
    for (const verb of ["get", "metadata", "list"] as const) {
      for (
        const headers of [
          { "if-none-match": etagOf("v") },
          { "if-match": etagOf("w") },
          { "if-match": "nonsense" },
          { "if-modified-since": new Date().toUTCString() },
        ]
      ) assertOk(await invoke(node, session, kv(session, verb, "k"), { headers }));
    }
  });
});

Deno.test("wire §6: of 20 creations at once one succeeds", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);

  const answers = await Promise.all(
    Array.from(
      { length: 20 },
      (_, index) => put(node, session, "k", `v${index}`, { "if-none-match": "*" }),
    ),
  );

  const winners = answers.flatMap(({ status }, index) => status === 200 ? [index] : []);
  assert.equal(winners.length, 1);
  for (const answer of answers) if (answer.status !== 200) assertRefused(answer, PRECONDITION);
  assert.equal(assertOk(await get(node, session, "k")).text, `v${winners[0]}`);
});

Deno.test("wire §6: of 20 exchanges of one value at once one succeeds", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  await put(node, session, "k", "v");

  const answers = await Promise.all(
    Array.from(
      { length: 20 },
      (_, index) => put(node, session, "k", `v${index}`, { "if-match": etagOf("v") }),
    ),
  );

  assert.equal(answers.filter(({ status }) => status === 200).length, 1);
  assert.equal(answers.filter(({ status }) => status === 412).length, 19);
});

// --- Stored headers ----------------------------------------------------------------------------

/** What an answer has whatever was stored. */
const OWN_HEADERS = new Set([
  "access-control-allow-headers",
  "access-control-allow-methods",
  "access-control-allow-origin",
  "access-control-expose-headers",
  "access-control-max-age",
  "cache-control",
  "content-length",
  "content-security-policy",
  "date",
  "etag",
  "tinycloud-trace-id",
  "vary",
  "x-content-type-options",
  "x-tinycloud-content-length",
]);

function storedHeaders({ headers }: { headers: Headers }): Record<string, string> {
  return Object.fromEntries([...headers].filter(([name]) => !OWN_HEADERS.has(name)));
}

const STORED = {
  "content-type": "text/html; charset=utf-8",
  "content-encoding": "x-own",
  "content-language": "de, en",
  "content-disposition": 'attachment; filename="a b.txt"',
  "x-tinycloud-meta-a": "one\ttwo",
  "x-tinycloud-meta-": "nameless",
};

const NOT_STORED = {
  "accept": "text/html",
  "cache-control": "public, max-age=1000",
  "cookie": "a=b",
  "content-location": "/x",
  "etag": '"mine"',
  "expires": "Thu, 01 Jan 2026 00:00:00 GMT",
  "last-modified": "Thu, 01 Jan 2026 00:00:00 GMT",
  "location": "/x",
  "origin": "https://example.com",
  "set-cookie": "a=b",
  "server": "me",
  "user-agent": "me",
  "x-tinycloud-content-length": "7",
  "x-tinycloud-error": "internal",
  "x-tinycloud-metadata": "no",
  "x-custom": "no",
  "access-control-allow-origin": "https://example.com",
  "access-control-allow-credentials": "true",
  "content-security-policy": "default-src *",
  "x-content-type-options": "sniff",
  "tinycloud-trace-id": "mine",
};

Deno.test("wire §6: stored headers come back with get and metadata, no others (B17)", async (t) => {
  await using node = await startTestNode();
  const session = await signIn(node);
  assertOk(await put(node, session, "k", "v", { ...STORED, ...NOT_STORED }));
  for (const verb of ["get", "metadata"] as const) {
    await t.step(verb, async () => {
      const answer = assertOk(await invoke(node, session, kv(session, verb, "k")));

      assert.deepEqual(storedHeaders(answer), STORED);
      assert.equal(answer.headers.get("etag"), etagOf("v"));
      assert.equal(answer.headers.get("access-control-allow-origin"), "*");
      assert.equal(answer.headers.get("access-control-allow-credentials"), null);
      assert.equal(answer.headers.get("x-tinycloud-error"), null);
      assert.match(answer.headers.get("tinycloud-trace-id") ?? "", /^[0-9a-f]{32}$/);
    });
  }
});

Deno.test("wire §6: every value is served so that browsers run nothing of it", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  for (const size of [10, 100_000]) {
    await put(node, session, "k", bytesOf(size), { "content-type": "text/html" });

    const { headers } = assertOk(await get(node, session, "k"));

    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("content-security-policy"), "sandbox");
    assert.equal(headers.get("cache-control"), "private, no-cache");
    assert.equal(headers.get("content-type"), "text/html");
  }
});

Deno.test("wire §6: without a content-type none is returned", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  for (const size of [0, 10, 100_000]) {
    await put(node, session, "k", bytesOf(size));

    assert.deepEqual(storedHeaders(assertOk(await get(node, session, "k"))), {});
    const told = assertOk(await invoke(node, session, kv(session, "metadata", "k")));
    assert.deepEqual(storedHeaders(told), {});
  }
});

Deno.test("wire §6: bytes from 0x80 on in a stored header come back as they were", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  const value = "\x80\xe9\xff~ !";
  const headersOf = async (verb: Verb, more: readonly string[] = []) => {
    const { header } = await session.invocationToken(kv(session, verb, "k"));
    return await askRaw(node, "POST /invoke HTTP/1.1", [`Authorization: ${header}`, ...more]);
  };

  const stored = await headersOf("put", [`x-tinycloud-meta-a: ${value}`, "Content-Length: 0"]);
  const got = await headersOf("get");

  assert.equal(stored.status, 200, stored.text);
  assert.equal(got.headers.get("x-tinycloud-meta-a"), value);
});

for (
  const [name, value] of [
    ["a control character", "a\x01b"],
    ["a NUL", "a\x00b"],
    ["a DEL", "a\x7fb"],
    ["a CR", "a\rb"],
    ["an LF", "a\nb"],
    ["a CR and an LF", "a\r\nb"],
  ]
) {
  Deno.test(`wire §6: ${name} in a stored header is refused, by the runtime`, async () => {
    await using node = await startTestNode();
    const session = await signIn(node);
    const { header } = await session.invocationToken(kv(session, "put", "k"));
    const before = await snapshot(node);

    const answer = await askRaw(node, "POST /invoke HTTP/1.1", [
      `Authorization: ${header}`,
      `x-tinycloud-meta-a: ${value}`,
      "Content-Length: 0",
    ]);

    assert.deepEqual([answer.status, answer.headers.get("tinycloud-trace-id")], [400, null]);
    assert.deepEqual(await snapshot(node), before);
  });
}

const meta = (count: number): Record<string, string> =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`x-tinycloud-meta-${index}`, "v"]),
  );
const sized = (bytes: number): Record<string, string> => ({
  "x-tinycloud-meta-a": "a".repeat(bytes - "x-tinycloud-meta-a".length),
});

const HEADER_LIMITS: readonly [name: string, headers: Record<string, string>, accepted: boolean][] =
  [
    ["64 names", meta(64), true],
    ["65 names", meta(65), false],
    ["63 names and a content-type", { ...meta(63), "content-type": "a/b" }, true],
    ["64 names and a content-type", { ...meta(64), "content-type": "a/b" }, false],
    ["8 KiB", sized(8192), true],
    ["8 KiB and a byte", sized(8193), false],
    ["8 KiB and a content-type", { ...sized(8192), "content-type": "a/b" }, false],
    ["8 KiB in all", { ...sized(8192 - 15), "content-type": "a/b" }, true],
    ["8 KiB beside headers that are not stored", { ...sized(8192), "x-custom": "more" }, true],
  ];

Deno.test("wire §6: stored headers of", async (t) => {
  await using node = await startTestNode();
  const session = await signIn(node);
  for (const [name, headers, accepted] of HEADER_LIMITS) {
    await t.step(`${name}: ${accepted}`, async () => {
      const key = name.replaceAll(" ", "_");

      const request = () => put(node, session, key, bytesOf(1), headers);

      if (!accepted) {
        await refusesUntouched(node, request, HEADERS_TOO_LARGE);
        return;
      }
      assertOk(await request());
      const { "x-custom": _custom, ...stored } = headers;
      assert.deepEqual(storedHeaders(assertOk(await get(node, session, key))), stored);
    });
  }
});
