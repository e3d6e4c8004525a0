// wire §4, POST /delegate: form, authority, chains and their time, answers, and bounds. Hosting
// and admission are in wire_4_hosting.test.ts.

import assert from "node:assert/strict";
import { base58btc } from "multiformats/bases/base58";
import {
  attenuation,
  type Attenuations,
  connect,
  randomSessionKey,
  randomWallet,
  resourceUri,
  type SessionKey,
  sessionKeyFromSeed,
  signUcan,
  spaceId,
  type UcanFields,
  walletFromPrivateKey,
} from "../../client/mod.ts";
import { ask, assertOk, assertRefused, bytesOf, type Refusal } from "../support/asking.ts";
import { startTestNode, type TestNode } from "../support/node.ts";
import { askRaw } from "../support/raw_http.ts";
import {
  ancestorRevoked,
  BAD_SIGNATURE,
  BEGINS_EARLIER,
  CHAIN_TIME,
  CHAIN_TOO_LONG,
  DELEGATION_TIME,
  EMPTY,
  ENDS_LATER,
  MALFORMED,
  NO_KEY,
  NO_PARENT,
  NO_SPACE,
  notAllowed,
  notGranted,
  notTheDelegator,
  parentRevoked,
  revoked,
  TOO_MANY,
} from "../support/refusals.ts";
import { refusesUntouched, snapshot } from "../support/state.ts";
import {
  accepted,
  aChain,
  allOfKv,
  type ASession,
  aSession,
  cacao,
  GET,
  granted,
  host,
  invocation,
  type Link,
  LIST,
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

const ALICE = walletFromPrivateKey("51".repeat(32));
const BOB = walletFromPrivateKey("52".repeat(32));
const KEY = await sessionKeyFromSeed(new Uint8Array(32).fill(53));
const OTHER = await sessionKeyFromSeed(new Uint8Array(32).fill(54));
const SPACE = await host(node, ALICE);
const KV = resourceUri(SPACE, "kv");
const X = resourceUri(SPACE, "kv", "x");
const ALL = allOfKv(SPACE);
const NOBODY = "did:x:nobody";
/** A CID of nothing that was ever posted. */
const UNKNOWN = base58btc.encode(Uint8Array.of(1, 0x55, 0x1e, 32, ...new Uint8Array(32).fill(7)));

const refusesToken = (token: { readonly header: string }, refusal: Refusal, at = node) =>
  refusesUntouched(at, () => post(at, token.header), refusal);
const refusesUse = (link: Link, refusal: Refusal, at = node, resource = X) =>
  refusesUntouched(at, () => use(at, link, GET, resource), refusal);
/** That the link is a good one: the key it asks for is absent, and it may know. */
const works = async (link: Link, at = node, resource = X) =>
  assertRefused(await use(at, link, GET, resource), NO_KEY);
const revoke = (session: ASession, cid: string, at = node) =>
  connect(at.url).revoke(session.wallet, cid);
const newSession = () => aSession(node, { wallet: ALICE });

/** Runs with the node's clock stopped at this time. */
async function at(time: number, check: () => Promise<void>, on = node): Promise<void> {
  on.clock.freeze(time);
  try {
    await check();
  } finally {
    on.clock.freeze(undefined);
  }
}

// The body, and the order of refusals.

Deno.test("wire §4: no body is needed and any is ignored", async () => {
  const { header } = await cacao(ALICE, KEY.did, ALL);
  const bodies: BodyInit[] = ["{}", "x", bytesOf(100_000), new FormData()];
  for (const body of bodies) assertOk(await ask(node, "/delegate", { token: header, body }));
  const headers = { "content-type": "application/json" };
  assertOk(await ask(node, "/delegate", { token: header, headers }));
});

Deno.test("wire §4: each fault is told before those that come after it", async () => {
  const session = await newSession();
  const past = now(node) - 1;
  const bare = { proofs: [UNKNOWN], nonce: "order" };
  const stranger = attenuation(resourceUri(spaceId(BOB.did), "kv"), [GET]);
  const signed = (att: Attenuations, to: string, fields: Partial<UcanFields>, overrides = {}) =>
    ucan(node, session, to, att, fields, overrides);
  const spoilt = (header: string) => header.slice(0, -4) + "AAAA";

  // Decode before signature, signature before time.
  const undecoded = await signed(stranger, session.key.did, bare, { payload: { exp: "1" } });
  await refusesToken({ header: spoilt(undecoded.header) }, MALFORMED);
  const late = await signed(stranger, session.key.did, { ...bare, expiration: past });
  await refusesToken({ header: spoilt(late.header) }, BAD_SIGNATURE);
  // Time before form, form before proofs.
  await refusesToken(late, DELEGATION_TIME);
  await refusesToken(await signed(stranger, session.key.did, bare), EMPTY);
  // Proofs before capabilities, capabilities before spaces.
  await refusesToken(await signed(stranger, NOBODY, bare), NO_PARENT);
  const elsewhere = resourceUri(spaceId(BOB.did), "kv");
  await refusesToken(await signed(stranger, NOBODY, {}), notGranted(elsewhere, GET));
});

Deno.test("wire §4: among proofs, missing, then delegatee, revoked, time, window, length", async () => {
  const alice = await newSession();
  const stranger = await newSession();
  const soon = now(node) + 100;
  const dead = await granted(node, alice, ALL, { expiration: soon });
  await revoke(alice, dead.cid);
  const fading = await granted(node, { ...alice }, ALL, { expiration: soon });
  const long = (await aChain(node, alice, ALL, 62)).at(-1) ?? alice;
  const ended = await granted(node, long, ALL, { expiration: soon });

  const issue = (link: Link, proofs: string[], expiration = soon) =>
    ucan(node, link, NOBODY, ALL, { proofs, expiration });
  // Missing before delegatee: the stranger's session is not for this key.
  await refusesToken(await issue(dead, [stranger.cid, UNKNOWN]), NO_PARENT);
  // Delegatee before revoked.
  await refusesToken(await issue(dead, [dead.cid, stranger.cid]), notTheDelegator(dead.key.did));
  // Revoked before time.
  await at(soon + 1, async () => {
    await refusesToken(await issue(dead, [dead.cid], soon + 9), parentRevoked(dead.cid));
    // Time before window.
    await refusesToken(await issue(fading, [fading.cid], soon + 999), CHAIN_TIME);
  });
  // Window before length.
  await refusesToken(await issue(ended, [ended.cid], soon + 999), ENDS_LATER);
  await refusesToken(await issue(ended, [ended.cid]), CHAIN_TOO_LONG);
});

// Form.

Deno.test("wire §4: a delegation has at least one capability", async () => {
  const session = await newSession();
  for (const att of [{}, { [KV]: {} }]) {
    await refusesToken(await ucan(node, session, NOBODY, att), EMPTY);
    await refusesToken(await cacao(ALICE, KEY.did, att), EMPTY);
  }
  await refusesToken(await cacao(ALICE, KEY.did, undefined), EMPTY);
});

Deno.test("wire §4: a UCAN's aud is another principal than its issuer", async () => {
  const session = await newSession();
  await refusesToken(await ucan(node, session, session.key.did, ALL), EMPTY);
});

Deno.test("wire §4: a CACAO's aud may be the wallet itself, a DID or a DID URL", async () => {
  const grant = await cacao(ALICE, ALICE.did, ALL);
  await accepted(node, grant);
  for (const to of [KEY.did, KEY.didUrl, `${NOBODY}#key-1`, BOB.did]) {
    await accepted(node, await cacao(ALICE, to, ALL));
  }
});

// Authority: roots.

for (const how of ["unknown", "expired", "revoked", "another's"] as const) {
  Deno.test(`wire §4: a root grant that cites a session that is ${how} is good for ever`, async () => {
    const alice = await newSession();
    const session = {
      "unknown": () => Promise.resolve({ cid: UNKNOWN }),
      "another's": () => aSession(node),
      "expired": () =>
        aSession(node, {
          wallet: ALICE,
          fields: { expirationTime: rfc3339(now(node) + 10) },
        }),
      "revoked": newSession,
    };
    const { cid } = await session[how]();
    const proofs = [cid, cid];
    const grant = await cacao(ALICE, KEY.did, ALL, { proofs });
    if (how === "revoked") await revoke(alice, cid);
    if (how === "expired") node.clock.advance(100);
    try {
      await accepted(node, grant);
      await accepted(node, grant);
      await works({ key: KEY, cid: grant.cid });
      await granted(node, { key: KEY, cid: grant.cid }, ALL, { expiration: now(node) + 60 });
    } finally {
      if (how === "expired") node.clock.advance(-100);
    }
  });
}

Deno.test("wire §4: a root grant stays good when its session is revoked later", async () => {
  const alice = await newSession();
  const session = await newSession();
  const grant = await cacao(ALICE, KEY.did, ALL, { proofs: [session.cid] });
  await accepted(node, grant);
  await revoke(alice, session.cid);
  await works({ key: KEY, cid: grant.cid });
  await accepted(node, grant);
});

Deno.test("wire §4: one capability that is not root makes the proofs count", async () => {
  const bobs = await aSession(node, { wallet: BOB });
  const toAlice = await cacao(BOB, ALICE.did, allOfKv(bobs.space));
  await accepted(node, toAlice);
  const session = await newSession();
  const both = { ...ALL, ...allOfKv(bobs.space) };
  // Her own session is not for her wallet.
  const proofs = [toAlice.cid, session.cid];
  await refusesToken(await cacao(ALICE, KEY.did, both, { proofs }), notTheDelegator(ALICE.did));
  const grant = await cacao(ALICE, KEY.did, both, { proofs: [toAlice.cid] });
  const answer = await accepted(node, grant);
  assert.deepEqual(answer.activated.toSorted(), [SPACE, bobs.space].toSorted());
  await works({ key: KEY, cid: grant.cid });
  await works({ key: KEY, cid: grant.cid }, node, resourceUri(bobs.space, "kv", "x"));
});

// Authority: parents.

Deno.test("wire §4: who is not root cites at least one parent", async () => {
  await refusesToken(await ucan(node, { key: KEY }, NOBODY, ALL), NO_PARENT);
  await refusesToken(await cacao(BOB, KEY.did, ALL), NO_PARENT);
});

Deno.test("wire §4: every cited parent is stored", async () => {
  const session = await newSession();
  for (const proofs of [[UNKNOWN], [session.cid, UNKNOWN], [UNKNOWN, session.cid]]) {
    await refusesToken(await ucan(node, session, NOBODY, ALL, { proofs }), NO_PARENT);
  }
});

Deno.test("wire §4: a parent that was refused is not stored", async () => {
  const session = await newSession();
  const child = await randomSessionKey();
  const tooMuch = await ucan(node, session, child.did, {
    ...ALL,
    ...attenuation(X, ["tinycloud.kv/unheard-of"]),
  });
  await refusesToken(tooMuch, notGranted(X, "tinycloud.kv/unheard-of"));
  const onward = await ucan(node, { key: child, cid: tooMuch.cid }, NOBODY, ALL);
  await refusesToken(onward, NO_PARENT);
});

Deno.test("wire §4, B9: every cited parent is for the delegator", async () => {
  const [session, stranger] = [await newSession(), await newSession()];
  for (const proofs of [[stranger.cid], [session.cid, stranger.cid], [stranger.cid, session.cid]]) {
    const token = await ucan(node, session, NOBODY, ALL, { proofs });
    await refusesToken(token, notTheDelegator(session.key.did));
  }
  const message = await cacao(BOB, KEY.did, ALL, { proofs: [session.cid] });
  await refusesToken(message, notTheDelegator(BOB.did));
});

Deno.test("wire §4: a parent is cited once", async () => {
  const session = await newSession();
  const proofs = [session.cid, session.cid];
  await refusesToken(await ucan(node, session, NOBODY, ALL, { proofs }), NO_PARENT);
  await refusesToken(
    await ucan(node, session, NOBODY, ALL, { proofs: [UNKNOWN, UNKNOWN] }),
    NO_PARENT,
  );
});

Deno.test("wire §4: each capability has one parent that grants all of it", async () => {
  const [y, z] = ["y", "z"].map((path) => resourceUri(SPACE, "kv", path));
  const toKey = (att: Attenuations) => cacao(ALICE, KEY.did, att);
  const [a, b] = [await toKey(attenuation(X, [GET])), await toKey(attenuation(y ?? "", [PUT]))];
  await accepted(node, a);
  await accepted(node, b);
  const issue = (att: Attenuations) =>
    ucan(node, { key: KEY }, NOBODY, att, { proofs: [a.cid, b.cid] });

  await accepted(node, await issue({ ...attenuation(X, [GET]), ...attenuation(y ?? "", [PUT]) }));
  for (
    const [resource, ability] of [[X, PUT], [y ?? "", GET], [z ?? "", GET], [KV, GET]] as const
  ) {
    await refusesToken(
      await issue(attenuation(resource, [ability])),
      notGranted(resource, ability),
    );
  }
});

Deno.test("wire §4: the first capability that fails, in the token's order, is named", async () => {
  const session = await aSession(node, { wallet: ALICE, att: () => attenuation(X, [GET, LIST]) });
  const att = {
    [resourceUri(SPACE, "kv", "x/1")]: { [LIST]: [{}] },
    [resourceUri(SPACE, "kv", "z")]: { [PUT]: [{}], [GET]: [{}] },
    [resourceUri(SPACE, "kv", "a")]: { [GET]: [{}] },
  };
  const token = await ucan(node, session, NOBODY, att);
  await refusesToken(token, notGranted(resourceUri(SPACE, "kv", "z"), PUT));
});

Deno.test("wire §4: a grant passes from wallet to wallet to key", async () => {
  const toBob = await cacao(ALICE, BOB.did, ALL);
  await accepted(node, toBob);
  const toKey = await cacao(BOB, KEY.didUrl, attenuation(X, [GET]), { proofs: [toBob.cid] });
  await accepted(node, toKey);
  await works({ key: KEY, cid: toKey.cid });
});

// Revocation.

Deno.test("wire §4, B4: below a revoked delegation nothing is accepted", async () => {
  const alice = await newSession();
  const [top, middle, leaf] = await aChain(node, alice, ALL, 3);
  assert.ok(top && middle && leaf);
  const before = await ucan(node, leaf, NOBODY, ALL);
  await revoke(alice, top.cid);

  await refusesToken(await ucan(node, top, NOBODY, ALL), parentRevoked(top.cid));
  // An ancestor further up is named by the parent that was cited.
  await refusesToken(await ucan(node, middle, NOBODY, ALL), parentRevoked(middle.cid));
  await refusesToken(before, parentRevoked(leaf.cid));
  await refusesUse(top, revoked(top.cid));
  await refusesUse(leaf, ancestorRevoked(top.cid, leaf.cid));
  await works(alice);
});

Deno.test("wire §4: one revoked parent of two is enough", async () => {
  const alice = await newSession();
  const [a, b] = [await cacao(ALICE, KEY.did, ALL), await cacao(ALICE, KEY.did, ALL)];
  await accepted(node, a);
  await accepted(node, b);
  await revoke(alice, b.cid);
  for (const proofs of [[a.cid, b.cid], [b.cid, a.cid]]) {
    const token = await ucan(node, { key: KEY }, NOBODY, ALL, { proofs });
    await refusesToken(token, parentRevoked(b.cid));
  }
});

Deno.test("wire §4: posting a revoked delegation again, or one below it, is refused", async () => {
  const alice = await newSession();
  const token = await cacao(ALICE, KEY.did, ALL);
  await accepted(node, token);
  const child = await ucan(node, { key: KEY, cid: token.cid }, OTHER.did, ALL);
  await accepted(node, child);
  await revoke(alice, token.cid);
  await refusesToken(token, revoked(token.cid));
  await refusesToken(child, parentRevoked(token.cid));
  await revoke(alice, child.cid);
  await refusesToken(child, revoked(child.cid));
});

// Time in chains.

Deno.test("wire §4, B8: every ancestor is inside its window now", async () => {
  const start = now(node);
  const [begin, end] = [start + 100, start + 200];
  const alice = await newSession();
  const top = await granted(node, alice, ALL, { expiration: end + 120 });
  const windowed = { notBefore: begin, expiration: end };
  const inside = { notBefore: begin, expiration: end };
  let chain: Link[] = [];
  await at(begin, async () => {
    const first = await granted(node, top, ALL, windowed);
    chain = [first, await granted(node, first, ALL, inside)];
  });
  const [first, second] = chain;
  assert.ok(first && second);
  const late = await ucan(node, second, NOBODY, ALL, { notBefore: begin, expiration: end });
  const use = (link: Link, time: number, good: boolean) =>
    at(time, async () => {
      if (good) return await works(link);
      await refusesUse(link, { ...notAllowed(X, GET), code: "chain_time" });
    });
  for (const link of [first, second]) {
    await use(link, begin - 0.001, false);
    await use(link, begin, true);
    await use(link, end - 0.001, true);
    await use(link, end, false);
  }
  await at(end - 0.001, async () => void await accepted(node, late));
  // A UCAN is valid at its very end, a chain is not.
  const again = { notBefore: begin, expiration: end };
  const more = await ucan(node, second, NOBODY, ALL, again);
  await at(end, () => refusesToken(more, CHAIN_TIME));
  await at(end, () => refusesToken(late, CHAIN_TIME));
  await at(end + 1, () => refusesToken(late, DELEGATION_TIME));
});

Deno.test("wire §4: an ancestor far up that ended, or has not begun, ends all below", async () => {
  const start = now(node);
  for (
    const window of [{ expiration: start + 100 }, {
      notBefore: start + 50,
      expiration: start + 100,
    }]
  ) {
    const alice = await newSession();
    let leaf: Link | undefined;
    await at(start + 50, async () => {
      const top = await granted(node, alice, ALL, window);
      leaf = await granted(node, top, ALL, {
        notBefore: start + 50,
        expiration: start + 100 + 100,
      });
      leaf = await granted(node, leaf, ALL, {
        notBefore: start + 50,
        expiration: start + 100 + 200,
      });
    });
    assert.ok(leaf);
    // Each link may outlive the one above by 120 s, and yet gains nothing.
    const link = leaf;
    const refusal = { ...notAllowed(X, GET), code: "chain_time" };
    await at(start + 99, () => works(link));
    await at(start + 100, () => refusesUse(link, refusal));
    await at(start + 150, async () => {
      const fields = { notBefore: start + 50, expiration: start + 200 };
      await refusesToken(await ucan(node, link, NOBODY, ALL, fields), CHAIN_TIME);
    });
    if ("notBefore" in window) await at(start + 49, () => refusesUse(link, refusal));
  }
});

Deno.test("wire §4: posting an expired delegation again is refused", async () => {
  const end = now(node) + 60;
  const message = await cacao(ALICE, KEY.did, ALL, { expirationTime: rfc3339(end) });
  await accepted(node, message);
  const child = await ucan(node, { key: KEY, cid: message.cid }, NOBODY, ALL, { expiration: end });
  await accepted(node, child);
  await at(end + 0.001, async () => {
    await refusesToken(message, DELEGATION_TIME);
    await refusesToken(child, DELEGATION_TIME);
  });
});

// The window of the child in that of its parent.

const S = Math.floor(Date.now() / 1000);
const WINDOWS: readonly (readonly [string, object, Partial<UcanFields>, Refusal | undefined])[] = [
  ["parent without end", {}, { expiration: S + 1e9 }, undefined],
  ["equal ends", { expiration: S + 1000 }, { expiration: S + 1000 }, undefined],
  ["child ends earlier", { expiration: S + 1000 }, { expiration: S + 999 }, undefined],
  ["child ends 120 s later", { expiration: S + 1000 }, { expiration: S + 1120 }, undefined],
  ["child ends 121 s later", { expiration: S + 1000 }, { expiration: S + 1121 }, ENDS_LATER],
  [
    "child ends 120.001 s later",
    { expiration: S + 1000 },
    { expiration: S + 1120.001 },
    ENDS_LATER,
  ],
  ["equal beginnings", { notBefore: S - 100 }, { notBefore: S - 100 }, undefined],
  ["child begins later", { notBefore: S - 100 }, { notBefore: S - 99 }, undefined],
  ["child begins earlier", { notBefore: S - 100 }, { notBefore: S - 100.001 }, BEGINS_EARLIER],
  ["child has no beginning", { notBefore: S - 100 }, {}, BEGINS_EARLIER],
];

for (const [what, parent, child, refusal] of WINDOWS) {
  Deno.test(`wire §4, B10: ${what}: ${refusal === undefined ? "accepted" : "refused"}`, async () => {
    const alice = await newSession();
    const fields = { expiration: S + 1000, ...parent };
    const above = "expiration" in parent || "notBefore" in parent
      ? await granted(node, alice, ALL, fields)
      : alice;
    const token = await ucan(node, above, NOBODY, ALL, { expiration: S + 900, ...child });
    if (refusal === undefined) await accepted(node, token);
    else await refusesToken(token, refusal);
  });
}

Deno.test("wire §4: a child without exp does not fit a parent with one", async () => {
  const end = now(node) + 600;
  const toBob = await cacao(ALICE, BOB.did, ALL, { expirationTime: rfc3339(end) });
  await accepted(node, toBob);
  const endless = await cacao(BOB, KEY.did, ALL, { proofs: [toBob.cid] });
  await refusesToken(endless, ENDS_LATER);
  const expirationTime = rfc3339(end);
  await accepted(node, await cacao(BOB, KEY.did, ALL, { proofs: [toBob.cid], expirationTime }));
});

Deno.test("wire §4: a parent whose window does not fit is dropped and is no ancestor", async () => {
  const alice = await newSession();
  const end = now(node) + 600;
  const key = await randomSessionKey();
  const grantTo = async (att: Attenuations, expiration: number) => {
    const token = await ucan(node, alice, key.did, att, { expiration });
    await accepted(node, token);
    return token.cid;
  };
  const short = await grantTo(ALL, end - 300);
  const long = await grantTo(attenuation(X, [GET]), end);

  // What only the dropped one grants is not granted.
  const tooMuch = await ucan(node, { key }, NOBODY, attenuation(X, [GET, PUT]), {
    proofs: [short, long],
    expiration: end,
  });
  await refusesToken(tooMuch, notGranted(X, PUT));

  const child = await randomSessionKey();
  const token = await ucan(node, { key }, child.did, attenuation(X, [GET]), {
    proofs: [short, long],
    expiration: end,
  });
  await accepted(node, token);
  const link = { key: child, cid: token.cid };
  // Neither the end nor the revocation of the dropped one matters later.
  await at(end - 1, () => works(link));
  await revoke(alice, short);
  await works(link);
  await revoke(alice, long);
  await refusesUse(link, ancestorRevoked(long, token.cid));
});

Deno.test("wire §4: when all are dropped, the first parent's window is told", async () => {
  const alice = await newSession();
  const key = await randomSessionKey();
  const [start, end] = [now(node) - 10, now(node) + 300];
  const early = await ucan(node, alice, key.did, ALL, { expiration: end });
  const late = await ucan(node, alice, key.did, ALL, { notBefore: start, expiration: end + 900 });
  await accepted(node, early);
  await accepted(node, late);
  const issue = (...proofs: string[]) =>
    ucan(node, { key }, NOBODY, ALL, { proofs, expiration: end + 600 });
  await refusesToken(await issue(early.cid, late.cid), ENDS_LATER);
  await refusesToken(await issue(late.cid, early.cid), BEGINS_EARLIER);
});

// Lengths.

Deno.test("wire §4: 63 ancestors of a delegation are enough, 64 of an invocation", async () => {
  const alice = await newSession();
  const links = await aChain(node, alice, ALL, 63);
  const last = links.at(-1);
  assert.ok(last);
  // The session is the first ancestor, so the last link has 63, and its use has 64.
  await works(last);
  const further = await ucan(node, last, NOBODY, ALL);
  await refusesToken(further, CHAIN_TOO_LONG);
});

/** A chain whose last link, one of so many ancestors to whom it is cited, is for this key. */
async function chainTo(key: SessionKey, ancestors: number): Promise<string> {
  const alice = await newSession();
  const last = (await aChain(node, alice, ALL, ancestors - 2)).at(-1) ?? alice;
  const token = await ucan(node, last, key.did, ALL);
  await accepted(node, token);
  return token.cid;
}

Deno.test("wire §4: the ancestors of all proofs count together", async () => {
  const key = await randomSessionKey();
  const [a, b, c] = [await chainTo(key, 32), await chainTo(key, 31), await chainTo(key, 32)];
  const link = { key, cid: "" };
  const issue = (...proofs: string[]) => ucan(node, link, NOBODY, ALL, { proofs });
  const uses = (...proofs: string[]) => use(node, link, GET, X, { proofs });
  await accepted(node, await issue(a, b));
  await refusesToken(await issue(a, c), CHAIN_TOO_LONG);
  assertRefused(await uses(a, c), NO_KEY);
  const more = await chainTo(key, 2);
  await refusesUntouched(node, () => uses(a, b, more), CHAIN_TOO_LONG);
});

Deno.test("wire §4: ancestors are counted once, however many ways lead to them", async () => {
  // Layers of two keys, each link citing both of the layer above: 2^30 ways, 60 ancestors.
  const root = [await cacao(ALICE, KEY.did, ALL), await cacao(ALICE, KEY.did, ALL)];
  for (const token of root) await accepted(node, token);
  let [key, cids]: [SessionKey, string[]] = [KEY, root.map(({ cid }) => cid)];
  for (let layer = 1; layer < 30; layer++) {
    const next = await randomSessionKey();
    const tokens = [];
    for (let twin = 0; twin < 2; twin++) {
      tokens.push(await ucan(node, { key }, next.did, ALL, { proofs: cids }));
    }
    for (const token of tokens) await accepted(node, token);
    [key, cids] = [next, tokens.map(({ cid }) => cid)];
  }
  const before = performance.now();
  const { header } = await invocation(node, { key, cid: "" }, GET, X, { proofs: cids });
  assertRefused(await ask(node, "/invoke", { token: header }), NO_KEY);
  assert.ok(performance.now() - before < 500);
  await accepted(node, await ucan(node, { key }, NOBODY, ALL, { proofs: cids }));
});

Deno.test("wire §4: a diamond stands on both its sides", async () => {
  const alice = await newSession();
  const [a, b] = [await granted(node, alice, ALL), await granted(node, alice, ALL)];
  const key = await randomSessionKey();
  const toKey = [await ucan(node, a, key.did, ALL), await ucan(node, b, key.did, ALL)];
  for (const token of toKey) await accepted(node, token);
  const proofs = toKey.map(({ cid }) => cid);
  const bottom = await granted(node, { key, cid: "" }, ALL, { proofs });
  await works(bottom);
  await revoke(alice, b.cid);
  await refusesUse(bottom, ancestorRevoked(b.cid, bottom.cid));
});

// Answers.

Deno.test("wire §4: the answer is JSON with cid, activated and skipped", async () => {
  const token = await cacao(ALICE, KEY.did, ALL);
  const answer = await post(node, token.header);
  assertOk(answer);
  assert.match(answer.headers.get("content-type") ?? "", /^application\/json/);
  assert.deepEqual(JSON.parse(answer.text), { cid: token.cid, activated: [SPACE], skipped: [] });
});

const ACCEPTS: readonly (readonly [string, boolean])[] = [
  ["text/plain", true],
  ["text/plain;charset=utf-8", true],
  ["text/plain, text/html", true],
  ["TEXT/PLAIN", true],
  ["text/html;q=0.9, text/plain;q=0.1", true],
  ["text/plain, */*", false],
  ["text/plain, application/json", false],
  ["text/plain;q=1, application/json;q=0.1", false],
  ["application/json", false],
  ["*/*", false],
  ["text/html", false],
  ["text/*", false],
];
for (const [accept, bare] of ACCEPTS) {
  Deno.test(`wire §4: Accept: ${accept} is answered with ${bare ? "the bare CID" : "JSON"}`, async () => {
    const token = await cacao(ALICE, KEY.did, ALL);
    const answer = assertOk(await post(node, token.header, { accept }));
    if (bare) {
      assert.equal(answer.text, token.cid);
      assert.match(answer.headers.get("content-type") ?? "", /^text\/plain/);
    } else assert.equal(JSON.parse(answer.text).cid, token.cid);
  });
}

Deno.test("wire §4: without Accept the answer is JSON, and several Accept lines are one", async () => {
  const token = await cacao(ALICE, KEY.did, ALL);
  const line = "POST /delegate HTTP/1.1";
  const headers = [`Authorization: ${token.header}`, "Content-Length: 0"];
  const without = await askRaw(node, line, headers);
  assert.equal(JSON.parse(without.text).cid, token.cid);
  const plain = await askRaw(node, line, [...headers, "Accept: text/plain"]);
  assert.equal(plain.text, token.cid);
  const both = await askRaw(node, line, [...headers, "Accept: text/plain", "Accept: */*"]);
  assert.equal(JSON.parse(both.text).cid, token.cid);
});

Deno.test("wire §4: spaces are listed once, canonical, in the order of their first mention", async () => {
  const wallet = randomWallet();
  const name = (name: string) => spaceId(wallet.did, name);
  const [b, a] = [await host(node, wallet, "b"), await host(node, wallet, "a")];
  const lower = (space: string) => space.replace(wallet.address, wallet.address.toLowerCase());
  const uri = (space: string, path: string) => resourceUri(space, "kv", path);
  const names = [lower(b), name("z"), a, b, name("c"), lower(name("z")), lower(a)];
  const att = Object.fromEntries(
    names.map((space, index) => [uri(space, `${index}`), { [GET]: [{}] }] as const),
  );
  const token = await cacao(wallet, KEY.did, att);
  // The client writes a ReCap's names in order; a UCAN keeps the order given.
  const answer = await accepted(node, token);
  const mentioned = Object.keys(att).toSorted().map((resource) => resource.split("/")[0] ?? "")
    .map((space) => space.replace(lower(wallet.address), wallet.address));
  const distinct = [...new Set(mentioned)];
  assert.deepEqual(answer.activated, distinct.filter((space) => [a, b].includes(space)));
  assert.deepEqual(answer.skipped, distinct.filter((space) => ![a, b].includes(space)));

  const child = await ucan(node, { key: KEY, cid: token.cid }, NOBODY, att);
  assert.deepEqual(await accepted(node, child), {
    cid: child.cid,
    activated: [b, a],
    skipped: [name("z"), name("c")],
  });
});

Deno.test("wire §4: activated is told anew at every post", async () => {
  const wallet = randomWallet();
  const first = await host(node, wallet, "first");
  const second = spaceId(wallet.did, "second");
  const token = await cacao(wallet, KEY.did, { ...allOfKv(first), ...allOfKv(second) });
  const answer = await accepted(node, token);
  assert.deepEqual([answer.activated, answer.skipped], [[first], [second]]);

  await host(node, wallet, "second");

  const again = await accepted(node, token);
  assert.deepEqual([again.activated, again.skipped], [[first, second], []]);
});

Deno.test("wire §4: if no named space is hosted, 404 and nothing is stored", async () => {
  const wallet = randomWallet();
  const space = spaceId(wallet.did);
  const token = await cacao(wallet, KEY.did, allOfKv(space));
  await refusesToken(token, NO_SPACE);
  const child = await ucan(node, { key: KEY, cid: token.cid }, NOBODY, allOfKv(space));
  await refusesToken(child, NO_PARENT);

  // The 1.0 clients' way: host, then the same bytes again.
  await host(node, wallet);
  assert.deepEqual((await accepted(node, token)).activated, [space]);
  await accepted(node, child);
});

Deno.test("wire §4: URNs alone need an owner who hosts a space here", async () => {
  const wallet = randomWallet();
  const urn = `urn:tinycloud:encryption:${wallet.did}:default`;
  const att = attenuation(urn, ["tinycloud.encryption/decrypt"]);
  const token = await cacao(wallet, KEY.did, att);
  await refusesToken(token, NO_SPACE);
  await host(node, wallet);
  const answer = await accepted(node, token);
  assert.deepEqual(answer, { cid: token.cid, activated: [], skipped: [] });
});

Deno.test("wire §4: a space that is not hosted is not made up for by a URN", async () => {
  const wallet = randomWallet();
  await host(node, wallet, "hosted");
  const urn = `urn:tinycloud:encryption:${wallet.did}:default`;
  const token = await cacao(wallet, KEY.did, {
    ...allOfKv(spaceId(wallet.did, "elsewhere")),
    ...attenuation(urn, ["tinycloud.encryption/decrypt"]),
  });
  await refusesToken(token, NO_SPACE);
});

Deno.test("wire §4: the same bytes again are 200 and change nothing", async () => {
  const token = await cacao(ALICE, KEY.did, ALL);
  const first = await accepted(node, token);
  const stored = await snapshot(node);
  assert.deepEqual(await accepted(node, token), first);
  assert.deepEqual(await snapshot(node), stored);
});

Deno.test("wire §4, B25: 20 equal posts at once are 20 times 200, and one row", async () => {
  const before = (await snapshot(node)).tables.delegation?.length ?? 0;
  const token = await cacao(ALICE, KEY.did, ALL);
  const answers = await Promise.all(Array.from({ length: 20 }, () => accepted(node, token)));
  for (const answer of answers) assert.deepEqual(answer, answers[0]);
  assert.equal((await snapshot(node)).tables.delegation?.length, before + 1);
});

Deno.test("wire §4: 20 different posts at once are all stored", async () => {
  const tokens = await Promise.all(
    Array.from({ length: 20 }, () => cacao(ALICE, KEY.did, ALL)),
  );
  await Promise.all(tokens.map((token) => accepted(node, token)));
  for (const { cid } of tokens) await works({ key: KEY, cid });
});

// Bounds.

async function bounded(env: Record<string, string>): Promise<TestNode> {
  return await startTestNode({ env: { ...FAST, ...env } });
}
const UNSETTLED = { settle: false };

Deno.test("wire §4: a space keeps so many unexpired delegations", async () => {
  await using small = await bounded({ TINYCLOUD_LIMITS_SPACE_DELEGATIONS: "5" });
  const wallet = randomWallet();
  const space = await host(small, wallet);
  const end = now(small) + 60;
  const expirationTime = rfc3339(end);
  const grant = (name: string, fields = {}) =>
    cacao(wallet, KEY.did, allOfKv(spaceId(wallet.did, name)), fields);
  // The host's delegation is the first of five.
  for (let count = 0; count < 3; count++) await accepted(small, await grant("default"));
  const fifth = await grant("default", { expirationTime });
  await accepted(small, fifth);

  const sixth = await grant("default");
  await refusesUntouched(small, () => post(small, sixth.header), TOO_MANY);
  assert.ok(Number((await post(small, sixth.header)).headers.get("retry-after")) > 0);
  // What is stored may be posted again, and other spaces have room.
  await accepted(small, fifth);
  await host(small, wallet, "other");
  await accepted(small, await grant("other"));
  // A token that names both is refused as a whole.
  const both = { ...allOfKv(space), ...allOfKv(spaceId(wallet.did, "other")) };
  const two = await cacao(wallet, KEY.did, both);
  await refusesUntouched(small, () => post(small, two.header), TOO_MANY);

  small.clock.advance(61);
  await accepted(small, sixth);
  const seventh = await grant("default");
  await refusesUntouched(small, () => post(small, seventh.header), TOO_MANY, UNSETTLED);
});

Deno.test("wire §4: of many posts at once no more pass than there is room for", async () => {
  await using small = await bounded({
    TINYCLOUD_LIMITS_SPACE_DELEGATIONS: "8",
    TINYCLOUD_LIMITS_DELEGATOR_DELEGATIONS: "4",
  });
  const alice = await aSession(small);
  const att = allOfKv(alice.space);
  const posts = async (tokens: Promise<{ header: string }>[]) => {
    const made = await Promise.all(tokens);
    const answers = await Promise.all(made.map(({ header }) => post(small, header)));
    return answers.filter(({ status }) => status === 200).length;
  };
  const ten = <T>(make: () => T) => Array.from({ length: 10 }, make);
  assert.equal(await posts(ten(() => ucan(small, alice, NOBODY, att))), 4);
  // Of eight, two were there and four came.
  assert.equal(await posts(ten(() => cacao(alice.wallet, KEY.did, att))), 2);
});

Deno.test("wire §4: a delegator who is not the owner has fewer, each has his own", async () => {
  await using small = await bounded({ TINYCLOUD_LIMITS_DELEGATOR_DELEGATIONS: "2" });
  const alice = await aSession(small);
  const twin = await aSession(small, { wallet: alice.wallet });
  const att = allOfKv(alice.space);
  for (const session of [alice, twin]) {
    await granted(small, session, att);
    await granted(small, session, att, { expiration: now(small) + 30 });
    const third = await ucan(small, session, NOBODY, att);
    await refusesUntouched(small, () => post(small, third.header), TOO_MANY);
  }
  // The owner is not bound so.
  for (let count = 0; count < 3; count++) {
    await accepted(small, await cacao(alice.wallet, KEY.did, att));
  }
  small.clock.advance(31);
  await granted(small, alice, att);
});

const LIFETIME = { TINYCLOUD_AUTH_MAX_DELEGATION_LIFETIME: "1000" };

Deno.test("wire §4: with a longest lifetime, a CACAO without exp counts from its iat", async () => {
  await using bound = await bounded(LIFETIME);
  const start = now(bound);
  const wallet = randomWallet();
  const space = await host(bound, wallet);
  const resource = resourceUri(space, "kv", "x");
  const grant = (issued: number, exp?: number) =>
    cacao(wallet, KEY.did, allOfKv(space), {
      issuedAt: rfc3339(issued),
      ...(exp === undefined ? {} : { expirationTime: rfc3339(exp) }),
    });
  const short = await grant(start - 400, start + 300);
  const endless = await grant(start - 400);
  const long = await grant(start - 400, start + 9999);
  for (const token of [short, endless, long]) await accepted(bound, token);
  const tooOld = await grant(start - 1001);
  await refusesUntouched(bound, () => post(bound, tooOld.header), DELEGATION_TIME, UNSETTLED);

  const outOfTime = { ...notAllowed(resource, GET), code: "chain_time" };
  const use = async (token: { cid: string }, time: number, good: boolean) => {
    const link = { key: KEY, cid: token.cid };
    await at(time, async () => {
      if (good) return await works(link, bound, resource);
      await refusesUntouched(
        bound,
        () => useOf(bound, link, resource),
        outOfTime,
        UNSETTLED,
      );
    }, bound);
  };
  await use(short, start + 299, true);
  await use(short, start + 300, false);
  for (const token of [endless, long]) {
    await use(token, start + 599, true);
    await use(token, start + 600, false);
    await at(start + 601, async () => {
      await refusesUntouched(bound, () => post(bound, token.header), DELEGATION_TIME, UNSETTLED);
    }, bound);
  }
});

const useOf = (at: TestNode, link: Link, resource: string) => use(at, link, GET, resource);

Deno.test("wire §4: with a longest lifetime, a UCAN counts from its first acceptance", async () => {
  await using bound = await bounded({ TINYCLOUD_AUTH_MAX_DELEGATION_LIFETIME: "1000" });
  const start = now(bound);
  const wallet = randomWallet();
  const space = await host(bound, wallet);
  const resource = resourceUri(space, "kv", "x");
  await at(start, async () => {
    const session = await cacao(wallet, KEY.did, allOfKv(space), {
      issuedAt: rfc3339(start + 900),
    });
    await accepted(bound, session);
    const key = await randomSessionKey();
    const token = await signUcan(KEY, {
      audience: key.did,
      expiration: start + 9999,
      proofs: [session.cid],
      attenuations: allOfKv(space),
    });
    await accepted(bound, token);
    const link = { key, cid: token.cid };
    bound.clock.freeze(start + 500);
    await accepted(bound, token);
    bound.clock.freeze(start + 999);
    await works(link, bound, resource);
    bound.clock.freeze(start + 1000);
    const refusal = { ...notAllowed(resource, GET), code: "chain_time" };
    await refusesUntouched(bound, () => useOf(bound, link, resource), refusal, UNSETTLED);
    bound.clock.freeze(start + 1001);
    await refusesUntouched(bound, () => post(bound, token.header), DELEGATION_TIME, UNSETTLED);
  }, bound);
});

Deno.test("wire §4: without a longest lifetime, a delegation without exp has no end", async () => {
  const token = await cacao(ALICE, KEY.did, ALL, { issuedAt: "1990-01-01T00:00:00Z" });
  await accepted(node, token);
  await at(now(node) + 1e9, () => works({ key: KEY, cid: token.cid }));
});
