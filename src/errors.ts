// Every refusal the node can answer with, once (wire §10). Statuses live in http/status.ts: a rule
// knows why it refuses, only HTTP knows numbers.

/** The codes of wire §10; the value sent in `x-tinycloud-error`. */
export type ErrorCode =
  | "token_missing"
  | "token_malformed"
  | "token_signature"
  | "token_time"
  | "token_lifetime"
  | "token_audience"
  | "delegation_empty"
  | "proof_missing"
  | "proof_window"
  | "chain_too_long"
  | "chain_time"
  | "unauthorized_invoker"
  | "unauthorized_delegator"
  | "unauthorized_action"
  | "unauthorized_capability"
  | "revoked"
  | "ancestor_revoked"
  | "parent_revoked"
  | "revoke_signature"
  | "revoke_proof"
  | "revoke_time"
  | "unauthorized_revoker"
  | "space_not_admitted"
  | "space_blocked"
  | "space_id_invalid"
  | "request_malformed"
  | "key_too_long"
  | "headers_too_large"
  | "length_invalid"
  | "inputs_invalid"
  | "space_not_found"
  | "key_not_found"
  | "key_not_deleted"
  | "delegation_not_found"
  | "not_found"
  | "method_not_allowed"
  | "body_timeout"
  | "invocation_replayed"
  | "precondition_failed"
  | "object_too_large"
  | "quota_exceeded"
  | "quota_would_exceed"
  | "rate_limited"
  | "too_many_delegations"
  | "storage_full"
  | "storage_readonly"
  | "storage_unavailable"
  | "allowlist_unavailable"
  | "shutting_down"
  | "block_corrupt"
  | "internal";

/** The sentences of wire §10 that take no value. Codes that are missing here are given theirs where they arise. */
const SENTENCES: Partial<Record<ErrorCode, string>> = {
  token_missing: "Missing Authorization header",
  token_signature: "Failed to verify signature",
  token_lifetime: "Invocation lifetime exceeds server maximum",
  token_audience: "Invocation is not addressed to this node",
  delegation_empty: "Delegation not committed",
  proof_missing: "Cannot find parent delegation",
  chain_too_long: "delegation-chain-traversal-limit-exceeded",
  unauthorized_invoker: "Unauthorized Invoker",
  revoke_signature: "Failed to verify signature",
  revoke_proof: "Cannot find parent delegation",
  revoke_time: "Revocation expired or not yet valid",
  unauthorized_revoker: "Unauthorized Revoker",
  space_not_admitted: "Space not admitted",
  space_blocked: "Space blocked by this node",
  space_id_invalid: "Invalid space ID",
  key_too_long: "Key exceeds 1024 bytes",
  headers_too_large: "Stored headers exceed 64 names or 8 KiB",
  length_invalid: "Invalid Content-Length",
  inputs_invalid: "Invalid inputs",
  space_not_found: "Space not found",
  key_not_found: "Key not found",
  delegation_not_found: "Delegation not found",
  not_found: "Not found",
  method_not_allowed: "Method not allowed",
  body_timeout: "Body too slow",
  invocation_replayed: "duplicate invocation",
  precondition_failed: "KV precondition failed",
  rate_limited: "Too many requests",
  too_many_delegations: "Too many delegations",
  storage_full: "Storage full",
  storage_readonly: "Storage read-only",
  storage_unavailable: "Storage unavailable",
  allowlist_unavailable: "Allowlist unavailable",
  shutting_down: "Shutting down",
  block_corrupt: "Stored value is damaged",
  internal: "Internal error",
};

/**
 * A refusal or a failure with its wire code. `message` is the sentence that is sent; `cause` is only
 * ever logged. Anything else that is thrown counts as `internal`.
 */
export class NodeError extends Error {
  override readonly name = "NodeError";

  /** What was tried before it was refused, a line each; for `inspect` and the log at `debug` only. */
  readonly reasons: (() => readonly string[]) | undefined;

  constructor(
    readonly code: ErrorCode,
    sentence?: string,
    options?: ErrorOptions & { readonly reasons?: () => readonly string[] },
  ) {
    super(sentence ?? SENTENCES[code] ?? code, options);
    this.reasons = options?.reasons;
  }
}

/** `401 Malformed token: {what}`: `what` names the rule that was broken, never the input. */
export function malformed(what: string, cause?: unknown): NodeError {
  return new NodeError("token_malformed", `Malformed token: ${what}`, { cause });
}

const REASONS: Partial<Record<ErrorCode, string>> = {
  storage_full: "the disk is full",
  storage_readonly: "it can't be written to",
};

/** The failure of a store to open, as an operator is told it: what, where and why. */
export function cannotOpen(what: string, path: string, error: unknown): NodeError {
  return cannot(`open ${what} ${path}`, error);
}

/** The same of something else that a store was to do: "cannot {what}: {why}". */
export function cannot(what: string, error: unknown): NodeError {
  const failure = error instanceof NodeError ? error : new NodeError("storage_unavailable");
  const cause = error instanceof NodeError ? error.cause : error;
  const reason = REASONS[failure.code] ?? (cause instanceof Error ? cause.message : "it failed");
  return new NodeError(failure.code, `cannot ${what}: ${reason}`, { cause });
}
