// May this signer do that, by these proofs (wire §4 and §6, authority)? Pure: stored records, the set
// of revoked identities and `now` come in, a verdict goes out.

import { type ErrorCode, NodeError } from "../errors.ts";
import type { Cid, Identity } from "../tokens/cid.ts";
import type { Principal } from "../tokens/did.ts";
import { indexGrants, isGranted, isRoot } from "./attenuation.ts";
import type { Capability, Delegation } from "./delegation.ts";

/** Distinct nodes behind a token: so that every stored delegation can also be used. */
export const MAX_ANCESTORS = { delegation: 63, invocation: 64 } as const;

/** A child may outlive its parent by this much: 1.0 clients clamp to a clock read after sign-in. */
const EXPIRY_SLACK_SECONDS = 120;

export interface ChainQuestion {
  readonly use: "delegation" | "invocation";
  readonly signer: Principal;
  readonly capabilities: readonly Capability[];
  readonly proofs: readonly Cid[];
  /** Of the new delegation itself; an invocation's own window binds no chain. */
  readonly notBefore?: number;
  readonly expiresAt?: number;
}

export interface ChainFacts {
  /** What was found of the cited delegations and their ancestors. */
  readonly records: ReadonlyMap<Cid, Delegation>;
  readonly revoked: ReadonlySet<Identity>;
  /** Unix seconds. */
  readonly now: number;
  /** `auth.max_delegation_lifetime`, seconds. */
  readonly maxLifetime: number | undefined;
}

export type Verdict =
  | { readonly kind: "refused"; readonly refusal: NodeError }
  | {
    readonly kind: "granted";
    /** The cited delegations that count, in order; none for root authority. */
    readonly parents: readonly Delegation[];
    /** Parents, their parents and so on, breadth first, each once. */
    readonly ancestors: readonly Cid[];
    /** Must still be unrevoked when the use is committed. */
    readonly identities: readonly Identity[];
    /** Unix seconds; the use must be committed before. */
    readonly validUntil: number;
  };

export function judgeChain(question: ChainQuestion, facts: ChainFacts): Verdict {
  const derived = question.capabilities.filter(({ resource }) =>
    !isRoot(resource, question.signer)
  );
  const [firstDerived] = derived;
  // Proofs of a root token are never followed: clients put their short session there.
  if (firstDerived === undefined) {
    const ungranted = firstUngranted(question, []);
    if (ungranted !== undefined) return { kind: "refused", refusal: ungranted };
    return { kind: "granted", parents: [], ancestors: [], identities: [], validUntil: Infinity };
  }
  const refused = (code: ErrorCode, sentence?: string): Verdict => ({
    kind: "refused",
    refusal: new NodeError(code, sentence),
  });

  const distinct = new Set(question.proofs);
  const cited = [...distinct].map((cid) => facts.records.get(cid));
  const proofs = cited.filter((record) => record !== undefined);
  if (proofs.length === 0 || proofs.length < question.proofs.length) {
    return refused("proof_missing");
  }

  if (proofs.some(({ delegatee }) => delegatee !== question.signer)) {
    return question.use === "invocation"
      ? refused("unauthorized_invoker")
      : refused("unauthorized_delegator", `Unauthorized Delegator: ${question.signer}`);
  }

  const revoked = firstRevoked(question.use, proofs, facts);
  if (revoked !== undefined) return { kind: "refused", refusal: revoked };

  const everyone = nodesOf(proofs, facts.records);
  const windows = everyone.map((record) => windowOf(record, facts.maxLifetime));
  if (windows.some(({ from, until }) => facts.now < from || facts.now >= until)) {
    return question.use === "invocation"
      ? refused("chain_time", actionSentence(firstDerived))
      : refused("chain_time", "Delegation expired or not yet valid");
  }

  const misfit = question.use === "delegation" ? proofs.map((p) => windowMisfit(question, p)) : [];
  const parents = proofs.filter((_, at) => misfit[at] === undefined);
  if (parents.length === 0) return refused("proof_window", misfit[0]);

  const ancestors = breadthFirst(parents, facts.records);
  if (ancestors.length > MAX_ANCESTORS[question.use] || cited.length < question.proofs.length) {
    return refused("chain_too_long");
  }

  const ungranted = firstUngranted(question, parents);
  if (ungranted !== undefined) return { kind: "refused", refusal: ungranted };
  return {
    kind: "granted",
    parents,
    ancestors,
    identities: everyone.map(({ identity }) => identity),
    validUntil: Math.min(...windows.map(({ until }) => until)),
  };
}

/**
 * The proofs that are looked at: one more than can be used is enough to find one that is missing, or
 * to see that there are too many.
 */
export function citedProofs(proofs: readonly Cid[]): readonly Cid[] {
  return [...new Set(proofs)].slice(0, MAX_ANCESTORS.invocation + 1);
}

/** The refusal of the first capability, in token order, that nothing gives. */
function firstUngranted(
  { use, signer, capabilities }: ChainQuestion,
  parents: readonly Delegation[],
): NodeError | undefined {
  const granted = indexGrants(parents);
  const ungranted = capabilities.find((capability) => {
    // A delegation may pass a caveat on; nobody may act on one that this node cannot judge.
    if (use === "invocation" && capability.caveated) return true;
    if (isRoot(capability.resource, signer)) return false;
    return !isGranted(granted, capability);
  });
  return ungranted === undefined ? undefined : notGranted(use, ungranted);
}

/** The sentences are parsed by clients (wire §10). */
function notGranted(use: ChainQuestion["use"], capability: Capability): NodeError {
  const { resource, ability } = capability;
  return use === "invocation"
    ? new NodeError("unauthorized_action", actionSentence(capability))
    : new NodeError(
      "unauthorized_capability",
      `Unauthorized Capability: ${resource.uri}, ${ability}`,
    );
}

/** `Unauthorized Action: {resource} / {ability}`, for the two codes that say it. */
function actionSentence({ resource, ability }: Capability): string {
  return `Unauthorized Action: ${resource.uri} / ${ability}`;
}

/** When a stored delegation counts: from ≤ now < until. A host delegation has no capped lifetime. */
export function windowOf(
  { notBefore, expiresAt, issuedAt, acceptedAt, kind, host }: Delegation,
  maxLifetime: number | undefined,
): { readonly from: number; readonly until: number } {
  const start = kind === "cacao" ? issuedAt ?? acceptedAt : acceptedAt;
  const capped = maxLifetime === undefined || host ? Infinity : start + maxLifetime;
  return { from: notBefore ?? -Infinity, until: Math.min(expiresAt ?? Infinity, capped) };
}

function firstRevoked(
  use: ChainQuestion["use"],
  proofs: readonly Delegation[],
  { records, revoked }: ChainFacts,
): NodeError | undefined {
  for (const proof of proofs) {
    const isRevoked = revoked.has(proof.identity);
    const ancestor = proof.ancestors.find((cid) => {
      const record = records.get(cid);
      return record !== undefined && revoked.has(record.identity);
    });
    if (!isRevoked && ancestor === undefined) continue;
    if (use === "delegation") {
      return new NodeError("parent_revoked", `delegation-parent-revoked: ${proof.cid}`);
    }
    return isRevoked ? new NodeError("revoked", `delegation-revoked: ${proof.cid}`) : new NodeError(
      "ancestor_revoked",
      `delegation-ancestor-revoked: ancestor=${ancestor} invoked=${proof.cid}`,
    );
  }
  return undefined;
}

/** Why a parent's window does not contain the child's, if it does not; the sentence. */
function windowMisfit(child: ChainQuestion, parent: Delegation): string | undefined {
  const latest = (parent.expiresAt ?? Infinity) + EXPIRY_SLACK_SECONDS;
  if (parent.expiresAt !== undefined && (child.expiresAt ?? Infinity) > latest) {
    return "Child delegation expiry exceeds parent expiry";
  }
  if (parent.notBefore !== undefined && (child.notBefore ?? -Infinity) < parent.notBefore) {
    return "Child delegation not_before precedes parent not_before";
  }
  return undefined;
}

/** Cited delegations and all their ancestors, each once. A record that is gone is no ground to trust. */
function nodesOf(
  proofs: readonly Delegation[],
  records: ReadonlyMap<Cid, Delegation>,
): readonly Delegation[] {
  const nodes = new Map<Cid, Delegation>();
  for (const proof of proofs) {
    nodes.set(proof.cid, proof);
    for (const cid of proof.ancestors) {
      const record = records.get(cid);
      if (record === undefined) throw new NodeError("internal", undefined, { cause: cid });
      nodes.set(cid, record);
    }
  }
  return [...nodes.values()];
}

/** Bounded by the number of nodes: each is entered once, however many paths lead to it. */
export function breadthFirst(
  parents: readonly Delegation[],
  records: ReadonlyMap<Cid, Delegation>,
): readonly Cid[] {
  const order = new Set(parents.map(({ cid }) => cid));
  for (const cid of order) {
    for (const parent of records.get(cid)?.parents ?? []) order.add(parent);
  }
  return [...order];
}
