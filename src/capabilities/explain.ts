// Why a chain was refused, for people: every path that was tried, and where it broke. The wire gets
// one sentence only (chain.ts), since whoever asks may be nobody's business.

import type { Cid } from "../tokens/cid.ts";
import { canonicalAbility } from "./ability.ts";
import { indexGrants, isGranted, isRoot } from "./attenuation.ts";
import type { Capability, Delegation } from "./delegation.ts";
import { type ChainFacts, type ChainQuestion, citedProofs } from "./question.ts";
import { windowMisfit, windowOf } from "./window.ts";

/** Enough to see the mistake; a token may hold hundreds of proofs and capabilities. */
const MAX_LINES = 32;

/**
 * A line for each cited proof and each of its ancestors at which the path from the signer breaks,
 * and for each capability that a sound proof does not give. At most 33 lines, the last one then
 * telling how many there would be. Never throws, whatever is missing.
 */
export function pathsTried(question: ChainQuestion, facts: ChainFacts): readonly string[] {
  // Whoever hands a caveat on need not understand it.
  const wanted = question.capabilities.filter(({ caveated, resource }) =>
    (caveated && question.use === "invocation") || !isRoot(resource, question.signer)
  );
  const lines = [
    ...(question.proofs.length === 0 ? wanted.map(withoutProof(question)) : []),
    ...duplicates(question.proofs).map((cid) => `${cid}: is cited twice`),
    ...citedProofs(question.proofs).flatMap((cid) => pathsFrom(cid, wanted, question, facts)),
  ];
  const more = lines.length - MAX_LINES;
  return more > 0 ? [...lines.slice(0, MAX_LINES), `and ${more} more`] : lines;
}

const withoutProof = ({ signer, use }: ChainQuestion) => (capability: Capability) =>
  capability.caveated && use === "invocation"
    ? `${textOf(capability)}: not understood`
    : `${textOf(capability)}: no proof is cited, and ${signer} is not the owner`;

function duplicates(proofs: readonly Cid[]): Cid[] {
  return [...new Set(proofs.filter((cid, at) => proofs.indexOf(cid) !== at))];
}

/** The paths that lead up from one cited proof. */
function pathsFrom(
  cid: Cid,
  wanted: readonly Capability[],
  question: ChainQuestion,
  facts: ChainFacts,
): string[] {
  const proof = facts.records.get(cid);
  if (proof === undefined) return [`${cid}: is not stored here`];
  if (proof.delegatee !== question.signer) {
    return [`${cid}: was given to ${proof.delegatee}, not to ${question.signer}`];
  }
  const breaks = [...pathsUp(proof, facts)].flatMap(([node, path]) => {
    const reason = breakAt(node, facts);
    return reason === undefined ? [] : [`${path.join(" → ")}: ${reason}`];
  });
  const misfit = question.use === "delegation" ? windowMisfit(question, proof) : undefined;
  if (misfit !== undefined) breaks.push(`${cid}: ${misfit}`);
  if (breaks.length > 0) return breaks;
  return wanted.flatMap((capability) => {
    const reason = whyNotGiven(capability, proof, question);
    return reason === undefined ? [] : [`${cid}: ${reason}`];
  });
}

/** The shortest path to the proof and to each of its ancestors: each is entered once. */
function* pathsUp(
  proof: Delegation,
  { records }: ChainFacts,
): Generator<readonly [node: Cid, path: readonly Cid[]]> {
  const paths = new Map<Cid, readonly Cid[]>([[proof.cid, [proof.cid]]]);
  for (const [cid, path] of paths) {
    yield [cid, path];
    for (const parent of records.get(cid)?.parents ?? []) {
      if (!paths.has(parent)) paths.set(parent, [...path, parent]);
    }
  }
}

function breakAt(cid: Cid, { records, revoked, now, maxLifetime }: ChainFacts): string | undefined {
  const record = records.get(cid);
  if (record === undefined) return "is not stored here";
  if (revoked.has(record.identity)) return "was revoked";
  const { from, until } = windowOf(record, maxLifetime);
  if (now < from) return `does not count before ${from}, now is ${now}`;
  return now >= until ? `counted until ${until}, now is ${now}` : undefined;
}

function whyNotGiven(
  capability: Capability,
  proof: Delegation,
  { use }: ChainQuestion,
): string | undefined {
  const wanted = textOf(capability);
  if (use === "invocation" && capability.caveated) return `${wanted}: not understood`;
  if (isGranted(indexGrants([proof]), capability)) return undefined;
  const alike = proof.capabilities.filter(({ ability }) =>
    canonicalAbility(ability) === canonicalAbility(capability.ability)
  );
  if (alike.length === 0) return `gives no ${capability.ability}`;
  return `gives ${alike.map(textOf).join(", ")}, which does not cover ${wanted}`;
}

function textOf({ ability, resource, caveated }: Capability): string {
  return `${ability} on ${resource.uri}${caveated ? " with a caveat" : ""}`;
}
