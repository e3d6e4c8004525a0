// The node's own names (wire §5, §9), against a derivation that shares no code with it.

import assert from "node:assert/strict";
import { ed25519 } from "@noble/curves/ed25519.js";
import { blake3 } from "@noble/hashes/blake3.js";
import { parseSpaceId, type SpaceId } from "../../../src/capabilities/space_id.ts";
import { deriveHostKeys } from "../../../src/keys/host_keys.ts";
import { principalOf } from "../../../src/tokens/did.ts";
import { publicKeyOf } from "../../../src/tokens/did_key.ts";
import { ALICE, BOB, didKey, SPACE } from "../../support/tokens.ts";

const SECRET = Uint8Array.from({ length: 48 }, (_, at) => at);
const KEYS = deriveHostKeys(SECRET);

/** Ed25519 seed = BLAKE3(secret bytes ‖ text). */
function publicKey(text: string, secret = SECRET): Uint8Array {
  const seed = blake3(Uint8Array.of(...secret, ...new TextEncoder().encode(text)));
  return ed25519.getPublicKey(seed);
}

function space(text: string): SpaceId {
  const parsed = parseSpaceId(text);
  assert.ok(parsed);
  return parsed.space;
}

Deno.test("the node's id is derived from the secret and its fixed name", () => {
  assert.equal(KEYS.nodeId, didKey(0xed, 0x01, ...publicKey("tinycloud/node/identity")));
  assert.match(KEYS.nodeId, /^did:key:z6Mk/);
  assert.equal(publicKeyOf(KEYS.nodeId).algorithm, "EdDSA");
});

const SPACES: readonly string[] = [
  SPACE,
  `${SPACE}2`,
  `tinycloud:${BOB.did.slice(4)}:default`,
  "tinycloud:web:example.org:%C3%A9",
];
for (const id of SPACES) {
  Deno.test(`the node's DID for ${id} is derived from the secret and the id`, () => {
    const did = didKey(0xed, 0x01, ...publicKey(id));
    assert.equal(KEYS.hostDid(space(id)), did);
    assert.equal(KEYS.hostDid(space(id)), did, "asked again");
    assert.ok(KEYS.isHostDid(space(id), principalOf(did)));
  });
}

Deno.test("a space in another letter case has the same DID, by its canonical id", () => {
  assert.equal(KEYS.hostDid(space(SPACE.toLowerCase())), didKey(0xed, 0x01, ...publicKey(SPACE)));
});

Deno.test("the reference's one byte for the multicodec is taken, but not given", () => {
  const old = principalOf(didKey(0xed, ...publicKey(SPACE)));
  assert.ok(KEYS.isHostDid(space(SPACE), old));
  assert.notEqual(KEYS.hostDid(space(SPACE)), old);
});

const OTHERS: Readonly<Record<string, string>> = {
  "another space's": KEYS.hostDid(space(`${SPACE}2`)),
  "another space's, in the old encoding": didKey(0xed, ...publicKey(`${SPACE}2`)),
  "the node's own": KEYS.nodeId,
  "another node's": deriveHostKeys(new Uint8Array(32)).hostDid(space(SPACE)),
  "the same key as X25519": didKey(0xec, 0x01, ...publicKey(SPACE)),
  "the same key without codec": didKey(...publicKey(SPACE)),
  "the owner's": ALICE.did,
};
for (const [what, did] of Object.entries(OTHERS)) {
  Deno.test(`${what} DID is not the node's for the space`, () => {
    assert.equal(KEYS.isHostDid(space(SPACE), principalOf(did)), false);
  });
}

Deno.test("names stay right when more spaces are asked for than are remembered", () => {
  const keys = deriveHostKeys(SECRET);
  for (let number = 0; number <= 10_000; number++) keys.hostDid(`${SPACE}${number}` as SpaceId);

  assert.equal(keys.hostDid(space(SPACE)), didKey(0xed, 0x01, ...publicKey(SPACE)));
  assert.equal(keys.hostDid(space(`${SPACE}3`)), didKey(0xed, 0x01, ...publicKey(`${SPACE}3`)));
});
