// The operator's allowlist (wire §2, §4): how a space is named to it. How it is asked is shown where a
// node asks it.

import assert from "node:assert/strict";
import { createBLAKE2b } from "hash-wasm";
import { parseSpaceId } from "../../../src/capabilities/space_id.ts";
import { openAdmission, spaceCid } from "../../../src/spaces/admission.ts";
import { base58, BOB, SPACE } from "../../support/tokens.ts";

const blake2b = await createBLAKE2b(256);

/** CIDv1 (1), raw (0x55), blake2b-256 (0xb220 as varint), 32 bytes. */
function expectedCid(space: string): string {
  const digest = blake2b.init().update(new TextEncoder().encode(space)).digest("binary");
  return base58(Uint8Array.of(0x01, 0x55, 0xa0, 0xe4, 0x02, 0x20, ...digest));
}

const SPACES: readonly [text: string, canonical: string][] = [
  [SPACE, SPACE],
  [SPACE.toLowerCase(), SPACE],
  [`tinycloud:${BOB.did.slice(4)}:%C3%A9`, `tinycloud:${BOB.did.slice(4)}:%C3%A9`],
  ["tinycloud:web:example.org:x", "tinycloud:web:example.org:x"],
];
for (const [text, canonical] of SPACES) {
  Deno.test(`the allowlist is asked for ${text} by the CID of its canonical id`, () => {
    const space = parseSpaceId(text)?.space;
    assert.ok(space);
    assert.equal(spaceCid(space), expectedCid(canonical));
  });
}

Deno.test("without an allowlist every space is admitted", async () => {
  const space = parseSpaceId(SPACE)?.space;
  assert.ok(space);
  await openAdmission.admit(space);
});
