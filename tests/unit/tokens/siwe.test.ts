// The EIP-4361 text that a wallet signed (wire §3.1; clients.md 1.4): laid out as wallets do, and no
// two sets of fields have one text.

import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeCacao } from "../../../src/tokens/cacao.ts";
import { type SiweFields, siweText } from "../../../src/tokens/siwe.ts";
import { encodeCacao, siweText as clientText } from "../../../client/mod.ts";
import { ALICE, refusalOf } from "../../support/tokens.ts";

const WALLET = { chainId: "1", address: ALICE.address };
const LEAST: SiweFields = {
  domain: "app.example",
  aud: "did:key:z6Mk",
  iat: "2025-06-15T15:06:40Z",
  nonce: "12345678",
};

Deno.test("the least that a message says", () => {
  assert.equal(
    siweText(LEAST, WALLET),
    `app.example wants you to sign in with your Ethereum account:
${ALICE.address}


URI: did:key:z6Mk
Version: 1
Chain ID: 1
Nonce: 12345678
Issued At: 2025-06-15T15:06:40Z`,
  );
});

Deno.test("all that a message can say", () => {
  const fields = {
    ...LEAST,
    scheme: "https",
    statement: "I accept.",
    exp: "2025-06-16T15:06:40Z",
    nbf: "2025-06-14T15:06:40Z",
    request_id: "r 1",
    resources: ["urn:a", "urn:recap:e30"],
  };
  assert.equal(
    siweText(fields, { ...WALLET, chainId: "137" }),
    `https://app.example wants you to sign in with your Ethereum account:
${ALICE.address}

I accept.

URI: did:key:z6Mk
Version: 1
Chain ID: 137
Nonce: 12345678
Issued At: 2025-06-15T15:06:40Z
Expiration Time: 2025-06-16T15:06:40Z
Not Before: 2025-06-14T15:06:40Z
Request ID: r 1
Resources:
- urn:a
- urn:recap:e30`,
  );
});

Deno.test("an empty statement or request id is written, an absent one is not", () => {
  const texts = [{}, { statement: "" }, { request_id: "" }, { statement: "", request_id: "" }]
    .map((fields) => siweText({ ...LEAST, ...fields }, WALLET));
  assert.equal(new Set(texts).size, 4);
});

/** Pieces of the layout itself: what a forger would put into a field. */
const bait = fc.constantFrom(
  "",
  "a",
  "URI: a:b",
  "Version: 1",
  "Nonce: 1",
  "Issued At: 2025-06-15T15:06:40Z",
  "Request ID: x",
  "Resources:",
  "- urn:a",
  " wants you to sign in with your Ethereum account:",
  "https://",
  "\u2028",
  "\n",
  "\nURI: a:b",
  "\r",
  "\u0085",
);
const words = fc.array(bait, { maxLength: 2 }).map((parts) => parts.join(""));
const uri: fc.Arbitrary<string> = fc.constantFrom("a:", "a:b", "urn:a", "did:key:z6Mk");
const time: fc.Arbitrary<string> = fc.constantFrom(
  "2025-06-15T15:06:40Z",
  "2025-06-15T15:06:40.0Z",
);
/** Mostly what is right, so that payloads with several odd fields are let in too. */
const mostly = <T>(right: fc.Arbitrary<T>, odd: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 6, arbitrary: right }, { weight: 1, arbitrary: odd });
const oddUri: fc.Arbitrary<string> = fc.constantFrom("a b", "urn:a\n- urn:b", "");
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

const payload = fc.record({
  iss: fc.constantFrom(ALICE.did, ALICE.did.toLowerCase(), ALICE.did.replace(":1:", ":10:")),
  domain: mostly(fc.constantFrom("a", "a.b:1", "a@b"), fc.oneof(fc.constant("https://a"), words)),
  aud: mostly(uri, oddUri),
  iat: mostly(time, fc.constant("1")),
  nonce: mostly(fc.constant("n"), words),
  exp: maybe(time),
  nbf: maybe(time),
  scheme: maybe(mostly(fc.constantFrom("https", "a"), fc.constantFrom("", "a://b"))),
  statement: maybe(words),
  request_id: maybe(words),
  resources: maybe(mostly(fc.array(uri, { minLength: 1, maxLength: 3 }), fc.array(oddUri))),
});
type Payload = typeof payload extends fc.Arbitrary<infer Value> ? Value : never;

/** The text of a payload that is let in; undefined for one that is refused. */
function textOf(fields: Payload): string | undefined {
  const { header } = encodeCacao({
    h: { t: "eip4361" },
    p: { ...fields, version: 1 },
    s: { t: "eip191", s: new Uint8Array(65) },
  });
  let text: string | undefined;
  const refusal = refusalOf(() => {
    const { fields, wallet } = decodeCacao(header);
    text = siweText(fields, wallet);
  });
  assert.ok(refusal === undefined || refusal.code === "token_malformed");
  return text;
}

/** The fields, principals in place of their spellings. */
function contentOf({ iss, ...fields }: Payload): string {
  return JSON.stringify([iss.toLowerCase(), fields]);
}

Deno.test("no two sets of fields that are let in have one text", () => {
  const known = new Map<string, string>();
  let accepted = 0;
  fc.assert(
    fc.property(payload, (fields) => {
      const text = textOf(fields);
      if (text === undefined) return;
      accepted++;
      const content = contentOf(fields);
      assert.equal(known.get(text) ?? content, content);
      known.set(text, content);
    }),
    { numRuns: 3000 },
  );
  assert.ok(accepted > 300, `only ${accepted} payloads were let in`);
});

Deno.test("a field changed is a text changed", () => {
  const harmless = fc.string({ unit: fc.constantFrom(..."ab:- \u2028é"), maxLength: 12 });
  const two = fc.record({
    statement: maybe(harmless),
    request_id: maybe(harmless),
    nonce: harmless,
  });
  fc.assert(fc.property(two, two, (one, other) => {
    const [a, b] = [one, other].map(({ statement, request_id, nonce }) =>
      siweText({
        ...LEAST,
        nonce,
        ...(statement === undefined ? {} : { statement }),
        ...(request_id === undefined ? {} : { request_id }),
      }, WALLET)
    );
    assert.equal(a === b, JSON.stringify(one) === JSON.stringify(other));
  }));
});

Deno.test("clients lay the same fields out to the same text", () => {
  const text = fc.string({ unit: fc.constantFrom(..."ab:- é"), maxLength: 12 });
  const fields = fc.record({
    scheme: maybe(fc.constant("https")),
    statement: maybe(text),
    exp: maybe(time),
    nbf: maybe(time),
    request_id: maybe(text),
    resources: maybe(fc.array(uri, { minLength: 1, maxLength: 3 })),
  });
  fc.assert(fc.property(fields, (given) => {
    const ours = siweText(
      // Absent and undefined are one to the layout.
      { ...LEAST, ...JSON.parse(JSON.stringify(given)) } as SiweFields,
      WALLET,
    );
    const theirs = clientText({
      scheme: given.scheme,
      domain: LEAST.domain,
      address: WALLET.address,
      statement: given.statement,
      uri: LEAST.aud,
      chainId: 1,
      nonce: LEAST.nonce,
      issuedAt: LEAST.iat,
      expirationTime: given.exp,
      notBefore: given.nbf,
      requestId: given.request_id,
      resources: given.resources,
    });
    assert.equal(ours, theirs);
  }));
});
