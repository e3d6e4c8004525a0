// What the model answers, and the rows of wire §10 that it knows.

export type Answer = Refusal | Success;

export interface Refusal {
  readonly status: number;
  readonly code: Code;
  /** What may stand in the body, CIDs as bare hashes; left out: not told apart here. */
  readonly sentences?: readonly string[];
}

export interface Success {
  readonly status: 200;
  readonly code: undefined;
  readonly content: Content;
}

export type Content =
  | { readonly kind: "nothing" }
  | {
    readonly kind: "accepted";
    readonly cid: string;
    readonly activated: readonly string[];
    readonly skipped: readonly string[];
  }
  | { readonly kind: "stored" | "value" | "metadata"; readonly value: string }
  | { readonly kind: "keys"; readonly keys: readonly string[] }
  | { readonly kind: "entries"; readonly entries: readonly Entry[] }
  | { readonly kind: "revoked" };

/** Of an entry of wire §7 what authority decides. */
export interface Entry {
  readonly cid: string;
  readonly delegator: string;
  readonly delegatee: string;
  /** `{resource} {ability}`. */
  readonly capabilities: readonly string[];
  readonly parents: readonly string[];
}

const STATUS = {
  token_malformed: 401,
  token_signature: 401,
  token_time: 401,
  token_lifetime: 401,
  token_audience: 401,
  delegation_empty: 401,
  proof_missing: 401,
  proof_window: 401,
  chain_too_long: 401,
  chain_time: 401,
  unauthorized_invoker: 401,
  unauthorized_delegator: 401,
  unauthorized_action: 401,
  unauthorized_capability: 401,
  revoked: 401,
  ancestor_revoked: 401,
  parent_revoked: 401,
  revoke_signature: 403,
  revoke_proof: 403,
  revoke_time: 403,
  unauthorized_revoker: 403,
  space_not_admitted: 403,
  key_too_long: 400,
  inputs_invalid: 400,
  space_not_found: 404,
  key_not_found: 404,
  key_not_deleted: 404,
  delegation_not_found: 404,
  invocation_replayed: 409,
} as const;

export type Code = keyof typeof STATUS;

/** Every code that the model can give. */
export const CODES = Object.keys(STATUS) as readonly Code[];

export function refused(code: Code, ...sentences: string[]): Refusal {
  return { status: STATUS[code], code, ...(sentences.length > 0 ? { sentences } : {}) };
}

export function ok(content: Content): Success {
  return { status: 200, code: undefined, content };
}

/** Whether a step of a rule ended in a refusal. */
export function isRefusal(result: object | undefined): result is Refusal {
  return result !== undefined && "code" in result && result.code !== undefined;
}
