// DIDs, keys and addresses (wire §1): did:key, EIP-55, and atproto's keys, DIDs and CIDs.

import assert from "node:assert/strict";
import { p256 } from "@noble/curves/nist.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { z } from "zod";
import { parseCid } from "../../src/tokens/cid.ts";
import { principalOf } from "../../src/tokens/did.ts";
import { publicKeyOf } from "../../src/tokens/did_key.ts";
import { accepts } from "./keys.ts";
import { Differences, hex, refuses, runAll, toHex, vectorsOf } from "./vectors.ts";

Deno.test("did:key vectors give the published key; curves that we lack are refused", async () => {
  const keys = await vectorsOf(
    "did-key",
    "keys",
    z.object({ did: z.string(), key: z.string() }),
  );

  runAll("did-key", 18, keys, ({ did }) => did, ({ did, key }) => {
    const principal = principalOf(`${did}#${did.slice("did:key:".length)}`);
    assert.equal(principal, did);

    // P-384 and P-521 are names like any other, but no issuer (wire §1).
    if (/^did:key:z(?:82|2J9)/.test(did)) return assert.ok(refuses(() => publicKeyOf(principal)));
    assert.equal(toHex(publicKeyOf(principal).bytes), key);
  });
});

Deno.test("a did:key that is made to agree on keys signs nothing", async () => {
  const dids = await vectorsOf("did-key", "keyAgreement", z.string());

  runAll("did-key/x25519", 5, dids, String, (did) => {
    assert.ok(refuses(() => publicKeyOf(principalOf(did))));
  });
});

Deno.test("every spelling of an EIP-55 address is one principal", async () => {
  const addresses = await vectorsOf("eip55", "addresses", z.string());

  runAll("eip55", 4, addresses, String, (address) => {
    const digits = address.slice(2);
    const swapped = digits.replace(
      /[a-f]/gi,
      (digit) => digit === digit.toLowerCase() ? digit.toUpperCase() : digit.toLowerCase(),
    );
    for (const spelling of [digits, digits.toLowerCase(), digits.toUpperCase(), swapped]) {
      const principal = principalOf(`did:pkh:eip155:1:0x${spelling}`);
      assert.equal(principal, `did:pkh:eip155:1:${address}`);
    }
    assert.ok(refuses(() => principalOf(`did:pkh:eip155:1:0X${digits}`)));
  });
});

Deno.test("atproto's signatures: either s is taken, DER is not", async () => {
  const signatures = await vectorsOf(
    "atproto-interop",
    "signatures",
    z.object({
      name: z.string(),
      alg: z.enum(["ES256", "ES256K"]),
      did: z.string(),
      msg: z.string(),
      sig: z.string(),
      valid: z.boolean(),
      tags: z.array(z.string()),
    }),
  );

  runAll("atproto/signatures", 6, signatures, ({ name }) => name, (vector) => {
    const { algorithm, bytes } = publicKeyOf(principalOf(vector.did));

    const verdict = accepts(algorithm, bytes, hex(vector.msg), hex(vector.sig));

    assert.equal(algorithm, vector.alg);
    // High s is atproto's own rule; ES256 and ES256K tokens take either (wire §3.2).
    assert.equal(verdict, vector.valid || vector.tags.includes("high-s"));
  });
});

Deno.test("atproto's did:keys are the keys of their secrets", async () => {
  const keys = await vectorsOf(
    "atproto-interop",
    "didKeys",
    z.object({ did: z.string(), curve: z.enum(["secp256k1", "P-256"]), secret: z.string() }),
  );

  runAll("atproto/did-key", 6, keys, ({ did }) => did, ({ did, curve, secret }) => {
    const expected = (curve === "P-256" ? p256 : secp256k1).getPublicKey(hex(secret), true);

    const { bytes } = publicKeyOf(principalOf(did));

    assert.equal(toHex(bytes), toHex(expected));
  });
});

const DID_DIFFERENCES = new Differences({
  "did:m123:val": "DID Core allows digits in a method's name",
  "did:method:val#two": "a DID URL names the DID before #",
});

Deno.test("atproto's DIDs are DIDs", async () => {
  const dids = await vectorsOf("atproto-interop", "didValid", z.string());

  runAll("atproto/did valid", 24, dids, String, (did) => assert.equal(principalOf(did), did));
});

Deno.test("what atproto calls no DID is none", async () => {
  const dids = await vectorsOf("atproto-interop", "didInvalid", z.string());

  runAll("atproto/did invalid", 18, dids, String, (did) => {
    assert.equal(refuses(() => principalOf(did)), !DID_DIFFERENCES.has(did));
  });

  await DID_DIFFERENCES.assertExact();
});

/** atproto judges the syntax of these only: they decode to no CID. */
const CID_NONSENSE = new Differences({
  "mBcDxtdWx0aWhhc2g+": "its bytes are version 5",
  z7x3CtScH765HvShXT: "its bytes are no CID",
  "7134036155352661643226414134664076": "its bytes are no CID",
});

Deno.test("atproto's CIDs name a multihash, in any base", async () => {
  const cids = await vectorsOf("atproto-interop", "cidValid", z.string());

  runAll("atproto/cid valid", 8, cids, String, (cid) => {
    assert.equal(refuses(() => parseCid(cid)), CID_NONSENSE.has(cid));
  });

  await CID_NONSENSE.assertExact();
});

/** A CIDv0 is a multihash in base58btc, and proofs are looked up by multihash alone (wire §2). */
const CID_V0 = new Differences({
  QmbWqxBEKC3P8tqsKc98xmWNzrzDtRLMiMPL8wBuTGsMnR: "version 0, which atproto no longer takes",
});

Deno.test("what atproto calls no CID is none", async () => {
  const cids = await vectorsOf("atproto-interop", "cidInvalid", z.string());

  runAll("atproto/cid invalid", 10, cids, String, (cid) => {
    assert.equal(refuses(() => parseCid(cid)), !CID_V0.has(cid));
  });

  await CID_V0.assertExact();
});
