// Space ids (wire §1): `tinycloud:{did without "did:"}:{name}`, in one canonical form.

import assert from "node:assert/strict";
import fc from "fast-check";
import { ownerOf, parseSpaceId } from "../../../src/capabilities/space_id.ts";
import { ALICE, KEY, refusalOf, SPACE } from "../../support/tokens.ts";

const suffix = ALICE.did.slice("did:".length);
const key = KEY.did.slice("did:".length);
const hex = ALICE.address.slice(2);

const IDS: readonly [text: string, space: string, owner: string][] = [
  [SPACE, SPACE, ALICE.did],
  [SPACE.toLowerCase(), SPACE, ALICE.did],
  [`tinycloud:pkh:eip155:1:0x${hex.toUpperCase()}:default`, SPACE, ALICE.did],
  [`tinycloud:${key}:x`, `tinycloud:${key}:x`, KEY.did],
  ["tinycloud:web:example.org:x", "tinycloud:web:example.org:x", "did:web:example.org"],
  ["tinycloud:web:a%3A80:b:x", "tinycloud:web:a%3A80:b:x", "did:web:a%3A80:b"],
  [`tinycloud:${suffix}:a%3Ab`, `tinycloud:${suffix}:a%3Ab`, ALICE.did],
  [`tinycloud:${suffix}:%C3%A9`, `tinycloud:${suffix}:%C3%A9`, ALICE.did],
  [
    `tinycloud:${suffix}:a.b-c_d~!$&'()*+,;=@`,
    `tinycloud:${suffix}:a.b-c_d~!$&'()*+,;=@`,
    ALICE.did,
  ],
  [`tinycloud:${suffix}:..`, `tinycloud:${suffix}:..`, ALICE.did], // no segment: it follows a colon
  [`tinycloud:${suffix}:Default`, `tinycloud:${suffix}:Default`, ALICE.did],
];
for (const [text, space, owner] of IDS) {
  Deno.test(`${text} is a space of ${owner}`, () => {
    assert.deepEqual(parseSpaceId(text), { space, owner });
    const again = parseSpaceId(space);
    assert.deepEqual(again, { space, owner });
    assert.equal(again && ownerOf(again.space), owner);
  });
}

const NONE: Readonly<Record<string, string>> = {
  "nothing": "",
  "a scheme alone": "tinycloud:",
  "no DID": "tinycloud:default",
  "an empty DID": "tinycloud::default",
  "no name": `tinycloud:${suffix}`,
  "an empty name": `tinycloud:${suffix}:`,
  "a colon in its name": `tinycloud:${suffix}:a:b`,
  "an upper-case scheme": SPACE.replace("tinycloud", "TINYCLOUD"),
  "another scheme": SPACE.replace("tinycloud", "tinycloudx"),
  "an authority": SPACE.replace(":", "://"),
  "a path": `${SPACE}/kv`,
  "an empty path": `${SPACE}/`,
  "a query": `${SPACE}?x`,
  "an empty query": `${SPACE}?`,
  "a fragment": `${SPACE}#x`,
  "a fragment in its DID": `tinycloud:${suffix}#x:default`,
  "an empty fragment in its DID": `tinycloud:${key}#:default`,
  "a fragment in its name": `tinycloud:${suffix}:a#`,
  "a lower-case escape": `tinycloud:${suffix}:a%3ab`,
  "an escape of a letter": `tinycloud:${suffix}:%61`,
  "an escape of a letter in its DID": "tinycloud:web:%61:x",
  "a lower-case escape in its DID": "tinycloud:web:a%3a80:x",
  "a bad escape": `tinycloud:${suffix}:%zz`,
  "half an escape": `tinycloud:${suffix}:a%4`,
  "a space": `tinycloud:${suffix}:a b`,
  "a line feed after it": `${SPACE}\n`,
  "a letter that is not ASCII": `tinycloud:${suffix}:\u00e9`,
  "a chain id with a leading zero": SPACE.replace(":1:", ":01:"),
  "0X": SPACE.replace("0x", "0X"),
  "39 digits": SPACE.replace("0x1", "0x"),
  "a slash in its DID": "tinycloud:web:a/b:x",
};
for (const [what, text] of Object.entries(NONE)) {
  Deno.test(`a space id with ${what} is none`, () => assert.equal(parseSpaceId(text), undefined));
}

Deno.test("a space id has 512 bytes, not one more", () => {
  const ofLength = (length: number) => SPACE + "x".repeat(length - SPACE.length);
  assert.ok(parseSpaceId(ofLength(512)));
  assert.equal(parseSpaceId(ofLength(513)), undefined);
});

Deno.test("a canonical id is its own canonical id, whatever is parsed", () => {
  const part = fc.string({ unit: fc.constantFrom(..."aA0:.-_~%2F/#?@ "), maxLength: 8 });
  const address = fc.string({
    unit: fc.constantFrom(..."0aAbBfF"),
    minLength: 39,
    maxLength: 41,
  });
  const did = fc.oneof(
    address.map((digits) => `pkh:eip155:1:0x${digits}`),
    part.map((text) => `web:${text}`),
    part,
  );
  fc.assert(
    fc.property(did, part, (did, name) => {
      refusalOf(() => {
        const parsed = parseSpaceId(`tinycloud:${did}:${name}`);
        if (parsed === undefined) return;
        assert.deepEqual(parseSpaceId(parsed.space), parsed);
        assert.equal(ownerOf(parsed.space), parsed.owner);
        assert.equal(parsed.space.toLowerCase(), `tinycloud:${did}:${name}`.toLowerCase());
      });
    }),
    { numRuns: 500 },
  );
});
