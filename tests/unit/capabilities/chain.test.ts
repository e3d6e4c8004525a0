// May this signer do that, by these proofs? (wire §4 and §6, authority)

import { MAX_ANCESTORS } from "../../../src/limits.ts";
import assert from "node:assert/strict";
import fc from "fast-check";
import { breadthFirst, judgeChain, type Verdict } from "../../../src/capabilities/chain.ts";
import type { Capability, Delegation } from "../../../src/capabilities/delegation.ts";
import {
  type ChainFacts,
  type ChainQuestion,
  citedProofs,
} from "../../../src/capabilities/question.ts";
import { windowOf } from "../../../src/capabilities/window.ts";
import type { Cid, Identity } from "../../../src/tokens/cid.ts";
import { principalOf } from "../../../src/tokens/did.ts";
import {
  aCapability,
  aCid,
  aDelegation,
  ALICE,
  BOB,
  did,
  GET,
  NOW,
  PUT,
  refusalOf,
  SPACE,
} from "../../support/tokens.ts";

const alice = principalOf(ALICE.did);
const USER = did("user");

function factsOf(records: readonly Delegation[], given: Partial<ChainFacts> = {}): ChainFacts {
  return {
    records: new Map(records.map((record) => [record.cid, record])),
    revoked: new Set(),
    now: NOW,
    maxLifetime: undefined,
    ...given,
  };
}

/** A question by `did:example:user` for reading Alice's `a`, by the delegation named `p`. */
function asked(given: Partial<ChainQuestion> = {}): ChainQuestion {
  return {
    use: "invocation",
    signer: USER,
    capabilities: [aCapability()],
    proofs: [aCid("p")],
    ...given,
  };
}

/** "granted", or the sentence of the refusal behind its code. */
function told(verdict: Verdict): string {
  return verdict.kind === "granted"
    ? "granted"
    : `${verdict.refusal.code}: ${verdict.refusal.message}`;
}

function granted(verdict: Verdict): Extract<Verdict, { kind: "granted" }> {
  assert.equal(told(verdict), "granted");
  if (verdict.kind === "refused") throw verdict.refusal;
  return verdict;
}

const action = (uri = `${SPACE}/kv/a`, ability = GET) => `Unauthorized Action: ${uri} / ${ability}`;
const capability = (uri = `${SPACE}/kv/a`, ability = GET) =>
  `Unauthorized Capability: ${uri}, ${ability}`;
const LATE = "Delegation expired or not yet valid";

// Root authority.

const URN = `urn:tinycloud:encryption:${ALICE.did}:n`;
const ROOT: readonly [what: string, capabilities: Capability[], outcome: string][] = [
  ["her own space", [aCapability()], "granted"],
  ["her own encryption network", [aCapability(URN)], "granted"],
  ["both", [aCapability(), aCapability(URN)], "granted"],
  ["nothing", [], "granted"],
  [
    "Bob's space",
    [aCapability(`tinycloud:${BOB.did.slice(4)}:default/kv/a`)],
    "proof_missing: Cannot find parent delegation",
  ],
  ["an opaque URI", [aCapability("urn:a")], "proof_missing: Cannot find parent delegation"],
  [
    "her own space and an opaque URI",
    [aCapability(), aCapability("urn:a")],
    "proof_missing: Cannot find parent delegation",
  ],
];
for (const [what, capabilities, outcome] of ROOT) {
  for (const use of ["delegation", "invocation"] as const) {
    Deno.test(`an owner's ${use} of ${what} without proofs: ${outcome}`, () => {
      const question = { use, signer: alice, capabilities, proofs: [] };
      assert.equal(told(judgeChain(question, factsOf([]))), outcome);
    });
  }
}

Deno.test("proofs of a root token are never followed, be they unknown, revoked or expired", () => {
  const dead = aDelegation("dead", { expiresAt: NOW - 1, delegatee: alice });
  const facts = factsOf([dead], { revoked: new Set([dead.identity]) });
  const proofs = [dead.cid, dead.cid, aCid("unknown")];

  for (const use of ["delegation", "invocation"] as const) {
    const verdict = judgeChain(asked({ use, signer: alice, proofs }), facts);

    assert.deepEqual(granted(verdict), {
      kind: "granted",
      parents: [],
      ancestors: [],
      identities: [],
      validUntil: Infinity,
    });
  }
});

Deno.test("an owner may delegate with a caveat, but not act with one", () => {
  const narrowed = [aCapability(`${SPACE}/kv/a`, GET, true)];
  const question = asked({ signer: alice, capabilities: narrowed, proofs: [] });
  assert.equal(told(judgeChain({ ...question, use: "delegation" }, factsOf([]))), "granted");
  assert.equal(told(judgeChain(question, factsOf([]))), `unauthorized_action: ${action()}`);
});

// Proofs.

interface Case {
  readonly what: string;
  readonly question?: Partial<ChainQuestion>;
  readonly records: readonly Delegation[];
  readonly facts?: Partial<ChainFacts>;
  readonly invocation: string;
  readonly delegation: string;
}

const p = (given: Partial<Delegation> = {}) => aDelegation("p", given);
const q = (given: Partial<Delegation> = {}) => aDelegation("q", given);
const up = aDelegation("up", { delegatee: did("middle") });
const below = p({ parents: [up.cid] });
const both = { proofs: [aCid("p"), aCid("q")] };
const revoking = (...names: string[]) => ({
  revoked: new Set(names.map((name) => `ucan:${name}` as Identity)), // as aDelegation names them
});
const MISSING = "proof_missing: Cannot find parent delegation";
const same = (outcome: string) => ({ invocation: outcome, delegation: outcome });
const late = {
  invocation: `chain_time: ${action()}`,
  delegation: `chain_time: ${LATE}`,
};
const ungranted = {
  invocation: `unauthorized_action: ${action()}`,
  delegation: `unauthorized_capability: ${capability()}`,
};
const foreign = {
  invocation: "unauthorized_invoker: Unauthorized Invoker",
  delegation: "unauthorized_delegator: Unauthorized Delegator: did:example:user",
};
const parentRevoked = (cid: Cid) => `parent_revoked: delegation-parent-revoked: ${cid}`;

const CASES: readonly Case[] = [
  { what: "the same capability", records: [p()], ...same("granted") },
  {
    what: "more than is asked",
    records: [p({ capabilities: [aCapability(`${SPACE}/kv`)] })],
    ...same("granted"),
  },
  { what: "no proof", question: { proofs: [] }, records: [p()], ...same(MISSING) },
  { what: "an unknown proof", records: [], ...same(MISSING) },
  { what: "a known and an unknown proof", question: both, records: [p()], ...same(MISSING) },
  {
    what: "one proof twice",
    question: { proofs: [aCid("p"), aCid("p")] },
    records: [p()],
    ...same(MISSING),
  },
  { what: "somebody else's", records: [p({ delegatee: did("else") })], ...foreign },
  {
    what: "one of a DID that only begins alike",
    records: [p({ delegatee: did("use") })],
    ...foreign,
  },
  { what: "one of a longer DID", records: [p({ delegatee: did("user2") })], ...foreign },
  {
    what: "its own and somebody else's",
    question: both,
    records: [p(), q({ delegatee: did("else") })],
    ...foreign,
  },
  {
    what: "a revoked one",
    records: [p()],
    facts: revoking("p"),
    invocation: `revoked: delegation-revoked: ${aCid("p")}`,
    delegation: parentRevoked(aCid("p")),
  },
  {
    what: "one below a revoked one",
    records: [below, up],
    facts: revoking("up"),
    invocation: `ancestor_revoked: delegation-ancestor-revoked: ancestor=${up.cid} invoked=${
      aCid("p")
    }`,
    delegation: parentRevoked(aCid("p")),
  },
  {
    what: "a revoked one below a revoked one",
    records: [below, up],
    facts: revoking("up", "p"),
    invocation: `revoked: delegation-revoked: ${aCid("p")}`,
    delegation: parentRevoked(aCid("p")),
  },
  {
    what: "a good and a revoked one",
    question: both,
    records: [p(), q()],
    facts: revoking("q"),
    invocation: `revoked: delegation-revoked: ${aCid("q")}`,
    delegation: parentRevoked(aCid("q")),
  },
  {
    what: "another's revocation",
    records: [p(), q()],
    facts: revoking("q"),
    ...same("granted"),
  },
  { what: "one that ends now", records: [p({ expiresAt: NOW })], ...late },
  {
    what: "one that ends in a millisecond",
    records: [p({ expiresAt: NOW + 0.001 })],
    question: { expiresAt: NOW },
    ...same("granted"),
  },
  {
    what: "one that begins now",
    records: [p({ notBefore: NOW })],
    question: { notBefore: NOW },
    ...same("granted"),
  },
  { what: "one that begins in a millisecond", records: [p({ notBefore: NOW + 0.001 })], ...late },
  { what: "a CACAO that ends now", records: [p({ kind: "cacao", expiresAt: NOW })], ...late },
  { what: "one below an expired one", records: [below, { ...up, expiresAt: NOW - 1 }], ...late },
  { what: "one below a future one", records: [below, { ...up, notBefore: NOW + 1 }], ...late },
  {
    what: "a good and an expired one",
    question: both,
    records: [p(), q({ expiresAt: NOW - 1 })],
    ...late,
  },
  {
    what: "one older than the node lets any be",
    records: [p({ acceptedAt: NOW - 61 })],
    facts: { maxLifetime: 60 },
    ...late,
  },
  {
    what: "a host's, older than the node lets others be",
    records: [p({ acceptedAt: NOW - 61, host: true })],
    facts: { maxLifetime: 60 },
    ...same("granted"),
  },
  {
    what: "another ability",
    records: [p({ capabilities: [aCapability(`${SPACE}/kv/a`, PUT)] })],
    ...ungranted,
  },
  {
    what: "another path",
    records: [p({ capabilities: [aCapability(`${SPACE}/kv/ab`)] })],
    ...ungranted,
  },
  {
    what: "a path below it",
    records: [p({ capabilities: [aCapability(`${SPACE}/kv/a/b`)] })],
    ...ungranted,
  },
  {
    what: "the same with a caveat",
    records: [p({ capabilities: [aCapability(`${SPACE}/kv/a`, GET, true)] })],
    ...ungranted,
  },
  { what: "nothing", records: [p({ capabilities: [] })], ...ungranted },
  {
    what: "its parent's, but not itself",
    records: [p({ parents: [up.cid], capabilities: [] }), up],
    ...ungranted,
  },
  {
    what: "half of it each of two",
    question: {
      ...both,
      capabilities: [aCapability(), aCapability(`${SPACE}/kv/b`, PUT)],
    },
    records: [p(), q({ capabilities: [aCapability(`${SPACE}/kv/b`, PUT)] })],
    ...same("granted"),
  },
  {
    what: "the first of two capabilities",
    question: { capabilities: [aCapability(), aCapability(`${SPACE}/kv/b`, PUT)] },
    records: [p()],
    invocation: `unauthorized_action: ${action(`${SPACE}/kv/b`, PUT)}`,
    delegation: `unauthorized_capability: ${capability(`${SPACE}/kv/b`, PUT)}`,
  },
  {
    what: "none of two capabilities, the first of them the signer's own",
    question: {
      signer: alice,
      capabilities: [aCapability(), aCapability("urn:a"), aCapability("urn:b")],
    },
    records: [p({ delegatee: alice })],
    invocation: `unauthorized_action: ${action("urn:a")}`,
    delegation: `unauthorized_capability: ${capability("urn:a")}`,
  },
  {
    what: "an opaque URI, literally",
    question: { capabilities: [aCapability("urn:a")] },
    records: [p({ capabilities: [aCapability("urn:a")] })],
    ...same("granted"),
  },
  {
    what: "another opaque URI",
    question: { capabilities: [aCapability("urn:a/b")] },
    records: [p({ capabilities: [aCapability("urn:a")] })],
    invocation: `unauthorized_action: ${action("urn:a/b")}`,
    delegation: `unauthorized_capability: ${capability("urn:a/b")}`,
  },
  {
    what: "a folder of the same fragment",
    question: { capabilities: [aCapability(`${SPACE}/kv/a/b#f`)] },
    records: [p({ capabilities: [aCapability(`${SPACE}/kv/a#f`)] })],
    ...same("granted"),
  },
  {
    what: "a folder of no fragment",
    question: { capabilities: [aCapability(`${SPACE}/kv/a/b#f`)] },
    records: [p({ capabilities: [aCapability(`${SPACE}/kv/a`)] })],
    invocation: `unauthorized_action: ${action(`${SPACE}/kv/a/b#f`)}`,
    delegation: `unauthorized_capability: ${capability(`${SPACE}/kv/a/b#f`)}`,
  },
  {
    what: "the empty path, for one below it",
    question: { capabilities: [aCapability(`${SPACE}/kv//b`)] },
    records: [p({ capabilities: [aCapability(`${SPACE}/kv/`)] })],
    ...same("granted"),
  },
  {
    what: "the empty path, for no path",
    question: { capabilities: [aCapability(`${SPACE}/kv`)] },
    records: [p({ capabilities: [aCapability(`${SPACE}/kv/`)] })],
    invocation: `unauthorized_action: ${action(`${SPACE}/kv`)}`,
    delegation: `unauthorized_capability: ${capability(`${SPACE}/kv`)}`,
  },
  {
    what: "deletion by its other name",
    question: { capabilities: [aCapability(`${SPACE}/kv/a`, "tinycloud.kv/delete")] },
    records: [p({ capabilities: [aCapability(`${SPACE}/kv/a`, "tinycloud.kv/del")] })],
    ...same("granted"),
  },
];
for (const { what, question, records, facts, ...outcomes } of CASES) {
  for (const use of ["invocation", "delegation"] as const) {
    Deno.test(`${use} by proofs that give ${what}: ${outcomes[use].split(":")[0]}`, () => {
      const verdict = judgeChain({ ...asked(question), use }, factsOf(records, facts));
      assert.equal(told(verdict), outcomes[use]);
    });
  }
}

Deno.test("a caveat may be handed on, but nobody may act on it", () => {
  const capabilities = [aCapability(`${SPACE}/kv/a`, GET, true)];
  const judged = (use: ChainQuestion["use"]) =>
    told(judgeChain(asked({ use, capabilities }), factsOf([p()])));
  assert.equal(judged("delegation"), "granted");
  assert.equal(judged("invocation"), `unauthorized_action: ${action()}`);
});

// The window of a new delegation.

const EXPIRY = "proof_window: Child delegation expiry exceeds parent expiry";
const START = "proof_window: Child delegation not_before precedes parent not_before";
type Bounds = { notBefore?: number; expiresAt?: number };
const WINDOWS: readonly [what: string, child: Bounds, parent: Bounds, outcome: string][] = [
  ["no bounds at all", {}, {}, "granted"],
  ["only its own bounds", { notBefore: NOW, expiresAt: NOW + 9 }, {}, "granted"],
  ["the parent's end", { expiresAt: NOW + 9 }, { expiresAt: NOW + 9 }, "granted"],
  ["an earlier end", { expiresAt: NOW + 8 }, { expiresAt: NOW + 9 }, "granted"],
  ["120 s more", { expiresAt: NOW + 129 }, { expiresAt: NOW + 9 }, "granted"],
  ["121 s more", { expiresAt: NOW + 130 }, { expiresAt: NOW + 9 }, EXPIRY],
  ["120.001 s more", { expiresAt: NOW + 129.001 }, { expiresAt: NOW + 9 }, EXPIRY],
  ["no end where the parent has one", {}, { expiresAt: NOW + 9 }, EXPIRY],
  ["the parent's start", { notBefore: NOW - 9 }, { notBefore: NOW - 9 }, "granted"],
  ["a later start", { notBefore: NOW - 8 }, { notBefore: NOW - 9 }, "granted"],
  ["an earlier start", { notBefore: NOW - 9.001 }, { notBefore: NOW - 9 }, START],
  ["no start where the parent has one", {}, { notBefore: NOW - 9 }, START],
  ["neither where the parent has both", {}, { notBefore: NOW - 9, expiresAt: NOW + 9 }, EXPIRY],
];
for (const [what, child, parent, outcome] of WINDOWS) {
  Deno.test(`a delegation with ${what}: ${outcome.split(":")[0]}`, () => {
    const facts = factsOf([p(parent)]);
    assert.equal(told(judgeChain(asked({ use: "delegation", ...child }), facts)), outcome);
    assert.equal(
      told(judgeChain(asked(child), facts)),
      "granted",
      "an invocation has no such rule",
    );
  });
}

Deno.test("parents whose window the child leaves are dropped, and give nothing", () => {
  const short = p({ expiresAt: NOW + 9, parents: [up.cid] });
  const long = q({ expiresAt: NOW + 999 });
  const facts = factsOf([short, long, up]);
  const question = asked({ use: "delegation", expiresAt: NOW + 500, ...both });

  const verdict = granted(judgeChain(question, facts));
  assert.deepEqual(verdict.parents.map(({ cid }) => cid), [long.cid]);
  assert.deepEqual(verdict.ancestors, [long.cid]);

  const needy = { ...long, capabilities: [] };
  const refused = judgeChain(question, factsOf([short, needy, up]));
  assert.equal(told(refused), `unauthorized_capability: ${capability()}`);
});

Deno.test("when all parents are dropped, the first one's reason is told", () => {
  const early = p({ notBefore: NOW - 9 });
  const short = q({ expiresAt: NOW + 9 });
  const facts = factsOf([early, short]);
  const judged = (proofs: readonly Cid[]) =>
    told(judgeChain(asked({ use: "delegation", proofs }), facts));
  assert.equal(judged([early.cid, short.cid]), START);
  assert.equal(judged([short.cid, early.cid]), EXPIRY);
});

Deno.test("a dropped parent must be unrevoked and in time all the same", () => {
  const short = p({ expiresAt: NOW + 9 });
  const question = asked({ use: "delegation", expiresAt: NOW + 500, ...both });
  const judged = (records: Delegation[], facts: Partial<ChainFacts>) =>
    told(judgeChain(question, factsOf(records, facts)));
  assert.equal(judged([short, q()], revoking("p")), parentRevoked(short.cid));
  assert.equal(judged([{ ...short, expiresAt: NOW }, q()], {}), `chain_time: ${LATE}`);
});

// The order of the refusals (wire §4): each comes before all that follow.

Deno.test("refusals come in the contract's order", () => {
  const long = chainOf(MAX_ANCESTORS.delegation + 1);
  const [top] = long;
  assert.ok(top);
  const leaf = {
    ...p({ parents: [top.cid], capabilities: [], delegatee: did("else"), expiresAt: NOW - 1 }),
    ancestors: long.map(({ cid }) => cid),
  };
  let records: Delegation[] = [...long];
  let facts = revoking("p");
  const judged = () =>
    told(judgeChain(asked({ use: "delegation", expiresAt: NOW + 999 }), factsOf(records, facts)))
      .split(":")[0];
  const change = (given: Partial<Delegation>) => {
    const known = records.find(({ cid }) => cid === leaf.cid) ?? leaf;
    records = [...long, { ...known, ...given }];
  };

  assert.equal(judged(), "proof_missing");
  change({});
  assert.equal(judged(), "unauthorized_delegator");
  change({ delegatee: USER });
  assert.equal(judged(), "parent_revoked");
  facts = revoking();
  assert.equal(judged(), "chain_time");
  change({ expiresAt: NOW + 1 });
  assert.equal(judged(), "proof_window");
  change({ expiresAt: NOW + 999 });
  assert.equal(judged(), "chain_too_long");
  change({ parents: [], ancestors: [] });
  assert.equal(judged(), "unauthorized_capability");
  change({ capabilities: [aCapability()] });
  assert.equal(judged(), "granted");
});

// Length and shape.

/** So many delegations, each under the next; the first has all the others for ancestors. */
function chainOf(length: number): Delegation[] {
  const names = Array.from({ length }, (_, index) => `link ${index}`);
  return names.map((name, index) =>
    aDelegation(name, {
      parents: names.slice(index + 1, index + 2).map(aCid),
      ancestors: names.slice(index + 1).map(aCid),
    })
  );
}

for (const use of ["delegation", "invocation"] as const) {
  const most = use === "delegation" ? 63 : 64;
  for (const [length, outcome] of [[most, "granted"], [most + 1, "chain_too_long"]] as const) {
    Deno.test(`${use} with ${length} ancestors: ${outcome}`, () => {
      const chain = chainOf(length);
      const verdict = judgeChain(asked({ use, proofs: [aCid("link 0")] }), factsOf(chain));
      assert.equal(told(verdict).split(":")[0], outcome);
      if (verdict.kind === "granted") assert.equal(verdict.ancestors.length, length);
    });

    Deno.test(`${use} by ${length} proofs side by side: ${outcome}`, () => {
      const proofs = Array.from({ length }, (_, index) => aDelegation(`proof ${index}`));
      const question = asked({ use, proofs: proofs.map(({ cid }) => cid) });
      assert.equal(told(judgeChain(question, factsOf(proofs))).split(":")[0], outcome);
    });
  }
}

Deno.test("of the proofs cited, each is looked at once, and one more than can be used", () => {
  const cited = Array.from({ length: 66 }, (_, index) => aCid(`proof ${index}`));
  assert.deepEqual(citedProofs([...cited.slice(0, 2), ...cited.slice(0, 3)]), cited.slice(0, 3));
  assert.deepEqual(citedProofs(cited), cited.slice(0, 65));
});

Deno.test("a proof beyond those that are looked at makes a chain too long, not one that is missing", () => {
  const names = Array.from({ length: 66 }, (_, index) => `proof ${index}`);
  const records = names.map((name) => aDelegation(name));
  for (const use of ["invocation", "delegation"] as const) {
    const question = asked({ use, proofs: names.map(aCid) });

    assert.match(told(judgeChain(question, factsOf(records))), /^chain_too_long/);
    assert.match(told(judgeChain(question, factsOf(records.slice(1)))), /^proof_missing/);
  }
});

class CountingMap<K, V> extends Map<K, V> {
  gets = 0;
  override get(key: K): V | undefined {
    this.gets++;
    return super.get(key);
  }
}

/** Layers of two, each delegation under both of the next layer: 2^layers paths. */
function diamond(layers: number): Delegation[] {
  const name = (layer: number, side: number) => `diamond ${layer} ${side}`;
  return Array.from({ length: layers * 2 }, (_, index) => {
    const [layer, side] = [Math.floor(index / 2), index % 2];
    const parents = layer + 1 < layers ? [aCid(name(layer + 1, 0)), aCid(name(layer + 1, 1))] : [];
    const ancestors = Array.from(
      { length: (layers - layer - 1) * 2 },
      (_, above) => aCid(name(layer + 1 + Math.floor(above / 2), above % 2)),
    );
    return aDelegation(name(layer, side), { parents, ancestors });
  });
}

Deno.test("a diamond of 30 layers is 60 delegations, not 2^30 paths", () => {
  const nodes = diamond(30);
  const records = new CountingMap(nodes.map((node) => [node.cid, node]));
  const proofs = nodes.slice(0, 2).map(({ cid }) => cid);

  const verdict = granted(judgeChain(asked({ proofs }), { ...factsOf([]), records }));

  assert.equal(verdict.ancestors.length, 60);
  assert.ok(records.gets < 10 * 60, `${records.gets} look-ups`);
});

Deno.test("ancestors come breadth first, each once, cited ones in their order", () => {
  const [a, b, c, d] = ["a", "b", "c", "d"].map(aCid);
  assert.ok(a && b && c && d);
  const tree = [
    aDelegation("a", { parents: [c, d] }),
    aDelegation("b", { parents: [a, c] }),
    aDelegation("c", { parents: [d] }),
    aDelegation("d"),
  ];
  const { records } = factsOf(tree);
  const from = (...names: string[]) =>
    breadthFirst(names.map((name) => tree.find(({ cid }) => cid === aCid(name)) ?? p()), records);
  assert.deepEqual(from("b"), [b, a, c, d]);
  assert.deepEqual(from("c", "a"), [c, a, d]);
  assert.deepEqual(from("a", "c"), [a, c, d]);
  assert.deepEqual(from(), []);
});

Deno.test("an ancestor that is not known is named, and nothing above it", () => {
  const node = p({ parents: [aCid("gone")] });
  assert.deepEqual(breadthFirst([node], factsOf([node]).records), [node.cid, aCid("gone")]);
});

Deno.test("a planted cycle ends", () => {
  const records = [
    p({ parents: [aCid("q")], ancestors: [aCid("q"), aCid("p")] }),
    q({ parents: [aCid("p")], ancestors: [aCid("p"), aCid("q")] }),
  ];
  const verdict = granted(judgeChain(asked(), factsOf(records)));
  assert.deepEqual(verdict.ancestors, [aCid("p"), aCid("q")]);
});

Deno.test("an ancestor that is gone grants nothing: the failure is the node's", () => {
  const refusal = refusalOf(() => judgeChain(asked(), factsOf([below])));
  assert.equal(refusal?.code, "internal");
  assert.equal(refusal?.cause, up.cid, "the log names it");
});

Deno.test("what must still hold at the commit is named: all identities, the earliest end", () => {
  const middle = { ...up, expiresAt: NOW + 30 };
  const facts = factsOf([{ ...below, expiresAt: NOW + 50 }, middle]);
  const verdict = granted(judgeChain(asked(), facts));
  assert.deepEqual(verdict.identities.toSorted(), ["ucan:p", "ucan:up"]);
  assert.equal(verdict.validUntil, NOW + 30);
});

// When a stored delegation counts.

const LIFETIMES: readonly [
  what: string,
  given: Partial<Delegation>,
  from: number,
  until: number,
][] = [
  ["a UCAN without end", { acceptedAt: 100 }, -Infinity, 160],
  ["a UCAN that ends before", { acceptedAt: 100, expiresAt: 130 }, -Infinity, 130],
  ["a UCAN that ends after", { acceptedAt: 100, expiresAt: 190 }, -Infinity, 160],
  ["a UCAN that says when it was issued", { acceptedAt: 100, issuedAt: 10 }, -Infinity, 160],
  ["a CACAO", { kind: "cacao", acceptedAt: 100, issuedAt: 90 }, -Infinity, 150],
  ["a CACAO without iat", { kind: "cacao", acceptedAt: 100 }, -Infinity, 160],
  ["a host's CACAO", { kind: "cacao", issuedAt: 90, host: true }, -Infinity, Infinity],
  ["a host's that ends", { host: true, expiresAt: 120 }, -Infinity, 120],
  ["one with a start", { acceptedAt: 100, notBefore: 110 }, 110, 160],
];
for (const [what, given, from, until] of LIFETIMES) {
  Deno.test(`with a lifetime of 60 s, ${what} counts until ${until}`, () => {
    assert.deepEqual(windowOf(p(given), 60), { from, until });
  });
}

Deno.test("without a lifetime only its own bounds count", () => {
  assert.deepEqual(windowOf(p(), undefined), { from: -Infinity, until: Infinity });
  assert.deepEqual(windowOf(p({ notBefore: 1, expiresAt: 2 }), undefined), { from: 1, until: 2 });
});

// Random chains.

interface Dag {
  /** Each after those it rests on. */
  readonly nodes: readonly Delegation[];
  readonly proofs: readonly Cid[];
}

const dag: fc.Arbitrary<Dag> = fc.record({
  edges: fc.array(fc.array(fc.nat(), { maxLength: 3 }), { minLength: 1, maxLength: 14 }),
  cited: fc.array(fc.nat(), { minLength: 1, maxLength: 3 }),
}).map(({ edges, cited }) => {
  const nodes: Delegation[] = [];
  for (const [index, picks] of edges.entries()) {
    const picked = new Set(index === 0 ? [] : picks.map((pick) => pick % index));
    const parents = [...picked].flatMap((at) => nodes.slice(at, at + 1));
    const ancestors = new Set(parents.map(({ cid }) => cid));
    for (const parent of parents) for (const cid of parent.ancestors) ancestors.add(cid);
    nodes.push(aDelegation(`node ${index}`, {
      parents: parents.map(({ cid }) => cid),
      ancestors: [...ancestors],
    }));
  }
  const proofs = [...new Set(cited.map((pick) => nodes[pick % nodes.length]?.cid ?? aCid("")))];
  return { nodes, proofs };
});

/** All that the proofs rest on and they themselves, by walking up. */
function behind({ nodes, proofs }: Dag): Set<Cid> {
  const found = new Set<Cid>();
  const walk = (cid: Cid) => {
    found.add(cid);
    for (const parent of nodes.find((node) => node.cid === cid)?.parents ?? []) walk(parent);
  };
  proofs.forEach(walk);
  return found;
}

Deno.test("a random chain gives what its proofs give, and knows all its ancestors", () => {
  fc.assert(fc.property(dag, (dag) => {
    const verdict = granted(judgeChain(asked({ proofs: dag.proofs }), factsOf(dag.nodes)));
    assert.deepEqual(new Set(verdict.ancestors), behind(dag));
    assert.equal(verdict.ancestors.length, behind(dag).size);
    assert.equal(verdict.identities.length, behind(dag).size);
  }));
});

Deno.test("revoking any ancestor refuses, revoking anything else does not", () => {
  fc.assert(fc.property(dag, fc.constantFrom("invocation", "delegation"), (dag, use) => {
    const needed = behind(dag);
    for (const { cid, identity } of dag.nodes) {
      const facts = factsOf(dag.nodes, { revoked: new Set([identity]) });
      const outcome = told(judgeChain(asked({ use, proofs: dag.proofs }), facts));
      const refused = use === "delegation"
        ? /^parent_revoked: /
        : dag.proofs.includes(cid)
        ? /^(ancestor_)?revoked: /
        : /^ancestor_revoked: /;
      assert.match(outcome, needed.has(cid) ? refused : /^granted$/);
    }
  }));
});

Deno.test("any ancestor outside its window refuses, anything else does not", () => {
  const dead = fc.constantFrom<Partial<Delegation>>({ expiresAt: NOW }, { notBefore: NOW + 1 });
  fc.assert(fc.property(dag, dead, (dag, window) => {
    const needed = behind(dag);
    for (const { cid } of dag.nodes) {
      const nodes = dag.nodes.map((node) => node.cid === cid ? { ...node, ...window } : node);
      const outcome = told(judgeChain(asked({ proofs: dag.proofs }), factsOf(nodes)));
      assert.match(outcome, needed.has(cid) ? /^chain_time: / : /^granted$/);
    }
  }));
});

Deno.test("the verdict does not depend on the order in which records were found", () => {
  fc.assert(fc.property(dag, fc.infiniteStream(fc.nat()), (dag, order) => {
    const shuffled = dag.nodes.map((node) => ({ node, at: order.next().value ?? 0 }))
      .sort((a, b) => a.at - b.at).map(({ node }) => node);
    const question = asked({ proofs: dag.proofs });
    const [one, other] = [dag.nodes, shuffled].map((nodes) => judgeChain(question, factsOf(nodes)));
    assert.deepEqual(one, other);
  }));
});

Deno.test("what a delegation is granted, an invocation below it can be used for", () => {
  fc.assert(fc.property(dag, (dag) => {
    const { nodes, proofs } = dag;
    const verdict = granted(judgeChain(asked({ use: "delegation", proofs }), factsOf(nodes)));
    const child = p({
      parents: verdict.parents.map(({ cid }) => cid),
      ancestors: verdict.ancestors,
    });
    granted(judgeChain(asked(), factsOf([...nodes, child])));
  }));
});

// Cost.

/** How often a granted capability is looked at, when so many are asked for and none fits but the last. */
function looks(count: number): number {
  let looks = 0;
  const watched = (capability: Capability): Capability => ({
    get resource() {
      return capability.resource;
    },
    get ability() {
      return capability.ability;
    },
    get caveated() {
      looks++;
      return capability.caveated;
    },
  });
  const others = Array.from({ length: count }, (_, at) => aCapability(`${SPACE}/kv/other${at}`));
  const parent = p({ capabilities: [...others, aCapability(`${SPACE}/kv`)].map(watched) });
  const capabilities = Array.from({ length: count }, (_, at) => aCapability(`${SPACE}/kv/${at}`));
  granted(judgeChain(asked({ capabilities }), factsOf([parent])));
  return looks;
}

Deno.test("twice the capabilities cost twice as much, not four times", () => {
  const [once, twice] = [looks(100), looks(200)];
  assert.ok(twice <= 3 * once, `${once} looks for 100 capabilities, ${twice} for 200`);
});
