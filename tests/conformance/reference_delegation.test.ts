// The reference project's own delegation and the UCANs of its later service: bytes, texts,
// signatures and CIDs (wire §2 and §3).

import assert from "node:assert/strict";
import { CID } from "multiformats/cid";
import { z } from "zod";
import { decodeBase64url, encodeBase64url } from "../../src/tokens/base64url.ts";
import { decodeCacao } from "../../src/tokens/cacao.ts";
import { parseJson } from "../../src/tokens/json.ts";
import { decodeUtf8 } from "../../src/tokens/text.ts";
import { decodeUcan } from "../../src/tokens/ucan.ts";
import { claimsOf, type Records, verdictOf } from "./chains.ts";
import { cacaoOf, messageOf, readMessage } from "./siwe_message.ts";
import { hex, runAll, toHex, vectorsOf } from "./vectors.ts";

const parent = z.object({
  issuer: z.string(),
  audience: z.string(),
  siweMessage: z.string(),
  signatureHex: z.string(),
  recapJcsUtf8Hex: z.string(),
  recapResource: z.string(),
  dagCborBase64Url: z.string(),
  dagCborHex: z.string(),
  expectedCid: z.string(),
  expectedCidBytesHex: z.string(),
});

Deno.test("the reference's SIWE delegation is read, rebuilt and named byte for byte", async () => {
  const parents = await vectorsOf("reference-delegation", "parents", parent);

  runAll("reference-delegation/parent", 1, parents, ({ expectedCid }) => expectedCid, (vector) => {
    const { bytes, fields, signature } = decodeCacao(vector.dagCborBase64Url);
    const claims = claimsOf(vector.dagCborBase64Url);

    assert.equal(toHex(bytes), vector.dagCborHex);
    assert.equal(toHex(signature), vector.signatureHex);
    assert.equal(messageOf(vector.dagCborBase64Url), vector.siweMessage);
    const read = readMessage(vector.siweMessage);
    assert.ok(read);
    const rebuilt = decodeBase64url(cacaoOf(read, signature), "forbidden");
    assert.equal(toHex(rebuilt), vector.dagCborHex);
    assert.deepEqual(fields.resources, [vector.recapResource]);
    const recap = `urn:recap:${encodeBase64url(hex(vector.recapJcsUtf8Hex))}`;
    assert.equal(recap, vector.recapResource);
    assert.equal(claims.issuer, vector.issuer);
    assert.equal(claims.audience, vector.audience);
    assert.equal(claims.cid, vector.expectedCid);
    assert.equal(toHex(CID.parse(claims.cid).bytes), vector.expectedCidBytesHex);
  });
});

const issued = z.object({ encoded: z.string(), delegationId: z.string() });
const serviceCase = z.object({
  case: z.string(),
  ucan: issued.extend({
    header: z.json(),
    payload: z.json(),
    signerDid: z.string(),
    signingInputAscii: z.string(),
    signatureHex: z.string(),
    delegationIdBytesHex: z.string(),
  }).optional(),
  portableDelegation: issued.optional(),
  issuanceRecord: issued.optional(),
});

Deno.test("UCANs of the reference's later service are read, verified and accepted", async () => {
  const [now = NaN] = await vectorsOf("reference-delegation", "now", z.number());
  const parents = await vectorsOf("reference-delegation", "parents", parent);
  const cases = await vectorsOf("reference-delegation", "cases", serviceCase);
  const records: Records = new Map();
  for (const { dagCborBase64Url } of parents) {
    assert.equal(verdictOf("delegation", dagCborBase64Url, now, records), "valid");
  }

  runAll("reference-delegation/cases", 3, cases, (vector) => vector.case, (vector) => {
    const { ucan, portableDelegation, issuanceRecord } = vector;
    const tokens = [ucan, portableDelegation, issuanceRecord].filter((one) => one !== undefined);
    assert.ok(tokens.length > 0);
    for (const { encoded, delegationId } of tokens) {
      assert.equal(claimsOf(encoded).cid, delegationId);
      assert.equal(verdictOf("delegation", encoded, now, records), "valid");
    }
    if (ucan === undefined) return;

    const { claims, signed, signature } = decodeUcan(ucan.encoded);
    const [header = "", payload = ""] = ucan.encoded.split(".");
    assert.equal(claims.issuer, ucan.signerDid);
    assert.equal(decodeUtf8(signed), ucan.signingInputAscii);
    assert.equal(toHex(signature), ucan.signatureHex);
    assert.equal(toHex(CID.parse(claims.cid).bytes), ucan.delegationIdBytesHex);
    const read = [header, payload].map((part) =>
      parseJson(decodeUtf8(decodeBase64url(part, "forbidden")))
    );
    assert.deepEqual(read, [ucan.header, ucan.payload]);
    // A caveat of a service that is not ours is kept, but nobody may act on it (wire §3.1).
    const caveated = claims.capabilities.map((capability) => capability.caveated);
    assert.deepEqual(caveated, [false, true]);
  });
});
