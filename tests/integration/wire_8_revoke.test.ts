// wire §8, POST /revoke: both forms, who may, what is answered, and that nothing below a revoked
// delegation works any more, however it is spelled.

import assert from "node:assert/strict";
import {
  attenuation,
  type Attenuations,
  type Cacao,
  type CacaoFields,
  cacaoOfBytes,
  cidInBase58,
  cidOf,
  connect,
  es256Key,
  es256kKey,
  randomSessionKey,
  randomWallet,
  resourceUri,
  type Session,
  type SessionKey,
  signCacao,
  signUcan,
  type Ucan,
  type UcanFields,
  type Wallet,
} from "../../client/mod.ts";
import {
  type Answer,
  ask,
  assertOk,
  assertRefused,
  bytesOf,
  invoke,
  kv,
  owner,
  type Refusal,
  signIn,
} from "../support/asking.ts";
import { startTestNode, type TestNode } from "../support/node.ts";
import { NO_KEY, parentRevoked, revoked } from "../support/refusals.ts";
import { refusesUntouched, snapshot } from "../support/state.ts";
import { halfAnUpload, STAGED_IN_FILES } from "../support/uploads.ts";

const GET = "tinycloud.kv/get";
const PUT = "tinycloud.kv/put";
const REVOKE = "tinycloud.delegation/revoke";
const DOMAIN = "app.example";

const UNAUTHORIZED = {
  status: 403,
  code: "unauthorized_revoker",
  sentence: "Unauthorized Revoker",
};
const NO_PROOF = { status: 403, code: "revoke_proof", sentence: "Cannot find parent delegation" };
/** Told to all that is no revocation of one delegation. */
const NOT_ONE = { status: 400, code: "inputs_invalid", sentence: "Invalid inputs" };
const OUT_OF_TIME = {
  status: 403,
  code: "revoke_time",
  sentence: "Revocation expired or not yet valid",
};
const BAD_SIGNATURE = {
  status: 403,
  code: "revoke_signature",
  sentence: "Failed to verify signature",
};
const NOT_FOUND = {
  status: 404,
  code: "delegation_not_found",
  sentence: "Delegation not found",
};
const MALFORMED = { status: 401, code: "token_malformed", sentence: /^Malformed token: ./ };

interface Granted {
  readonly key: SessionKey;
  readonly cid: string;
  readonly header: string;
  readonly session: Session;
}

const soon = (seconds = 600) => Math.floor(Date.now() / 1000) + seconds;

/** A UCAN by `from` for `kv/get` to a key; a fresh one unless named. */
async function grant(
  node: TestNode,
  from: { readonly key: SessionKey; readonly cid: string; readonly space: string },
  att: Attenuations = attenuation(resourceUri(from.space, "kv"), [GET, PUT]),
  fields: Partial<UcanFields> & { readonly key?: SessionKey } = {},
): Promise<Granted> {
  const { key = await randomSessionKey(), ...rest } = fields;
  const { header, cid } = await signUcan(from.key, {
    audience: key.did,
    expiration: soon(),
    proofs: [from.cid],
    attenuations: att,
    ...rest,
  });
  assertOk(await ask(node, "/delegate", { token: header }));
  return { key, cid, header, session: connect(node.url).use(key, { cid, space: from.space }) };
}

/** The wallet's own word. */
function byWallet(wallet: Wallet, cid: string, fields: Partial<CacaoFields> = {}): Promise<Cacao> {
  return signCacao(wallet, { domain: DOMAIN, uri: `ucan:${cid}`, ...fields });
}

/** A key's word, on `urn:cid:…` and without a proof unless it says otherwise. */
function byKey(
  key: SessionKey,
  cid: string,
  fields: Partial<UcanFields> & { readonly resource?: string; readonly ability?: string } = {},
): Promise<Ucan> {
  const { resource = `urn:cid:${cid}`, ability = REVOKE, ...rest } = fields;
  return signUcan(key, {
    audience: key.did,
    expiration: soon(60),
    attenuations: attenuation(resource, [ability]),
    ...rest,
  });
}

const revoke = (node: TestNode, { header }: { readonly header: string }, body?: BodyInit) =>
  ask(node, "/revoke", { token: header, body });

/** Checks that the answer is the receipt, to the byte. */
function assertRevoked(answer: Answer, cid: string): void {
  assert.equal(assertOk(answer).text, `{"revoked":true,"cid":"${cid}"}`);
  assert.match(answer.headers.get("content-type") ?? "", /^application\/json/);
}

/** Checks that the delegation works, or that it is revoked. */
async function assertWorks(node: TestNode, { session }: Granted): Promise<void> {
  assertRefused(await invoke(node, session, kv(session, "get", "nothing")), NO_KEY);
}
async function assertDead(node: TestNode, { session, cid }: Granted): Promise<void> {
  assertRefused(await invoke(node, session, kv(session, "get", "nothing")), revoked(cid));
}

// --- Forms -------------------------------------------------------------------------------------

type Form = (wallet: Wallet, session: Session, cid: string) => Promise<{ header: string }>;
/** Each spells the CID as it is given. */
const FORMS: readonly { name: string; form: Form }[] = [
  { name: "a CACAO for ucan:{cid}", form: (wallet, _session, cid) => byWallet(wallet, cid) },
  {
    name: "a UCAN on urn:cid:{cid} under a proof",
    form: (_wallet, { key, cid: proof }, cid) => byKey(key, cid, { proofs: [proof] }),
  },
  {
    name: "a UCAN on {space}/delegation/{cid} under a proof",
    form: (_wallet, { key, cid: proof, space }, cid) =>
      byKey(key, cid, { proofs: [proof], resource: resourceUri(space, "delegation", cid) }),
  },
  {
    name: "a UCAN without a proof, by the delegator",
    form: (_wallet, { key }, cid) => byKey(key, cid),
  },
];

Deno.test("wire §8: a delegation is revoked by", async (t) => {
  await using node = await startTestNode();
  const { wallet, session } = await owner(node);
  for (const { name, form } of FORMS) {
    for (const spelling of ["base32", "base58btc"] as const) {
      await t.step(`${name}, in ${spelling}; again and again`, async () => {
        const target = await grant(node, session);
        const cid = spelling === "base32" ? target.cid : cidInBase58(target.cid);
        const token = await form(wallet, session, cid);
        await assertWorks(node, target);

        assertRevoked(await revoke(node, token), cid);

        await assertDead(node, target);
        assertRevoked(await revoke(node, token), cid);
        assertRevoked(await revoke(node, await form(wallet, session, cid)), cid);
      });
    }
  }
});

// --- Who may -----------------------------------------------------------------------------------

interface World {
  readonly node: TestNode;
  readonly wallet: Wallet;
  readonly session: Session;
  /** session → one → two → three. */
  readonly one: Granted;
  readonly two: Granted;
  readonly three: Granted;
}

async function aWorld(node: TestNode): Promise<World> {
  const { wallet, session } = await owner(node);
  const one = await grant(node, session);
  const two = await grant(node, one.session);
  const three = await grant(node, two.session);
  return { node, wallet, session, one, two, three };
}

interface Revoker {
  readonly name: string;
  readonly expected: "revoked" | Refusal;
  /** The revocation of `three` unless it says another. */
  token(world: World): Promise<{ header: string }>;
  readonly target?: "one" | "two";
}

const REVOKERS: readonly Revoker[] = [
  {
    name: "its delegator",
    expected: "revoked",
    token: ({ two, three }) => byKey(two.key, three.cid),
  },
  { name: "its delegatee", expected: "revoked", token: ({ three }) => byKey(three.key, three.cid) },
  {
    name: "the delegator of its parent",
    expected: "revoked",
    token: ({ one, three }) => byKey(one.key, three.cid),
  },
  {
    name: "the delegator of its parent's parent",
    expected: "revoked",
    token: ({ session, three }) => byKey(session.key, three.cid),
  },
  {
    name: "the owner of the space",
    expected: "revoked",
    token: ({ wallet, three }) => byWallet(wallet, three.cid),
  },
  {
    name: "a session with delegation/revoke on the space",
    expected: "revoked",
    token: async ({ node, wallet, three }) => {
      const other = await signIn(node, {}, wallet);
      return await byKey(other.key, three.cid, { proofs: [other.cid] });
    },
  },
  {
    name: "its delegatee, citing a proof that is unknown",
    expected: "revoked",
    token: async ({ three }) => byKey(three.key, three.cid, { proofs: [await unknownCid()] }),
  },
  {
    name: "its delegatee, citing a proof of someone else",
    expected: "revoked",
    token: ({ session, three }) => byKey(three.key, three.cid, { proofs: [session.cid] }),
  },
  {
    name: "a stranger's key",
    expected: UNAUTHORIZED,
    token: async ({ three }) => byKey(await randomSessionKey(), three.cid),
  },
  {
    name: "a stranger's wallet",
    expected: UNAUTHORIZED,
    token: ({ three }) => byWallet(randomWallet(), three.cid),
  },
  {
    name: "a key below it",
    expected: UNAUTHORIZED,
    target: "one",
    token: ({ one, three }) => byKey(three.key, one.cid),
  },
  {
    name: "a key below it, citing its own grant",
    expected: UNAUTHORIZED,
    target: "one",
    token: ({ one, three }) => byKey(three.key, one.cid, { proofs: [three.cid] }),
  },
  {
    name: "a key beside it",
    expected: UNAUTHORIZED,
    token: async ({ node, session, three }) => {
      const beside = await grant(node, session);
      return await byKey(beside.key, three.cid, { proofs: [beside.cid] });
    },
  },
  {
    name: "a session without delegation/revoke",
    expected: UNAUTHORIZED,
    token: async ({ node, wallet, session, three }) => {
      const other = await signIn(node, {
        attenuations: attenuation(resourceUri(session.space, "kv"), [GET]),
      }, wallet);
      return await byKey(other.key, three.cid, { proofs: [other.cid] });
    },
  },
  {
    name: "a session with delegation/revoke on kv only",
    expected: UNAUTHORIZED,
    token: async ({ node, wallet, session, three }) => {
      const other = await signIn(node, {
        attenuations: attenuation(resourceUri(session.space, "kv"), [REVOKE]),
      }, wallet);
      return await byKey(other.key, three.cid, { proofs: [other.cid] });
    },
  },
  {
    name: "a session with delegation/revoke with a caveat",
    expected: UNAUTHORIZED,
    token: async ({ node, wallet, session, three }) => {
      const resource = resourceUri(session.space, "delegation");
      const other = await signIn(node, {
        attenuations: { [resource]: { [REVOKE]: [{ only: "mine" }] } },
      }, wallet);
      return await byKey(other.key, three.cid, { proofs: [other.cid] });
    },
  },
  {
    name: "a session of another wallet, with delegation/revoke on its own space",
    expected: UNAUTHORIZED,
    token: async ({ node, three }) => {
      const other = await signIn(node);
      return await byKey(other.key, three.cid, { proofs: [other.cid] });
    },
  },
  {
    name: "a stranger citing an unknown proof",
    expected: NO_PROOF,
    token: async ({ three }) =>
      byKey(await randomSessionKey(), three.cid, { proofs: [await unknownCid()] }),
  },
];

async function unknownCid(): Promise<string> {
  const key = await randomSessionKey();
  return (await signUcan(key, { audience: key.did, expiration: 1, attenuations: {} })).cid;
}

Deno.test("wire §8: a delegation deep in a chain may be revoked by", async (t) => {
  await using node = await startTestNode();
  for (const { name, expected, token, target } of REVOKERS) {
    await t.step(`${name}: ${expected === "revoked"}`, async () => {
      const world = await aWorld(node);
      const about = world[target ?? "three"];
      const { header } = await token(world);

      if (expected === "revoked") {
        assertRevoked(await revoke(node, { header }), about.cid);
        await assertDead(node, about);
      } else {
        await refusesUntouched(node, () => revoke(node, { header }), expected);
        await assertWorks(node, about);
      }
    });
  }
});

Deno.test("wire §8: the owner of any space that a delegation names may revoke it", async () => {
  await using node = await startTestNode();
  const [alice, bob] = [await owner(node), await owner(node)];
  const key = await randomSessionKey();
  const att = (space: string) => attenuation(resourceUri(space, "kv"), [GET]);
  const ofAlice = await grant(node, alice.session, att(alice.session.space), { key });
  const ofBob = await grant(node, bob.session, att(bob.session.space), { key });
  const both = await grant(node, { key, cid: ofAlice.cid, space: alice.session.space }, {
    ...att(alice.session.space),
    ...att(bob.session.space),
  }, { proofs: [ofAlice.cid, ofBob.cid], expiration: soon(300) });
  await assertWorks(node, both);

  assertRevoked(await revoke(node, await byWallet(bob.wallet, both.cid)), both.cid);

  await assertDead(node, both);
  await assertWorks(node, ofAlice);
});

Deno.test("wire §8: a wallet that was granted something may renounce it", async () => {
  await using node = await startTestNode();
  const { wallet: alice, session } = await owner(node);
  const bob = randomWallet();
  const attenuations = attenuation(resourceUri(session.space, "kv"), [GET]);
  const token = await signCacao(alice, { domain: DOMAIN, uri: bob.did, attenuations });
  assertOk(await ask(node, "/delegate", { token: token.header }));

  assertRevoked(await revoke(node, await byWallet(bob, token.cid)), token.cid);

  assertRefused(await ask(node, "/delegate", { token: token.header }), revoked(token.cid));
});

interface BadProof {
  readonly name: string;
  make(world: World, proof: Session): Promise<void> | void;
}

/** Proofs that would give leave, but for this. The contract names no code for each: 403. */
const BAD_PROOFS: readonly BadProof[] = [
  {
    name: "revoked",
    async make({ node, wallet }, proof) {
      assertOk(await revoke(node, await byWallet(wallet, proof.cid)));
    },
  },
  { name: "expired", make: ({ node }) => node.clock.advance(3601) },
];

for (const { name, make } of BAD_PROOFS) {
  Deno.test(`wire §8: a proof that is ${name} gives no leave to revoke`, async () => {
    await using node = await startTestNode();
    const world = await aWorld(node);
    const other = await signIn(node, {}, world.wallet);
    await make(world, other);
    const token = await byKey(other.key, world.three.cid, {
      proofs: [other.cid],
      expiration: soon(7200),
    });
    const before = await snapshot(node);

    const answer = await revoke(node, token);

    assert.equal(answer.status, 403, answer.text);
    assert.deepEqual(await snapshot(node), before);
  });
}

// --- Statuses ----------------------------------------------------------------------------------

Deno.test("wire §8: an unknown delegation is told, and nothing is kept of it", async (t) => {
  await using node = await startTestNode();
  const { wallet, session } = await owner(node);
  const key = await randomSessionKey();
  const token = await signUcan(session.key, {
    audience: key.did,
    expiration: soon(),
    proofs: [session.cid],
    attenuations: attenuation(resourceUri(session.space, "kv"), [GET]),
  });
  for (const { name, form } of FORMS) {
    await t.step(name, async () => {
      const { header } = await form(wallet, session, token.cid);
      await refusesUntouched(node, () => revoke(node, { header }), NOT_FOUND);
    });
  }
  await t.step("it can still be posted, and works", async () => {
    assertOk(await ask(node, "/delegate", { token: token.header }));
    const by = connect(node.url).use(key, { cid: token.cid, space: session.space });
    assertRefused(await invoke(node, by, kv(by, "get", "a")), NO_KEY);
  });
});

interface Malformed {
  readonly name: string;
  readonly expected: Refusal;
  token(world: World): Promise<{ header: string }>;
}

const past = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();

const MALFORMEDS: readonly Malformed[] = [
  {
    name: "no token at all",
    expected: MALFORMED,
    token: () => Promise.resolve({ header: "nonsense" }),
  },
  {
    name: "a UCAN with a bad signature",
    expected: BAD_SIGNATURE,
    token: async ({ three }) => ({
      header: withBadSignature((await byKey(three.key, three.cid)).header),
    }),
  },
  {
    name: "a CACAO signed by another wallet",
    expected: BAD_SIGNATURE,
    token: async ({ wallet, three }) => {
      const text = "something else";
      return await signCacao(wallet, { domain: DOMAIN, uri: `ucan:${three.cid}` }, { text });
    },
  },
  {
    name: "a UCAN that has expired",
    expected: OUT_OF_TIME,
    token: ({ three }) => byKey(three.key, three.cid, { expiration: soon(-1) }),
  },
  {
    name: "a UCAN that begins later",
    expected: OUT_OF_TIME,
    token: ({ three }) => byKey(three.key, three.cid, { notBefore: soon(100) }),
  },
  {
    name: "a CACAO that has expired",
    expected: OUT_OF_TIME,
    token: ({ wallet, three }) => byWallet(wallet, three.cid, { expirationTime: past(1) }),
  },
  {
    name: "a CACAO that begins later",
    expected: OUT_OF_TIME,
    token: ({ wallet, three }) => byWallet(wallet, three.cid, { notBefore: past(-100) }),
  },
  {
    name: "two capabilities",
    expected: NOT_ONE,
    token: ({ one, two, three }) =>
      byKey(two.key, three.cid, {
        attenuations: {
          ...attenuation(`urn:cid:${three.cid}`, [REVOKE]),
          ...attenuation(`urn:cid:${one.cid}`, [REVOKE]),
        },
      }),
  },
  {
    name: "two abilities on it",
    expected: NOT_ONE,
    token: ({ two, three }) =>
      byKey(two.key, three.cid, {
        attenuations: attenuation(`urn:cid:${three.cid}`, [REVOKE, "tinycloud.delegation/get"]),
      }),
  },
  {
    name: "no capability",
    expected: NOT_ONE,
    token: ({ two, three }) => byKey(two.key, three.cid, { attenuations: {} }),
  },
  {
    name: "two proofs, though the signer may revoke",
    expected: NOT_ONE,
    token: ({ two, three }) => byKey(two.key, three.cid, { proofs: [two.cid, three.cid] }),
  },
  // The contract has 400 for all that is not one capability to revoke one delegation.
  {
    name: "another ability (U29)",
    expected: NOT_ONE,
    token: ({ two, three }) =>
      byKey(two.key, three.cid, { ability: "tinycloud.delegation/status" }),
  },
  {
    name: "the ability on something that is no delegation",
    expected: NOT_ONE,
    token: ({ two, session, three }) =>
      byKey(two.key, three.cid, { resource: resourceUri(session.space, "kv", three.cid) }),
  },
  {
    name: "a CID that is none",
    expected: NOT_ONE,
    token: ({ two, three }) => byKey(two.key, three.cid, { resource: "urn:cid:nonsense" }),
  },
  {
    name: "an invocation",
    expected: NOT_ONE,
    token: ({ session }) => session.invocationToken(kv(session, "get", "a")),
  },
  {
    name: "a delegation CACAO",
    expected: NOT_ONE,
    token: ({ wallet, session }) =>
      signCacao(wallet, {
        domain: DOMAIN,
        uri: session.key.didUrl,
        attenuations: attenuation(resourceUri(session.space, "kv"), [GET]),
      }),
  },
  {
    name: "a CACAO for a CID that is none",
    expected: NOT_ONE,
    token: ({ wallet }) => byWallet(wallet, "nonsense"),
  },
];

function withBadSignature(token: string): string {
  const at = token.lastIndexOf(".") + 1;
  return token.slice(0, at) + (token[at] === "A" ? "B" : "A") + token.slice(at + 1);
}

Deno.test("wire §8: a revocation is refused that is", async (t) => {
  await using node = await startTestNode();
  const world = await aWorld(node);
  for (const { name, expected, token } of MALFORMEDS) {
    await t.step(name, async () => {
      const { header } = await token(world);
      await refusesUntouched(node, () => revoke(node, { header }), expected);
      await assertWorks(node, world.three);
    });
  }
  await t.step("missing", async () => {
    assertRefused(await ask(node, "/revoke"), {
      status: 401,
      code: "token_missing",
      sentence: "Missing Authorization header",
    });
  });
});

Deno.test("wire §8: a revocation CACAO is no delegation", async () => {
  await using node = await startTestNode();
  const { wallet, session } = await owner(node);
  const { header } = await byWallet(wallet, session.cid);

  const answer = await ask(node, "/delegate", { token: header });

  assert.equal(answer.status, 401);
});

/** What is not judged. */
const LENIENT: readonly { name: string; token(world: World): Promise<{ header: string }> }[] = [
  {
    name: "an exp years ahead: there is no lifetime cap",
    token: ({ three }) => byKey(three.key, three.cid, { expiration: 4_000_000_000 }),
  },
  {
    name: "an iat to come",
    token: ({ wallet, three }) => byWallet(wallet, three.cid, { issuedAt: past(-10_000) }),
  },
  {
    name: "an iat long gone",
    token: ({ wallet, three }) => byWallet(wallet, three.cid, { issuedAt: "2001-01-01T00:00:00Z" }),
  },
  {
    name: "a ReCap beside it",
    token: ({ wallet, session, three }) =>
      byWallet(wallet, three.cid, {
        attenuations: attenuation(resourceUri(session.space, "kv"), [GET]),
      }),
  },
  {
    name: "other resources and a statement",
    token: ({ wallet, three }) =>
      byWallet(wallet, three.cid, { statement: "Take it back.", resources: ["https://a.example"] }),
  },
  {
    name: "the audience of a UCAN",
    token: ({ node, three }) => byKey(three.key, three.cid, { audience: node.node.nodeId }),
  },
];

Deno.test("wire §8: not judged are", async (t) => {
  await using node = await startTestNode();
  for (const { name, token } of LENIENT) {
    await t.step(name, async () => {
      const world = await aWorld(node);

      assertRevoked(await revoke(node, await token(world)), world.three.cid);

      await assertDead(node, world.three);
    });
  }
});

// --- The body ----------------------------------------------------------------------------------

type BodyOf = (cid: string, other: string) => string;
const BODIES: readonly { name: string; body: BodyOf; accepted: boolean }[] = [
  { name: "the same cid", body: (cid) => JSON.stringify({ cid }), accepted: true },
  {
    name: "the same cid in another base",
    body: (cid) => JSON.stringify({ cid: cidInBase58(cid) }),
    accepted: true,
  },
  {
    name: "the cid and a space, as SDKs send it",
    body: (cid) => JSON.stringify({ cid, spaceId: "any" }),
    accepted: true,
  },
  { name: "a space alone", body: () => '{"spaceId":"any"}', accepted: true },
  { name: "an empty object", body: () => "{}", accepted: true },
  { name: "an array", body: (_cid, other) => JSON.stringify([{ cid: other }]), accepted: true },
  { name: "a string", body: () => '"text"', accepted: true },
  { name: "null", body: () => "null", accepted: true },
  { name: "no JSON", body: (_cid, other) => `cid=${other}`, accepted: true },
  { name: "cut JSON", body: (_cid, other) => `{"cid":"${other}"`, accepted: true },
  { name: "another cid", body: (_cid, other) => JSON.stringify({ cid: other }), accepted: false },
  { name: "a cid that is none", body: () => '{"cid":"nonsense"}', accepted: false },
  { name: "a cid that is no text", body: () => '{"cid":1}', accepted: false },
  { name: "a cid of null", body: () => '{"cid":null}', accepted: false },
  {
    name: "another cid after spaces",
    body: (_cid, other) => ` \n{"cid":"${other}"} `,
    accepted: false,
  },
];

Deno.test("wire §8: a body is", async (t) => {
  await using node = await startTestNode();
  const { session } = await owner(node);
  const other = await grant(node, session);
  for (const type of ["application/json", "text/plain", undefined]) {
    for (const { name, body, accepted } of BODIES) {
      await t.step(`${accepted ? "accepted" : "refused"} with ${name}, as ${type}`, async () => {
        const target = await grant(node, session);
        const { header: token } = await byKey(target.key, target.cid);
        const bytes = new TextEncoder().encode(body(target.cid, other.cid));

        const answer = await ask(node, "/revoke", {
          token,
          body: bytes,
          headers: type === undefined ? {} : { "content-type": type },
        });

        if (accepted) assertRevoked(answer, target.cid);
        else {
          assert.equal(answer.status, 400, answer.text);
          await assertWorks(node, target);
        }
        await assertWorks(node, other);
      });
    }
  }
  await t.step("ignored when it is a megabyte of nothing", async () => {
    const target = await grant(node, session);
    const answer = await revoke(node, await byKey(target.key, target.cid), bytesOf(1_000_000));
    assertRevoked(answer, target.cid);
  });
});

// --- What ends ---------------------------------------------------------------------------------

Deno.test("wire §8: nothing at or below a revoked delegation works any more", async (t) => {
  await using node = await startTestNode();
  const { wallet, session, one, two, three } = await aWorld(node);
  assertRevoked(await revoke(node, await byKey(one.key, two.cid)), two.cid);

  await t.step("what is above it does", () => assertWorks(node, one));
  await t.step("itself does not", () => assertDead(node, two));
  await t.step("what is below it does not", async () => {
    assertRefused(await invoke(node, three.session, kv(session, "get", "a")), {
      status: 401,
      code: "ancestor_revoked",
      sentence: `delegation-ancestor-revoked: ancestor=${two.cid} invoked=${three.cid}`,
    });
  });
  await t.step("it cannot be posted again", async () => {
    assertRefused(await ask(node, "/delegate", { token: two.header }), revoked(two.cid));
  });
  await t.step("what is below it cannot be posted again", async () => {
    const refusal = parentRevoked(two.cid);
    assertRefused(await ask(node, "/delegate", { token: three.header }), refusal);
  });
  await t.step("nothing new can be posted below it", async () => {
    for (const [by, cid] of [[two, two.cid], [three, three.cid]] as const) {
      const { header } = await signUcan(by.key, {
        audience: (await randomSessionKey()).did,
        expiration: soon(100),
        proofs: [cid],
        attenuations: attenuation(resourceUri(session.space, "kv"), [GET]),
      });
      assertRefused(await ask(node, "/delegate", { token: header }), parentRevoked(cid));
    }
  });
  await t.step("it is not listed", async () => {
    const cids = (await session.delegations()).map(({ cid }) => cid);
    assert.deepEqual(
      [one, two, three].map(({ cid }) => cids.includes(cid)),
      [true, false, false],
    );
  });
  await t.step("it stays so after a revocation of what is above and below", async () => {
    assertRevoked(await revoke(node, await byWallet(wallet, three.cid)), three.cid);
    assertRevoked(await revoke(node, await byWallet(wallet, two.cid)), two.cid);
    await assertDead(node, two);
    await assertDead(node, three);
  });
});

Deno.test("wire §8: a revocation survives a restart", async () => {
  const folder = await Deno.makeTempDir({ prefix: "tinycloud-" });
  try {
    let target: Granted;
    {
      await using node = await startTestNode({ folder });
      const { session } = await owner(node);
      target = await grant(node, session);
      assertRevoked(await revoke(node, await byKey(target.key, target.cid)), target.cid);
    }
    await using node = await startTestNode({ folder });
    const session = connect(node.url).use(target.key, target.session.grant);

    await assertDead(node, { ...target, session });
    assertRefused(await ask(node, "/delegate", { token: target.header }), revoked(target.cid));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("wire §8: revoking the host delegation does not un-host the space", async () => {
  await using node = await startTestNode();
  const { wallet, session } = await owner(node);
  const host = (await session.delegations()).find(({ capabilities }) =>
    capabilities[0]?.ability === "tinycloud.space/host"
  );
  assert.ok(host);

  assertRevoked(await revoke(node, await byWallet(wallet, host.cid)), host.cid);

  await session.put("k", "still here");
  assert.equal((await session.get("k"))?.text(), "still here");
});

Deno.test("wire §4: a root grant outlives the session it cites", async () => {
  await using node = await startTestNode();
  const { wallet, session } = await owner(node);
  const key = await randomSessionKey();
  const token = await signCacao(wallet, {
    domain: DOMAIN,
    uri: key.didUrl,
    attenuations: attenuation(resourceUri(session.space, "kv"), [GET]),
    proofs: [session.cid],
  });
  assertOk(await ask(node, "/delegate", { token: token.header }));
  const by = connect(node.url).use(key, { cid: token.cid, space: session.space });

  await session.revoke(session.cid);

  assertRefused(await invoke(node, session, kv(session, "get", "a")), revoked(session.cid));
  assertRefused(await invoke(node, by, kv(by, "get", "a")), NO_KEY);
  assertOk(await ask(node, "/delegate", { token: token.header }));
});

Deno.test("wire §8: an upload in flight when its chain is revoked stores nothing", async () => {
  await using node = await startTestNode({ env: STAGED_IN_FILES });
  const { wallet, session } = await owner(node);
  const large = bytesOf(1_000_000);
  const target = await grant(node, session);
  const below = await grant(node, target.session);
  const [one, two] = await Promise.all(
    [target, below].map(({ session }) => session.invocationToken(kv(session, "put", "k"))),
  );
  assert.ok(one && two);
  using first = await halfAnUpload(node, one.header, large);
  using second = await halfAnUpload(node, two.header, large);

  assertRevoked(await revoke(node, await byWallet(wallet, target.cid)), target.cid);
  const { files } = await snapshot(node);
  for (const upload of [first, second]) await upload.write(large.subarray(large.length / 2));

  assert.deepEqual([(await first.answer()).text, (await second.answer()).text], [
    `delegation-revoked: ${target.cid}`,
    `delegation-ancestor-revoked: ancestor=${target.cid} invoked=${below.cid}`,
  ]);
  assertRefused(await invoke(node, session, kv(session, "get", "k")), NO_KEY);
  assert.deepEqual(await session.list(""), []);
  assert.deepEqual((await snapshot(node)).files, files, "no block is left");
});

Deno.test("wire §8: once 200 is out no put succeeds, whatever came at the same time", async () => {
  await using node = await startTestNode();
  const { wallet, session } = await owner(node);
  const target = await grant(node, session);
  const tokens = await Promise.all(
    Array.from(
      { length: 30 },
      (_, index) => target.session.invocationToken(kv(session, "put", `k${index}`)),
    ),
  );
  const revocation = await byWallet(wallet, target.cid);
  let isRevoked = false;
  const put = async ({ header }: { readonly header: string }) => {
    const wasRevoked = isRevoked;
    const { status } = await ask(node, "/invoke", { token: header, body: "v" });
    return { wasRevoked, status };
  };

  const early = tokens.slice(0, 20).map(put);
  assertRevoked(await revoke(node, revocation), target.cid);
  isRevoked = true;
  const late = tokens.slice(20).map(put);

  for (const { wasRevoked, status } of await Promise.all([...early, ...late])) {
    assert.ok(wasRevoked ? status === 401 : [200, 401].includes(status), String(status));
  }
});

// --- One signature in several encodings --------------------------------------------------------

interface Encodings {
  readonly name: string;
  /** Two tokens over one signed content, to the same key. */
  make(world: World, key: SessionKey): Promise<{ readonly header: string; readonly cid: string }[]>;
}

async function aCacao({ wallet, session }: World, key: SessionKey, p = {}): Promise<Cacao> {
  return await signCacao(wallet, {
    domain: DOMAIN,
    uri: key.didUrl,
    nonce: "theSameNonce",
    issuedAt: "2026-01-01T00:00:00Z",
    attenuations: attenuation(resourceUri(session.space, "kv"), [GET]),
  }, { p });
}

/** The same token with the last byte of its signature, v, as 0 or 1 in place of 27 or 28. */
function withLowV({ bytes }: Cacao): Cacao {
  const at = bytes.findLastIndex((byte) => byte === 27 || byte === 28);
  const changed = bytes.slice();
  changed[at] = (bytes[at] ?? 0) - 27;
  return cacaoOfBytes(changed);
}

async function ecdsa(
  { node, session }: World,
  key: SessionKey,
  signer: SessionKey,
  order: bigint,
): Promise<{ header: string; cid: string }[]> {
  const parent = await grant(node, session, undefined, { key: signer });
  const { header } = await signUcan(signer, {
    audience: key.did,
    expiration: soon(300),
    proofs: [parent.cid],
    attenuations: attenuation(resourceUri(session.space, "kv"), [GET]),
  });
  return [header, withOtherS(header, order)].map((text) => ({
    header: text,
    cid: cidOf(new TextEncoder().encode(text)),
  }));
}

/** The same token with s replaced by n−s. */
function withOtherS(token: string, order: bigint): string {
  const at = token.lastIndexOf(".") + 1;
  const signature = Uint8Array.fromBase64(token.slice(at), { alphabet: "base64url" });
  const s = BigInt(`0x${signature.slice(32).toHex()}`);
  const other = Uint8Array.fromHex((order - s).toString(16).padStart(64, "0"));
  const bytes = Uint8Array.of(...signature.slice(0, 32), ...other);
  return token.slice(0, at) + bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const SECP256K1_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const secret = () => {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  bytes[0] = 1; // Below either order.
  return bytes;
};

const ENCODINGS: readonly Encodings[] = [
  {
    name: "v of 27 and of 0",
    make: async (world, key) => {
      const cacao = await aCacao(world, key);
      return [cacao, withLowV(cacao)];
    },
  },
  {
    name: "iss in EIP-55 and in lower case",
    make: async (world, key) => {
      const iss = world.wallet.did.replace(/0x.*/, (address) => address.toLowerCase());
      return [await aCacao(world, key), await aCacao(world, key, { iss })];
    },
  },
  {
    name: "iss in EIP-55 and in upper case",
    make: async (world, key) => {
      const iss = world.wallet.did.replace(/0x(.*)/, (_, hex: string) => `0x${hex.toUpperCase()}`);
      return [await aCacao(world, key), await aCacao(world, key, { iss })];
    },
  },
  {
    name: "s and n−s of ES256",
    make: (world, key) => ecdsa(world, key, es256Key(secret()), P256_ORDER),
  },
  {
    name: "s and n−s of ES256K",
    make: (world, key) => ecdsa(world, key, es256kKey(secret()), SECP256K1_ORDER),
  },
];

for (const { name, make } of ENCODINGS) {
  Deno.test(`wire §2: a revocation takes every encoding of one signature: ${name}`, async (t) => {
    await using node = await startTestNode();
    for (const order of [[0, 1], [1, 0]] as const) {
      for (const posted of ["before", "after"] as const) {
        const label = `${order.join(" revoked, ")} posted ${posted}`;
        await t.step(label, async () => {
          const world = await aWorld(node);
          const key = await randomSessionKey();
          const tokens = await make(world, key);
          const [named, other] = order.map((index) => tokens[index]);
          assert.ok(named && other);
          assert.notEqual(named.cid, other.cid);
          const space = world.session.space;
          const session = (cid: string) => connect(node.url).use(key, { cid, space });
          const get = (cid: string) => invoke(node, session(cid), kv({ space }, "get", "a"));
          assertOk(await ask(node, "/delegate", { token: named.header }));
          if (posted === "before") {
            assertOk(await ask(node, "/delegate", { token: other.header }));
            assertRefused(await get(other.cid), NO_KEY);
          }
          assertRefused(await get(named.cid), NO_KEY);

          const revocation = await byWallet(world.wallet, named.cid);
          assertRevoked(await revoke(node, revocation), named.cid);

          assertRefused(await get(named.cid), revoked(named.cid));
          const again = await ask(node, "/delegate", { token: other.header });
          assertRefused(again, revoked(other.cid));
          if (posted === "before") assertRefused(await get(other.cid), revoked(other.cid));
        });
      }
    }
  });
}

Deno.test("wire §2: a variant of a token whose session is used still cascades", async () => {
  await using node = await startTestNode();
  const world = await aWorld(node);
  const key = await randomSessionKey();
  const cacao = await aCacao(world, key);
  const variant = withLowV(cacao);
  assertOk(await ask(node, "/delegate", { token: cacao.header }));
  assertOk(await ask(node, "/delegate", { token: variant.header }));
  const space = world.session.space;
  const below = await grant(
    node,
    { key, cid: variant.cid, space },
    attenuation(resourceUri(space, "kv"), [GET]),
  );
  await assertWorks(node, below);

  assertRevoked(await revoke(node, await byWallet(world.wallet, cacao.cid)), cacao.cid);

  // The ancestor is named as it was cited.
  assertRefused(await invoke(node, below.session, kv({ space }, "get", "a")), {
    status: 401,
    code: "ancestor_revoked",
    sentence: `delegation-ancestor-revoked: ancestor=${variant.cid} invoked=${below.cid}`,
  });
});
