// A signature is checked once for the same bytes; what was found holds for these bytes only.

import assert from "node:assert/strict";
import { randomSessionKey, randomWallet, signCacao, signUcan } from "../../../client/mod.ts";
import { decodeCacao, verifyCacao } from "../../../src/tokens/cacao.ts";
import { decodeUcan, verifyUcan } from "../../../src/tokens/ucan.ts";
import { refusalOf } from "../../support/tokens.ts";

/** Another character of the signature, early in it: another s or r, and so another verdict. */
function spoiled(token: string): string {
  const at = token.lastIndexOf(".") + 5;
  return token.slice(0, at) + (token[at] === "A" ? "B" : "A") + token.slice(at + 1);
}

Deno.test("a UCAN that was good does not make its spoiled copy good, nor the other way", async () => {
  const key = await randomSessionKey();
  const fields = { audience: key.did, expiration: 1, attenuations: {} };
  const [one, other] = [await signUcan(key, fields), await signUcan(key, fields)];
  const verdict = (token: string) => refusalOf(() => verifyUcan(decodeUcan(token)))?.code;

  for (let times = 0; times < 3; times++) {
    assert.equal(verdict(one.header), undefined);
    assert.equal(verdict(spoiled(one.header)), "token_signature");
    assert.equal(verdict(spoiled(other.header)), "token_signature");
    assert.equal(verdict(other.header), undefined);
  }
});

Deno.test("a CACAO that was good does not make another wallet's good, nor the other way", async () => {
  const wallet = randomWallet();
  const fields = { domain: "app.example", uri: "did:example:a", nonce: "12345678" };
  const good = await signCacao(wallet, fields);
  const { bytes } = good;
  const verdict = (token: string) => refusalOf(() => verifyCacao(decodeCacao(token)))?.code;
  // The signature is the last item of the CACAO; its bytes stand before the 7 of `t: "eip191"`.
  const other = Uint8Array.from(bytes);
  const at = other.length - 20;
  other[at] = (other[at] ?? 0) ^ 1;
  const bad = btoa(String.fromCharCode(...other)).replaceAll("+", "-").replaceAll("/", "_");

  for (let times = 0; times < 3; times++) {
    assert.equal(verdict(good.header), undefined);
    assert.notEqual(verdict(bad), undefined);
  }
});
