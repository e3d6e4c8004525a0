import assert from "node:assert/strict";
import { maskSecrets } from "../../../src/telemetry/mask.ts";

const SECRET = "c2VjcmV0LXRoYXQtbXVzdC1uZXZlci1iZS1sb2dnZWQ";

const CASES = [
  ["an unpadded secret of 32 bytes", `secret ${SECRET}`, "secret [masked]"],
  ["a secret in hex", `k ${"0f".repeat(32)}.`, "k [masked]."],
  ["a short token's long parts", `${SECRET}.e30.${SECRET}`, "[masked].e30.[masked]"],
  [
    "the password of a database URL",
    "postgres://node:hunter2@db:5432/cloud",
    "postgres://[masked]@db:5432/cloud",
  ],
  ["a password parameter", "host=db password=hunter2 port=1", "host=db password=[masked] port=1"],
  [
    "a signed URL",
    "https://s3/x?X-Amz-Signature=abc&y=1",
    "https://s3/x?X-Amz-Signature=[masked]&y=1",
  ],
] as const;

for (const [name, text, expected] of CASES) {
  Deno.test(`${name} is masked`, () => {
    assert.equal(maskSecrets(text, 1000), expected);
  });
}

const PUBLIC = [
  ["a CID", `revoked: bafkr4i${"a2".repeat(26)}`],
  ["a did:key", "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"],
  ["a wallet", "did:pkh:eip155:1:0x9D85ca56217D2bb651b00f15e694EB7E713637D4"],
  ["a trace id", "4bf92f3577b34da6a3ce929d0e0e4736"],
  ["a file path", "/srv/tinycloud/data/blocks/ab/cd: permission denied (os error 13)"],
] as const;

for (const [name, text] of PUBLIC) {
  Deno.test(`${name} is left as it is`, () => {
    assert.equal(maskSecrets(text, 1000), text);
  });
}

Deno.test("a text beyond its bound is cut and says so", () => {
  assert.equal(maskSecrets("one two three", 7), "one tw…");
});

Deno.test("a secret across the bound leaves no part of itself", () => {
  const masked = maskSecrets(`${"word ".repeat(10)}${SECRET}`, 70);

  assert.ok(!masked.includes(SECRET.slice(0, 5)), masked);
});
