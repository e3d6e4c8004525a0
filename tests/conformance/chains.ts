// Delegations as the node keeps them, so that a vector's whole chain can be judged (wire §4).

import { judgeChain, type Verdict } from "../../src/capabilities/chain.ts";
import type { Delegation } from "../../src/capabilities/delegation.ts";
import { NodeError } from "../../src/errors.ts";
import { decodeCacao, verifyCacao } from "../../src/tokens/cacao.ts";
import type { Cid } from "../../src/tokens/cid.ts";
import { type Claims, isTimely } from "../../src/tokens/claims.ts";
import { principalOf } from "../../src/tokens/did.ts";
import { decodeUcan, verifyUcan } from "../../src/tokens/ucan.ts";

export type Records = Map<Cid, Delegation>;

/** The claims of a header, its signature checked. */
export function claimsOf(token: string): Claims {
  return token.includes(".") ? verifyUcan(decodeUcan(token)) : verifyCacao(decodeCacao(token));
}

/**
 * "valid", "untimely" or the code of the refusal: form, signature, time and chain. A valid
 * delegation is kept among the records.
 */
export function verdictOf(
  use: "delegation" | "invocation",
  token: string,
  now: number,
  records: Records,
): string {
  try {
    const claims = claimsOf(token);
    if (!isTimely(claims, now)) return "untimely";
    const verdict = judge(use, claims, now, records);
    if (verdict.kind === "refused") return verdict.refusal.code;
    if (use === "delegation") records.set(claims.cid, recordOf(claims, verdict, now));
    return "valid";
  } catch (error) {
    if (error instanceof NodeError) return error.code;
    throw error;
  }
}

function judge(
  use: "delegation" | "invocation",
  { issuer, capabilities, proofs, notBefore, expiresAt }: Claims,
  now: number,
  records: Records,
): Verdict {
  const window = {
    ...(notBefore === undefined ? {} : { notBefore }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
  return judgeChain(
    { use, signer: issuer, capabilities, proofs, ...(use === "delegation" ? window : {}) },
    { records, revoked: new Set(), now, maxLifetime: undefined },
  );
}

function recordOf(
  claims: Claims,
  { parents, ancestors }: Extract<Verdict, { kind: "granted" }>,
  acceptedAt: number,
): Delegation {
  const { issuer, audience, token: _token, ...rest } = claims;
  return {
    ...rest,
    delegator: issuer,
    delegatee: principalOf(audience),
    parents: parents.map(({ cid }) => cid),
    ancestors,
    acceptedAt,
    host: false,
  };
}
