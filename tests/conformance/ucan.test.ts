// The UCAN conformance vectors for 0.10.0 (wire §3.2 and §4): as they are, none is a token here;
// their signatures and BLAKE3 CID hold; put into our dialect, each gets its verdict for its reason.

import assert from "node:assert/strict";
import { z } from "zod";
import { decodeBase64url } from "../../src/tokens/base64url.ts";
import { cidOf, parseCid } from "../../src/tokens/cid.ts";
import { principalOf } from "../../src/tokens/did.ts";
import { publicKeyOf } from "../../src/tokens/did_key.ts";
import { verifySignature } from "../../src/tokens/signature.ts";
import { decodeUcan } from "../../src/tokens/ucan.ts";
import { type Records, verdictOf } from "./chains.ts";
import { partsOf, translate } from "./ucan_dialect.ts";
import { Differences, refuses, runAll, utf8, vectorsOf } from "./vectors.ts";

const NOW = Date.UTC(2024, 0, 1) / 1000;

const vector = z.object({
  name: z.string(),
  token: z.string(),
  proofs: z.record(z.string(), z.string()).default({}),
  errors: z.array(z.string()).optional(),
});
type Vector = z.infer<typeof vector>;

/** The issuer of every vector whose `iss` is missing or no DID. */
const ALICE = "did:key:z6Mkk89bC3JrVqKie71YEcc5M1SMVxuCgNx6zLZ8SYJsxALi";

function isSigned(token: string): boolean {
  const { payload: { iss } } = partsOf(token);
  const issuer = typeof iss === "string" && iss.startsWith("did:") ? iss : ALICE;
  const signedLength = token.lastIndexOf(".");
  return verifySignature(
    publicKeyOf(principalOf(issuer)),
    utf8(token.slice(0, signedLength)),
    decodeBase64url(token.slice(signedLength + 1), "forbidden"),
  );
}

/** The publisher's own slip: nobody could tell it from the delegation that it is to refute. */
const MISSIGNED = new Differences({
  "UCAN issuer does not match proof audience": "Alice signed it, who is not its issuer",
});

Deno.test("the UCAN vectors are signed, and no tokens in their own dialect", async () => {
  const vectors = [
    ...await vectorsOf("ucan-conformance-0.10.0", "verify", vector),
    ...await vectorsOf("ucan-conformance-0.10.0", "refute", vector),
    ...await vectorsOf("ucan-conformance-0.10.0", "build", vector),
  ];

  runAll("ucan-0.10.0/as published", 53, vectors, ({ name }) => name, ({ name, token, proofs }) => {
    assert.equal(isSigned(token), !MISSIGNED.has(name));
    assert.ok(refuses(() => decodeUcan(token)), "is taken for a token");
    for (const proof of Object.values(proofs)) {
      assert.ok(isSigned(proof), "its proof is not signed");
      assert.ok(refuses(() => decodeUcan(proof)), "its proof is taken for a token");
    }
  });

  await MISSIGNED.assertExact();
});

Deno.test("the BLAKE3 CID of the UCAN vectors is ours, the SHA-256 one is not", async () => {
  const vectors = await vectorsOf(
    "ucan-conformance-0.10.0",
    "cid",
    z.object({ name: z.string(), token: z.string(), hasher: z.string(), cid: z.string() }),
  );

  runAll("ucan-0.10.0/cid", 2, vectors, ({ name }) => name, ({ token, hasher, cid }) => {
    assert.equal(parseCid(cid), cid);
    assert.equal(cidOf(utf8(token)) === cid, hasher === "BLAKE3-256");
  });
});

/** The verdict on the vector in our dialect, once its proofs are accepted. */
function translatedVerdict({ token, proofs }: Pick<Vector, "token" | "proofs">): string {
  const cids = new Map<string, string>();
  const records: Records = new Map();
  for (const [cid, proof] of Object.entries(proofs)) {
    const translated = translate(proof, new Map());
    assert.equal(verdictOf("delegation", translated, NOW, records), "valid", "its proof");
    cids.set(cid, cidOf(utf8(translated)));
  }
  return verdictOf("delegation", translate(token, cids), NOW, records);
}

const CAVEAT = "a parent's caveat that is not understood gives nothing (wire §3.1)";
const VERIFY_DIFFERENCES = new Differences({
  "UCAN capability caveats equal to proof caveats": CAVEAT,
  "UCAN capability attenuates existing caveats": CAVEAT,
});

Deno.test("what the UCAN vectors verify is accepted in our dialect", async () => {
  const vectors = await vectorsOf("ucan-conformance-0.10.0", "verify", vector);

  runAll("ucan-0.10.0/verify", 15, vectors, ({ name }) => name, (vector) => {
    const expected = VERIFY_DIFFERENCES.has(vector.name) ? "unauthorized_capability" : "valid";

    assert.equal(translatedVerdict(vector), expected);
  });

  await VERIFY_DIFFERENCES.assertExact();
});

/** Our codes for the errors of the vectors. */
const CODES: Readonly<Record<string, readonly string[]>> = {
  expired: ["untimely"],
  notReady: ["untimely"],
  missingField: ["token_malformed"],
  incorrectType: ["token_malformed"],
  incorrectProofs: ["token_malformed"],
  timeBoundsViolation: ["proof_window"],
  invalidDelegation: ["unauthorized_delegator", "unauthorized_capability"],
};

const OWN_PROOF = "its issuer owns what it grants, so its proof is not followed (wire §4)";
const REFUTE_DIFFERENCES = new Differences({
  "UCAN expires after proofs": OWN_PROOF,
  "UCAN ready before proofs": OWN_PROOF,
});

Deno.test("what the UCAN vectors refute is refused in our dialect, for its reason", async () => {
  const vectors = await vectorsOf("ucan-conformance-0.10.0", "refute", vector);

  runAll("ucan-0.10.0/refute", 33, vectors, ({ name }) => name, (vector) => {
    const verdict = translatedVerdict(vector);

    if (REFUTE_DIFFERENCES.has(vector.name)) return assert.equal(verdict, "valid");
    assert.equal(vector.errors?.length, 1);
    assert.ok(CODES[vector.errors[0] ?? ""]?.includes(verdict), verdict);
  });

  await REFUTE_DIFFERENCES.assertExact();
});

Deno.test("time bounds of the UCAN vectors count once the issuer needs its proof", async () => {
  const vectors = await vectorsOf("ucan-conformance-0.10.0", "refute", vector);
  const violations = vectors.filter(({ name }) => Object.hasOwn(REFUTE_DIFFERENCES.reasons, name));

  runAll("ucan-0.10.0/time bounds", 2, violations, ({ name }) => name, ({ token, proofs }) => {
    // As published the issuer is Alice, who is also the proof's; here it is the proof's audience.
    const [proof = ""] = Object.values(proofs);
    const [header, , signature] = token.split(".");
    const payload = { ...partsOf(token).payload, iss: partsOf(proof).payload.aud };
    const part = utf8(JSON.stringify(payload)).toBase64({
      alphabet: "base64url",
      omitPadding: true,
    });

    const corrected = { token: [header, part, signature].join("."), proofs };

    assert.equal(translatedVerdict(corrected), "proof_window");
  });
});
