// wire §7, capabilities/read: which delegations a reader is told of, and what of each.

import assert from "node:assert/strict";
import {
  attenuation,
  cidInBase58,
  connect,
  randomSessionKey,
  randomWallet,
  resourceUri,
  type Session,
  type SessionKey,
  signCacao,
  signUcan,
  spaceId,
} from "../../client/mod.ts";
import {
  type Answer,
  ask,
  assertOk,
  type At,
  invoke,
  owner,
  type Refusal,
  signIn,
} from "../support/asking.ts";
import { startTestNode, type TestNode } from "../support/node.ts";
import { refusesUntouched } from "../support/state.ts";

const READ = "tinycloud.capabilities/read";
const GET = "tinycloud.kv/get";
const BAD_INPUTS = { status: 400, code: "inputs_invalid", sentence: "Invalid inputs" };
const NOT_FOUND = {
  status: 404,
  code: "delegation_not_found",
  sentence: "Delegation not found",
};

interface Entry {
  readonly capabilities: readonly { readonly resource: string; readonly ability: string }[];
  readonly delegator: string;
  readonly delegate: string;
  readonly parents: readonly string[];
  readonly expiry?: string;
  readonly not_before?: string;
  readonly issued_at?: string;
  readonly raw?: string;
}

function read(node: TestNode, session: Session, facts?: readonly unknown[]): Promise<Answer> {
  return invoke(node, session, {
    ability: READ,
    expiration: node.clock.nowSeconds() + 60,
    resource: resourceUri(session.space, "capabilities", "all"),
    facts,
  });
}

const params = (value: unknown) => [{ capabilitiesReadParams: value }];

async function listed(
  node: TestNode,
  session: Session,
  filters?: Record<string, unknown>,
): Promise<Record<string, Entry>> {
  const facts = filters === undefined ? undefined : params({ type: "list", filters });
  return JSON.parse(assertOk(await read(node, session, facts)).text);
}

async function chain(node: TestNode, session: Session, cid: string): Promise<Entry[]> {
  const facts = params({ type: "chain", delegation_cid: cid });
  return JSON.parse(assertOk(await read(node, session, facts)).text);
}

interface Granted {
  readonly session: Session;
  readonly cid: string;
  readonly header: string;
}

/** A UCAN by `from` to a fresh key. */
async function grant(
  at: At,
  from: Session,
  resource: string,
  abilities: readonly string[],
  fields: { expiration?: number; notBefore?: number; key?: SessionKey } = {},
): Promise<Granted> {
  const key = fields.key ?? await randomSessionKey();
  const { header, cid } = await signUcan(from.key, {
    audience: key.did,
    expiration: fields.expiration ?? Math.floor(Date.now() / 1000) + 600,
    notBefore: fields.notBefore,
    proofs: [from.cid],
    attenuations: attenuation(resource, abilities),
  });
  assertOk(await ask(at, "/delegate", { token: header }));
  return { session: connect(at.url).use(key, { cid, space: from.space }), cid, header };
}

/** Alice, her space, her session; Bob, whom her wallet granted `notes/`, and his session there. */
async function aliceAndBob(node: TestNode) {
  const { wallet: alice, session } = await owner(node);
  const bob = randomWallet();
  const { space } = session;
  const grants = {
    ...attenuation(resourceUri(space, "kv", "notes/"), [GET]),
    ...attenuation(resourceUri(space, "capabilities"), [READ]),
  };
  const toBob = await signCacao(alice, {
    domain: "localhost",
    uri: bob.did,
    attenuations: grants,
    proofs: [session.cid],
    expirationTime: "2100-01-01T00:00:00Z",
  });
  assertOk(await ask(node, "/delegate", { token: toBob.header }));
  const key = await randomSessionKey();
  const bobs = await signCacao(bob, {
    domain: "localhost",
    uri: key.didUrl,
    attenuations: grants,
    proofs: [toBob.cid],
    expirationTime: "2100-01-01T00:00:00Z",
  });
  assertOk(await ask(node, "/delegate", { token: bobs.header }));
  const bobSession = connect(node.url).use(key, { cid: bobs.cid, space });
  return { alice, session, space, bob, toBob, bobs, bobSession };
}

// --- The entry ---------------------------------------------------------------------------------

Deno.test("wire §7: an entry tells who gave what to whom, from when to when", async () => {
  await using node = await startTestNode();
  const { alice, session, space, bob, toBob } = await aliceAndBob(node);

  const { [toBob.cid]: entry } = await listed(node, session);

  assert.ok(entry);
  const { capabilities, issued_at: issuedAt, ...rest } = entry;
  assert.deepEqual(rest, {
    delegator: alice.did,
    delegate: bob.did,
    parents: [session.cid],
    expiry: "2100-01-01T00:00:00.000Z",
    raw: toBob.header,
  });
  assert.match(issuedAt ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(
    capabilities.toSorted((a, b) => a.resource < b.resource ? -1 : 1),
    [
      { resource: resourceUri(space, "capabilities"), ability: READ },
      { resource: resourceUri(space, "kv", "notes/"), ability: GET },
    ],
  );
});

Deno.test("wire §7: the answer is JSON, object by CID, newest accepted first", async () => {
  await using node = await startTestNode();
  const { session } = await owner(node);
  const cids = [session.cid];
  for (let count = 0; count < 5; count++) {
    cids.unshift((await grant(node, session, resourceUri(session.space, "kv"), [GET])).cid);
  }

  const answer = assertOk(await read(node, session));

  assert.match(answer.headers.get("content-type") ?? "", /^application\/json/);
  const keys = Object.keys(JSON.parse(answer.text));
  // The host delegation came before the session.
  assert.deepEqual(keys.slice(0, -1), cids);
});

const TIMES: readonly {
  name: string;
  fields: { expiration: number; notBefore?: number };
  expected: { expiry?: string; not_before?: string };
}[] = [
  {
    name: "fractions are cut to milliseconds",
    fields: { expiration: 4102444800.1239, notBefore: 1600000000.9999 },
    expected: { expiry: "2100-01-01T00:00:00.123Z", not_before: "2020-09-13T12:26:40.999Z" },
  },
  {
    name: "whole seconds have milliseconds too",
    fields: { expiration: 4102444800, notBefore: 0 },
    expected: { expiry: "2100-01-01T00:00:00.000Z", not_before: "1970-01-01T00:00:00.000Z" },
  },
  {
    name: "a time beyond the year 9999 is left out",
    fields: { expiration: 253402300800 },
    expected: {},
  },
  {
    name: "the end of the year 9999 is told",
    fields: { expiration: 253402300799 },
    expected: { expiry: "9999-12-31T23:59:59.000Z" },
  },
  { name: "1e300 is left out", fields: { expiration: 1e300 }, expected: {} },
  { name: "2^53+1 is left out", fields: { expiration: 9007199254740992 }, expected: {} },
];

Deno.test("wire §7: of the times of a UCAN,", async (t) => {
  await using node = await startTestNode();
  const wallet = randomWallet();
  const space = spaceId(wallet.did);
  await connect(node.url).hostSpace(wallet, space);
  // A session without an end: its children may have any.
  const key = await randomSessionKey();
  const attenuations = {
    ...attenuation(resourceUri(space, "kv"), [GET]),
    ...attenuation(resourceUri(space, "capabilities"), [READ]),
  };
  const token = await signCacao(wallet, { domain: "localhost", uri: key.didUrl, attenuations });
  assertOk(await ask(node, "/delegate", { token: token.header }));
  const session = connect(node.url).use(key, { cid: token.cid, space });
  for (const { name, fields, expected } of TIMES) {
    await t.step(name, async () => {
      const { cid } = await grant(node, session, resourceUri(space, "kv"), [GET], fields);

      const { [cid]: entry } = await listed(node, session);

      const { expiry, not_before: notBefore, ...rest } = entry ?? { none: true };
      assert.deepEqual(
        Object.fromEntries(
          Object.entries({ expiry, not_before: notBefore }).filter(([, time]) => time),
        ),
        expected,
      );
      assert.ok(!("issued_at" in rest), "a UCAN does not say when it was issued");
    });
  }
  await t.step("and those of a session without an end", async () => {
    const { [token.cid]: entry } = await listed(node, session);
    assert.ok(entry && !("expiry" in entry) && !("not_before" in entry));
  });
});

Deno.test("wire §7: capabilities of other spaces and URNs are not told", async () => {
  await using node = await startTestNode();
  const wallet = randomWallet();
  const space = spaceId(wallet.did);
  const other = spaceId(wallet.did, "other");
  await connect(node.url).hostSpace(wallet, other);
  const session = await signIn(node, {
    attenuations: {
      ...attenuation(resourceUri(space, "kv"), [GET]),
      ...attenuation(resourceUri(space, "capabilities"), [READ]),
      ...attenuation(resourceUri(other, "kv"), [GET]),
      ...attenuation(`urn:tinycloud:encryption:${wallet.did}:default`, ["a/b"]),
    },
  }, wallet);

  const { [session.cid]: entry } = await listed(node, session);

  assert.deepEqual(entry?.capabilities.map(({ resource }) => resource).toSorted(), [
    resourceUri(space, "capabilities"),
    resourceUri(space, "kv"),
  ]);
});

Deno.test("wire §7: a delegation without a capability in the space is not told", async () => {
  await using node = await startTestNode();
  const wallet = randomWallet();
  const one = await signIn(node, {}, wallet);
  const two = await signIn(node, { spaceName: "two" }, wallet);

  assert.ok(!(two.cid in await listed(node, one)));
  assert.ok(one.cid in await listed(node, one));
  await refusesUntouched(
    node,
    () => read(node, one, params({ type: "chain", delegation_cid: two.cid })),
    NOT_FOUND,
  );
});

// --- Which are listed --------------------------------------------------------------------------

Deno.test("wire §7: only delegations that are valid now are told", async (t) => {
  await using node = await startTestNode();
  const { session } = await owner(node, { expiresInSeconds: 100_000 });
  const kv = resourceUri(session.space, "kv");
  const now = Math.floor(node.clock.nowSeconds());
  const good = await grant(node, session, kv, [GET]);
  const short = await grant(node, session, kv, [GET], { expiration: now + 50 });
  const below = await grant(node, short.session, kv, [GET], { expiration: now + 150 });
  const gone = await grant(node, session, kv, [GET]);
  const belowGone = await grant(node, gone.session, kv, [GET]);
  await session.revoke(gone.cid);

  await t.step("not those revoked, themselves or above", async () => {
    const entries = await listed(node, session);
    assert.deepEqual(
      [good, short, below, gone, belowGone].map(({ cid }) => cid in entries),
      [true, true, true, false, false],
    );
  });
  await t.step("not those expired; those below an expired one can do nothing either", async () => {
    node.clock.advance(60);
    const entries = await listed(node, session);
    assert.deepEqual([good, short].map(({ cid }) => cid in entries), [true, false]);
    node.clock.advance(-60);
  });
  await t.step("not those that begin later", async () => {
    node.clock.advance(200);
    const late = await grant(node, session, kv, [GET], { notBefore: now + 150 });
    assert.ok(late.cid in await listed(node, session));
    node.clock.advance(-200);
    assert.ok(!(late.cid in await listed(node, session)));
  });
});

Deno.test("wire §7: direction is relative to the wallet behind the invoker", async (t) => {
  await using node = await startTestNode();
  const { session, toBob, bobs, bobSession } = await aliceAndBob(node);
  const share = await grant(node, session, resourceUri(session.space, "kv"), [GET]);
  const all = await listed(node, session);
  const has = (entries: Record<string, Entry>) => ({
    session: session.cid in entries,
    toBob: toBob.cid in entries,
    bobs: bobs.cid in entries,
    share: share.cid in entries,
  });
  const cases: readonly [string, Session, string | undefined, ReturnType<typeof has>][] = [
    ["Alice's all", session, "all", { session: true, toBob: true, bobs: true, share: true }],
    ["Alice's, unsaid", session, undefined, {
      session: true,
      toBob: true,
      bobs: true,
      share: true,
    }],
    [
      "created by Alice",
      session,
      "created",
      { session: true, toBob: true, bobs: false, share: false },
    ],
    [
      "received by Alice",
      session,
      "received",
      { session: false, toBob: false, bobs: false, share: false },
    ],
    [
      "created by Bob",
      bobSession,
      "created",
      { session: false, toBob: false, bobs: true, share: false },
    ],
    [
      "received by Bob",
      bobSession,
      "received",
      { session: false, toBob: true, bobs: false, share: false },
    ],
    ["Bob's all", bobSession, "all", { session: true, toBob: true, bobs: true, share: true }],
  ];
  for (const [name, by, direction, expected] of cases) {
    await t.step(name, async () => {
      const entries = await listed(node, by, direction === undefined ? {} : { direction });
      assert.deepEqual(has(entries), expected);
    });
  }
  await t.step("without facts, all", async () => {
    assert.deepEqual(await listed(node, session), all);
  });
});

Deno.test("wire §7: filters hold for one capability, all at once:", async (t) => {
  await using node = await startTestNode();
  const { session } = await owner(node);
  const { space } = session;
  const notes = await grant(node, session, resourceUri(space, "kv", "notes/"), [GET]);
  const photos = await grant(node, session, resourceUri(space, "kv", "photos/"), [
    "tinycloud.kv/del",
  ]);
  const cases: readonly [string, Record<string, unknown>, string[]][] = [
    ["no filter", {}, ["session", "notes", "photos"]],
    ["path, a byte prefix", { path: "no" }, ["notes"]],
    ["the whole path", { path: "notes/" }, ["notes"]],
    ["a longer path", { path: "notes/1" }, []],
    ["the empty path", { path: "" }, ["session", "notes", "photos"]],
    ["actions", { actions: [GET] }, ["session", "notes"]],
    ["an alias", { actions: ["tinycloud.kv/delete"] }, ["session", "photos"]],
    ["several actions", { actions: [GET, "tinycloud.kv/del"] }, ["session", "notes", "photos"]],
    ["an unknown action", { actions: ["a/b"] }, []],
    ["path and actions of one capability", { path: "notes", actions: [GET] }, ["notes"]],
    ["path and actions of two", { path: "photos", actions: [GET] }, []],
    ["direction too", { direction: "created", actions: [GET] }, ["session"]],
    ["no actions", { actions: [] }, []],
  ];
  for (const [name, filters, expected] of cases) {
    await t.step(name, async () => {
      const entries = await listed(node, session, filters);
      const found = Object.entries({ session: session.cid, notes: notes.cid, photos: photos.cid })
        .flatMap(([label, cid]) => cid in entries ? [label] : []);
      assert.deepEqual(found, expected);
    });
  }
});

Deno.test("wire §7: at most 1,000 entries are listed, the newest", async () => {
  const env = { TINYCLOUD_LIMITS_DELEGATOR_DELEGATIONS: "2000" };
  await using node = await startTestNode({ env });
  const { session } = await owner(node);
  const cids: string[] = [];
  for (let count = 0; count < 26; count++) {
    const batch = await Promise.all(
      Array.from(
        { length: 40 },
        () => grant(node, session, resourceUri(session.space, "kv"), [GET]),
      ),
    );
    cids.push(...batch.map(({ cid }) => cid));
  }

  const entries = Object.keys(await listed(node, session));

  assert.equal(entries.length, 1000);
  assert.ok(!entries.includes(session.cid));
  assert.ok(cids.slice(-960).every((cid) => entries.includes(cid)));
});

// --- Chain -------------------------------------------------------------------------------------

Deno.test("wire §7: a chain is told leaf first", async () => {
  await using node = await startTestNode();
  const { session } = await owner(node);
  const kv = resourceUri(session.space, "kv");
  const one = await grant(node, session, kv, [GET]);
  const two = await grant(node, one.session, kv, [GET]);

  const entries = await chain(node, session, two.cid);

  assert.deepEqual(entries.map(({ delegate }) => delegate), [
    two.session.key.did,
    one.session.key.did,
    session.key.did,
  ]);
  assert.deepEqual(entries.map(({ parents }) => parents), [[one.cid], [session.cid], []]);
});

Deno.test("wire §7: a chain with two parents is told breadth first, each once", async () => {
  await using node = await startTestNode();
  const { session } = await owner(node);
  const kv = resourceUri(session.space, "kv");
  const key = await randomSessionKey();
  const left = await grant(node, session, kv, [GET], { key });
  const right = await grant(node, session, kv, [GET], { key });
  const leafKey = await randomSessionKey();
  const leaf = await signUcan(key, {
    audience: leafKey.did,
    expiration: Math.floor(Date.now() / 1000) + 500,
    proofs: [left.cid, right.cid],
    attenuations: attenuation(kv, [GET]),
  });
  assertOk(await ask(node, "/delegate", { token: leaf.header }));

  const entries = await chain(node, session, leaf.cid);

  assert.deepEqual(entries.map(({ raw }) => raw?.slice(0, 20)).length, 4);
  assert.deepEqual(entries[0]?.parents, [left.cid, right.cid]);
  assert.deepEqual(entries.map(({ delegate }) => delegate), [
    leafKey.did,
    key.did,
    key.did,
    session.key.did,
  ]);
});

Deno.test("wire §7: a root grant has no ancestors; the proofs it cites stay in parents", async () => {
  await using node = await startTestNode();
  const { session, toBob } = await aliceAndBob(node);

  const entries = await chain(node, session, toBob.cid);

  assert.equal(entries.length, 1);
  assert.deepEqual(entries[0]?.parents, [session.cid]);
});

Deno.test("wire §7: a chain is asked for by any spelling of its CID", async () => {
  await using node = await startTestNode();
  const { session } = await owner(node);

  assert.deepEqual(
    await chain(node, session, cidInBase58(session.cid)),
    await chain(node, session, session.cid),
  );
});

Deno.test("wire §7: a chain is not found that is", async (t) => {
  await using node = await startTestNode();
  const { session } = await owner(node);
  const ask = (cid: string) => read(node, session, params({ type: "chain", delegation_cid: cid }));
  const unknown = await signUcan(session.key, {
    audience: session.key.did,
    expiration: 1,
    attenuations: {},
  });
  await t.step("unknown", () => refusesUntouched(node, () => ask(unknown.cid), NOT_FOUND));
  await t.step("revoked", async () => {
    const { cid } = await grant(node, session, resourceUri(session.space, "kv"), [GET]);
    await session.revoke(cid);
    await refusesUntouched(node, () => ask(cid), NOT_FOUND);
  });
  for (const cid of ["", "x", "bafkr4i", "bafkr4i!", session.cid.slice(0, -2), `${session.cid} `]) {
    await t.step(`malformed: "${cid}"`, () => refusesUntouched(node, () => ask(cid), BAD_INPUTS));
  }
});

// --- Facts -------------------------------------------------------------------------------------

// The contract says 400 without naming a code; the sentence of wrong inputs fits best.
const BAD_FACTS: readonly (readonly unknown[])[] = [
  [{}],
  [1],
  ["text"],
  [null],
  [[]],
  params(null),
  params({}),
  params({ type: "other" }),
  params({ type: "list", filters: null }),
  params({ type: "list", filters: [] }),
  params({ type: "list", filters: { direction: "sideways" } }),
  params({ type: "list", filters: { direction: null } }),
  params({ type: "list", filters: { path: null } }),
  params({ type: "list", filters: { actions: null } }),
  params({ type: "list", filters: { path: 1 } }),
  params({ type: "list", filters: { actions: GET } }),
  params({ type: "list", filters: { actions: [1] } }),
  params({ type: "list", filters: { actions: ["no ability"] } }),
  params({ type: "list", filters: { more: 1 } }),
  params({ type: "list", more: 1 }),
  params({ type: "chain" }),
  params({ type: "chain", delegation_cid: null }),
  params({ type: "chain", delegation_cid: 1 }),
  params({ type: "chain", delegation_cid: "x", filters: {} }),
  [{ capabilitiesReadParams: { type: "list" }, more: 1 }],
  [...params({ type: "list" }), ...params({ type: "list" })],
  [...params({ type: "list" }), "another fact"],
  [{ other: 1 }],
];

Deno.test("wire §7: facts that do not parse exactly are refused:", async (t) => {
  await using node = await startTestNode();
  const { session } = await owner(node);
  for (const facts of BAD_FACTS) {
    await t.step(JSON.stringify(facts), async () => {
      await refusesUntouched(node, () => read(node, session, facts), BAD_INPUTS);
    });
  }
});

Deno.test("wire §7: every member of filters, and filters itself, is optional", async () => {
  await using node = await startTestNode();
  const { session } = await owner(node);
  const all = await listed(node, session);
  assert.deepEqual(await listed(node, session, {}), all);
  const facts = params({ type: "list" });
  assert.deepEqual(JSON.parse(assertOk(await read(node, session, facts)).text), all);
  assert.deepEqual(JSON.parse(assertOk(await read(node, session, [])).text), all);
});

// --- raw ---------------------------------------------------------------------------------------

/** Whether each reader is shown the token of each delegation. */
Deno.test("wire §7: the token is shown to the owner and to the two it is between", async (t) => {
  await using node = await startTestNode();
  const { session, space, toBob, bobs, bobSession } = await aliceAndBob(node);
  const reader = await grant(node, session, resourceUri(space, "capabilities"), [READ]);
  const readers: readonly [string, Session, Record<string, boolean>][] = [
    // The owner delegated to this key directly.
    ["Alice's session", session, { session: true, toBob: true, bobs: true, reader: true }],
    ["Bob's session", bobSession, { session: false, toBob: true, bobs: true, reader: false }],
    // Its session's wallet is two steps up: not directly.
    [
      "a key that Alice's session granted",
      reader.session,
      { session: false, toBob: false, bobs: false, reader: true },
    ],
  ];
  const cids = { session: session.cid, toBob: toBob.cid, bobs: bobs.cid, reader: reader.cid };
  for (const [name, by, expected] of readers) {
    await t.step(name, async () => {
      const entries = await listed(node, by);
      assert.deepEqual(
        Object.fromEntries(
          Object.entries(cids).map(([label, cid]) => [label, entries[cid]?.raw !== undefined]),
        ),
        expected,
      );
    });
  }
  await t.step("in the form of the header, byte for byte", async () => {
    const entries = await listed(node, session);
    assert.equal(entries[toBob.cid]?.raw, toBob.header);
    assert.equal(entries[bobs.cid]?.raw, bobs.header);
    assert.equal(entries[reader.cid]?.raw, reader.header);
  });
});

// --- Leave -------------------------------------------------------------------------------------

Deno.test("wire §7: reading needs the ability on capabilities/all", async (t) => {
  await using node = await startTestNode();
  const { session } = await owner(node);
  const { space } = session;
  const call = { ability: READ, resource: resourceUri(space, "capabilities", "all") };
  const unauthorized: Refusal = {
    status: 401,
    code: "unauthorized_action",
    sentence: `Unauthorized Action: ${call.resource} / ${READ}`,
  };
  const cases: readonly [string, string, readonly string[], boolean][] = [
    ["kv alone", resourceUri(space, "kv"), [READ], false],
    ["all itself", resourceUri(space, "capabilities", "all"), [READ], true],
    ["all/ as old web sessions have it", resourceUri(space, "capabilities", "all/"), [READ], false],
    ["another path", resourceUri(space, "capabilities", "al"), [READ], false],
  ];
  for (const [name, resource, abilities, allowed] of cases) {
    await t.step(`${name}: ${allowed}`, async () => {
      const wallet = randomWallet();
      const own = resource.replace(space, spaceId(wallet.did));
      const by = await signIn(node, { attenuations: attenuation(own, abilities) }, wallet);
      const asked = { ability: READ, resource: resourceUri(by.space, "capabilities", "all") };

      const request = () => invoke(node, by, asked);

      if (allowed) assertOk(await request());
      else {
        const sentence = String(unauthorized.sentence).replace(space, by.space);
        await refusesUntouched(node, request, { ...unauthorized, sentence });
      }
    });
  }
});
