// A token's own window; the two kinds differ at the edges (wire §3.1, §3.2).

import assert from "node:assert/strict";
import { type Claims, isTimely } from "../../../src/tokens/claims.ts";
import { aCid, did, NOW } from "../../support/tokens.ts";
import type { Identity } from "../../../src/tokens/cid.ts";

type Window = Pick<Claims, "notBefore" | "expiresAt">;

const MS = 0.001;
const WINDOWS: readonly [what: string, window: Window, cacao: boolean, ucan: boolean][] = [
  ["no bounds", {}, true, true],
  ["exp now", { expiresAt: NOW }, true, true],
  ["exp a millisecond ago", { expiresAt: NOW - MS }, false, false],
  ["exp in a millisecond", { expiresAt: NOW + MS }, true, true],
  ["exp at the beginning of time", { expiresAt: 0 }, false, false],
  ["exp before the beginning of time", { expiresAt: -1 }, false, false],
  ["nbf now", { notBefore: NOW }, false, true],
  ["nbf in a millisecond", { notBefore: NOW + MS }, false, false],
  ["nbf a millisecond ago", { notBefore: NOW - MS }, true, true],
  ["nbf at the beginning of time", { notBefore: 0 }, true, true],
  ["nbf and exp now", { notBefore: NOW, expiresAt: NOW }, false, true],
  ["nbf after exp", { notBefore: NOW + 1, expiresAt: NOW - 1 }, false, false],
  ["exp far away", { expiresAt: 1e300 }, true, true],
];
for (const [what, window, cacao, ucan] of WINDOWS) {
  for (const [kind, is] of [["cacao", cacao], ["ucan", ucan]] as const) {
    Deno.test(`a ${kind} with ${what} is ${is ? "" : "not "}timely`, () => {
      const claims: Claims = {
        kind,
        cid: aCid("x"),
        identity: "ucan:x" as Identity, // nobody reads it here
        token: "",
        issuer: did("a"),
        audience: did("b"),
        capabilities: [],
        proofs: [],
        ...window,
      };
      assert.equal(isTimely(claims, NOW), is);
    });
  }
}
