// wire §8, worked out by hand.

import assert from "node:assert/strict";
import { delegate } from "../../oracle/delegate.ts";
import type { Model } from "../../oracle/model.ts";
import { revoke } from "../../oracle/revoke.ts";
import type { Token } from "../../oracle/token.ts";
import {
  accepting,
  aModel,
  aRoot,
  aToken,
  GET,
  KEY,
  NOW,
  OTHER,
  says,
  SPACE,
  THIRD,
} from "./support.ts";

const KV = `${SPACE}/kv`;
const REVOKE = "tinycloud.delegation/revoke";

/** OWNER → KEY → OTHER → THIRD, and a session of THIRD's that may revoke. */
function aChain(): Model {
  return accepting(
    aModel(),
    aRoot("one", { [KV]: [GET] }),
    aToken("two", { [KV]: [GET] }, { proofs: ["one"] }),
    aToken("three", { [KV]: [GET] }, { issuer: OTHER, audience: THIRD, proofs: ["two"] }),
    aRoot("session", { [`${SPACE}/delegation`]: [REVOKE] }, { audience: "did:key:zSession" }),
    aRoot("on kv", { [KV]: [REVOKE] }, { audience: "did:key:zSession" }),
  );
}

const byKey = (issuer: string, given: Partial<Token> = {}): Token =>
  aToken("revocation", { "urn:cid:x": [REVOKE] }, { issuer, audience: issuer, ...given });
const byWallet = (given: Partial<Token> = {}): Token =>
  aRoot("revocation", {}, { audience: "ucan:x", ...given });
const SESSION = "did:key:zSession";

const CASES: readonly [name: string, token: Token, target: string | undefined, expected: string][] =
  [
    ["its delegator", byKey(OTHER), "three", "revoked"],
    ["its delegatee", byKey(THIRD), "three", "revoked"],
    ["the delegator of an ancestor", byKey(KEY), "three", "revoked"],
    ["the space's owner", byWallet(), "three", "revoked"],
    ["a key below it", byKey(THIRD), "one", "unauthorized_revoker"],
    ["a stranger", byKey("did:key:zStranger"), "three", "unauthorized_revoker"],
    ["a session", byKey(SESSION, { proofs: ["session"] }), "three", "revoked"],
    [
      "a session of another",
      byKey("did:key:zS", { proofs: ["session"] }),
      "three",
      "unauthorized_revoker",
    ],
    ["a session for keys", byKey(SESSION, { proofs: ["on kv"] }), "three", "unauthorized_revoker"],
    ["an unknown proof", byKey(SESSION, { proofs: ["?"] }), "three", "revoke_proof"],
    ["its delegator, an unknown proof", byKey(OTHER, { proofs: ["?"] }), "three", "revoked"],
    ["two proofs", byKey(OTHER, { proofs: ["one", "two"] }), "three", "inputs_invalid"],
    ["of what is unknown", byKey(OTHER), "?", "delegation_not_found"],
    ["of nothing", byKey(OTHER), undefined, "inputs_invalid"],
    ["out of time", byKey(OTHER, { exp: NOW - 1 }), "three", "revoke_time"],
    ["badly signed", byKey(OTHER, { isSigned: false }), "three", "revoke_signature"],
    [
      "by another ability",
      aToken("status", { "urn:cid:x": ["tinycloud.delegation/status"] }, { issuer: OTHER }),
      "three",
      "inputs_invalid",
    ],
    [
      "a wallet with a ReCap, which is ignored",
      byWallet({ att: [{ resource: "no URI", ability: "", caveats: [] }], proofs: ["?"] }),
      "three",
      "revoked",
    ],
  ];

for (const [name, token, target, expected] of CASES) {
  Deno.test(`wire §8: ${name}: ${expected}`, () => {
    assert.equal(says(revoke(aChain(), NOW, token, target)), expected);
  });
}

Deno.test("wire §8: again, it is revoked again", () => {
  const model = aChain();
  assert.equal(says(revoke(model, NOW, byWallet(), "three")), "revoked");
  assert.equal(says(revoke(model, NOW, byWallet(), "three")), "revoked");
});

Deno.test("wire §2: with one encoding all others are revoked, those that come later too", () => {
  const model = aChain();
  const other = aRoot("one again", { [KV]: [GET] }, { identity: "signed one" });

  revoke(model, NOW, byWallet(), "one");

  assert.equal(says(delegate(model, NOW, other)), "revoked");
});

Deno.test("wire §8: a session that was revoked revokes nothing", () => {
  const model = aChain();
  revoke(model, NOW, byWallet(), "session");

  const answer = revoke(model, NOW, byKey(SESSION, { proofs: ["session"] }), "three");

  assert.equal(says(answer), "unauthorized_revoker");
});
