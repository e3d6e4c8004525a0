// The refusals of wire §10 that tokens and delegations meet, as tests expect them.

import type { Refusal } from "./asking.ts";

export const MISSING: Refusal = {
  status: 401,
  code: "token_missing",
  sentence: "Missing Authorization header",
};
export const MALFORMED: Refusal = {
  status: 401,
  code: "token_malformed",
  sentence: /^Malformed token: \S/,
};
export const BAD_SIGNATURE: Refusal = {
  status: 401,
  code: "token_signature",
  sentence: "Failed to verify signature",
};
export const DELEGATION_TIME: Refusal = {
  status: 401,
  code: "token_time",
  sentence: "Delegation expired or not yet valid",
};
export const CHAIN_TIME: Refusal = { ...DELEGATION_TIME, code: "chain_time" };
export const INVOCATION_TIME: Refusal = {
  ...DELEGATION_TIME,
  sentence: "Invocation expired or not yet valid",
};
export const TOO_LONG_LIVED: Refusal = {
  status: 401,
  code: "token_lifetime",
  sentence: "Invocation lifetime exceeds server maximum",
};
export const EMPTY: Refusal = {
  status: 401,
  code: "delegation_empty",
  sentence: "Delegation not committed",
};
export const NO_PARENT: Refusal = {
  status: 401,
  code: "proof_missing",
  sentence: "Cannot find parent delegation",
};
export const ENDS_LATER: Refusal = {
  status: 401,
  code: "proof_window",
  sentence: "Child delegation expiry exceeds parent expiry",
};
export const BEGINS_EARLIER: Refusal = {
  status: 401,
  code: "proof_window",
  sentence: "Child delegation not_before precedes parent not_before",
};
export const CHAIN_TOO_LONG: Refusal = {
  status: 401,
  code: "chain_too_long",
  sentence: "delegation-chain-traversal-limit-exceeded",
};
export const NOT_THE_INVOKER: Refusal = {
  status: 401,
  code: "unauthorized_invoker",
  sentence: "Unauthorized Invoker",
};
export const NO_SPACE: Refusal = {
  status: 404,
  code: "space_not_found",
  sentence: "Space not found",
};
export const NO_KEY: Refusal = { status: 404, code: "key_not_found", sentence: "Key not found" };
export const NO_SPACE_ID: Refusal = {
  status: 400,
  code: "space_id_invalid",
  sentence: "Invalid space ID",
};
export const REPLAYED: Refusal = {
  status: 409,
  code: "invocation_replayed",
  sentence: "duplicate invocation",
};
export const NOT_ADMITTED: Refusal = {
  status: 403,
  code: "space_not_admitted",
  sentence: "Space not admitted",
};
export const ALLOWLIST_DOWN: Refusal = {
  status: 503,
  code: "allowlist_unavailable",
  sentence: "Allowlist unavailable",
};
export const RATE_LIMITED: Refusal = {
  status: 429,
  code: "rate_limited",
  sentence: "Too many requests",
};
export const TOO_MANY: Refusal = {
  status: 429,
  code: "too_many_delegations",
  sentence: "Too many delegations",
};

export function notTheDelegator(did: string): Refusal {
  return {
    status: 401,
    code: "unauthorized_delegator",
    sentence: `Unauthorized Delegator: ${did}`,
  };
}

export function notGranted(resource: string, ability: string): Refusal {
  return {
    status: 401,
    code: "unauthorized_capability",
    sentence: `Unauthorized Capability: ${resource}, ${ability}`,
  };
}

export function notAllowed(resource: string, ability: string): Refusal {
  return {
    status: 401,
    code: "unauthorized_action",
    sentence: `Unauthorized Action: ${resource} / ${ability}`,
  };
}

export function revoked(cid: string): Refusal {
  return { status: 401, code: "revoked", sentence: `delegation-revoked: ${cid}` };
}

export function parentRevoked(cid: string): Refusal {
  return { status: 401, code: "parent_revoked", sentence: `delegation-parent-revoked: ${cid}` };
}

export function ancestorRevoked(ancestor: string, invoked: string): Refusal {
  return {
    status: 401,
    code: "ancestor_revoked",
    sentence: `delegation-ancestor-revoked: ancestor=${ancestor} invoked=${invoked}`,
  };
}
