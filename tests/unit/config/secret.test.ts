// The node's secret: which texts hold one, and that it is never printed.

import assert from "node:assert/strict";
import { inspect } from "node:util";
import { blake3Hex } from "../../../src/blake3.ts";
import { Refusal } from "../../../src/config/refusal.ts";
import { decodeSecret, fingerprint, Secret } from "../../../src/config/secret.ts";

const BYTES = Uint8Array.from({ length: 34 }, (_, index) => 250 - index);
const TEXT = BYTES.toBase64({ alphabet: "base64url", omitPadding: true });

Deno.test("a secret prints as [secret] however it is printed", () => {
  const secret = new Secret("hunter2");
  const holder = { secret };

  const printed = [
    `${secret}`,
    String(secret),
    "" + secret,
    JSON.stringify(holder),
    Deno.inspect(holder),
    inspect(holder, { showHidden: true, depth: 9 }),
    Object.entries(secret).join(),
    JSON.stringify(structuredClone({ ...secret })),
  ];

  assert.equal(secret.reveal(), "hunter2");
  for (const text of printed) assert.doesNotMatch(text, /hunter2/);
  assert.equal(String(secret), "[secret]");
  assert.equal(JSON.stringify(holder), `{"secret":"[secret]"}`);
  assert.equal(Deno.inspect(secret), "[secret]");
  assert.equal(inspect(secret), "[secret]");
});

for (const [name, text] of [["unpadded", TEXT], ["padded", `${TEXT}==`]] as const) {
  Deno.test(`the secret is read from ${name} base64url`, () => {
    assert.deepEqual(decodeSecret(text), BYTES);
  });
}

Deno.test("a secret of exactly 32 bytes is long enough", () => {
  assert.deepEqual(decodeSecret("A".repeat(43)), new Uint8Array(32));
});

const PUBLISHED =
  "U29tZSBsb25nIHBpZWNlIG9mIGVudHJvcHkgd2hpY2ggaXMgYSBzZWNyZXQgYW5kIG1vcmUgdGhhbiAzMiBieXRlcw";

const REFUSED: readonly [what: string, raw: unknown, found: string][] = [
  ["a number", 12345, "is malformed"],
  ["nothing", "", "holds only 0 bytes"],
  ["31 bytes", "A".repeat(42), "holds only 31 bytes"],
  ["31 bytes, padded", `${"A".repeat(42)}==`, "holds only 31 bytes"],
  ["a length that base64 never has", "A".repeat(45), "is malformed"],
  ["standard base64", BYTES.toBase64(), "is malformed"],
  ["one = of padding too few", `${TEXT}=`, "is malformed"],
  ["one = of padding too many", `${TEXT}===`, "is malformed"],
  ["padding where none belongs", `${"A".repeat(44)}====`, "is malformed"],
  ["a space at the end", `${TEXT} `, "is malformed"],
  ["a line end", `${TEXT}\n`, "is malformed"],
  ["bits left over", `${"A".repeat(42)}B`, "is malformed"],
  ["a passphrase", "correct horse battery staple, correct horse", "is malformed"],
  ["more text than any secret", "A".repeat(4097), "is malformed"],
  [
    "the reference node's sample",
    PUBLISHED,
    "is the sample value from the reference node's tinycloud.toml, known to everyone",
  ],
  [
    "the reference node's sample, padded",
    `${PUBLISHED}==`,
    "is the sample value from the reference node's tinycloud.toml, known to everyone",
  ],
];

for (const [what, raw, found] of REFUSED) {
  Deno.test(`as a secret, ${what} is refused`, () => {
    const refused = decodeSecret(raw);

    assert(refused instanceof Refusal);
    assert.equal(
      refused.sentence,
      `${found}; it must be unpadded base64url of at least 32 random bytes (tinycloud keygen)`,
    );
  });
}

Deno.test("a fingerprint tells secrets apart and is no key of theirs", () => {
  const [one, other] = [new Secret(BYTES), new Secret(BYTES.slice(1))];

  // Databases remember it, so it never changes: BLAKE3 by @noble/hashes of context and bytes.
  const known = "58d2e2379fa5a881bc4f2c7b3379f1613d4d7eb476eac4239d7b83dda94cddfb";
  assert.equal(fingerprint(one), known);
  assert.equal(fingerprint(one), fingerprint(new Secret(BYTES.slice())));
  assert.notEqual(fingerprint(one), fingerprint(other));
  const context = new TextEncoder().encode("tinycloud/node/secret-fingerprint:");
  assert.notEqual(fingerprint(one), blake3Hex(BYTES, context));
  assert.notEqual(fingerprint(one), blake3Hex(BYTES));
});
