import assert from "node:assert/strict";
import { allowed, type Fields } from "../../../src/telemetry/fields.ts";

/** What comes out of fields of any name and type, as a caller without types could pass them. */
function written(fields: Record<string, unknown>, verbose = false): Record<string, unknown> {
  return Object.fromEntries(allowed(fields as Fields, verbose));
}

const HEX32 = "4bf92f3577b34da6a3ce929d0e0e4736";
const HEX64 = HEX32 + HEX32;
const CID = `bafkr4i${"a2".repeat(26)}`;
const SPACE = "tinycloud:pkh:eip155:1:0x9D85ca56217D2bb651b00f15e694EB7E713637D4:default";

const KEPT: readonly [name: string, value: unknown, asWritten?: unknown][] = [
  ["method", "POST"],
  ["method", "BREW", "other"],
  ["route", "/invoke"],
  ["route", `/peer/generate/${SPACE}`, "/peer/generate"],
  ["route", "/eyJhbGciOiJFZERTQSJ9.e30.c2ln", "other"],
  ["status", 200],
  ["ms", 3.14159, 3.142],
  ["bytes", 0],
  ["code", "token_malformed"],
  ["ability", "tinycloud.kv/put"],
  ["ability", "attacker.says/hello", "other"],
  ["trace", HEX32],
  ["space", SPACE],
  ["spaceHash", HEX64],
  ["cid", CID],
  ["block", HEX64],
  ["address", "127.0.0.1:8000"],
  ["path", "./data/blocks"],
  ["note", "The database lives in memory."],
];

for (const [name, value, asWritten = value] of KEPT) {
  Deno.test(`field ${name} ${JSON.stringify(value)} comes out as ${asWritten}`, () => {
    assert.deepEqual(written({ [name]: value }), { [name]: asWritten });
  });
}

const DROPPED: readonly [name: string, value: unknown][] = [
  ["authorization", "Bearer secret"],
  ["token", "eyJ"],
  ["headers", { authorization: "x" }],
  ["value", "canary"],
  ["constructor", "x"],
  ["__proto__x", "x"],
  ["status", "200"],
  ["ms", NaN],
  ["bytes", Infinity],
  ["bytes", 1n],
  ["code", "Not A Code"],
  ["trace", "4BF92F3577B34DA6A3CE929D0E0E4736"],
  ["trace", `${HEX32}\n`],
  ["space", "notes/secret-key"],
  ["space", `tinycloud:${"x".repeat(503)}`],
  ["cid", "eyJhbGciOiJFZERTQSJ9.e30.c2ln"],
  ["block", "canary"],
  ["note", { toString: () => "canary" }],
  ["method", 1],
];

for (const [name, value] of DROPPED) {
  Deno.test(`field ${name} ${String(value)} of type ${typeof value} is dropped`, () => {
    assert.deepEqual(written({ [name]: value }), {});
  });
}

for (const name of ["key", "resource", "did"]) {
  Deno.test(`what a caller chose in ${name} is written at level debug only`, () => {
    assert.deepEqual(written({ [name]: "notes/1" }), {});
    assert.deepEqual(written({ [name]: "notes/1" }, true), { [name]: "notes/1" });
  });
}

Deno.test("what was tried is made and written at level debug only", () => {
  let made = 0;
  const detail = () => (made++, ["Unauthorized Invoker", "bafkr4i: is not stored here"]);

  assert.deepEqual(written({ detail }), {});
  assert.equal(made, 0);
  assert.deepEqual(written({ detail }, true), {
    detail: "Unauthorized Invoker; bafkr4i: is not stored here",
  });
});

Deno.test("no free text is longer than its bound", () => {
  const long = "word ".repeat(10_000);

  const fields = written(
    { note: long, path: long, cause: new Error(long), detail: () => [long] },
    true,
  );

  const lengths = Object.entries(fields).map(([name, value]) => [name, String(value).length]);
  assert.deepEqual(lengths, [["path", 1024], ["note", 1024], ["cause", 4096], ["detail", 8192]]);
});

Deno.test("invariant 8: a token or secret in any field of text is masked, at level debug too", () => {
  const secret = "c2VjcmV0LXRoYXQtbXVzdC1uZXZlci1iZS1sb2dnZWQ";
  const token =
    `eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCIsInVjdiI6IjAuMTAuMCJ9.${secret}.${secret}${secret}`;
  const everywhere = (text: string) =>
    Object.fromEntries(
      ["address", "version", "nodeId", "database", "blocks", "path", "note", "did", "resource"]
        .concat(["key", "method", "route", "code", "ability", "trace", "space", "cid"])
        .map((name) => [name, text]),
    );

  for (const text of [secret, `Bearer ${token}`, `found ${token}, expected a name`]) {
    const line = JSON.stringify(
      written({ ...everywhere(text), cause: new Error(text), detail: () => [text] }, true),
    );

    assert.ok(!line.includes(secret.slice(0, 20)), line);
  }
});
