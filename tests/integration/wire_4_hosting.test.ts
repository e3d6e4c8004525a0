// wire §4, hosting: what creates a space, and who is admitted.

import assert from "node:assert/strict";
import { base58btc } from "multiformats/bases/base58";
import {
  attenuation,
  randomSessionKey,
  randomWallet,
  resourceUri,
  sessionKeyFromSeed,
  spaceId,
  walletFromPrivateKey,
} from "../../client/mod.ts";
import { ask, assertOk, assertRefused, type Refusal } from "../support/asking.ts";
import { startAllowlist, type TestAllowlist } from "../support/allowlist.ts";
import { startTestNode, type TestNode } from "../support/node.ts";
import {
  ALLOWLIST_DOWN,
  BAD_SIGNATURE,
  DELEGATION_TIME,
  NO_PARENT,
  NO_SPACE,
  NOT_ADMITTED,
} from "../support/refusals.ts";
import { refusesUntouched, snapshot } from "../support/state.ts";
import {
  accepted,
  allOfKv,
  aSession,
  cacao,
  GET,
  HOST,
  host,
  hostDid,
  hosting,
  now,
  post,
  PUT,
  rfc3339,
  ucan,
  use,
} from "../support/world.ts";

const FAST = { TINYCLOUD_STORAGE_DURABILITY: "normal" };
const node = await startTestNode({ env: FAST });
Deno.test.afterAll(async () => await node[Symbol.asyncDispose]());

const KEY = await sessionKeyFromSeed(new Uint8Array(32).fill(61));
const UNSETTLED = { settle: false };

interface Made {
  readonly header: string;
  readonly cid: string;
}
const refusesToken = (token: Made, refusal: Refusal, at = node) =>
  refusesUntouched(at, () => post(at, token.header), refusal);

/** A host delegation of a fresh wallet for a resource of its space, for this audience. */
async function hostOn(resource: (space: string) => string, to?: string): Promise<Made> {
  const wallet = randomWallet();
  const space = spaceId(wallet.did);
  const aud = to ?? await hostDid(node, space);
  return await cacao(wallet, aud, attenuation(resource(space), [HOST]));
}

// What hosts.

Deno.test("wire §4: the owner's host delegation for this node creates the space", async () => {
  const wallet = randomWallet();
  const space = spaceId(wallet.did);
  const token = await hosting(node, wallet, space);
  const answer = await accepted(node, token);
  assert.deepEqual(answer, { cid: token.cid, activated: [space], skipped: [] });
  await aSession(node, { wallet });
});

/** The node's DID as the reference encoded it: one byte in front of the key. */
const oldEncoding = (did: string) =>
  `did:key:${
    base58btc.encode(
      Uint8Array.of(0xed, ...base58btc.decode(did.slice("did:key:".length)).subarray(2)),
    )
  }`;

Deno.test("wire §4: the node's DID in the reference's old encoding hosts too", async () => {
  const wallet = randomWallet();
  const space = spaceId(wallet.did);
  const to = oldEncoding(await hostDid(node, space));
  const att = attenuation(resourceUri(space, "space"), [HOST]);
  assert.deepEqual((await accepted(node, await cacao(wallet, to, att))).activated, [space]);
});

Deno.test("wire §4, U12: another audience hosts nothing", async () => {
  await using other = await startTestNode({ env: FAST });
  const wallet = randomWallet();
  const space = spaceId(wallet.did);
  const { nodeId } = JSON.parse((await ask(node, "/info", { method: "GET" })).text);
  for (
    const to of [
      await hostDid(other, space),
      oldEncoding(await hostDid(other, space)),
      await hostDid(node, spaceId(wallet.did, "other")),
      await hostDid(node, spaceId(randomWallet().did)),
      nodeId,
      KEY.did,
      wallet.did,
      "did:x:y",
    ]
  ) {
    const token = await cacao(wallet, to, attenuation(resourceUri(space, "space"), [HOST]));
    await refusesToken(token, NO_SPACE);
  }
});

for (
  const [what, resource] of [
    ["with the empty path", (space: string) => `${space}/space/`],
    ["with a path", (space: string) => `${space}/space/x`],
    ["with a query", (space: string) => `${space}/space?x`],
    ["with an empty query", (space: string) => `${space}/space?`],
    ["with a fragment", (space: string) => `${space}/space#x`],
    ["with an empty fragment", (space: string) => `${space}/space#`],
    ["of another service", (space: string) => `${space}/spaces`],
    ["of kv", (space: string) => `${space}/kv`],
  ] as const
) {
  Deno.test(`wire §4: a host capability on a resource ${what} hosts nothing`, async () => {
    await refusesToken(await hostOn(resource), NO_SPACE);
  });
}

Deno.test("wire §4: another ability on the space hosts nothing", async () => {
  const wallet = randomWallet();
  const space = spaceId(wallet.did);
  const to = await hostDid(node, space);
  for (const ability of ["tinycloud.space/Host", "tinycloud.space/create", "tinycloud.space/*"]) {
    const att = attenuation(resourceUri(space, "space"), [ability]);
    await refusesToken(await cacao(wallet, to, att), NO_SPACE);
  }
});

Deno.test("wire §4: only the owner hosts", async () => {
  const [alice, bob] = [randomWallet(), randomWallet()];
  const space = spaceId(alice.did);
  await refusesToken(await hosting(node, bob, space), NO_PARENT);
  // Leave to host is worth nothing, as it cannot be had before the space is there.
  const att = attenuation(resourceUri(space, "space"), [HOST]);
  await refusesToken(await cacao(alice, bob.did, att), NO_SPACE);
});

Deno.test("wire §4: a host delegation by who holds one from the owner is an ordinary one", async () => {
  const [alice, bob] = [randomWallet(), randomWallet()];
  const [first, second] = ["first", "second"].map((name) => spaceId(alice.did, name));
  assert.ok(first && second);
  await host(node, alice, "first");
  const both = { ...allOfKv(first), ...attenuation(resourceUri(second, "space"), [HOST]) };
  const grant = await cacao(alice, bob.did, both);
  assert.deepEqual((await accepted(node, grant)).skipped, [second]);
  const fields = { proofs: [grant.cid] };
  await refusesToken(await hosting(node, bob, second, fields), NO_SPACE);
});

Deno.test("wire §4: a host delegation may carry other capabilities, of other spaces too", async () => {
  const wallet = randomWallet();
  const [space, second] = [spaceId(wallet.did), spaceId(wallet.did, "second")];
  const att = {
    ...allOfKv(space),
    ...attenuation(resourceUri(space, "space"), [HOST]),
    ...attenuation(resourceUri(second, "space"), [HOST]),
  };
  const answer = await accepted(node, await cacao(wallet, await hostDid(node, space), att));
  // The audience is the node for one space only.
  assert.deepEqual([answer.activated, answer.skipped], [[space], [second]]);
});

Deno.test("wire §4, U13: hosting again is 200 and changes nothing of the space", async () => {
  const session = await aSession(node);
  const resource = resourceUri(session.space, "kv", "x");
  assertOk(await use(node, session, PUT, resource, {}, "content"));
  const rows = async () => {
    const { space, entry } = (await snapshot(node)).tables;
    return { space, entry };
  };
  const before = await rows();
  const again = await hosting(node, session.wallet, session.space);
  assert.deepEqual((await accepted(node, again)).activated, [session.space]);
  assert.deepEqual((await accepted(node, again)).activated, [session.space]);
  assert.deepEqual(await rows(), before);
  assert.equal(assertOk(await use(node, session, GET, resource)).text, "content");
});

Deno.test("wire §4: hosting again for another node is an ordinary delegation", async () => {
  const session = await aSession(node);
  const att = attenuation(resourceUri(session.space, "space"), [HOST]);
  const answer = await accepted(node, await cacao(session.wallet, "did:x:y", att));
  assert.deepEqual(answer.activated, [session.space]);
});

Deno.test("wire §4: the same host delegation 20 times at once is 20 times 200, one space", async () => {
  const wallet = randomWallet();
  const space = spaceId(wallet.did);
  const token = await hosting(node, wallet, space);
  const before = (await snapshot(node)).tables;
  const answers = await Promise.all(Array.from({ length: 20 }, () => accepted(node, token)));
  for (const answer of answers) assert.deepEqual(answer.activated, [space]);
  const { space: spaces, delegation } = (await snapshot(node)).tables;
  assert.equal(spaces?.length, (before.space?.length ?? 0) + 1);
  assert.equal(delegation?.length, (before.delegation?.length ?? 0) + 1);
});

// Admission.

Deno.test("wire §4: owners are wallets unless the node lets keys be", async () => {
  const key = await randomSessionKey();
  const space = spaceId(key.did);
  const att = attenuation(resourceUri(space, "space"), [HOST]);
  const token = await ucan(node, { key }, await hostDid(node, space), att);
  await refusesToken(token, NOT_ADMITTED);
});

Deno.test("wire §4: an owner has spaces.per_owner spaces at most", async () => {
  await using small = await startTestNode({
    env: { ...FAST, TINYCLOUD_SPACES_PER_OWNER: "2", TINYCLOUD_CORS: "true" },
  });
  const wallet = randomWallet();
  const first = await host(small, wallet, "a");
  await host(small, wallet, "b");
  const third = spaceId(wallet.did, "c");
  const lower = { ...wallet, did: wallet.did.toLowerCase() };
  for (const space of [third, spaceId(lower.did, "d")]) {
    await refusesToken(await hosting(small, wallet, space), NOT_ADMITTED, small);
  }
  // What is hosted may be hosted again, and others are not concerned.
  await accepted(small, await hosting(small, wallet, first));
  await aSession(small);
  // A chain of its own makes another owner of one address.
  await host(small, walletOn(10));
});

function walletOn(chainId: number) {
  return walletFromPrivateKey("62".repeat(32), chainId);
}

Deno.test("wire §4: a node has spaces.max spaces at most", async () => {
  await using small = await startTestNode({ env: { ...FAST, TINYCLOUD_SPACES_MAX: "2" } });
  const wallet = randomWallet();
  const first = await host(small, wallet);
  await host(small, randomWallet());
  const other = randomWallet();
  const token = await hosting(small, other, spaceId(other.did));
  await refusesUntouched(small, () => post(small, token.header), NOT_ADMITTED, UNSETTLED);
  await accepted(small, await hosting(small, wallet, first));
});

Deno.test("wire §4: of many hosts at once no more pass than there is room for", async () => {
  await using small = await startTestNode({
    env: { ...FAST, TINYCLOUD_SPACES_PER_OWNER: "3" },
  });
  const wallet = randomWallet();
  const tokens = await Promise.all(
    Array.from(
      { length: 10 },
      (_, index) => hosting(small, wallet, spaceId(wallet.did, `s${index}`)),
    ),
  );
  const answers = await Promise.all(tokens.map(({ header }) => post(small, header)));
  const statuses = answers.map(({ status }) => status).toSorted();
  assert.deepEqual(statuses, [...Array(3).fill(200), ...Array(7).fill(403)]);
  assert.equal((await snapshot(small)).tables.space?.length, 3);
});

Deno.test("wire §4: the host's delegation does not age with auth.max_delegation_lifetime", async () => {
  await using bound = await startTestNode({
    env: { ...FAST, TINYCLOUD_AUTH_MAX_DELEGATION_LIFETIME: "1000" },
  });
  const wallet = randomWallet();
  const space = spaceId(wallet.did);
  const issuedAt = rfc3339(now(bound) - 5000);
  await accepted(bound, await hosting(bound, wallet, space, { issuedAt }));
  await aSession(bound, { wallet });
});

// The allowlist.

/** A node with an allowlist, and a wallet with its host delegation. */
async function guarded(allowlist: { readonly url: string }, env: Record<string, string> = {}) {
  const at = await startTestNode({
    env: { ...FAST, TINYCLOUD_SPACES_ALLOWLIST: allowlist.url, ...env },
  });
  const wallet = randomWallet();
  const space = spaceId(wallet.did);
  const token = await hosting(at, wallet, space);
  return { at, wallet, space, token };
}

/** Refused and untouched; the writes around a refusal would need a space of their own. */
const turnsAway = (at: TestNode, token: Made, refusal: Refusal) =>
  refusesUntouched(at, () => post(at, token.header), refusal, UNSETTLED);

type Spell = (space: string) => string;
const lowerCase: Spell = (space) => space.toLowerCase();
const ADMITTED: Readonly<Record<string, Spell>> = {
  "the space id": (space) => space,
  "the space id and a newline": (space) => `${space}\r\n`,
  "the space id in white space": (space) => ` \n\t${space}\n `,
  "the space id in lower case": lowerCase,
  "the space id in a body of 1 KiB": (space) => space.padEnd(1024),
};

for (const [what, body] of Object.entries(ADMITTED)) {
  for (const status of [200, 201]) {
    Deno.test(`wire §4: an allowlist that answers ${status} with ${what} admits`, async () => {
      let space = "";
      await using allowlist = startAllowlist(() => new Response(body(space), { status }));
      const { at, token, ...rest } = await guarded(allowlist);
      await using _ = at;
      space = rest.space;
      assert.deepEqual((await accepted(at, token)).activated, [space]);
      assert.equal(allowlist.asked.length, 1);
    });
  }
}

const TURNED_AWAY: Readonly<Record<string, (space: string) => Response>> = {
  "404": () => new Response("no", { status: 404 }),
  "403": () => new Response("no", { status: 403 }),
  "404 with the space id": (space) => new Response(space, { status: 404 }),
  "no body": () => new Response(null, { status: 204 }),
  "an empty body": () => new Response(""),
  "another space": () => new Response(spaceId(randomWallet().did)),
  "another space of the owner": (space) => new Response(`${space}2`),
  "the space id in quotes": (space) => new Response(JSON.stringify(space)),
  "two space ids": (space) => new Response(`${space}\n${space}`),
  "a space id that is none": () => new Response("tinycloud:x"),
  "bytes that are no text": () => new Response(Uint8Array.of(0xff, 0xfe)),
  "a body of more than 1 KiB": (space) => new Response(space.padEnd(1025)),
  "a body without end": () => new Response(endless()),
};

function endless(): ReadableStream<Uint8Array> {
  return new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65536)) });
}

for (const [what, answer] of Object.entries(TURNED_AWAY)) {
  Deno.test(`wire §4: an allowlist that answers ${what} does not admit`, async () => {
    let space = "";
    await using allowlist = startAllowlist(() => answer(space));
    const { at, token, wallet, ...rest } = await guarded(allowlist);
    await using _ = at;
    space = rest.space;
    await turnsAway(at, token, NOT_ADMITTED);
    await turnsAway(at, await cacao(wallet, KEY.did, allOfKv(space)), NO_SPACE);
  });
}

const UNCLEAR: Readonly<Record<string, (space: string, at: TestAllowlist) => Response>> = {
  "500": () => new Response("?", { status: 500 }),
  "503": () => new Response("?", { status: 503 }),
  "401": () => new Response("?", { status: 401 }),
  "429": () => new Response("?", { status: 429 }),
  "a redirect": (_, { url }) =>
    new Response(null, { status: 302, headers: { location: `${url}/elsewhere` } }),
  "a permanent redirect": (_, { url }) =>
    new Response(null, { status: 308, headers: { location: `${url}/elsewhere` } }),
};

for (const [what, answer] of Object.entries(UNCLEAR)) {
  Deno.test(`wire §4: an allowlist that answers ${what} is unavailable, asked again later`, async () => {
    let clear = false;
    let space = "";
    await using allowlist: TestAllowlist = startAllowlist(() =>
      clear ? new Response(space) : answer(space, allowlist)
    );
    const { at, token, ...rest } = await guarded(allowlist);
    await using _ = at;
    space = rest.space;
    await turnsAway(at, token, ALLOWLIST_DOWN);
    const refused = await post(at, token.header);
    assert.ok(Number(refused.headers.get("retry-after")) > 0);
    assert.ok(allowlist.asked.every((path) => !path.endsWith("elsewhere")));

    clear = true;
    assert.deepEqual((await accepted(at, token)).activated, [space]);
  });
}

Deno.test("wire §4: an allowlist that is down is unavailable", async () => {
  const allowlist = startAllowlist(() => new Response(""));
  await allowlist[Symbol.asyncDispose]();
  const { at, token } = await guarded(allowlist);
  await using _ = at;
  await turnsAway(at, token, ALLOWLIST_DOWN);
});

Deno.test("wire §4: an allowlist that does not answer in time is unavailable", async () => {
  const { promise: held, resolve: release } = Promise.withResolvers<Response>();
  await using allowlist = startAllowlist(() => held);
  const timeout = { TINYCLOUD_SPACES_ALLOWLIST_TIMEOUT: "1 s" };
  const { at, token } = await guarded(allowlist, timeout);
  await using _ = at;
  await turnsAway(at, token, ALLOWLIST_DOWN);
  release(new Response(""));
});

Deno.test("wire §4: an allowlist whose body does not end in time is unavailable", async () => {
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  await using allowlist = startAllowlist(() =>
    new Response(
      new ReadableStream({
        start: async (controller) => {
          controller.enqueue(new TextEncoder().encode("tinycloud:"));
          await held;
          controller.close();
        },
      }),
    )
  );
  const timeout = { TINYCLOUD_SPACES_ALLOWLIST_TIMEOUT: "1 s" };
  const { at, token } = await guarded(allowlist, timeout);
  await using _ = at;
  await turnsAway(at, token, ALLOWLIST_DOWN);
  release();
});

Deno.test("wire §4: the allowlist is asked last, and only for what would be hosted", async () => {
  let space = "";
  const seen: Headers[] = [];
  await using allowlist = startAllowlist(({ headers }) => {
    seen.push(headers);
    return new Response(space);
  });
  const { at, token, wallet, ...rest } = await guarded(allowlist);
  await using _ = at;
  space = rest.space;
  const other = randomWallet();
  const late = { expirationTime: rfc3339(now(at) - 1) };

  await turnsAway(at, await hosting(at, other, space), NO_PARENT);
  const spoilt = await cacao(
    other,
    await hostDid(at, space),
    attenuation(resourceUri(space, "space"), [HOST]),
    {},
    { p: { iss: wallet.did } },
  );
  await turnsAway(at, spoilt, BAD_SIGNATURE);
  await turnsAway(at, await hosting(at, wallet, space, late), DELEGATION_TIME);
  await turnsAway(at, await cacao(wallet, KEY.did, allOfKv(space)), NO_SPACE);
  const stranger = await cacao(wallet, await hostDid(at, space), {
    ...attenuation(resourceUri(space, "space"), [HOST]),
    ...allOfKv(spaceId(other.did)),
  });
  await turnsAway(at, stranger, NO_PARENT);
  assert.deepEqual(allowlist.asked, []);

  await accepted(at, token);
  assert.equal(allowlist.asked.length, 1);
  await accepted(at, token);
  await accepted(at, await hosting(at, wallet, space));
  await accepted(at, await cacao(wallet, KEY.did, allOfKv(space)));
  assert.equal(allowlist.asked.length, 1);
  assert.deepEqual(seen.map((headers) => headers.get("authorization")), [null]);
});

Deno.test("wire §4: the allowlist is not asked for what the bounds refuse", async () => {
  let space = "";
  await using allowlist = startAllowlist(() => new Response(space));
  const env = { TINYCLOUD_SPACES_PER_OWNER: "1" };
  const { at, token, wallet, ...rest } = await guarded(allowlist, env);
  await using _ = at;
  space = rest.space;
  await accepted(at, token);
  space = spaceId(wallet.did, "second");
  await turnsAway(at, await hosting(at, wallet, space), NOT_ADMITTED);
  assert.equal(allowlist.asked.length, 1);
});

Deno.test("wire §4: a refusal is remembered for a minute", async () => {
  let verdict = "";
  await using allowlist = startAllowlist(() => new Response(verdict));
  const { at, token, wallet, space } = await guarded(allowlist);
  await using _ = at;
  await turnsAway(at, token, NOT_ADMITTED);
  verdict = space;
  await turnsAway(at, token, NOT_ADMITTED);
  await turnsAway(at, await hosting(at, wallet, space), NOT_ADMITTED);
  at.clock.advance(59);
  await turnsAway(at, token, NOT_ADMITTED);
  assert.equal(allowlist.asked.length, 1);
  at.clock.advance(2);
  assert.deepEqual((await accepted(at, token)).activated, [space]);
  assert.equal(allowlist.asked.length, 2);
});

Deno.test("wire §4: a token that names one space not admitted is refused whole", async () => {
  let hosted = "";
  await using allowlist = startAllowlist(() => new Response(hosted));
  const { at, token, wallet, space } = await guarded(allowlist);
  await using _ = at;
  hosted = space;
  await accepted(at, token);
  const second = spaceId(wallet.did, "second");
  const both = await cacao(wallet, await hostDid(at, second), {
    ...allOfKv(space),
    ...attenuation(resourceUri(second, "space"), [HOST]),
  });
  await turnsAway(at, both, NOT_ADMITTED);
});

Deno.test("wire §4: at most 8 questions are asked at once, the next is answered 503", async () => {
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const { promise: eight, resolve: reached } = Promise.withResolvers<void>();
  let waiting = 0;
  await using allowlist = startAllowlist(async () => {
    if (++waiting === 8) reached();
    await held;
    return new Response("no", { status: 404 });
  });
  const { at, token } = await guarded(allowlist);
  await using _ = at;
  const tokens = await Promise.all(Array.from({ length: 8 }, async () => {
    const wallet = randomWallet();
    return await hosting(at, wallet, spaceId(wallet.did));
  }));
  const answers = Promise.all(tokens.map(({ header }) => post(at, header)));
  await eight;

  await turnsAway(at, token, ALLOWLIST_DOWN);
  assert.equal(allowlist.asked.length, 8);
  release();
  for (const answer of await answers) assertRefused(answer, NOT_ADMITTED);
  await turnsAway(at, token, NOT_ADMITTED);
});
