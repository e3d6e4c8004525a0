// wire §6 and §7, worked out by hand.

import assert from "node:assert/strict";
import { invoke } from "../../oracle/invoke.ts";
import type { Model } from "../../oracle/model.ts";
import type { Token } from "../../oracle/token.ts";
import {
  accepting,
  aModel,
  anInvocation,
  aRoot,
  aToken,
  GET,
  KEY,
  LIST,
  NOW,
  OTHER,
  PUT,
  says,
  SPACE,
} from "./support.ts";

const KV = `${SPACE}/kv`;
const ALL = [GET, PUT, LIST, "tinycloud.kv/del", "tinycloud.kv/metadata", "app/frob"];
/** KEY holds all on `a`, and may read who has what. */
const GRANTED = aRoot("root", {
  [`${KV}/a`]: ALL,
  [`${SPACE}/capabilities`]: ["tinycloud.capabilities/read"],
});

const proven = (given: Partial<Token> = {}, resource = `${KV}/a`, ability = GET): Token =>
  anInvocation({ [resource]: [ability] }, { proofs: ["root"], ...given });

function aGranted(): Model {
  return accepting(aModel(), GRANTED);
}

const CASES: readonly [name: string, token: Token, expected: unknown][] = [
  ["a grant", proven(), "key_not_found"],
  ["a put", proven({}, `${KV}/a/b`, PUT), "stored"],
  ["a neighbour", proven({}, `${KV}/ab`), "unauthorized_action"],
  ["another ability", proven({}, `${KV}/a`, "tinycloud.kv/*"), "unauthorized_action"],
  ["an alias", proven({}, `${KV}/a`, "tinycloud.kv/delete"), "key_not_deleted"],
  ["an end 300 s ahead", proven({ exp: NOW + 300 }), "key_not_found"],
  ["an end 300.5 s ahead", proven({ exp: NOW + 300.5 }), "token_lifetime"],
  ["an end now", proven({ exp: NOW }), "key_not_found"],
  ["an end before now", proven({ exp: NOW - 0.5 }), "token_time"],
  ["no proof", proven({ proofs: [] }), "proof_missing"],
  ["an unknown proof beside one", proven({ proofs: ["root", "?"] }), "proof_missing"],
  ["a foreign proof", proven({ issuer: OTHER, audience: OTHER }), "unauthorized_invoker"],
  ["itself as audience", proven({ audience: KEY }), "key_not_found"],
  ["the node as audience", proven({ audience: "did:key:zNode" }), "key_not_found"],
  ["the space's DID as audience", proven({ audience: "did:key:zHost" }), "key_not_found"],
  ["another audience", proven({ audience: OTHER }), "token_audience"],
  ["no path", proven({ proofs: ["wide"] }, KV), "inputs_invalid"],
  ["another service", proven({ proofs: ["wide"] }, `${SPACE}/kvx/a`), "inputs_invalid"],
  ["no capability", { ...proven(), att: [] }, "inputs_invalid"],
  ["an unknown ability", proven({}, `${KV}/a`, "app/frob"), "nothing"],
  [
    "two capabilities",
    anInvocation({ [`${KV}/a`]: [GET, PUT] }, { proofs: ["root"] }),
    "inputs_invalid",
  ],
  ["a key of 1,025 bytes", proven({}, `${KV}/a/${"k".repeat(1023)}`), "key_too_long"],
  ["a CACAO", proven({ kind: "cacao" }), "token_malformed"],
  [
    "a caveat",
    { ...proven(), att: [{ resource: `${KV}/a`, ability: GET, caveats: [{ only: "mine" }] }] },
    "unauthorized_action",
  ],
  [
    "who has what",
    proven({}, `${SPACE}/capabilities/all`, "tinycloud.capabilities/read"),
    [`host ${SPACE}`, "root", "wide"],
  ],
  [
    "who has what, elsewhere",
    proven({}, `${SPACE}/capabilities/some`, "tinycloud.capabilities/read"),
    "inputs_invalid",
  ],
];

for (const [name, token, expected] of CASES) {
  Deno.test(`wire §6: ${name}: ${expected}`, () => {
    const wide = aRoot("wide", { [KV]: [GET], [`${SPACE}/kvx`]: [GET] });
    const model = accepting(aGranted(), wide);

    assert.deepEqual(says(invoke(model, NOW, token)), expected);
  });
}

Deno.test("wire §6: a value is put, got, listed and deleted", () => {
  const model = aGranted();
  const act = (ability: string, body = "") =>
    says(invoke(model, NOW, proven({ identity: ability }, `${KV}/a`, ability), body));

  assert.equal(act(PUT, "hello"), "stored");
  assert.equal(act(GET), "value hello");
  assert.deepEqual(act(LIST), ["a"]);
  assert.equal(act("tinycloud.kv/del"), "nothing");
  assert.equal(act("tinycloud.kv/metadata"), "key_not_found");
});

Deno.test("wire §6: a list names what may be listed alone, by byte prefix, in byte order", () => {
  const model = accepting(
    aModel(),
    aRoot("wide", { [KV]: [PUT] }),
    aRoot("photos", { [`${KV}/photos`]: [LIST] }),
    aRoot("empty", { [`${KV}/`]: [LIST] }),
  );
  for (const key of ["photos/b", "photos", "photos-private", "photos/B", "/x"]) {
    invoke(model, NOW, proven({ proofs: ["wide"], identity: key }, `${KV}/${key}`, PUT));
  }
  const list = (path: string, proof: string) =>
    says(
      invoke(
        model,
        NOW,
        proven({ proofs: [proof], identity: `list ${proof}` }, `${KV}/${path}`, LIST),
      ),
    );

  assert.deepEqual(list("photos", "photos"), ["photos", "photos/B", "photos/b"]);
  assert.deepEqual(list("", "empty"), ["/x"]);
});

Deno.test("wire §6: what was answered 2xx is used up, by what was signed and by its nonce", () => {
  const model = aGranted();
  const put = proven({ nonce: "n" }, `${KV}/a`, PUT);

  assert.equal(says(invoke(model, NOW, put)), "stored");

  assert.equal(says(invoke(model, NOW, { ...put, cid: "variant" })), "invocation_replayed");
  const sameNonce = proven({ identity: "other", nonce: "n" }, `${KV}/ab`);
  assert.equal(says(invoke(model, NOW, sameNonce)), "invocation_replayed");
  const otherNonce = proven({ identity: "other", nonce: "m" });
  assert.equal(says(invoke(model, NOW, otherNonce)), "value ");
});

Deno.test("wire §6: what was refused is not used up", () => {
  const model = aGranted();
  const get = proven({ nonce: "n" });

  assert.equal(says(invoke(model, NOW, get)), "key_not_found");
  assert.equal(says(invoke(model, NOW, get)), "key_not_found");
});

Deno.test("wire §6, §4: a chain is revoked and ends as a whole", () => {
  const model = accepting(
    aModel(),
    aRoot("root", { [KV]: [GET] }, { exp: NOW + 50 }),
    aToken("child", { [KV]: [GET] }, { proofs: ["root"], exp: NOW + 170 }),
  );
  const get = (given: Partial<Token> = {}) =>
    proven({ issuer: OTHER, audience: OTHER, proofs: ["child"], exp: NOW + 100, ...given });

  assert.equal(says(invoke(model, NOW + 49.5, get())), "key_not_found");
  assert.equal(says(invoke(model, NOW + 50, get())), "chain_time");
  model.revoked.push("signed root");
  assert.equal(says(invoke(model, NOW, get())), "ancestor_revoked");
  model.revoked.push("signed child");
  assert.equal(says(invoke(model, NOW, get())), "revoked");
});

Deno.test("wire §6: an owner that is a key needs no proof", () => {
  const model = aModel({ keyOwners: true });
  const own = "tinycloud:key:zKey:own/kv/a";

  assert.equal(says(invoke(model, NOW, anInvocation({ [own]: [GET] }))), "space_not_found");
  model.hosted.push({ space: "tinycloud:key:zKey:own", owner: KEY });
  assert.equal(says(invoke(model, NOW, anInvocation({ [own]: [GET] }))), "key_not_found");
});

Deno.test("wire §7: only what is valid now, ancestors too, is told", () => {
  const model = accepting(
    aModel(),
    GRANTED,
    aRoot("ends", { [KV]: [GET] }, { exp: NOW + 10 }),
    aToken("below", { [KV]: [GET] }, { proofs: ["ends"], exp: NOW + 100 }),
    aRoot("elsewhere", { [`urn:tinycloud:encryption:${GRANTED.issuer}:x`]: ["a/b"] }),
  );
  const read = (at: number) =>
    says(invoke(
      model,
      at,
      proven({ identity: `${at}` }, `${SPACE}/capabilities/all`, "tinycloud.capabilities/read"),
    ));

  assert.deepEqual(read(NOW), [`host ${SPACE}`, "root", "ends", "below"]);
  assert.deepEqual(read(NOW + 10), [`host ${SPACE}`, "root"]);
});
