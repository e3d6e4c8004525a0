// May this invocation do what it says (wire §6, order and authority)? What comes out has been
// verified, and only this file makes it: storing before authority does not compile.

import { judgeChain, type Verdict } from "../capabilities/chain.ts";
import type { ChainQuestion } from "../capabilities/question.ts";
import type { Capability, Delegation } from "../capabilities/delegation.ts";
import { blake3Hex } from "../blake3.ts";
import { NodeError } from "../errors.ts";
import type { GuardRefusal, Guards, UseGuard } from "../repository/repository.ts";
import type { Cid, Identity } from "../tokens/cid.ts";
import { isTimely } from "../tokens/claims.ts";
import { findPrincipal } from "../tokens/did.ts";
import { encodeUtf8 } from "../tokens/text.ts";
import { decodeUcan, type UcanClaims, verifyUcan } from "../tokens/ucan.ts";
import { chainFacts, identitiesOf, loadRecords } from "./chain_facts.ts";
import type { Ports } from "./ports.ts";

/** A used token is remembered for this long after its end: clocks differ between nodes. */
const GUARD_SLACK_SECONDS = 60;

declare const authorized: unique symbol;

/** An invocation whose signature, time, audience and chain are in order; revocations are judged at commit. */
export interface Authorized {
  readonly [authorized]: true;
  readonly claims: UcanClaims;
  readonly parents: readonly Delegation[];
  readonly records: ReadonlyMap<Cid, Delegation>;
  /** To be judged again by whatever commits the effect. */
  readonly guards: Guards & { readonly use: UseGuard };
}

/**
 * Verifies the token and judges its chain on what cannot change. Whether it was used or its chain
 * revoked is asked in the same trip as the effect (`refusalOf`), or here, when something else refuses
 * it: those two refusals come first in the contract's order.
 */
export async function authorize(token: string, ports: Ports): Promise<Authorized> {
  const claims = verifyUcan(decodeUcan(token));
  const now = ports.clock.nowSeconds();
  if (!isTimely(claims, now)) {
    throw new NodeError("token_time", "Invocation expired or not yet valid");
  }
  if (claims.expiresAt > now + ports.rules.maxInvocationLifetime) {
    throw new NodeError("token_lifetime");
  }
  const question = questionOf(claims);
  const records = await loadRecords(question, ports);
  const verdict = judgeChain(question, chainFacts(records, new Set(), ports));
  const invocation = (verdict: Extract<Verdict, { kind: "granted" }>): Authorized => ({
    claims,
    parents: verdict.parents,
    records,
    guards: {
      use: guardOf(claims),
      unrevoked: verdict.identities,
      ...(verdict.validUntil === Infinity ? {} : { validUntil: verdict.validUntil }),
    },
  } as Authorized); // the one place that may say so

  if (verdict.kind === "refused" || !isAddressed(claims, ports)) {
    const use = guardOf(claims).key;
    const standing = await ports.repository.standing({ use, identities: identitiesOf(records) });
    if (standing.used) throw new NodeError("invocation_replayed");
    if (!isAddressed(claims, ports)) throw new NodeError("token_audience");
    const judged = judgeChain(question, chainFacts(records, standing.revoked, ports));
    if (judged.kind === "refused") throw judged.refusal;
    return invocation(judged);
  }
  return invocation(verdict);
}

/** An authorized invocation that is refused all the same: unless it was used or revoked before. */
export async function refuse(
  { claims, records, guards }: Authorized,
  refusal: NodeError,
  ports: Ports,
): Promise<never> {
  const standing = await ports.repository.standing({
    use: guards.use.key,
    identities: guards.unrevoked,
  });
  if (standing.used) throw new NodeError("invocation_replayed");
  const verdict = judgeChain(questionOf(claims), chainFacts(records, standing.revoked, ports));
  throw verdict.kind === "refused" ? verdict.refusal : refusal;
}

/** The sentence for what a guard refused inside the commit. */
export function refusalOf(
  outcome: GuardRefusal,
  { claims, records, guards }: Authorized,
  ports: Ports,
): NodeError {
  if (outcome.kind === "duplicate") return new NodeError("invocation_replayed");
  const revoked = new Set<Identity>(outcome.kind === "revoked" ? outcome.identities : []);
  const facts = chainFacts(records, revoked, ports);
  const now = outcome.kind === "expired" ? guards.validUntil ?? facts.now : facts.now;
  const verdict = judgeChain(questionOf(claims), { ...facts, now: Math.max(now, facts.now) });
  return verdict.kind === "refused"
    ? verdict.refusal
    : new NodeError("internal", undefined, { cause: outcome });
}

function questionOf(claims: UcanClaims): ChainQuestion {
  // Its own window binds no chain: it was judged already.
  const { issuer, capabilities, proofs } = claims;
  return { use: "invocation", signer: issuer, capabilities, proofs };
}

/** To the issuer itself, as SDKs write it, or to this node by one of its names (U32). */
function isAddressed(claims: UcanClaims, { keys }: Ports): boolean {
  const audience = findPrincipal(claims.audience);
  if (audience === undefined) return false;
  if (audience === claims.issuer || audience === keys.nodeId) return true;
  return claims.capabilities.some(({ resource }) =>
    resource.kind === "space" && keys.isHostDid(resource.space, audience)
  );
}

/**
 * Names the use of a token (wire §6, replay). With a nonce, issuer and nonce name it, which also
 * covers the signed identity: the same signed bytes hold the same nonce.
 */
function guardOf({ issuer, nonce, identity, expiresAt }: UcanClaims): UseGuard {
  const name = nonce === undefined ? identity : `nonce:${issuer}\0${nonce}`;
  return { key: blake3Hex(encodeUtf8(name)), expiresAt: expiresAt + GUARD_SLACK_SECONDS };
}

/** The one capability that an invocation acts on; several come with a later version (U31). */
export function onlyCapability({ claims }: Authorized): Capability {
  const [capability, ...more] = claims.capabilities;
  if (capability === undefined || more.length > 0) throw new NodeError("inputs_invalid");
  return capability;
}
