/**
 * Delegations: what is passed from holder to holder, and what the node tells about those it
 * keeps (wire §4 and §7).
 */
import { badAnswer, isObject, jsonOf, type Transport } from "./transport.ts";
import { textWithin } from "./errors.ts";

/** What a key acts under: one delegation that names it. */
export interface Grant {
  readonly cid: string;
  readonly space: string;
  /** Where the grant begins; left out when it covers the whole service. */
  readonly path?: string | undefined;
  /** RFC 3339; left out when it never ends. */
  readonly expiresAt?: string | undefined;
}

/** A delegation to hand to its receiver; plain data, so JSON carries it. */
export interface Delegation extends Grant {
  /** The token itself; the node has it already. */
  readonly header: string;
  /** The receiver's DID. */
  readonly to: string;
  readonly service: string;
  /** In full: `tinycloud.kv/get`. */
  readonly abilities: readonly string[];
}

/** The node's answer to a delegation: spaces named in it, hosted here or not. */
export interface Accepted {
  readonly cid: string;
  readonly activated: readonly string[];
  readonly skipped: readonly string[];
}

/** One delegation as `capabilities/read` tells it, in the wire's names; times are RFC 3339. */
export interface DelegationEntry {
  readonly cid: string;
  readonly capabilities: readonly { readonly resource: string; readonly ability: string }[];
  readonly delegator: string;
  readonly delegate: string;
  readonly parents: readonly string[];
  readonly expiry?: string;
  readonly not_before?: string;
  readonly issued_at?: string;
  /** The token, where the node shows it to this reader. */
  readonly raw?: string;
}

/** Posts a delegation's header form. Throws the node's refusal. */
export async function postDelegation(transport: Transport, header: string): Promise<Accepted> {
  const response = await transport.call("POST", "/delegate", { token: header });
  // Nodes before 1.1 answer with the bare CID.
  if (!response.headers.get("content-type")?.includes("json")) {
    return { cid: await textWithin(response, 1024), activated: [], skipped: [] };
  }
  const answer = await jsonOf(response);
  if (
    !isObject(answer) || typeof answer.cid !== "string" || !isTexts(answer.activated) ||
    !isTexts(answer.skipped)
  ) throw badAnswer(response, "to a delegation has another shape");
  return { cid: answer.cid, activated: answer.activated, skipped: answer.skipped };
}

/** Posts a revocation's header form. Throws the node's refusal. */
export async function postRevocation(transport: Transport, header: string): Promise<void> {
  const response = await transport.call("POST", "/revoke", { token: header });
  const answer = await jsonOf(response);
  if (!isObject(answer) || answer.revoked !== true) {
    throw badAnswer(response, "to a revocation has another shape");
  }
}

/** The entries of a `capabilities/read` answer, newest first; a chain's, leaf first. */
export async function delegationEntries(response: Response): Promise<DelegationEntry[]> {
  const answer = await jsonOf(response);
  const entries: unknown[] = Array.isArray(answer)
    ? answer
    : Object.entries(isObject(answer) ? answer : {}).map(([cid, entry]) =>
      isObject(entry) ? { cid, ...entry } : entry
    );
  if (!entries.every(isEntry)) throw badAnswer(response, "lists delegations in another shape");
  return entries;
}

/** Whether `value` is an array of strings. */
export function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isEntry(value: unknown): value is DelegationEntry {
  return isObject(value) && typeof value.delegator === "string" &&
    typeof value.delegate === "string" && Array.isArray(value.parents) &&
    Array.isArray(value.capabilities) &&
    value.capabilities.every((item: unknown) =>
      isObject(item) && typeof item.resource === "string" && typeof item.ability === "string"
    );
}
