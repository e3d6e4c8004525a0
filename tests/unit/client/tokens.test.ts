/**
 * Tokens that are wrong on purpose: every part can be replaced, and nothing is mended on the way.
 */
import assert from "node:assert/strict";
import { decode } from "@ipld/dag-cbor";
import {
  cacaoOfBytes,
  encodeCacao,
  recapResource,
  recapStatement,
  sessionKeyFromSeed,
  signCacao,
  signJwt,
  signUcan,
  siweText,
  walletFromPrivateKey,
} from "../../../client/mod.ts";

const wallet = walletFromPrivateKey(new Uint8Array(32).fill(1));
const key = await sessionKeyFromSeed(new Uint8Array(32).fill(2));
const fields = { domain: "app.example", uri: key.didUrl };
const claims = { audience: key.did, expiration: 4_000_000_000, attenuations: {} };

Deno.test("a message with every field has them in the order of EIP-4361", () => {
  const text = siweText({
    scheme: "https",
    domain: "app.example",
    address: "0xAb",
    statement: "Hello.",
    uri: "urn:x",
    chainId: 5,
    nonce: "12345678",
    issuedAt: "a",
    expirationTime: "b",
    notBefore: "c",
    requestId: "d",
    resources: ["urn:1", "urn:2"],
  });

  assert.equal(
    text,
    "https://app.example wants you to sign in with your Ethereum account:\n0xAb\n\nHello.\n\n" +
      "URI: urn:x\nVersion: 1\nChain ID: 5\nNonce: 12345678\nIssued At: a\n" +
      "Expiration Time: b\nNot Before: c\nRequest ID: d\nResources:\n- urn:1\n- urn:2",
  );
});

Deno.test("a message without statement keeps both empty lines", () => {
  const text = siweText({ ...fields, address: "0x", chainId: 1, nonce: "n", issuedAt: "i" });

  assert.match(text, /account:\n0x\n\n\nURI: /);
  assert.doesNotMatch(text, /Resources/);
});

Deno.test("a ReCap does not depend on the order in which it is written", () => {
  const one = { "urn:b": { "x/z": [{}], "x/a": [{ n: 1, m: 2 }] }, "urn:a": { "y/b": [{}] } };
  const two = { "urn:a": { "y/b": [{}] }, "urn:b": { "x/a": [{ m: 2, n: 1 }], "x/z": [{}] } };

  assert.equal(recapResource(one), recapResource(two));
  assert.equal(
    recapStatement(one),
    "I further authorize the stated URI to perform the following actions on my behalf:" +
      " (1) 'y': 'b' for 'urn:a'. (2) 'x': 'a', 'z' for 'urn:b'.",
  );
});

Deno.test("a CACAO's own statement and resources stand before the ReCap", async () => {
  const attenuations = { "urn:a": { "y/b": [{}] } };

  const { p } = parts(
    await signCacao(wallet, { ...fields, statement: "Hi.", resources: ["urn:1"], attenuations }),
  );

  assert.equal(p.statement, `Hi. ${recapStatement(attenuations)}`);
  assert.deepEqual(p.resources, ["urn:1", recapResource(attenuations)]);
});

Deno.test("any part of a CACAO can be replaced, added or removed after signing", async () => {
  const { h, p, s, top } = parts(
    await signCacao(wallet, fields, {
      h: { t: "other" },
      p: { version: "1", nonce: undefined, extra: null },
      s: { t: undefined },
      top: { x: 1 },
    }),
  );

  assert.deepEqual(h, { t: "other" });
  assert.equal(p.version, "1");
  assert.equal("nonce" in p, false);
  assert.equal(p.extra, null);
  assert.deepEqual(Object.keys(s), ["s"]);
  assert.equal(top.x, 1);
});

Deno.test("another text can be signed than the one that the fields make", async () => {
  const same = { ...fields, nonce: "12345678", issuedAt: "2026-01-01T00:00:00Z" };

  const honest = parts(await signCacao(wallet, same));
  const other = parts(await signCacao(wallet, same, { text: "something else" }));

  assert.deepEqual(other.p, honest.p);
  assert.notDeepEqual(other.s, honest.s);
});

Deno.test("any bytes and any value can be sent as a CACAO", () => {
  assert.equal(cacaoOfBytes(Uint8Array.of(0xfb)).header, "-w==");
  assert.deepEqual(decode(encodeCacao({ h: [1] }).bytes), { h: [1] });
});

Deno.test("any member of a UCAN can be replaced, added or removed", async () => {
  const { header } = await signUcan(key, { ...claims, nonce: "n" }, {
    header: { ucv: "9", crit: ["x"] },
    payload: { nnc: undefined, exp: "soon" },
  });

  const [head, payload] = header.split(".").map(json);
  assert.deepEqual(head, { alg: "EdDSA", jwk: key.jwk, typ: "JWT", ucv: "9", crit: ["x"] });
  assert.deepEqual(payload, { iss: key.didUrl, aud: key.did, exp: "soon", prf: [], att: {} });
});

Deno.test("text in place of a header or payload is signed as it is", async () => {
  const { header } = await signJwt(key, "no JSON", '{"iss":1,"iss":2}');

  const [head = "", payload = ""] = header.split(".");
  assert.equal(atob(head), "no JSON");
  assert.equal(atob(payload), '{"iss":1,"iss":2}');
});

Deno.test("two UCANs that say the same are two tokens, by their nonces", async () => {
  const [one, two] = await Promise.all([signUcan(key, claims), signUcan(key, claims)]);

  assert.notEqual(one.cid, two.cid);
});

type Fields = Record<string, unknown>;

function parts({ bytes }: { bytes: Uint8Array }) {
  const top = decode<{ h: Fields; p: Fields; s: Fields; x?: unknown }>(bytes);
  return { ...top, top };
}

function json(segment: string): unknown {
  return segment.startsWith("ey")
    ? JSON.parse(atob(segment.replaceAll("-", "+").replaceAll("_", "/")))
    : segment;
}

Deno.test("a ReCap's sentence has its namespaces in the order that the node has them", () => {
  const att = { "urn:a": { "a+/x": [{}], "a/x": [{}], "a/b": [{}] } };

  assert.ok(
    recapStatement(att).endsWith("(1) 'a': 'b', 'x' for 'urn:a'. (2) 'a+': 'x' for 'urn:a'."),
  );
});
