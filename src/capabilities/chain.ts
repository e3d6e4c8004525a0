// May this signer do that, by these proofs (wire §4 and §6, authority)? Pure: stored records, the set
// of revoked identities and `now` come in, a verdict goes out.

import { NodeError } from "../errors.ts";
import { MAX_ANCESTORS } from "../limits.ts";
import type { Cid, Identity } from "../tokens/cid.ts";
import { indexGrants, isGranted, isRoot } from "./attenuation.ts";
import type { Capability, Delegation } from "./delegation.ts";
import { pathsTried } from "./explain.ts";
import { type ChainFacts, type ChainQuestion, citedProofs } from "./question.ts";
import { windowMisfit, windowOf } from "./window.ts";

interface Granted {
  readonly kind: "granted";
  /** The cited delegations that count, in order; none for root authority. */
  readonly parents: readonly Delegation[];
  /** Parents, their parents and so on, breadth first, each once. */
  readonly ancestors: readonly Cid[];
  /** Must still be unrevoked when the use is committed. */
  readonly identities: readonly Identity[];
  /** Unix seconds; the use must be committed before. */
  readonly validUntil: number;
}

export type Verdict = { readonly kind: "refused"; readonly refusal: NodeError } | Granted;

/** The refusal says in one sentence what is wrong first; its `reasons`, which paths were tried. */
export function judgeChain(question: ChainQuestion, facts: ChainFacts): Verdict {
  const verdict = judge(question, facts);
  if (!(verdict instanceof NodeError)) return verdict;
  const { code, message } = verdict;
  const reasons = () => pathsTried(question, facts);
  return { kind: "refused", refusal: new NodeError(code, message, { reasons }) };
}

function judge(question: ChainQuestion, facts: ChainFacts): Granted | NodeError {
  const derived = question.capabilities.filter(({ resource }) =>
    !isRoot(resource, question.signer)
  );
  const [firstDerived] = derived;
  // Proofs of a root token are never followed: clients put their short session there.
  if (firstDerived === undefined) {
    const ungranted = firstUngranted(question, []);
    if (ungranted !== undefined) return ungranted;
    return { kind: "granted", parents: [], ancestors: [], identities: [], validUntil: Infinity };
  }

  const distinct = new Set(question.proofs).size;
  const cited = citedProofs(question.proofs);
  const proofs = cited.map((cid) => facts.records.get(cid)).filter((record) =>
    record !== undefined
  );
  if (proofs.length === 0 || proofs.length < cited.length || distinct < question.proofs.length) {
    return new NodeError("proof_missing");
  }

  if (proofs.some(({ delegatee }) => delegatee !== question.signer)) {
    return question.use === "invocation"
      ? new NodeError("unauthorized_invoker")
      : new NodeError("unauthorized_delegator", `Unauthorized Delegator: ${question.signer}`);
  }

  const revoked = firstRevoked(question.use, proofs, facts);
  if (revoked !== undefined) return revoked;

  const everyone = nodesOf(proofs, facts.records);
  const windows = everyone.map((record) => windowOf(record, facts.maxLifetime));
  if (windows.some(({ from, until }) => facts.now < from || facts.now >= until)) {
    return question.use === "invocation"
      ? new NodeError("chain_time", actionSentence(firstDerived))
      : new NodeError("chain_time", "Delegation expired or not yet valid");
  }

  const misfit = question.use === "delegation" ? proofs.map((p) => windowMisfit(question, p)) : [];
  const parents = proofs.filter((_, at) => misfit[at] === undefined);
  if (parents.length === 0) return new NodeError("proof_window", misfit[0]);

  const ancestors = breadthFirst(parents, facts.records);
  if (ancestors.length > MAX_ANCESTORS[question.use] || cited.length < distinct) {
    return new NodeError("chain_too_long");
  }

  const ungranted = firstUngranted(question, parents);
  if (ungranted !== undefined) return ungranted;
  return {
    kind: "granted",
    parents,
    ancestors,
    identities: everyone.map(({ identity }) => identity),
    validUntil: Math.min(...windows.map(({ until }) => until)),
  };
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
