// One whole sign-in and use, as an independent implementation of the 1.0 client writes it
// (clients.md): every header is read and verified, every CID is ours, every chain gets its verdict.

import assert from "node:assert/strict";
import { z } from "zod";
import { encodeBase64url } from "../../src/tokens/base64url.ts";
import { decodeCacao } from "../../src/tokens/cacao.ts";
import { parseCid } from "../../src/tokens/cid.ts";
import { claimsOf, type Records, verdictOf } from "./chains.ts";
import { messageOf } from "./siwe_message.ts";
import { runAll, toHex, vectorsOf } from "./vectors.ts";

const NOW = Date.UTC(2026, 2, 1) / 1000;

const delegation = z.object({
  name: z.string(),
  siwe: z.string().optional(),
  signature: z.string().optional(),
  authorization: z.string(),
  cid: z.string(),
  cidBase58: z.string().optional(),
});
const invocation = z.object({ name: z.string(), token: z.string() });

Deno.test("delegations of the client flow are verified and have the client's CIDs", async () => {
  const delegations = await vectorsOf("client-flow", "delegations", delegation);
  const records: Records = new Map();

  runAll("client-flow/delegations", 6, delegations, ({ name }) => name, (vector) => {
    const { authorization, cid, cidBase58, siwe, signature } = vector;
    const claims = claimsOf(authorization);
    assert.equal(claims.cid, cid);
    if (cidBase58 !== undefined) assert.equal(parseCid(cidBase58), cid);
    // What capabilities/read shows is the header as it was sent.
    assert.equal(claims.token, authorization);
    if (siwe !== undefined) {
      assert.equal(messageOf(authorization), siwe);
      const cacao = decodeCacao(authorization);
      assert.equal(encodeBase64url(cacao.bytes, { pad: true }), authorization);
      if (signature !== undefined) assert.equal(`0x${toHex(cacao.signature)}`, signature);
    }

    assert.equal(verdictOf("delegation", authorization, NOW, records), "valid");
  });
});

/** All the others are granted. */
const REFUSALS: Readonly<Record<string, string>> = {
  spaceListUnauthorized: "unauthorized_action",
  sharePutUnauthorized: "unauthorized_action",
  // `capabilities/all/` is granted, which does not cover `all` (clients.md 1.4).
  legacyCapsReadUnauthorized: "unauthorized_action",
  badUriSpaceInPath: "token_malformed",
};

Deno.test("invocations of the client flow get the verdicts that their names say", async () => {
  const delegations = await vectorsOf("client-flow", "delegations", delegation);
  const invocations = await vectorsOf("client-flow", "invocations", invocation);
  const records: Records = new Map();
  for (const { authorization } of delegations) {
    verdictOf("delegation", authorization, NOW, records);
  }

  runAll("client-flow/invocations", 15, invocations, ({ name }) => name, ({ name, token }) => {
    const verdict = verdictOf("invocation", token, NOW, records);

    assert.equal(verdict, REFUSALS[name] ?? "valid");
  });
});
