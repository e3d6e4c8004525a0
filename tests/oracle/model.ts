// What a node remembers, as plain lists: nothing is indexed, counted or computed ahead.

import type { Capability, Token } from "./token.ts";

/** How the node is set up, as far as authority goes. */
export interface Setup {
  /** `spaces.key_owners`. */
  readonly keyOwners: boolean;
  /** `spaces.per_owner`. */
  readonly spacesPerOwner: number;
  readonly nodeId: string;
  /** The node's DIDs for a space, canonical id in; the second is the old encoding (wire §4). */
  hostDids(space: string): readonly [current: string, old: string];
}

/** A delegation that was accepted. */
export interface Stored {
  readonly token: Token;
  readonly delegator: string;
  readonly delegatee: string;
  readonly capabilities: readonly Capability[];
}

export interface Model {
  readonly setup: Setup;
  /** In the order of their first acceptance. */
  readonly accepted: Stored[];
  /** Signed identities (wire §2). */
  readonly revoked: string[];
  /** Canonical ids of the spaces hosted here, with their owners. */
  readonly hosted: { readonly space: string; readonly owner: string }[];
  /** Live keys. */
  readonly values: { readonly space: string; readonly key: string; readonly value: string }[];
  /** Invocations that were answered 2xx. */
  readonly used: UsedUp[];
}

export interface UsedUp {
  readonly identity: string;
  readonly issuer: string;
  readonly nonce: string | undefined;
  readonly exp: number;
}

export function emptyModel(setup: Setup): Model {
  return { setup, accepted: [], revoked: [], hosted: [], values: [], used: [] };
}

/** wire §2: by the hash alone. */
export function find(model: Model, cid: string): Stored | undefined {
  return model.accepted.find(({ token }) => token.cid === cid);
}

export function isHosted(model: Model, space: string): boolean {
  return model.hosted.some((hosted) => hosted.space === space);
}

export function isRevoked(model: Model, { token }: Stored): boolean {
  return model.revoked.includes(token.identity);
}

/** Each once, in order of first mention. */
export function spacesNamed(capabilities: readonly Capability[]): readonly string[] {
  const spaces = capabilities.flatMap(({ resource }) =>
    resource.kind === "space" ? [resource.space] : []
  );
  return spaces.filter((space, at) => spaces.indexOf(space) === at);
}
