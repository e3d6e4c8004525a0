// When a delegation counts, and what fits into that (wire §4).

import type { Delegation } from "./delegation.ts";

/** A child may outlive its parent by this much: 1.0 clients clamp to a clock read after sign-in. */
const EXPIRY_SLACK_SECONDS = 120;

/** As a token says it, Unix seconds. */
type Window = Pick<Delegation, "notBefore" | "expiresAt">;

/** When a stored delegation counts: from ≤ now < until. A host delegation has no capped lifetime. */
export function windowOf(
  { notBefore, expiresAt, issuedAt, acceptedAt, kind, host }: Delegation,
  maxLifetime: number | undefined,
): { readonly from: number; readonly until: number } {
  const start = kind === "cacao" ? issuedAt ?? acceptedAt : acceptedAt;
  const capped = maxLifetime === undefined || host ? Infinity : start + maxLifetime;
  return { from: notBefore ?? -Infinity, until: Math.min(expiresAt ?? Infinity, capped) };
}

/** Why a parent's window does not contain the child's, if it does not; the sentence. */
export function windowMisfit(child: Window, parent: Window): string | undefined {
  const latest = (parent.expiresAt ?? Infinity) + EXPIRY_SLACK_SECONDS;
  if (parent.expiresAt !== undefined && (child.expiresAt ?? Infinity) > latest) {
    return "Child delegation expiry exceeds parent expiry";
  }
  if (parent.notBefore !== undefined && (child.notBefore ?? -Infinity) < parent.notBefore) {
    return "Child delegation not_before precedes parent not_before";
  }
  return undefined;
}
