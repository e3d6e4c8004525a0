// wire §6, POST /invoke: who may invoke, for whom, when, how often, and in which order that is
// judged. What the abilities do is in wire_6_kv.test.ts.

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import {
  attenuation,
  connect,
  es256Key,
  es256kKey,
  type Invocation,
  randomSessionKey,
  randomWallet,
  resourceUri,
  type Session,
  type SessionKey,
  signCacao,
  signJwt,
  signUcan,
  spaceId,
  type Wallet,
} from "../../client/mod.ts";
import {
  ask,
  assertOk,
  assertRefused,
  type At,
  bytesOf,
  invoke,
  kv,
  owner,
  type Refusal,
  signIn,
} from "../support/asking.ts";
import { ARE_FILES } from "../support/node_stores.ts";
import { startTestNode, type TestNode } from "../support/node.ts";
import { askRaw, RawConnection, withinTime } from "../support/raw_http.ts";
import {
  BAD_SIGNATURE,
  INVOCATION_TIME as NOT_NOW,
  MALFORMED as malformed,
  MISSING as TOKEN_MISSING,
  NO_KEY,
  NO_PARENT,
  NO_SPACE,
  NOT_THE_INVOKER,
  REPLAYED,
  TOO_LONG_LIVED as TOO_LONG,
} from "../support/refusals.ts";
import { refusesUntouched } from "../support/state.ts";

const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const SECP256K1_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const GET = ["tinycloud.kv/get"];

const unauthorized = ({ resource, ability }: Invocation): Refusal => ({
  status: 401,
  code: "unauthorized_action",
  sentence: `Unauthorized Action: ${resource} / ${ability}`,
});
const outOfTime = (invocation: Invocation) => ({ ...unauthorized(invocation), code: "chain_time" });
const NOT_FOR_US = {
  status: 401,
  code: "token_audience",
  sentence: "Invocation is not addressed to this node",
};
const BAD_INPUTS = { status: 400, code: "inputs_invalid", sentence: "Invalid inputs" };

/** A session whose wallet also granted it a space that the node does not host. */
async function withUnhosted(node: At): Promise<{ session: Session; unhosted: string }> {
  const wallet = randomWallet();
  const unhosted = spaceId(wallet.did, "nowhere");
  const session = await signIn(node, {
    attenuations: {
      ...attenuation(resourceUri(spaceId(wallet.did), "kv"), ["tinycloud.kv/put", ...GET]),
      ...attenuation(resourceUri(unhosted, "kv"), ["tinycloud.kv/put", ...GET]),
      ...attenuation(resourceUri(unhosted, "other"), ["tinycloud.other/do"]),
    },
  }, wallet);
  return { session, unhosted };
}

/** A session of a fresh key under a UCAN by `from`. */
async function granted(
  node: At,
  from: Session,
  resource: string,
  abilities: readonly string[],
  fields: { expiration?: number; notBefore?: number; key?: SessionKey } = {},
): Promise<Session> {
  const key = fields.key ?? await randomSessionKey();
  const { header, cid } = await signUcan(from.key, {
    audience: key.did,
    expiration: fields.expiration ?? Math.floor(Date.now() / 1000) + 600,
    notBefore: fields.notBefore,
    proofs: [from.cid],
    attenuations: attenuation(resource, abilities),
  });
  assertOk(await ask(node, "/delegate", { token: header }));
  return connect(node.url).use(key, { cid, space: from.space });
}

/** The token with its last signature byte changed. */
function withBadSignature(token: string): string {
  const at = token.lastIndexOf(".") + 1;
  return token.slice(0, at) + (token[at] === "A" ? "B" : "A") + token.slice(at + 1);
}

// --- Order of checks ---------------------------------------------------------------------------

interface TwoFaults {
  readonly name: string;
  readonly expected: Refusal;
  send(node: TestNode): Promise<{ status: number; code: string | null; text: string }>;
}

const ORDER: readonly TwoFaults[] = [
  {
    name: "a length that is no number comes before a missing token",
    expected: { status: 400, code: "length_invalid", sentence: "Invalid Content-Length" },
    async send(node) {
      const answer = await askRaw(node, "POST /invoke HTTP/1.1", [
        "Content-Length: 3",
        "Content-Length: 3",
      ], "abc");
      return { ...answer, code: answer.headers.get("x-tinycloud-error") };
    },
  },
  {
    name: "a transfer coding that is unknown comes before a malformed token",
    expected: { status: 400, code: "request_malformed", sentence: /^Malformed request: ./ },
    async send(node) {
      const answer = await askRaw(node, "POST /invoke HTTP/1.1", [
        "Authorization: a.b.c",
        "Transfer-Encoding: gzip, chunked",
      ], "0\r\n\r\n");
      return { ...answer, code: answer.headers.get("x-tinycloud-error") };
    },
  },
  {
    name: "a malformed token comes before its signature",
    expected: malformed,
    async send(node) {
      const session = await signIn(node);
      const { header } = await session.invocationToken(kv(session, "get", "a"), {
        payload: { exp: "1" },
      });
      return await ask(node, "/invoke", { token: withBadSignature(header) });
    },
  },
  {
    name: "the signature comes before the time",
    expected: BAD_SIGNATURE,
    async send(node) {
      const session = await signIn(node);
      const { header } = await session.invocationToken({
        ...kv(session, "get", "a"),
        expiration: 1,
      });
      return await ask(node, "/invoke", { token: withBadSignature(header) });
    },
  },
  {
    name: "the time comes before the lifetime",
    expected: NOT_NOW,
    async send(node) {
      const session = await signIn(node);
      const now = Date.now() / 1000;
      return await invoke(node, session, {
        ...kv(session, "get", "a"),
        notBefore: now + 100,
        expiration: now + 1000,
      });
    },
  },
  {
    name: "the lifetime comes before the use",
    expected: TOO_LONG,
    async send(node) {
      const session = await signIn(node);
      const call = { ...kv(session, "list", ""), nonce: "one" };
      assertOk(await invoke(node, session, call));
      return await invoke(node, session, { ...call, expiration: Date.now() / 1000 + 400 });
    },
  },
  {
    name: "the use comes before the audience",
    expected: REPLAYED,
    async send(node) {
      const session = await signIn(node);
      const call = { ...kv(session, "list", ""), nonce: "one" };
      assertOk(await invoke(node, session, call));
      const audience = (await randomSessionKey()).did;
      return await invoke(node, session, { ...call, audience });
    },
  },
  {
    name: "the audience comes before authority",
    expected: NOT_FOR_US,
    async send(node) {
      const session = await signIn(node);
      const audience = (await randomSessionKey()).did;
      return await invoke(node, session, { ...kv(session, "get", "a"), audience, proofs: [] });
    },
  },
  {
    name: "authority comes before the combination",
    expected: { status: 401, code: "unauthorized_action", sentence: /:default\/sql\/z \/ a\/b$/ },
    async send(node) {
      const session = await signIn(node);
      const call = kv(session, "get", "a");
      return await invoke(node, session, {
        ...call,
        attenuations: {
          [call.resource]: { "tinycloud.kv/get": [{}] },
          [resourceUri(session.space, "sql", "z")]: { "a/b": [{}], "c/d": [{}] },
          [resourceUri(session.space, "sql", "a")]: { "a/b": [{}] },
        },
      });
    },
  },
  {
    name: "authority comes before the length of the key",
    expected: { status: 401, code: "unauthorized_action", sentence: /^Unauthorized Action: / },
    async send(node) {
      const session = await signIn(node);
      const reader = await granted(node, session, resourceUri(session.space, "kv", "a/"), GET);
      return await invoke(node, reader, kv(session, "get", "b".repeat(1025)));
    },
  },
  {
    name: "authority comes before the form of a precondition",
    expected: { status: 401, code: "unauthorized_action", sentence: /^Unauthorized Action: / },
    async send(node) {
      const session = await signIn(node);
      const reader = await granted(node, session, resourceUri(session.space, "kv"), GET);
      const headers = { "if-match": "nonsense" };
      return await invoke(node, reader, kv(session, "put", "a"), { headers, body: "x" });
    },
  },
  {
    name: "authority comes before the space",
    expected: { status: 401, code: "proof_missing", sentence: "Cannot find parent delegation" },
    async send(node) {
      const session = await signIn(node);
      const unhosted = spaceId(randomWallet().did);
      return await invoke(node, session, { ...kv({ space: unhosted }, "get", "a"), proofs: [] });
    },
  },
  {
    name: "the combination comes before the space",
    expected: BAD_INPUTS,
    async send(node) {
      const { session, unhosted } = await withUnhosted(node);
      const { resource, ability } = kv({ space: unhosted }, "put", "a");
      const attenuations = attenuation(resource, ["tinycloud.kv/get", ability]);
      return await invoke(node, session, { resource, ability, attenuations });
    },
  },
  {
    name: "the length of the key comes before the space",
    expected: { status: 400, code: "key_too_long", sentence: "Key exceeds 1024 bytes" },
    async send(node) {
      const { session, unhosted } = await withUnhosted(node);
      return await invoke(node, session, kv({ space: unhosted }, "get", "b".repeat(1025)));
    },
  },
  {
    name: "headers that are too large come before the space",
    expected: {
      status: 400,
      code: "headers_too_large",
      sentence: "Stored headers exceed 64 names or 8 KiB",
    },
    async send(node) {
      const { session, unhosted } = await withUnhosted(node);
      const headers = { "x-tinycloud-meta-a": "a".repeat(8192) };
      return await invoke(node, session, kv({ space: unhosted }, "put", "a"), { headers });
    },
  },
  {
    name: "the space comes before the limit of a value",
    expected: NO_SPACE,
    async send(node) {
      const { session, unhosted } = await withUnhosted(node);
      const body = new Uint8Array(2000);
      return await invoke(node, session, kv({ space: unhosted }, "put", "a"), { body });
    },
  },
  {
    name: "the limit of a value comes before a precondition",
    expected: {
      status: 413,
      code: "object_too_large",
      sentence: "Value exceeds maximum of 1000 bytes",
    },
    async send(node) {
      const session = await signIn(node);
      const headers = { "if-match": `"blake3-${"0".repeat(64)}"` };
      const body = new Uint8Array(1001);
      return await invoke(node, session, kv(session, "put", "a"), { body, headers });
    },
  },
];

Deno.test("wire §6: of two faults the one that is judged first is told", async (t) => {
  await using node = await startTestNode({ env: { TINYCLOUD_STORAGE_MAX_OBJECT: "1000" } });
  for (const { name, expected, send } of ORDER) {
    await t.step(name, async () => {
      const { status, code, text } = await send(node);

      assert.equal(status, expected.status, text);
      assert.equal(code, expected.code);
      if (typeof expected.sentence === "string") assert.equal(text, expected.sentence);
      else assert.match(text, expected.sentence);
    });
  }
});

// --- The token ---------------------------------------------------------------------------------

interface BadToken {
  readonly name: string;
  readonly expected: Refusal;
  token(session: Session, wallet: Wallet): Promise<string | undefined> | string | undefined;
}

const TOKENS: readonly BadToken[] = [
  { name: "no token", expected: TOKEN_MISSING, token: () => undefined },
  {
    name: "an empty token",
    expected: { ...malformed, code: "token_missing", sentence: /^Missing/ },
    token: () => "",
  },
  { name: "the scheme word alone", expected: malformed, token: () => "Bearer" },
  { name: "two tokens joined by a comma", expected: malformed, token: twoTokens },
  { name: "another scheme", expected: malformed, token: async (s) => `Basic ${await aGet(s)}` },
  { name: "a token of more than 32 KiB", expected: malformed, token: hugeToken },
  {
    name: "a delegation CACAO",
    expected: malformed,
    token: async (session, wallet) => (await aSessionCacao(session, wallet)).header,
  },
  {
    name: "a revocation CACAO",
    expected: malformed,
    token: async (session, wallet) =>
      (await signCacao(wallet, { domain: "localhost", uri: `ucan:${session.cid}` })).header,
  },
  {
    name: "a delegation UCAN, addressed to another key",
    expected: NOT_FOR_US,
    token: async (session) =>
      (await session.invocationToken({
        ...kv(session, "get", "a"),
        audience: (await randomSessionKey()).did,
      })).header,
  },
];

async function aGet(session: Session): Promise<string> {
  return (await session.invocationToken(kv(session, "get", "a"))).header;
}

async function twoTokens(session: Session): Promise<string> {
  return `${await aGet(session)}, ${await aGet(session)}`;
}

async function hugeToken(session: Session): Promise<string> {
  const facts = ["x".repeat(33_000)];
  return (await session.invocationToken({ ...kv(session, "get", "a"), facts })).header;
}

function aSessionCacao(session: Session, wallet: Wallet) {
  return signCacao(wallet, {
    domain: "localhost",
    uri: session.key.didUrl,
    attenuations: attenuation(resourceUri(session.space, "kv"), GET),
  });
}

Deno.test("wire §6: /invoke refuses", async (t) => {
  await using node = await startTestNode();
  const { session, wallet } = await owner(node);
  for (const { name, expected, token } of TOKENS) {
    await t.step(name, async () => {
      const header = await token(session, wallet);

      await refusesUntouched(node, () => ask(node, "/invoke", { token: header }), expected);
    });
  }
});

Deno.test("wire §3: an invocation of 16 KiB is accepted", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);

  const facts = ["x".repeat(12_000)];
  const answer = await invoke(node, session, { ...kv(session, "list", ""), facts });

  assertOk(answer);
});

for (const scheme of ["Bearer ", "bearer ", "BEARER "]) {
  Deno.test(`wire §3: the word "${scheme}" before a token is accepted`, async () => {
    await using node = await startTestNode();
    const session = await signIn(node);
    const { header } = await session.invocationToken(kv(session, "list", ""));

    assertOk(await ask(node, "/invoke", { token: scheme + header }));
  });
}

Deno.test("adversary 2: a token in the query is ignored", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  const token = await aGet(session);

  const answer = await ask(node, `/invoke?Authorization=${token}&access_token=${token}`);

  assertRefused(answer, TOKEN_MISSING);
});

// --- Authority ---------------------------------------------------------------------------------

/** What a grant on one path gives for one invoked path. */
const PATHS: readonly { grant?: string; key: string; extends: boolean; opaque?: true }[] = [
  { key: "", extends: true },
  { key: "a", extends: true },
  { key: "/", extends: true },
  { grant: "a", key: "a", extends: true },
  { grant: "a", key: "a/", extends: true },
  { grant: "a", key: "a/b", extends: true },
  { grant: "a", key: "a//b", extends: true },
  { grant: "a", key: "a?x", extends: true },
  { grant: "a", key: "ab", extends: false },
  { grant: "a", key: "A", extends: false },
  { grant: "a", key: "a%2Fb", extends: false },
  { grant: "a", key: "a%00", extends: false },
  { grant: "a", key: "/a", extends: false },
  { grant: "a", key: "", extends: false },
  { grant: "a", key: "%61", extends: false },
  { grant: "a", key: "a/../b", extends: false },
  { grant: "a", key: "a/./b", extends: false },
  { grant: "a", key: "a/%2e%2e/b", extends: false },
  { grant: "a", key: "a%2fb", extends: false },
  { grant: "a", key: "a#f", extends: false },
  { grant: "a/", key: "a/", extends: true },
  { grant: "a/", key: "a/b", extends: true },
  { grant: "a/", key: "a", extends: false },
  { grant: "a/", key: "a//", extends: true },
  { grant: "", key: "", extends: true },
  { grant: "", key: "/", extends: true },
  { grant: "", key: "/a", extends: true },
  { grant: "", key: "a", extends: false },
  { grant: "*", key: "a", extends: false },
  { grant: "*", key: "*", extends: true },
  { grant: "a*", key: "ab", extends: false },
];

Deno.test("wire §1: a grant of kv/get on a path gives, for an invoked path,", async (t) => {
  await using node = await startTestNode();
  const session = await signIn(node);
  for (const { grant, key, extends: covered } of PATHS) {
    const on = grant === undefined ? "no path" : `"${grant}"`;
    await t.step(`${on}: ${covered ? "leave" : "no leave"} for "${key}"`, async () => {
      const reader = await granted(node, session, resourceUri(session.space, "kv", grant), GET);
      const call = kv(session, "get", key);

      const expected = covered ? NO_KEY : unauthorized(call);
      await refusesUntouched(node, () => invoke(node, reader, call), expected);
    });
  }
});

Deno.test("wire §1: no leave for a resource that is no URI", async (t) => {
  await using node = await startTestNode();
  const session = await signIn(node);
  for (const key of ["a b", "a\\b", "%zz", "%", "ä", "a<b", "[", "a\u0000", 'a"', "a|b", "a^b"]) {
    await t.step(JSON.stringify(key), async () => {
      const call = kv(session, "get", key);
      await refusesUntouched(node, () => invoke(node, session, call), malformed);
    });
  }
});

const ABILITIES: readonly [granted: string, invoked: string, leave: boolean][] = [
  ["tinycloud.kv/*", "tinycloud.kv/get", false],
  ["*/*", "tinycloud.kv/get", false],
  ["tinycloud.kv/GET", "tinycloud.kv/get", false],
  ["tinycloud.kv/put", "tinycloud.kv/get", false],
  ["tinycloud.kv/delete", "tinycloud.kv/del", true],
  ["tinycloud.kv/del", "tinycloud.kv/delete", true],
];

Deno.test("wire §1: a grant of one ability gives leave for another", async (t) => {
  await using node = await startTestNode();
  const session = await signIn(node);
  for (const [given, invoked, leave] of ABILITIES) {
    await t.step(`${given} → ${invoked}: ${leave}`, async () => {
      const wallet = randomWallet();
      const own = await signIn(node, {
        attenuations: attenuation(resourceUri(spaceId(wallet.did), "kv"), [given]),
      }, wallet);
      const call = { ability: invoked, resource: resourceUri(own.space, "kv", "k") };

      const answer = await invoke(node, own, call);

      if (leave) {
        const sentence = "No Such Key: k";
        assertRefused(answer, { status: 404, code: "key_not_deleted", sentence });
      } else assertRefused(answer, unauthorized(call));
    });
  }
  await t.step("and an unknown ability, granted, is that ability alone", async () => {
    const reader = await granted(node, session, resourceUri(session.space, "kv", "k"), GET);
    const call = { ability: "tinycloud.kv/*", resource: resourceUri(session.space, "kv", "k") };
    await refusesUntouched(node, () => invoke(node, reader, call), unauthorized(call));
  });
});

const OTHERS: readonly { name: string; resource: (session: Session) => string }[] = [
  { name: "another service", resource: ({ space }) => resourceUri(space, "kvx", "a") },
  { name: "another name of space", resource: ({ space }) => resourceUri(`${space}2`, "kv", "a") },
  {
    name: "the same name of another owner",
    resource: () => resourceUri(spaceId(randomWallet().did), "kv", "a"),
  },
  {
    name: "another chain",
    resource: ({ space }) => resourceUri(space.replace(":1:", ":10:"), "kv", "a"),
  },
  {
    name: "a chain id with a leading zero",
    resource: ({ space }) => resourceUri(space.replace(":1:", ":01:"), "kv", "a"),
  },
  { name: "a space without a name", resource: ({ space }) => `${space.slice(0, -7)}/kv/a` },
  { name: "a name with an escaped colon", resource: ({ space }) => `${space}%3Ax/kv/a` },
  { name: "an empty service", resource: ({ space }) => `${space}//a` },
  { name: "the space alone", resource: ({ space }) => space },
  { name: "an authority", resource: () => "tinycloud://default/kv/a" },
  {
    name: "an encryption URN of another owner",
    resource: () => `urn:tinycloud:encryption:${randomWallet().did}:default`,
  },
  { name: "any other URN", resource: () => "urn:example:thing" },
];

Deno.test("wire §6: a session has no leave for", async (t) => {
  await using node = await startTestNode();
  const session = await signIn(node);
  for (const { name, resource } of OTHERS) {
    await t.step(name, async () => {
      const call = { ability: "tinycloud.kv/get", resource: resource(session) };

      await refusesUntouched(node, () => invoke(node, session, call), unauthorized(call));
    });
  }
});

Deno.test("wire §1: a space id of any letter case is the one space", async (t) => {
  await using node = await startTestNode();
  const session = await signIn(node);
  await session.put("k", "here");
  for (const change of ["toLowerCase", "toUpperCase"] as const) {
    await t.step(change, async () => {
      const space = session.space.replace(/[0-9a-fA-F]{40}/, (address) => address[change]());

      const answer = await invoke(node, session, kv({ space }, "get", "k"));

      assert.equal(assertOk(answer).text, "here");
    });
  }
});

interface Chain {
  readonly name: string;
  readonly expected: (call: Invocation, session: Session) => Refusal;
  /** Who invokes, citing what. */
  invoker(
    node: TestNode,
    session: Session,
    wallet: Wallet,
  ): Promise<{ by: Session; proofs?: readonly string[] }>;
}

const CHAINS: readonly Chain[] = [
  {
    name: "no proof",
    expected: () => NO_PARENT,
    invoker: (_node, session) => Promise.resolve({ by: session, proofs: [] }),
  },
  {
    name: "one unknown proof",
    expected: () => NO_PARENT,
    invoker: async (_node, session) => ({ by: session, proofs: [await unknownCid()] }),
  },
  {
    name: "a good proof and an unknown one",
    expected: () => NO_PARENT,
    invoker: async (_node, session) => ({
      by: session,
      proofs: [session.cid, await unknownCid()],
    }),
  },
  {
    name: "the same proof twice",
    expected: () => NO_PARENT,
    invoker: (_node, session) =>
      Promise.resolve({ by: session, proofs: [session.cid, session.cid] }),
  },
  {
    name: "the proof of another key",
    expected: () => NOT_THE_INVOKER,
    invoker: async (node, session) => ({
      by: connect(node.url).use(await randomSessionKey(), session.grant),
    }),
  },
  {
    name: "a good proof and one of another key",
    expected: () => NOT_THE_INVOKER,
    invoker: async (node, session) => {
      const other = await granted(node, session, resourceUri(session.space, "kv"), GET);
      return { by: session, proofs: [session.cid, other.cid] };
    },
  },
  {
    name: "a proof that is revoked",
    expected: () => ({
      status: 401,
      code: "revoked",
      sentence: /^delegation-revoked: bafkr4i\w+$/,
    }),
    invoker: async (node, session) => {
      const reader = await granted(node, session, resourceUri(session.space, "kv"), GET);
      await session.revoke(reader.cid);
      return { by: reader };
    },
  },
  {
    name: "a proof whose parent is revoked",
    expected: () => ({
      status: 401,
      code: "ancestor_revoked",
      sentence: /^delegation-ancestor-revoked: ancestor=bafkr4i\w+ invoked=bafkr4i\w+$/,
    }),
    invoker: async (node, session) => {
      const one = await granted(node, session, resourceUri(session.space, "kv"), GET);
      const two = await granted(node, one, resourceUri(session.space, "kv"), GET);
      await session.revoke(one.cid);
      return { by: two };
    },
  },
  {
    name: "a proof that has expired",
    expected: outOfTime,
    invoker: async (node, session) => {
      const expiration = Math.floor(Date.now() / 1000) + 50;
      const by = await granted(node, session, resourceUri(session.space, "kv"), GET, {
        expiration,
      });
      node.clock.advance(51);
      return { by };
    },
  },
  {
    name: "a proof that is not valid yet",
    expected: outOfTime,
    invoker: async (node, session) => {
      const notBefore = Math.floor(node.clock.nowSeconds()) + 100;
      node.clock.advance(101);
      const by = await granted(node, session, resourceUri(session.space, "kv"), GET, {
        notBefore,
      });
      node.clock.advance(-101);
      return { by };
    },
  },
  {
    name: "a proof whose parent has expired",
    expected: outOfTime,
    invoker: async (node, session) => {
      // The child may outlive its parent by 120 s; that gives it nothing.
      const expiration = Math.floor(node.clock.nowSeconds()) + 50;
      const resource = resourceUri(session.space, "kv");
      const one = await granted(node, session, resource, GET, { expiration });
      const by = await granted(node, one, resource, GET, { expiration: expiration + 120 });
      node.clock.advance(51);
      return { by };
    },
  },
];

async function unknownCid(): Promise<string> {
  const key = await randomSessionKey();
  return (await signUcan(key, { audience: key.did, expiration: 1, attenuations: {} })).cid;
}

for (const { name, expected, invoker } of CHAINS) {
  Deno.test(`wire §6: an invocation is refused that rests on ${name}`, async () => {
    await using node = await startTestNode();
    const { session, wallet } = await owner(node);
    const { by, proofs } = await invoker(node, session, wallet);
    const expiration = node.clock.nowSeconds() + 60;
    const call = { ...kv(session, "get", "a"), expiration };

    const request = () => invoke(node, by, proofs === undefined ? call : { ...call, proofs });

    // A clock that was moved would refuse the writes around it.
    await refusesUntouched(node, request, expected(call, session), { settle: false });
  });
}

Deno.test("wire §6: the revoked ancestor and the proof are told by their CIDs", async () => {
  await using node = await startTestNode();
  const { session } = await owner(node);
  const one = await granted(node, session, resourceUri(session.space, "kv"), GET);
  const two = await granted(node, one, resourceUri(session.space, "kv"), GET);
  const three = await granted(node, two, resourceUri(session.space, "kv"), GET);
  await session.revoke(one.cid);

  const told = await Promise.all(
    [one, two, three].map(async (by) => (await invoke(node, by, kv(session, "get", "a"))).text),
  );

  assert.deepEqual(told, [
    `delegation-revoked: ${one.cid}`,
    `delegation-ancestor-revoked: ancestor=${one.cid} invoked=${two.cid}`,
    `delegation-ancestor-revoked: ancestor=${one.cid} invoked=${three.cid}`,
  ]);
});

Deno.test("wire §4: a chain ends at the instant of its expiry and begins at its nbf", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  const at = Math.floor(node.clock.nowSeconds()) + 10;
  const resource = resourceUri(session.space, "kv");
  const early = await granted(node, session, resource, GET, { expiration: at });
  node.clock.freeze(at + 20);
  const late = await granted(node, session, resource, GET, { notBefore: at });

  const status = async (by: Session, now: number) => {
    node.clock.freeze(now);
    return (await invoke(node, by, { ...kv(session, "get", "a"), expiration: at + 60 })).status;
  };
  assert.equal(await status(early, at - 0.001), 404, "just before exp");
  assert.equal(await status(early, at), 401, "at exp");
  assert.equal(await status(late, at - 0.001), 401, "just before nbf");
  assert.equal(await status(late, at), 404, "at nbf");
});

Deno.test("wire §4: a chain of 64 ancestors can be invoked, one of 65 cannot", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  const resource = resourceUri(session.space, "kv");
  // The session is the first of 64; each further link adds one ancestor to the next.
  let last = session;
  for (let count = 1; count < 64; count++) last = await granted(node, last, resource, GET);
  const beside = await granted(node, session, resource, GET, { key: last.key });

  const sixtyFour = await invoke(node, last, kv(session, "get", "a"));
  const sixtyFive = await invoke(node, last, {
    ...kv(session, "get", "a"),
    proofs: [last.cid, beside.cid],
  });

  assertRefused(sixtyFour, NO_KEY);
  assertRefused(sixtyFive, {
    status: 401,
    code: "chain_too_long",
    sentence: "delegation-chain-traversal-limit-exceeded",
  });
});

Deno.test("wire §6: a caveat in an invocation is not understood, so it gives nothing", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  const call = kv(session, "get", "a");
  const caveats = [{ only: "mine" }];

  const answer = await invoke(node, session, {
    ...call,
    attenuations: { [call.resource]: { [call.ability]: caveats } },
  });

  assertRefused(answer, unauthorized(call));
});

Deno.test("wire §3.1: a caveat in a delegation lets it authorize nothing", async () => {
  await using node = await startTestNode();
  const wallet = randomWallet();
  await signIn(node, {}, wallet);
  const space = spaceId(wallet.did);
  const session = await signIn(node, {
    attenuations: { [resourceUri(space, "kv")]: { "tinycloud.kv/get": [{ only: "mine" }] } },
  }, wallet);
  const call = kv(session, "get", "a");

  await refusesUntouched(node, () => invoke(node, session, call), unauthorized(call));
});

Deno.test("wire §6: an owner that is a key invokes without proofs", async () => {
  await using node = await startTestNode({ env: { TINYCLOUD_SPACES_KEY_OWNERS: "true" } });
  const key = await randomSessionKey();
  const space = spaceId(key.did);
  const host = await peer(node, space);
  const { header } = await signUcan(key, {
    audience: host,
    expiration: Date.now() / 1000 + 60,
    attenuations: attenuation(resourceUri(space, "space"), ["tinycloud.space/host"]),
  });
  assertOk(await ask(node, "/delegate", { token: header }));
  const session = connect(node.url).use(key, { cid: "", space });

  const answer = await invoke(node, session, {
    ...kv({ space }, "put", "a"),
    proofs: [],
  }, { body: "x" });

  assertOk(answer);
});

async function peer(node: At, space: string): Promise<string> {
  const path = `/peer/generate/${encodeURIComponent(space)}`;
  return assertOk(await ask(node, path, { method: "GET" })).text;
}

// --- Audience ----------------------------------------------------------------------------------

type AudienceOf = (node: TestNode, session: Session, wallet: Wallet) => Promise<string> | string;
const AUDIENCES: readonly [name: string, audience: AudienceOf, accepted: boolean][] = [
  ["the issuer", (_node, session) => session.key.did, true],
  ["this node", (node) => node.node.nodeId, true],
  ["the space's host DID", (node, session) => peer(node, session.space), true],
  ["the host DID of another space", (node) => peer(node, spaceId(randomWallet().did)), false],
  ["another key", async () => (await randomSessionKey()).did, false],
  ["the wallet", (_node, _session, wallet) => wallet.did, false],
  ["a web domain", () => "did:web:example.com", false],
  ["the issuer with a letter more", (_node, session) => `${session.key.did}a`, false],
];

Deno.test("wire §6: an invocation may be addressed to", async (t) => {
  await using node = await startTestNode();
  const { session, wallet } = await owner(node);
  for (const [name, audience, accepted] of AUDIENCES) {
    await t.step(`${name}: ${accepted}`, async () => {
      const call = {
        ...kv(session, "get", "a"),
        audience: await audience(node, session, wallet),
      };

      const expected = accepted ? NO_KEY : NOT_FOR_US;
      await refusesUntouched(node, () => invoke(node, session, call), expected);
    });
  }
});

// --- Time --------------------------------------------------------------------------------------

interface Times {
  readonly name: string;
  readonly expiration: number;
  readonly notBefore?: number;
  readonly expected: Refusal;
}

/** Seconds from the node's clock, which stands still. */
const TIMES: readonly Times[] = [
  { name: "now = exp is valid", expiration: 0, expected: NO_KEY },
  { name: "a millisecond after exp is not", expiration: -0.001, expected: NOT_NOW },
  { name: "now = nbf is valid", expiration: 60, notBefore: 0, expected: NO_KEY },
  {
    name: "a millisecond before nbf is not",
    expiration: 60,
    notBefore: 0.001,
    expected: NOT_NOW,
  },
  { name: "300 s ahead is valid", expiration: 300, expected: NO_KEY },
  { name: "301 s ahead is too long", expiration: 301, expected: TOO_LONG },
  { name: "300.5 s ahead is too long", expiration: 300.5, expected: TOO_LONG },
];

Deno.test("wire §6: the time of an invocation", async (t) => {
  await using node = await startTestNode();
  const session = await signIn(node);
  const now = Math.floor(node.clock.nowSeconds()) + 1;
  node.clock.freeze(now);
  for (const { name, expiration, notBefore, expected } of TIMES) {
    await t.step(name, async () => {
      const answer = await invoke(node, session, {
        ...kv(session, "get", "a"),
        expiration: now + expiration,
        ...(notBefore === undefined ? {} : { notBefore: now + notBefore }),
      });

      assertRefused(answer, expected);
    });
  }
});

const EXPIRIES: readonly [json: string, expected: Refusal][] = [
  ["-1", NOT_NOW],
  ["0", NOT_NOW],
  ["1e300", TOO_LONG],
  ["9007199254740993", TOO_LONG],
  ["null", malformed],
  ['"1"', malformed],
  ["true", malformed],
  ["1e400", malformed],
  ["-1e400", malformed],
  ["[1]", malformed],
];

Deno.test("wire §3.2: an exp of", async (t) => {
  await using node = await startTestNode();
  const session = await signIn(node);
  const { iss, aud } = { iss: session.key.didUrl, aud: session.key.did };
  const { resource } = kv(session, "get", "a");
  const att = JSON.stringify(attenuation(resource, GET));
  for (const [exp, expected] of EXPIRIES) {
    await t.step(`${exp} is refused`, async () => {
      const payload = `{"iss":"${iss}","aud":"${aud}","exp":${exp},"nnc":"${exp}",` +
        `"prf":["${session.cid}"],"att":${att}}`;
      const { header } = await session.invocationToken({ resource, ability: "a/b" }, { payload });

      await refusesUntouched(node, () => ask(node, "/invoke", { token: header }), expected);
    });
  }
  await t.step("none is refused", async () => {
    const { header } = await session.invocationToken(kv(session, "get", "a"), {
      payload: { exp: undefined },
    });
    await refusesUntouched(node, () => ask(node, "/invoke", { token: header }), malformed);
  });
});

Deno.test("wire §6: the lifetime that is allowed can be set", async () => {
  const env = { TINYCLOUD_AUTH_MAX_INVOCATION_LIFETIME: "1000" };
  await using node = await startTestNode({ env });
  const session = await signIn(node);
  const now = Math.floor(node.clock.nowSeconds()) + 1;
  node.clock.freeze(now);
  const call = kv(session, "get", "a");

  await refusesUntouched(
    node,
    () => invoke(node, session, { ...call, expiration: now + 1000 }),
    NO_KEY,
  );
  await refusesUntouched(
    node,
    () => invoke(node, session, { ...call, expiration: now + 1001 }),
    TOO_LONG,
  );
});

// --- Replay ------------------------------------------------------------------------------------

Deno.test("wire §6: a used token answers 409, whatever it did", async (t) => {
  await using node = await startTestNode();
  const session = await signIn(node);
  for (const verb of ["put", "get", "metadata", "list", "del"] as const) {
    await t.step(verb, async () => {
      const { header: token } = await session.invocationToken(kv(session, verb, "k"));
      const body = verb === "put" ? { body: "v" } : {};

      assertOk(await ask(node, "/invoke", { token, ...body }));
      await refusesUntouched(node, () => ask(node, "/invoke", { token, ...body }), REPLAYED);
      await refusesUntouched(node, () => ask(node, "/invoke", { token, body: "other" }), REPLAYED);
    });
  }
});

Deno.test("wire §6: a replayed put with another body changes nothing", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  const { header: token } = await session.invocationToken(kv(session, "put", "k"));
  assertOk(await ask(node, "/invoke", { token, body: "first" }));

  await refusesUntouched(node, () => ask(node, "/invoke", { token, body: "second" }), REPLAYED);

  assert.equal((await session.get("k"))?.text(), "first");
});

for (const verb of ["put", "get", "list", "del"] as const) {
  Deno.test(`wire §6: of 50 equal ${verb}s at once one is answered 200`, async () => {
    await using node = await startTestNode();
    const session = await signIn(node);
    await session.put("k", "v");
    const { header: token } = await session.invocationToken(kv(session, verb, "k"));
    const body = verb === "put" ? { body: "w" } : {};

    const answers = await Promise.all(
      Array.from({ length: 50 }, () => ask(node, "/invoke", { token, ...body })),
    );

    const statuses = answers.map(({ status }) => status).sort();
    assert.deepEqual(statuses, [200, ...Array.from({ length: 49 }, () => 409)]);
  });
}

for (const verb of ["put", "get"] as const) {
  Deno.test(`wire §6: a ${verb} that is used stays used over a restart`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "tinycloud-" });
    try {
      let token: string;
      {
        await using node = await startTestNode({ folder });
        const session = await signIn(node);
        await session.put("k", "v");
        token = (await session.invocationToken(kv(session, verb, "k"))).header;
        assertOk(await ask(node, "/invoke", { token, ...(verb === "put" ? { body: "w" } : {}) }));
      }
      await using node = await startTestNode({ folder });

      const again = await ask(node, "/invoke", { token, ...(verb === "put" ? { body: "w" } : {}) });

      assertRefused(again, REPLAYED);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("wire §6: a nonce is used up for its issuer, whatever the token says", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  assertOk(await invoke(node, session, { ...kv(session, "list", ""), nonce: "n" }));

  const other = await invoke(node, session, { ...kv(session, "put", "b"), nonce: "n" }, {
    body: "x",
  });

  assertRefused(other, REPLAYED);
  assert.equal(await session.get("b"), undefined);
});

Deno.test("wire §6: a nonce is free to other issuers", async () => {
  await using node = await startTestNode();
  const [one, two] = [await signIn(node), await signIn(node)];

  assertOk(await invoke(node, one, { ...kv(one, "list", ""), nonce: "n" }));
  assertOk(await invoke(node, two, { ...kv(two, "list", ""), nonce: "n" }));
});

Deno.test("wire §6: two tokens without a nonce are two invocations", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  const expiration = Math.floor(Date.now() / 1000) + 60;
  const without = { overrides: { payload: { nnc: undefined } } };
  const call = { ...kv(session, "list", ""), expiration };

  assertOk(await invoke(node, session, call, without));
  assertOk(await invoke(node, session, { ...call, expiration: expiration + 1 }, without));
  await refusesUntouched(node, () => invoke(node, session, call, without), REPLAYED);
});

/** The same token with s replaced by n−s: another signature that is as valid. */
function withOtherS(token: string, order: bigint): string {
  const at = token.lastIndexOf(".") + 1;
  const signature = Uint8Array.fromBase64(token.slice(at), { alphabet: "base64url" });
  const s = BigInt(`0x${signature.slice(32).toHex()}`);
  const other = Uint8Array.fromHex((order - s).toString(16).padStart(64, "0"));
  const bytes = Uint8Array.of(...signature.slice(0, 32), ...other);
  return token.slice(0, at) + bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

const ECDSA = [
  { alg: "ES256", make: es256Key, order: P256_ORDER },
  { alg: "ES256K", make: es256kKey, order: SECP256K1_ORDER },
];

for (const { alg, make, order } of ECDSA) {
  Deno.test(`wire §2: a used ${alg} token with its other s answers 409`, async () => {
    await using node = await startTestNode();
    const session = await signIn(node, { key: make(new Uint8Array(32).fill(7)) });
    const withoutNonce = { payload: { nnc: undefined } };
    const { header } = await session.invocationToken(kv(session, "list", ""), withoutNonce);
    const other = withOtherS(header, order);

    assertOk(await ask(node, "/invoke", { token: other }));
    await refusesUntouched(node, () => ask(node, "/invoke", { token: header }), REPLAYED);
  });
}

interface Unused {
  readonly name: string;
  readonly status: number;
  /** Sends the token so that it is refused, and mends what it was refused for. */
  refuse(node: TestNode, session: Session, token: string): Promise<number>;
}

const UNUSED: readonly Unused[] = [
  {
    name: "404, its key being absent",
    status: 404,
    async refuse(node, session, token) {
      const { status } = await ask(node, "/invoke", { token });
      await session.put("k", "v");
      return status;
    },
  },
  {
    name: "400, its headers being bad",
    status: 400,
    refuse: async (node, _session, token) =>
      (await ask(node, "/invoke", { token, headers: { "if-match": "x" }, body: "v" })).status,
  },
  {
    name: "412",
    status: 412,
    refuse: async (node, _session, token) => {
      const headers = { "if-match": `"blake3-${"0".repeat(64)}"` };
      return (await ask(node, "/invoke", { token, headers, body: "v" })).status;
    },
  },
  {
    name: "413",
    status: 413,
    refuse: async (node, _session, token) =>
      (await ask(node, "/invoke", { token, body: new Uint8Array(2000) })).status,
  },
  {
    name: "401, the clock being wrong",
    status: 401,
    refuse: async (node, _session, token) => {
      node.clock.advance(1000);
      const { status } = await ask(node, "/invoke", { token });
      node.clock.advance(-1000);
      return status;
    },
  },
];

for (const { name, status, refuse } of UNUSED) {
  Deno.test(`wire §6: a token may be sent again after ${name}`, async () => {
    await using node = await startTestNode({ env: { TINYCLOUD_STORAGE_MAX_OBJECT: "1000" } });
    const session = await signIn(node);
    const verb = status === 404 ? "get" : "put";
    const { header: token } = await session.invocationToken(kv(session, verb, "k"));
    const body = verb === "put" ? { body: "v" } : {};

    assert.equal(await refuse(node, session, token), status);

    assertOk(await ask(node, "/invoke", { token, ...body }));
    await refusesUntouched(node, () => ask(node, "/invoke", { token, ...body }), REPLAYED);
  });
}

Deno.test("wire §6: a token may be sent again after its upload was aborted", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  const { header: token } = await session.invocationToken(kv(session, "put", "k"));
  {
    using connection = await RawConnection.open(node);
    await connection.head("POST /invoke HTTP/1.1", [
      `Authorization: ${token}`,
      "Content-Length: 100000",
    ]);
    await connection.write(bytesOf(50_000));
  }

  assertOk(await ask(node, "/invoke", { token, body: "whole" }));
  assert.equal((await session.get("k"))?.text(), "whole");
});

/** Runs `during` while another process, as it were, holds the database. */
async function withDatabaseLocked<T>(node: TestNode, during: () => Promise<T>): Promise<T> {
  const database = new DatabaseSync(`${node.folder}/caps.db`, { timeout: 2000 });
  try {
    database.exec("BEGIN IMMEDIATE");
    return await during();
  } finally {
    database.close();
  }
}

if (ARE_FILES) {
  Deno.test("wire §6: a put answers 503 while the database takes no writes, then 200", async () => {
    await using node = await startTestNode();
    const session = await signIn(node);
    const { header: token } = await session.invocationToken(kv(session, "put", "k"));

    const refused = await withDatabaseLocked(
      node,
      () => withinTime(ask(node, "/invoke", { token, body: "v" }), "an answer"),
    );

    assertRefused(refused, {
      status: 503,
      code: "storage_unavailable",
      sentence: "Storage unavailable",
    });
    assert.match(refused.headers.get("retry-after") ?? "", /^\d+$/);
    assertOk(await ask(node, "/invoke", { token, body: "v" }));
    await refusesUntouched(node, () => ask(node, "/invoke", { token, body: "v" }), REPLAYED);
  });
}

Deno.test("wire §6: while the database takes no writes, reads go on, each once", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  await session.put("k", "v");
  const { header: token } = await session.invocationToken(kv(session, "get", "k"));

  const [first, second] = await withDatabaseLocked(node, async () => [
    await withinTime(ask(node, "/invoke", { token }), "an answer"),
    await withinTime(ask(node, "/invoke", { token }), "an answer"),
  ]);

  assert.equal(first && assertOk(first).text, "v");
  assert.ok(second);
  assertRefused(second, REPLAYED);
  await refusesUntouched(node, () => ask(node, "/invoke", { token }), REPLAYED);
});

for (const verb of ["list", "put"] as const) {
  Deno.test(`adversary 1: a used ${verb} stays used when the clock steps back`, async () => {
    await using node = await startTestNode();
    const session = await signIn(node);
    const { header: token } = await session.invocationToken(kv(session, verb, "k"));
    const body = verb === "put" ? { body: "v" } : {};
    assertOk(await ask(node, "/invoke", { token, ...body }));

    // By an hour its end is too far ahead; by less it is good again, but for the guard.
    node.clock.advance(-3600);
    await refusesUntouched(node, () => ask(node, "/invoke", { token, ...body }), TOO_LONG);
    node.clock.advance(3400);
    await refusesUntouched(node, () => ask(node, "/invoke", { token, ...body }), REPLAYED);
  });
}

// --- One capability ----------------------------------------------------------------------------

type Att = (session: Session, unhosted: string) => Record<string, Record<string, unknown[]>>;
const kvOf = (space: string, path?: string) => resourceUri(space, "kv", path);

const COMBINATIONS: readonly { name: string; att: Att; expected: Refusal | "empty 200" }[] = [
  { name: "no capability", att: () => ({}), expected: BAD_INPUTS },
  {
    name: "put and get of one key",
    att: ({ space }) => ({
      [kvOf(space, "k")]: { "tinycloud.kv/put": [{}], "tinycloud.kv/get": [{}] },
    }),
    expected: BAD_INPUTS,
  },
  {
    name: "two puts",
    att: ({ space }) => ({
      [kvOf(space, "k")]: { "tinycloud.kv/put": [{}] },
      [kvOf(space, "l")]: { "tinycloud.kv/put": [{}] },
    }),
    expected: BAD_INPUTS,
  },
  {
    name: "a put and an ability the node does not know",
    att: ({ space }) => ({
      [kvOf(space, "k")]: { "tinycloud.kv/put": [{}] },
      [resourceUri(space, "sql", "db")]: { "tinycloud.sql/read": [{}] },
    }),
    expected: BAD_INPUTS,
  },
  {
    name: "a put without a path",
    att: ({ space }) => ({ [kvOf(space)]: { "tinycloud.kv/put": [{}] } }),
    expected: BAD_INPUTS,
  },
  {
    name: "a list without a path",
    att: ({ space }) => ({ [kvOf(space)]: { "tinycloud.kv/list": [{}] } }),
    expected: BAD_INPUTS,
  },
  {
    name: "a put to another service",
    att: ({ space }) => ({ [resourceUri(space, "sql", "k")]: { "tinycloud.kv/put": [{}] } }),
    expected: BAD_INPUTS,
  },
  {
    name: "capabilities/read on another path",
    att: ({ space }) => ({
      [resourceUri(space, "capabilities", "some")]: { "tinycloud.capabilities/read": [{}] },
    }),
    expected: BAD_INPUTS,
  },
  {
    name: "capabilities/read without a path",
    att: ({ space }) => ({
      [resourceUri(space, "capabilities")]: { "tinycloud.capabilities/read": [{}] },
    }),
    expected: BAD_INPUTS,
  },
  {
    name: "capabilities/read on all/",
    att: ({ space }) => ({
      [resourceUri(space, "capabilities", "all/")]: { "tinycloud.capabilities/read": [{}] },
    }),
    expected: BAD_INPUTS,
  },
  {
    name: "capabilities/read in kv",
    att: ({ space }) => ({ [kvOf(space, "all")]: { "tinycloud.capabilities/read": [{}] } }),
    expected: BAD_INPUTS,
  },
  {
    name: "an ability that the node does not know",
    att: ({ space }) => ({ [resourceUri(space, "sql", "db")]: { "tinycloud.sql/read": [{}] } }),
    expected: "empty 200",
  },
  {
    name: "an unknown ability in a space that is not hosted",
    att: (_session, space) => ({ [resourceUri(space, "other")]: { "tinycloud.other/do": [{}] } }),
    expected: NO_SPACE,
  },
  {
    name: "an unknown ability on a URN",
    att: ({ space }) => ({ [urnOf(space)]: { "tinycloud.encryption/decrypt": [{}] } }),
    expected: "empty 200",
  },
];

function urnOf(space: string): string {
  return `urn:tinycloud:encryption:did:${space.slice("tinycloud:".length)}`;
}

Deno.test("wire §6: an invocation acts on exactly one capability; it has", async (t) => {
  await using node = await startTestNode();
  const wallet = randomWallet();
  const space = spaceId(wallet.did);
  const unhosted = spaceId(wallet.did, "nowhere");
  const verbs = ["put", "get", "list"].map((verb) => `tinycloud.kv/${verb}`);
  const read = "tinycloud.capabilities/read";
  const session = await signIn(node, {
    attenuations: {
      ...attenuation(kvOf(space), [...verbs, read]),
      ...attenuation(resourceUri(space, "sql"), ["tinycloud.sql/read", "tinycloud.kv/put"]),
      ...attenuation(resourceUri(space, "capabilities"), [read]),
      ...attenuation(resourceUri(unhosted, "other"), ["tinycloud.other/do"]),
      ...attenuation(urnOf(space), ["tinycloud.encryption/decrypt"]),
    },
  }, wallet);
  for (const { name, att, expected } of COMBINATIONS) {
    await t.step(name, async () => {
      const request = () => {
        const attenuations = att(session, unhosted);
        const call = { resource: "", ability: "", attenuations };
        return invoke(node, session, call, { body: "v" });
      };

      if (expected === "empty 200") assert.equal(assertOk(await request()).text, "");
      else await refusesUntouched(node, request, expected);
      assert.deepEqual(await session.list(""), [], "nothing is done");
    });
  }
});

Deno.test("wire §6: two capabilities with a parent each have authority, but are two", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  const key = await randomSessionKey();
  const one = await granted(node, session, kvOf(session.space, "one"), GET, { key });
  const two = await granted(node, session, kvOf(session.space, "two"), GET, { key });

  const answer = await invoke(node, one, {
    ...kv(session, "get", "one"),
    proofs: [one.cid, two.cid],
    attenuations: {
      ...attenuation(kvOf(session.space, "one"), GET),
      ...attenuation(kvOf(session.space, "two"), GET),
    },
  });

  assertRefused(answer, BAD_INPUTS);
});

Deno.test("adversary 1: an invocation is no delegation", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  const { header: token } = await session.invocationToken(kv(session, "get", "k"));

  const answer = await ask(node, "/delegate", { token });

  assertRefused(answer, {
    status: 401,
    code: "delegation_empty",
    sentence: "Delegation not committed",
  });
});

Deno.test("wire §3.2: a foreign jwk and unknown members of header and payload are ignored", async () => {
  await using node = await startTestNode();
  const session = await signIn(node);
  const other = await randomSessionKey();

  const answer = await invoke(node, session, kv(session, "list", ""), {
    overrides: { header: { jwk: other.jwk, more: 1 }, payload: { more: [1] } },
  });

  assertOk(answer);
  const signedByOther = await signJwt(
    other,
    { alg: "EdDSA", jwk: other.jwk, typ: "JWT", ucv: "0.10.0" },
    {
      iss: session.key.didUrl,
      aud: session.key.did,
      exp: Date.now() / 1000 + 60,
      prf: [session.cid],
      att: attenuation(kvOf(session.space, ""), ["tinycloud.kv/list"]),
    },
  );
  await refusesUntouched(
    node,
    () => ask(node, "/invoke", { token: signedByOther.header }),
    BAD_SIGNATURE,
  );
});
