// wire §4, worked out by hand.

import assert from "node:assert/strict";
import { delegate } from "../../oracle/delegate.ts";
import type { Model } from "../../oracle/model.ts";
import type { Token } from "../../oracle/token.ts";
import {
  accepting,
  aHosting,
  aModel,
  aRoot,
  aToken,
  GET,
  KEY,
  NOW,
  OTHER,
  OWNER,
  PUT,
  says,
  SPACE,
  THIRD,
} from "./support.ts";

const KV = `${SPACE}/kv`;
/** Another wallet; digits have no case. */
const BOB = `did:pkh:eip155:1:0x${"11".repeat(20)}`;
/** KEY holds `get` on `a` until NOW + 1000. */
const GRANTED = aRoot("root", { [`${KV}/a`]: [GET] }, { exp: NOW + 1000 });

interface Case {
  readonly name: string;
  readonly token: Token;
  readonly expected: unknown;
  readonly before?: (model: Model) => void;
  readonly at?: number;
}

const under = (given: Partial<Token> = {}, resource = `${KV}/a/b`, ability = GET): Token =>
  aToken("child", { [resource]: [ability] }, { proofs: ["root"], ...given });

const CASES: readonly Case[] = [
  { name: "what extends the grant", token: under(), expected: "accepted" },
  {
    name: "what does not",
    token: under({}, `${KV}/ab`),
    expected: "unauthorized_capability",
  },
  {
    name: "another ability",
    token: under({}, `${KV}/a`, PUT),
    expected: "unauthorized_capability",
  },
  { name: "no capability", token: { ...under(), att: [] }, expected: "delegation_empty" },
  {
    name: "a UCAN for its own issuer",
    token: under({ audience: `${KEY}#zKey` }),
    expected: "delegation_empty",
  },
  {
    name: "a CACAO for its own issuer",
    token: aRoot("self", { [KV]: [GET] }, { audience: OWNER }),
    expected: "accepted",
  },
  {
    name: "a CACAO for no DID",
    token: aRoot("ucan", { [KV]: [GET] }, { audience: "ucan:bafkr4i" }),
    expected: "delegation_empty",
  },
  { name: "no proof", token: under({ proofs: [] }), expected: "proof_missing" },
  { name: "an unknown proof", token: under({ proofs: ["?"] }), expected: "proof_missing" },
  {
    name: "a proof and an unknown one",
    token: under({ proofs: ["root", "?"] }),
    expected: "proof_missing",
  },
  { name: "a proof twice", token: under({ proofs: ["root", "root"] }), expected: "proof_missing" },
  {
    name: "a foreign proof",
    token: under({ issuer: OTHER, audience: KEY }),
    expected: "unauthorized_delegator",
  },
  { name: "a bad signature", token: under({ isSigned: false }), expected: "token_signature" },
  { name: "an end in the past", token: under({ exp: NOW - 0.5 }), expected: "token_time" },
  { name: "an end now", token: under({ exp: NOW }), expected: "accepted" },
  { name: "a beginning now", token: under({ nbf: NOW }), expected: "accepted" },
  {
    name: "a CACAO that begins now",
    token: aRoot("begins", { [KV]: [GET] }, { nbf: NOW }),
    expected: "token_time",
  },
  { name: "120 s more than the parent", token: under({ exp: NOW + 1120 }), expected: "accepted" },
  {
    name: "121 s more than the parent",
    token: under({ exp: NOW + 1121 }),
    expected: "proof_window",
  },
  {
    name: "a parent that ended",
    token: under({ exp: NOW + 2000 }),
    at: NOW + 1000,
    expected: "chain_time",
  },
  {
    name: "no URI",
    token: under({}, `${KV}/a b`),
    expected: "token_malformed",
  },
  {
    name: "a revoked parent",
    token: under(),
    before: ({ revoked }) => void revoked.push("signed root"),
    expected: "parent_revoked",
  },
  {
    name: "another encoding of what was revoked",
    token: under({ cid: "again", identity: "signed child" }),
    before: ({ revoked }) => void revoked.push("signed child"),
    expected: "revoked",
  },
  {
    name: "spaces that are not hosted",
    token: aRoot("far", { [`${SPACE}2/kv`]: [GET] }),
    expected: "space_not_found",
  },
  {
    name: "a URN of one who hosts a space",
    token: aRoot("urn", { [`urn:tinycloud:encryption:${OWNER}:default`]: ["x/y"] }),
    expected: "accepted",
  },
];

for (const { name, token, expected, before, at = NOW } of CASES) {
  Deno.test(`wire §4: ${name}: ${expected}`, () => {
    const model = accepting(aModel(), GRANTED);
    before?.(model);

    assert.equal(says(delegate(model, at, token)), expected);
  });
}

Deno.test("wire §4: a parent without an end needs no end of the child; one with it does", () => {
  const model = accepting(
    aModel(),
    aRoot("endless", { [KV]: [GET] }, { audience: BOB }),
    aRoot("ending", { [KV]: [GET] }, {
      audience: BOB,
      exp: NOW + 9,
    }),
  );
  const child = (proofs: string[]) =>
    aRoot("child", { [KV]: [GET] }, {
      issuer: BOB,
      proofs,
    });

  assert.equal(says(delegate(model, NOW, child(["endless"]))), "accepted");
  assert.equal(says(delegate(model, NOW, child(["ending"]))), "proof_window");
  assert.equal(says(delegate(model, NOW, child(["ending", "endless"]))), "accepted");
});

Deno.test("wire §4: a parent that was dropped is no ancestor", () => {
  const model = accepting(
    aModel(),
    aRoot("short", { [KV]: [GET] }, { exp: NOW + 10 }),
    aRoot("long", { [KV]: [GET] }, { exp: NOW + 1000 }),
    aToken("child", { [KV]: [GET] }, { proofs: ["short", "long"], exp: NOW + 1000 }),
  );
  model.revoked.push("signed short");
  const below = aToken("below", { [KV]: [GET] }, {
    issuer: OTHER,
    audience: THIRD,
    proofs: ["child"],
  });

  assert.equal(says(delegate(model, NOW, below)), "accepted");
});

Deno.test("wire §4: a root grant has no ancestors, whatever it cites", () => {
  const model = accepting(
    aModel(),
    GRANTED,
    aRoot("share", { [KV]: [GET] }, { audience: OTHER, proofs: ["root", "?"] }),
  );
  model.revoked.push("signed root");
  const below = aToken("below", { [KV]: [GET] }, {
    issuer: OTHER,
    audience: KEY,
    proofs: ["share"],
  });

  assert.equal(says(delegate(model, NOW, below)), "accepted");
});

Deno.test("wire §4: two parents may grant a half each, none half of one capability", () => {
  const model = accepting(
    aModel(),
    aRoot("gets", { [`${KV}/a`]: [GET] }),
    aRoot("puts", { [`${KV}/b`]: [PUT] }),
  );
  const child = (grants: Record<string, string[]>) =>
    aToken("child", grants, { proofs: ["gets", "puts"] });

  assert.equal(
    says(delegate(model, NOW, child({ [`${KV}/a`]: [GET], [`${KV}/b`]: [PUT] }))),
    "accepted",
  );
  assert.equal(
    says(delegate(model, NOW, child({ [`${KV}/b`]: [GET] }))),
    "unauthorized_capability",
  );
});

Deno.test("wire §3.1: a caveat is kept and grants nothing", () => {
  const model = aModel();
  const caveated = aRoot("root", { [KV]: [GET] });
  const att = caveated.att.map((one) => ({ ...one, caveats: [{}, { only: "mine" }] }));

  assert.equal(says(delegate(model, NOW, { ...caveated, att })), "accepted");
  assert.equal(says(delegate(model, NOW, under({}, KV))), "unauthorized_capability");
});

Deno.test("wire §4: 63 ancestors are accepted and 64 are not", () => {
  const model = accepting(aModel(), aRoot("link 0", { [KV]: [GET] }));
  const link = (count: number) =>
    aToken(`link ${count}`, { [KV]: [GET] }, {
      issuer: count % 2 === 1 ? KEY : OTHER,
      audience: count % 2 === 1 ? OTHER : KEY,
      proofs: [`link ${count - 1}`],
    });
  for (let count = 1; count <= 63; count++) accepting(model, link(count));

  assert.equal(says(delegate(model, NOW, link(64))), "chain_too_long");
});

const HOSTINGS: readonly [name: string, token: Token, expected: string, hosted: boolean][] = [
  ["the node's DID", aHosting(), "accepted", true],
  [
    "its DID in the old encoding",
    aHosting(SPACE, { audience: "did:key:zOldHost" }),
    "accepted",
    true,
  ],
  ["another DID", aHosting(SPACE, { audience: KEY }), "space_not_found", false],
  [
    "one who is not the owner",
    aHosting(SPACE, { issuer: BOB }),
    "proof_missing",
    false,
  ],
  ["an owner that is a key", keyHosting(), "space_not_admitted", false],
];

function keyHosting(): Token {
  const space = "tinycloud:key:zKey:own";
  return aHosting(space, { kind: "ucan", issuer: KEY, exp: NOW + 60 });
}

for (const [name, token, expected, hosted] of HOSTINGS) {
  Deno.test(`wire §4: hosting by ${name}: ${expected}`, () => {
    const model = aModel({ hosted: false });

    assert.equal(says(delegate(model, NOW, token)), expected);

    assert.equal(model.hosted.length, hosted ? 1 : 0);
  });
}

for (const tail of ["/", "/a", "?x", "#f"]) {
  Deno.test(`wire §4: …/space${tail} hosts nothing`, () => {
    const model = aModel({ hosted: false });
    const grants = { [`${SPACE}/space${tail}`]: ["tinycloud.space/host"] };

    const answer = delegate(model, NOW, aRoot("host", grants, { audience: "did:key:zHost" }));

    assert.equal(says(answer), "space_not_found");
  });
}

Deno.test("wire §4: activated and skipped are told in order of first mention", () => {
  const grants = { [`${SPACE}2/kv`]: [GET], [`${SPACE.toLowerCase()}/kv`]: [GET], [KV]: [PUT] };

  const answer = delegate(aModel(), NOW, aRoot("both", grants));

  const content = { kind: "accepted", cid: "both", activated: [SPACE], skipped: [`${SPACE}2`] };
  assert.deepEqual(answer, { status: 200, code: undefined, content });
});
