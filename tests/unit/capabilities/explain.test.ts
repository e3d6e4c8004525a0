// What people are told of a chain that was refused: every path, and where it broke.

import assert from "node:assert/strict";
import { judgeChain } from "../../../src/capabilities/chain.ts";
import type { Delegation } from "../../../src/capabilities/delegation.ts";
import { pathsTried } from "../../../src/capabilities/explain.ts";
import type { ChainFacts, ChainQuestion } from "../../../src/capabilities/question.ts";
import { principalOf } from "../../../src/tokens/did.ts";
import {
  aCapability,
  aCid,
  aDelegation,
  ALICE,
  did,
  GET,
  NOW,
  PUT,
  SPACE,
} from "../../support/tokens.ts";

const USER = did("user");
const OWNER = principalOf(ALICE.did);
const A = aCid("a");
const B = aCid("b");
const C = aCid("c");

/** The lines for a question by `did:example:user` about `path`, by `proofs`. */
function tried(
  records: readonly Delegation[],
  question: Partial<ChainQuestion> = {},
  facts: Partial<ChainFacts> = {},
): readonly string[] {
  return pathsTried(
    { use: "invocation", signer: USER, capabilities: [aCapability()], proofs: [A], ...question },
    {
      records: new Map(records.map((record) => [record.cid, record])),
      revoked: new Set(),
      now: NOW,
      maxLifetime: undefined,
      ...facts,
    },
  );
}

const CASES: readonly [what: string, lines: readonly string[], told: readonly string[]][] = [
  [
    "no proof at all",
    tried([], { proofs: [] }),
    [`${GET} on ${SPACE}/kv/a: no proof is cited, and did:example:user is not the owner`],
  ],
  [
    "what is not the signer's own, of two without proof",
    tried([], { signer: OWNER, capabilities: [aCapability(), aCapability("urn:a")], proofs: [] }),
    [`${GET} on urn:a: no proof is cited, and ${ALICE.did} is not the owner`],
  ],
  [
    "a caveat on what is the signer's own",
    tried([], { signer: OWNER, capabilities: [aCapability(undefined, GET, true)], proofs: [] }),
    [`${GET} on ${SPACE}/kv/a with a caveat: not understood`],
  ],
  ["a proof that is not stored", tried([]), [`${A}: is not stored here`]],
  [
    "a proof that is cited twice",
    tried([aDelegation("a")], { proofs: [A, A] }),
    [`${A}: is cited twice`],
  ],
  [
    "a proof for somebody else",
    tried([aDelegation("a", { delegatee: did("other") })]),
    [`${A}: was given to did:example:other, not to did:example:user`],
  ],
  [
    "a revoked proof",
    tried([aDelegation("a")], {}, { revoked: new Set([aDelegation("a").identity]) }),
    [`${A}: was revoked`],
  ],
  [
    "a revoked ancestor, with the path to it",
    tried(
      [aDelegation("a", { parents: [B] }), aDelegation("b", { parents: [C] }), aDelegation("c")],
      {},
      { revoked: new Set([aDelegation("c").identity]) },
    ),
    [`${A} → ${B} → ${C}: was revoked`],
  ],
  [
    "an expired ancestor on each of two ways",
    tried([
      aDelegation("a", { parents: [B, C] }),
      aDelegation("b", { expiresAt: NOW }),
      aDelegation("c", { notBefore: NOW + 1 }),
    ]),
    [
      `${A} → ${B}: counted until ${NOW}, now is ${NOW}`,
      `${A} → ${C}: does not count before ${NOW + 1}, now is ${NOW}`,
    ],
  ],
  [
    "an ancestor with the shortest path to it",
    tried([
      aDelegation("a", { parents: [B, C] }),
      aDelegation("b", { parents: [C] }),
      aDelegation("c", { expiresAt: NOW }),
    ]),
    [`${A} → ${C}: counted until ${NOW}, now is ${NOW}`],
  ],
  [
    "an ancestor whose record is gone",
    tried([aDelegation("a", { parents: [B] })]),
    [`${A} → ${B}: is not stored here`],
  ],
  [
    "a proof of another ability",
    tried([aDelegation("a")], { capabilities: [aCapability(undefined, PUT)] }),
    [`${A}: gives no ${PUT}`],
  ],
  [
    "a proof of another path",
    tried([aDelegation("a")], { capabilities: [aCapability(`${SPACE}/kv/ab`)] }),
    [`${A}: gives ${GET} on ${SPACE}/kv/a, which does not cover ${GET} on ${SPACE}/kv/ab`],
  ],
  [
    "all that a proof gives by that ability",
    tried(
      [aDelegation("a", {
        capabilities: ["b", "c"].map((path) => aCapability(`${SPACE}/kv/${path}`)),
      })],
    ),
    [
      `${A}: gives ${GET} on ${SPACE}/kv/b, ${GET} on ${SPACE}/kv/c, ` +
      `which does not cover ${GET} on ${SPACE}/kv/a`,
    ],
  ],
  [
    "an ability, not the window of a proof that counts from now, nor its end",
    tried([aDelegation("a", { notBefore: NOW, expiresAt: NOW + 1 })], {
      capabilities: [aCapability(undefined, PUT)],
    }),
    [`${A}: gives no ${PUT}`],
  ],
  [
    "a child that outlives its parent",
    tried([aDelegation("a", { expiresAt: NOW + 1 })], { use: "delegation", expiresAt: NOW + 200 }),
    [`${A}: Child delegation expiry exceeds parent expiry`],
  ],
  [
    "a caveat",
    tried([aDelegation("a")], { capabilities: [{ ...aCapability(), caveated: true }] }),
    [`${A}: ${GET} on ${SPACE}/kv/a with a caveat: not understood`],
  ],
  [
    "what a caveat that is handed on lacks",
    tried([aDelegation("a")], {
      use: "delegation",
      capabilities: [aCapability(undefined, GET, true), aCapability(undefined, PUT, true)],
    }),
    [`${A}: gives no ${PUT}`],
  ],
];

Deno.test("a caveat on the signer's own that is handed on is nothing to explain", () => {
  const own = { ...aCapability(), caveated: true };
  const { resource } = own;
  assert.ok(resource.kind === "space");

  const lines = tried([], {
    use: "delegation",
    signer: resource.owner,
    capabilities: [own],
    proofs: [],
  });

  assert.deepEqual(lines, []);
});

for (const [what, lines, told] of CASES) {
  Deno.test(`a refusal names ${what}`, () => assert.deepEqual(lines, told));
}

Deno.test("two proofs that give nothing are both named", () => {
  const lines = tried([aDelegation("a"), aDelegation("b")], {
    capabilities: [aCapability(undefined, PUT)],
    proofs: [A, B],
  });

  assert.deepEqual(lines, [`${A}: gives no ${PUT}`, `${B}: gives no ${PUT}`]);
});

Deno.test("a diamond of 30 layers has a line for each node, and 33 lines at most", () => {
  const names = Array.from({ length: 30 }, (_, layer) => [`l${layer}`, `r${layer}`]).flat();
  const above = (
    name: string,
  ) => [`l${Number(name.slice(1)) + 1}`, `r${Number(name.slice(1)) + 1}`];
  const records = names.map((name) =>
    aDelegation(name, {
      expiresAt: NOW,
      parents: name.endsWith("29") && name.length === 3 ? [] : above(name).map(aCid),
    })
  );

  const lines = tried([aDelegation("a", { parents: ["l0", "r0"].map(aCid) }), ...records]);

  assert.equal(lines.length, 33);
  assert.equal(lines.at(-1), "and 28 more");
});

Deno.test("32 lines are all told, without a word of more", () => {
  const proofs = Array.from({ length: 32 }, (_, at) => aCid(`${at}`));
  assert.deepEqual(tried([], { proofs }), proofs.map((cid) => `${cid}: is not stored here`));
});

Deno.test("a refusal carries its paths, and its sentence only the first reason", () => {
  const verdict = judgeChain(
    { use: "invocation", signer: USER, capabilities: [aCapability()], proofs: [A] },
    { records: new Map(), revoked: new Set(), now: NOW, maxLifetime: undefined },
  );

  assert.ok(verdict.kind === "refused");
  assert.equal(verdict.refusal.message, "Cannot find parent delegation");
  assert.deepEqual(verdict.refusal.reasons?.(), [`${A}: is not stored here`]);
});
