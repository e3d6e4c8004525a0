// wire §10: every row of the table of codes has a case here that produces it, or a reason why no
// test of one whole node does. The table is copied from the contract, so that a row that goes
// missing on either side fails.

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import {
  attenuation,
  type Attenuations,
  connect,
  randomSessionKey,
  randomWallet,
  resourceUri,
  type Session,
  type SessionKey,
  signCacao,
  signUcan,
  spaceId,
  type UcanFields,
  type Wallet,
} from "../../client/mod.ts";
import {
  type Answer,
  ask,
  assertOk,
  assertRefused,
  invoke,
  kv,
  owner,
  type Refusal,
} from "../support/asking.ts";
import type { SpaceId } from "../../src/capabilities/space_id.ts";
import { type ErrorCode, NodeError } from "../../src/errors.ts";
import { RETRY_AFTER, STATUS } from "../../src/http/status.ts";
import { walk } from "../support/files.ts";
import { measured } from "../support/measured.ts";
import { ARE_FILES } from "../support/node_stores.ts";
import { startTestNode, type TestNode } from "../support/node.ts";
import { asAnswer, askRaw, RawConnection, withinTime } from "../support/raw_http.ts";

const GET = "tinycloud.kv/get";
const REVOKE = "tinycloud.delegation/revoke";

interface Actors {
  readonly node: TestNode;
  readonly wallet: Wallet;
  readonly session: Session;
}

interface Row {
  readonly status: number;
  readonly sentence: string | RegExp;
  /** Seconds are told. */
  readonly retryAfter?: true;
  readonly env?: Readonly<Record<string, string>>;
  /** What brings it about; or why no test here does, and what shows it instead. */
  readonly how: ((actors: Actors) => Promise<Answer>) | string;
}

const unix = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;
const kvOf = (space: string) => attenuation(resourceUri(space, "kv"), [GET]);
const post = (node: TestNode, { header }: { readonly header: string }) =>
  ask(node, "/delegate", { token: header });

async function ucan(
  from: { readonly key: SessionKey; readonly cid: string },
  att: Attenuations,
  fields: Partial<UcanFields> & { readonly to?: SessionKey } = {},
) {
  const { to = await randomSessionKey(), ...rest } = fields;
  const { header, cid } = await signUcan(from.key, {
    audience: to.did,
    expiration: unix(600),
    proofs: [from.cid],
    attenuations: att,
    ...rest,
  });
  return { header, cid, key: to };
}

/** A fresh key under an accepted UCAN of the session. */
async function granted(
  { node, session }: Actors,
  from: { key: SessionKey; cid: string } = session,
) {
  const token = await ucan(from, kvOf(session.space));
  assertOk(await post(node, token));
  return {
    ...token,
    session: connect(node.url).use(token.key, { cid: token.cid, space: session.space }),
  };
}

const revocation = (key: SessionKey, cid: string, fields: Partial<UcanFields> = {}) =>
  signUcan(key, {
    audience: key.did,
    expiration: unix(60),
    attenuations: attenuation(`urn:cid:${cid}`, [REVOKE]),
    ...fields,
  });
const revoke = async (node: TestNode, token: Promise<{ readonly header: string }>) =>
  await ask(node, "/revoke", { token: (await token).header });

const put = ({ node, session }: Actors, key: string, body: BodyInit, headers?: HeadersInit) =>
  invoke(node, session, kv(session, "put", key), { body, headers });
const get = ({ node, session }: Actors, key: string) =>
  invoke(node, session, kv(session, "get", key));

const badSignature = (token: string) => {
  const at = token.lastIndexOf(".") + 1;
  return token.slice(0, at) + (token[at] === "A" ? "B" : "A") + token.slice(at + 1);
};

async function unknownCid(): Promise<string> {
  const key = await randomSessionKey();
  return (await signUcan(key, { audience: key.did, expiration: 1, attenuations: {} })).cid;
}

/** Posts a host CACAO for a space of the wallet. */
async function host(node: TestNode, wallet: Wallet, space: string): Promise<Answer> {
  const path = `/peer/generate/${encodeURIComponent(space)}`;
  const uri = assertOk(await ask(node, path, { method: "GET" })).text;
  const attenuations = attenuation(resourceUri(space, "space"), ["tinycloud.space/host"]);
  return await post(node, await signCacao(wallet, { domain: "localhost", uri, attenuations }));
}

const TABLE: Readonly<Record<string, Row>> = {
  token_missing: {
    status: 401,
    sentence: "Missing Authorization header",
    how: ({ node }) => ask(node, "/invoke"),
  },
  token_malformed: {
    status: 401,
    sentence: /^Malformed token: \S/,
    how: ({ node }) => ask(node, "/invoke", { token: "nonsense" }),
  },
  token_signature: {
    status: 401,
    sentence: "Failed to verify signature",
    how: async ({ node, session }) => {
      const { header } = await session.invocationToken(kv(session, "get", "a"));
      return await ask(node, "/invoke", { token: badSignature(header) });
    },
  },
  token_time: {
    status: 401,
    sentence: "Invocation expired or not yet valid",
    how: ({ node, session }) =>
      invoke(node, session, { ...kv(session, "get", "a"), expiration: 1 }),
  },
  "token_time at /delegate": {
    status: 401,
    sentence: "Delegation expired or not yet valid",
    how: async ({ node, session }) =>
      post(node, await ucan(session, kvOf(session.space), { expiration: 1 })),
  },
  token_lifetime: {
    status: 401,
    sentence: "Invocation lifetime exceeds server maximum",
    how: ({ node, session }) =>
      invoke(node, session, { ...kv(session, "get", "a"), expiration: unix(1000) }),
  },
  token_audience: {
    status: 401,
    sentence: "Invocation is not addressed to this node",
    how: async ({ node, session }) => {
      const audience = (await randomSessionKey()).did;
      return await invoke(node, session, { ...kv(session, "get", "a"), audience });
    },
  },
  delegation_empty: {
    status: 401,
    sentence: "Delegation not committed",
    how: async ({ node, session }) => post(node, await ucan(session, {})),
  },
  proof_missing: {
    status: 401,
    sentence: "Cannot find parent delegation",
    how: ({ node, session }) => invoke(node, session, { ...kv(session, "get", "a"), proofs: [] }),
  },
  proof_window: {
    status: 401,
    sentence: "Child delegation expiry exceeds parent expiry",
    how: async ({ node, session }) =>
      post(node, await ucan(session, kvOf(session.space), { expiration: unix(100_000) })),
  },
  "proof_window at its beginning": {
    status: 401,
    sentence: "Child delegation not_before precedes parent not_before",
    how: async (actors) => {
      const { node, session } = actors;
      const first = await ucan(session, kvOf(session.space), { notBefore: unix(-100) });
      assertOk(await post(node, first));
      const child = await ucan(first, kvOf(session.space), { notBefore: unix(-200) });
      return await post(node, child);
    },
  },
  chain_too_long: {
    status: 401,
    sentence: "delegation-chain-traversal-limit-exceeded",
    how: async ({ node, session }) => {
      let last: { key: SessionKey; cid: string } = session;
      for (let count = 0; count < 63; count++) {
        const token = await ucan(last, kvOf(session.space), { expiration: unix(600) });
        assertOk(await post(node, token));
        last = token;
      }
      return await post(node, await ucan(last, kvOf(session.space)));
    },
  },
  chain_time: {
    status: 401,
    sentence: /^Unauthorized Action: tinycloud:\S+\/kv\/a \/ tinycloud\.kv\/get$/,
    how: async (actors) => {
      const { node, session } = actors;
      node.clock.advance(3601);
      const expiration = node.clock.nowSeconds() + 60;
      return await invoke(node, session, { ...kv(session, "get", "a"), expiration });
    },
  },
  "chain_time at /delegate": {
    status: 401,
    sentence: "Delegation expired or not yet valid",
    how: async ({ node, session }) => {
      node.clock.advance(3601);
      return await post(node, await ucan(session, kvOf(session.space), { expiration: unix(3650) }));
    },
  },
  unauthorized_invoker: {
    status: 401,
    sentence: "Unauthorized Invoker",
    how: async ({ node, session }) => {
      const other = connect(node.url).use(await randomSessionKey(), session.grant);
      return await invoke(node, other, kv(session, "get", "a"));
    },
  },
  unauthorized_delegator: {
    status: 401,
    sentence: /^Unauthorized Delegator: did:key:z6Mk\w+$/,
    how: async ({ node, session }) => {
      const key = await randomSessionKey();
      return await post(node, await ucan({ key, cid: session.cid }, kvOf(session.space)));
    },
  },
  unauthorized_action: {
    status: 401,
    sentence: /^Unauthorized Action: tinycloud:\S+\/sql\/a \/ tinycloud\.kv\/get$/,
    how: ({ node, session }) =>
      invoke(node, session, { resource: resourceUri(session.space, "sql", "a"), ability: GET }),
  },
  unauthorized_capability: {
    status: 401,
    sentence: /^Unauthorized Capability: tinycloud:\S+\/sql, tinycloud\.kv\/get$/,
    how: async ({ node, session }) =>
      post(node, await ucan(session, attenuation(resourceUri(session.space, "sql"), [GET]))),
  },
  revoked: {
    status: 401,
    sentence: /^delegation-revoked: bafkr4i\w+$/,
    how: async (actors) => {
      const target = await granted(actors);
      assertOk(await revoke(actors.node, revocation(target.key, target.cid)));
      return await invoke(actors.node, target.session, kv(actors.session, "get", "a"));
    },
  },
  ancestor_revoked: {
    status: 401,
    sentence: /^delegation-ancestor-revoked: ancestor=bafkr4i\w+ invoked=bafkr4i\w+$/,
    how: async (actors) => {
      const parent = await granted(actors);
      const child = await granted(actors, parent);
      assertOk(await revoke(actors.node, revocation(parent.key, parent.cid)));
      return await invoke(actors.node, child.session, kv(actors.session, "get", "a"));
    },
  },
  parent_revoked: {
    status: 401,
    sentence: /^delegation-parent-revoked: bafkr4i\w+$/,
    how: async (actors) => {
      const parent = await granted(actors);
      assertOk(await revoke(actors.node, revocation(parent.key, parent.cid)));
      return await post(actors.node, await ucan(parent, kvOf(actors.session.space)));
    },
  },
  revoke_signature: {
    status: 403,
    sentence: "Failed to verify signature",
    how: async ({ node, session }) => {
      const { header } = await revocation(session.key, session.cid);
      return await ask(node, "/revoke", { token: badSignature(header) });
    },
  },
  revoke_proof: {
    status: 403,
    sentence: "Cannot find parent delegation",
    how: async ({ node, session }) => {
      const proofs = [await unknownCid()];
      return await revoke(node, revocation(await randomSessionKey(), session.cid, { proofs }));
    },
  },
  revoke_time: {
    status: 403,
    sentence: "Revocation expired or not yet valid",
    how: ({ node, session }) =>
      revoke(node, revocation(session.key, session.cid, { expiration: 1 })),
  },
  unauthorized_revoker: {
    status: 403,
    sentence: "Unauthorized Revoker",
    how: async ({ node, session }) =>
      revoke(node, revocation(await randomSessionKey(), session.cid)),
  },
  space_not_admitted: {
    status: 403,
    sentence: "Space not admitted",
    env: { TINYCLOUD_SPACES_PER_OWNER: "1" },
    how: ({ node, wallet }) => host(node, wallet, spaceId(wallet.did, "second")),
  },
  space_blocked: {
    status: 403,
    sentence: "Space blocked by this node",
    how: async ({ node, session }) => {
      const { repository } = node.node.services;
      // `as`: it was parsed when it was hosted.
      await repository.setSpaceState(session.space as SpaceId, "open", "blocked");
      return await invoke(node, session, kv(session, "get", "a"));
    },
  },
  space_id_invalid: {
    status: 400,
    sentence: "Invalid space ID",
    how: ({ node }) => ask(node, "/peer/generate/nonsense", { method: "GET" }),
  },
  request_malformed: {
    status: 400,
    sentence: /^Malformed request: \S/,
    how: (actors) => put(actors, "a", "v", { "if-match": "nonsense" }),
  },
  key_too_long: {
    status: 400,
    sentence: "Key exceeds 1024 bytes",
    how: (actors) => get(actors, "k".repeat(1025)),
  },
  headers_too_large: {
    status: 400,
    sentence: "Stored headers exceed 64 names or 8 KiB",
    how: (actors) => put(actors, "a", "v", { "x-tinycloud-meta-a": "a".repeat(8192) }),
  },
  length_invalid: {
    status: 400,
    sentence: "Invalid Content-Length",
    how: async ({ node, session }) => {
      const { header } = await session.invocationToken(kv(session, "put", "a"));
      const length = "Content-Length: 3";
      const head = [`Authorization: ${header}`, length, length];
      return asAnswer(await askRaw(node, "POST /invoke HTTP/1.1", head, "abc"));
    },
  },
  inputs_invalid: {
    status: 400,
    sentence: "Invalid inputs",
    how: ({ node, session }) =>
      invoke(node, session, { resource: resourceUri(session.space, "kv"), ability: GET }),
  },
  space_not_found: {
    status: 404,
    sentence: "Space not found",
    how: async ({ node }) => {
      const wallet = randomWallet();
      const uri = (await randomSessionKey()).didUrl;
      const attenuations = kvOf(spaceId(wallet.did));
      return await post(node, await signCacao(wallet, { domain: "localhost", uri, attenuations }));
    },
  },
  key_not_found: { status: 404, sentence: "Key not found", how: (actors) => get(actors, "absent") },
  key_not_deleted: {
    status: 404,
    sentence: "No Such Key: absent/key",
    how: ({ node, session }) => invoke(node, session, kv(session, "del", "absent/key")),
  },
  delegation_not_found: {
    status: 404,
    sentence: "Delegation not found",
    how: async ({ node, session }) => revoke(node, revocation(session.key, await unknownCid())),
  },
  not_found: {
    status: 404,
    sentence: "Not found",
    how: ({ node }) => ask(node, "/nowhere", { method: "GET" }),
  },
  method_not_allowed: {
    status: 405,
    sentence: "Method not allowed",
    how: ({ node }) => ask(node, "/invoke", { method: "GET" }),
  },
  body_timeout: {
    status: 408,
    sentence: "Body too slow",
    env: { TINYCLOUD_HTTP_BODY_IDLE_TIMEOUT: "100 ms" },
    how: async ({ node, session }) => {
      const { header } = await session.invocationToken(kv(session, "put", "a"));
      using connection = await RawConnection.open(node);
      await connection.head("POST /invoke HTTP/1.1", [
        `Authorization: ${header}`,
        "Content-Length: 10000",
      ]);
      return asAnswer(await connection.answer());
    },
  },
  invocation_replayed: {
    status: 409,
    sentence: "duplicate invocation",
    how: async ({ node, session }) => {
      const { header: token } = await session.invocationToken(kv(session, "list", ""));
      assertOk(await ask(node, "/invoke", { token }));
      return await ask(node, "/invoke", { token });
    },
  },
  precondition_failed: {
    status: 412,
    sentence: "KV precondition failed",
    how: (actors) => put(actors, "a", "v", { "if-match": `"blake3-${"0".repeat(64)}"` }),
  },
  object_too_large: {
    status: 413,
    sentence: "Value exceeds maximum of 10 bytes",
    env: { TINYCLOUD_STORAGE_MAX_OBJECT: "10" },
    how: (actors) => put(actors, "a", new Uint8Array(11)),
  },
  quota_exceeded: {
    status: 402,
    sentence: "Storage quota exceeded. Used: 10 bytes, Limit: 10 bytes",
    env: { TINYCLOUD_STORAGE_LIMIT: "10" },
    how: async (actors) => {
      assertOk(await put(actors, "a", new Uint8Array(9)));
      return await put(actors, "b", new Uint8Array(1));
    },
  },
  quota_would_exceed: {
    status: 413,
    sentence: "Write exceeds remaining storage. Used: 0 bytes, Limit: 10 bytes",
    env: { TINYCLOUD_STORAGE_LIMIT: "10" },
    how: (actors) => put(actors, "a", new Uint8Array(10)),
  },
  rate_limited: {
    status: 429,
    sentence: "Too many requests",
    retryAfter: true,
    env: { TINYCLOUD_LIMITS_SPACE_RATE: "1" },
    how: async (actors) => {
      assertOk(await put(actors, "a", "1"));
      return await put(actors, "a", "2");
    },
  },
  too_many_delegations: {
    status: 429,
    sentence: "Too many delegations",
    retryAfter: true,
    env: { TINYCLOUD_LIMITS_DELEGATOR_DELEGATIONS: "2" },
    how: async (actors) => {
      await granted(actors);
      await granted(actors);
      return await post(actors.node, await ucan(actors.session, kvOf(actors.session.space)));
    },
  },
  storage_full: {
    status: 503,
    sentence: "Storage full",
    retryAfter: true,
    how: "needs a disk that is full: tests/faults/disk.test.ts",
  },
  storage_readonly: {
    status: 503,
    sentence: "Storage read-only",
    retryAfter: true,
    how: "needs a disk that takes no writes: tests/faults/disk.test.ts",
  },
  storage_unavailable: {
    status: 503,
    sentence: "Storage unavailable",
    retryAfter: true,
    how: async (actors) => {
      const path = `${actors.node.folder}/caps.db`;
      using database = new DatabaseSync(path, { timeout: 2000 });
      database.exec("BEGIN IMMEDIATE");
      return await withinTime(put(actors, "a", "v"), "an answer");
    },
  },
  allowlist_unavailable: {
    status: 503,
    sentence: "Allowlist unavailable",
    retryAfter: true,
    // A port at which nobody listens, and that is given to nobody.
    env: { TINYCLOUD_SPACES_ALLOWLIST: "http://127.0.0.1:1/" },
    how: ({ node, wallet }) => host(node, wallet, spaceId(wallet.did)),
  },
  shutting_down: {
    status: 503,
    sentence: "Shutting down",
    retryAfter: true,
    how: "needs a node that is stopping: tests/faults/stopping.test.ts",
  },
  block_corrupt: {
    status: 500,
    sentence: "Stored value is damaged",
    how: async (actors) => {
      const { node } = actors;
      assertOk(await put(actors, "a", new Uint8Array(100_000)));
      const block = [...await walk(`${node.folder}/blocks`)].find(([, size]) => size === 100_000);
      assert.ok(block);
      await Deno.writeFile(`${node.folder}/blocks/${block[0]}`, new Uint8Array(99_999));
      return await get(actors, "a");
    },
  },
  internal: {
    status: 500,
    sentence: "Internal error",
    how: "stands for mistakes of the node: no request is known that brings one about",
  },
};

/** They reach into the SQLite file or the folder of blocks, which nodes on other stores don't have. */
const ON_FILES: ReadonlySet<string> = new Set(["storage_unavailable", "block_corrupt"]);

for (const [name, { how, env = {}, retryAfter, ...row }] of Object.entries(TABLE)) {
  if (typeof how === "string") continue;
  const refusal: Refusal = { ...row, code: codeOf(name) };
  if (!ARE_FILES && ON_FILES.has(name)) continue;
  Deno.test(`wire §10: ${name}: ${row.status}`, async () => {
    await using node = await startTestNode({ env });
    const actors = env.TINYCLOUD_SPACES_ALLOWLIST === undefined
      ? { node, ...await owner(node) }
      : { node, wallet: randomWallet(), session: await anyone(node) };

    const answer = await how(actors);

    assertRefused(answer, refusal);
    const told = answer.headers.get("retry-after");
    if (retryAfter) assert.match(told ?? "", /^[1-9]\d*$/);
    else assert.equal(told, null);
    assert.equal(answer.headers.get("allow") !== null, row.status === 405);
  });
}

/** A session of a space that is not hosted. */
async function anyone(node: TestNode): Promise<Session> {
  const space = spaceId(randomWallet().did);
  return connect(node.url).use(await randomSessionKey(), { cid: await unknownCid(), space });
}

Deno.test("wire §10: the node's table of codes is the contract's, row by row", () => {
  const expected: Record<string, number> = {};
  for (const [name, { status }] of Object.entries(TABLE)) expected[codeOf(name)] = status;
  assert.equal(Object.keys(expected).length, 51);
  assert.deepEqual(STATUS, expected);
});

Deno.test("wire §10: 429 and 503, and nothing else, say when to come again", () => {
  const waits = Object.entries(STATUS).filter(([, status]) => status === 429 || status === 503);

  assert.deepEqual(Object.keys(RETRY_AFTER).sort(), waits.map(([code]) => code).sort());
});

const NOT_HERE = Object.entries(TABLE).flatMap(([name, { how, retryAfter, ...row }]) =>
  typeof how === "string" ? [{ name, how, retryAfter, ...row }] : []
);

Deno.test(`wire §10: no whole-node test for ${NOT_HERE.map(({ name }) => name).join(", ")}`, () => {
  for (const { name, how } of NOT_HERE) measured(`no whole-node test for ${name}: ${how}`);

  assert.deepEqual(NOT_HERE.map(({ name }) => name), [
    "storage_full",
    "storage_readonly",
    "shutting_down",
    "internal",
  ]);
  for (const { name, sentence, retryAfter } of NOT_HERE) {
    // `as`: the row's name is a code, as the test above shows.
    assert.equal(new NodeError(name as ErrorCode).message, sentence);
    assert.equal(RETRY_AFTER[name as ErrorCode] !== undefined, retryAfter ?? false);
  }
});

/** A row's code: two rows of one are told apart by what follows the space. */
function codeOf(name: string): string {
  return name.replace(/ .*/, "");
}
