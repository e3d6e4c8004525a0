// The SIWE project's vectors (wire §3.1): messages that must, and must not, be some CACAO's text.

import assert from "node:assert/strict";
import { z } from "zod";
import { NodeError } from "../../src/errors.ts";
import { decodeCacao, verifyCacao } from "../../src/tokens/cacao.ts";
import { isTimely } from "../../src/tokens/claims.ts";
import { cacaoOf, isMessage, messageOf, readMessage, siweFields } from "./siwe_message.ts";
import { Differences, hex, refuses, runAll, vectorsOf } from "./vectors.ts";

const named = z.object({ name: z.string(), message: z.string() });
const withFields = z.object({ name: z.string(), fields: siweFields });

const SHORT_NONCE = "a nonce is of any length (wire §3.1)";
const NO_RESOURCES =
  "resources is absent or has an entry: an empty list would be a second spelling";

Deno.test("messages of the SIWE vectors are rebuilt from their fields, byte for byte", async () => {
  const vectors = await vectorsOf("siwe", "parsingPositive", named.extend({ fields: siweFields }));

  runAll("siwe/parsing_positive", 19, vectors, ({ name }) => name, ({ message, fields }) => {
    assert.equal(messageOf(cacaoOf(fields)), message);
    assert.ok(isMessage(message));
  });
});

const TEXTS = [
  { part: "validUris", count: 36, valid: true },
  { part: "validResources", count: 8, valid: true },
  { part: "validSpecification", count: 9, valid: true },
  { part: "parsingNegative", count: 29, valid: false },
  { part: "invalidUris", count: 16, valid: false },
  { part: "invalidResources", count: 16, valid: false },
] as const;

const ZEROS = "RFC 3986 has no leading zeros in an IPv4 address";
const TEXT_DIFFERENCES = new Differences({
  "nonce with less then 8 chars": SHORT_NONCE,
  "resources empty": NO_RESOURCES,
  "IPv4address leading zeros: uri://[::000.000.010.001]": ZEROS,
  "IPv4address max value: uri://[::001.099.200.255]": ZEROS,
});

Deno.test("texts of the SIWE vectors are a CACAO's message, or none, as published", async () => {
  for (const { part, count, valid } of TEXTS) {
    const vectors = await vectorsOf("siwe", part, named);

    runAll(`siwe/${part}`, count, vectors, ({ name }) => name, ({ name, message }) => {
      assert.equal(isMessage(message), valid !== TEXT_DIFFERENCES.has(name));
    });
  }

  await TEXT_DIFFERENCES.assertExact();
});

const ANY_CASE = "iss in any case is one principal; the text has its EIP-55 address (wire §1)";
const OBJECT_DIFFERENCES = new Differences({
  "nonce with less then 8 chars": SHORT_NONCE,
  "address not EIP-55": ANY_CASE,
  "invalid message object: invalid EIP-55 address": ANY_CASE,
  "valid message object: empty resources": NO_RESOURCES,
});

Deno.test("message objects of the SIWE vectors are CACAOs, or none, as published", async () => {
  const negative = await vectorsOf("siwe", "parsingNegativeObjects", withFields);
  const mixed = await vectorsOf("siwe", "messageObjects", withFields.extend({ error: z.string() }));
  const vectors = [
    ...negative.map((vector) => ({ ...vector, error: "of any kind" })),
    ...mixed,
  ];

  runAll("siwe/message objects", 31, vectors, ({ name }) => name, ({ name, fields, error }) => {
    const valid = (error === "none") !== OBJECT_DIFFERENCES.has(name);

    assert.equal(refuses(() => decodeCacao(cacaoOf(fields))), !valid);
    // What is accepted is told in full: a CACAO has this text for its message, and no other.
    if (valid) assert.ok(isMessage(messageOf(cacaoOf(fields))));
  });

  await OBJECT_DIFFERENCES.assertExact();
});

const ANY_TEXT = "a statement is any UTF-8 without control characters (wire §3.1)";
const CHARACTERS = new Differences({
  "statement + `": ANY_TEXT,
  "statement + <": ANY_TEXT,
  "statement + >": ANY_TEXT,
  "statement + {": ANY_TEXT,
  "statement + |": ANY_TEXT,
  "statement + }": ANY_TEXT,
  "reg-name + @": "in an authority it ends an empty userinfo",
  "pchar + ?": "in a URI it begins the query",
  "pchar + #": "in a URI it begins the fragment",
});

/** A grammar rule's input, put where the rule stands in a message. */
const PLACES: Readonly<Record<string, (input: string) => z.infer<typeof siweFields>>> = {
  scheme: (scheme) => ({ scheme }),
  statement: (statement) => ({ statement }),
  userinfo: (input) => ({ domain: `${input}@service.org` }),
  IPvFuture: (input) => ({ domain: `[${input}]` }),
  "reg-name": (domain) => ({ domain }),
  "pct-encoded": (input) => ({ uri: `uri:${input}` }),
  "segment-nz": (input) => ({ uri: `uri:/${input}` }),
  fragment: (input) => ({ uri: `uri:#${input}` }),
};

Deno.test("the characters of each grammar rule are those of the SIWE vectors", async () => {
  const vector = z.object({
    name: z.string(),
    rule: z.string(),
    input: z.string(),
    answer: z.boolean(),
  });
  const vectors = [
    ...await vectorsOf("siwe", "validChars", vector),
    ...await vectorsOf("siwe", "invalidChars", vector),
  ];
  const [plain] = await vectorsOf("siwe", "parsingPositive", withFields);
  assert.ok(plain);

  runAll("siwe/chars", 48, vectors, ({ name }) => name, ({ name, rule, input, answer }) => {
    const place = PLACES[rule];
    assert.ok(place, `no place for ${rule}`);

    const token = cacaoOf({ ...plain.fields, ...place(input) });

    assert.equal(!refuses(() => decodeCacao(token)), answer !== CHARACTERS.has(name));
  });

  await CHARACTERS.assertExact();
});

// Verification

const signed = z.object({
  name: z.string(),
  fields: siweFields.extend({ signature: z.string(), time: z.string().optional() }),
});

/** Between the vectors' sign-ins and the ends of those that are not over yet. */
const NOW = "2024-01-01T00:00:00Z";

/** "valid", "untimely" or the code of the refusal. */
function verdictOf({ fields }: z.infer<typeof signed>): string {
  // One vector's signature ends in half a byte, which no byte string can.
  const [signature = ""] = /^(?:[0-9a-f]{2})*/.exec(fields.signature.slice("0x".length)) ?? [];
  const token = cacaoOf(fields, hex(signature));
  const now = Date.parse(fields.time ?? NOW) / 1000;
  try {
    return isTimely(verifyCacao(decodeCacao(token)), now) ? "valid" : "untimely";
  } catch (error) {
    if (error instanceof NodeError) return error.code;
    throw error;
  }
}

Deno.test("the SIWE vectors' signatures fit, at their time", async () => {
  const vectors = await vectorsOf("siwe", "verificationPositive", signed);

  runAll("siwe/verification_positive", 4, vectors, ({ name }) => name, (vector) => {
    assert.equal(verdictOf(vector), "valid");
  });
});

const VERDICTS: Readonly<Record<string, string>> = {
  "expired message": "untimely",
  "custom time": "untimely",
  "not yet valid": "untimely",
  // 65 bytes and a half; the half is left out.
  "malformed signature": "token_signature",
  "wrong signature": "token_signature",
  "invalid issuedAt": "token_malformed",
  "invalid notBefore": "token_malformed",
  "invalid expirationTime": "token_malformed",
  // Differences. The node expects no domain: the wallet shows it to its owner.
  "domain binding": "valid",
  // The node hands out no nonces: a delegation may be posted again.
  "custom nonce": "valid",
};

Deno.test("wrong signatures, times and dates of the SIWE vectors are refused", async () => {
  const vectors = await vectorsOf("siwe", "verificationNegative", signed);

  runAll("siwe/verification_negative", 10, vectors, ({ name }) => name, (vector) => {
    assert.equal(verdictOf(vector), VERDICTS[vector.name]);
  });
});

const CONTRACT_WALLETS: Readonly<Record<string, string>> = {
  argent: "token_signature", // by the key of its owner
  loopring: "token_malformed", // 66 bytes
};

Deno.test("signatures of contract wallets are refused: the node asks no chain", async () => {
  const vectors = await vectorsOf("siwe", "eip1271", named.extend({ signature: z.string() }));

  runAll("siwe/eip1271", 2, vectors, ({ name }) => name, ({ name, message, signature }) => {
    const fields = readMessage(message);
    assert.ok(fields);
    assert.equal(messageOf(cacaoOf(fields)), message);

    assert.equal(verdictOf({ name, fields: { ...fields, signature } }), CONTRACT_WALLETS[name]);
  });
});
