// Space ids (wire §1): `tinycloud:{did without "did:"}:{name}`.

import { MAX_NAME_LENGTH } from "../limits.ts";
import { findPrincipal, type Principal } from "../tokens/did.ts";
import { hasNormalEscapes } from "../tokens/uri.ts";

declare const spaceBrand: unique symbol;
/** A space id in canonical form. */
export type SpaceId = string & { readonly [spaceBrand]: true };

const NAME = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=@]|%[0-9A-F]{2})+$/;

/** The canonical form of a space id and its owner; undefined when it is none. */
export function parseSpaceId(text: string): { space: SpaceId; owner: Principal } | undefined {
  if (text.length > MAX_NAME_LENGTH || !text.startsWith("tinycloud:")) return undefined;
  const colon = text.lastIndexOf(":");
  const did = `did:${text.slice("tinycloud:".length, colon)}`;
  const name = text.slice(colon + 1);
  if (!NAME.test(name) || !hasNormalEscapes(text)) return undefined;
  if (did.includes("#")) return undefined;
  const owner = findPrincipal(did);
  if (owner === undefined) return undefined;
  return { space: `tinycloud:${owner.slice("did:".length)}:${name}` as SpaceId, owner };
}

/** The owner of a space whose id is canonical already. */
export function ownerOf(space: SpaceId): Principal {
  return `did:${space.slice("tinycloud:".length, space.lastIndexOf(":"))}` as Principal;
}
