// Resources (wire §1): what a capability is about.

import { malformed } from "../errors.ts";
import { findPrincipal, type Principal } from "../tokens/did.ts";
import { hasDotSegment, hasNormalEscapes, isUri } from "../tokens/uri.ts";
import { parseSpaceId, type SpaceId } from "./space_id.ts";

declare const resourceBrand: unique symbol;
/** A resource's canonical text. */
export type ResourceUri = string & { readonly [resourceBrand]: true };

export type Resource = SpaceResource | EncryptionNetwork | OpaqueResource;

/** `{space}/{service}[/{path}][?query][#fragment]`. No path and the empty path differ. */
export interface SpaceResource {
  readonly kind: "space";
  readonly uri: ResourceUri;
  readonly space: SpaceId;
  readonly owner: Principal;
  readonly service: string;
  readonly path?: string;
  readonly query?: string;
  readonly fragment?: string;
}

/** `urn:tinycloud:encryption:{ownerDid}:{name}`: opaque, but it has an owner. */
export interface EncryptionNetwork {
  readonly kind: "encryption";
  readonly uri: ResourceUri;
  readonly owner: Principal;
}

/** Any other URI: it extends only itself, and nobody has root authority over it. */
export interface OpaqueResource {
  readonly kind: "opaque";
  readonly uri: ResourceUri;
}

const ENCRYPTION = "urn:tinycloud:encryption:";

/** Throws `token_malformed` when the text is no RFC 3986 URI. */
export function parseResource(text: string): Resource {
  if (!isUri(text)) throw malformed("a resource is not a URI");
  return parseSpaceResource(text) ?? parseEncryptionNetwork(text) ??
    { kind: "opaque", uri: text as ResourceUri };
}

function parseSpaceResource(text: string): SpaceResource | undefined {
  if (!text.startsWith("tinycloud:") || !hasNormalEscapes(text)) return undefined;
  const [beforeFragment, fragment] = cut(text, "#");
  const [beforeQuery, query] = cut(beforeFragment, "?");
  const [spaceText, rest] = cut(beforeQuery, "/");
  if (rest === undefined || hasDotSegment(rest)) return undefined;
  const [service, path] = cut(rest, "/");
  const parsed = parseSpaceId(spaceText);
  if (parsed === undefined || service === "") return undefined;
  return {
    kind: "space",
    uri: `${parsed.space}${text.slice(spaceText.length)}` as ResourceUri,
    ...parsed,
    service,
    ...(path === undefined ? {} : { path }),
    ...(query === undefined ? {} : { query }),
    ...(fragment === undefined ? {} : { fragment }),
  };
}

function parseEncryptionNetwork(text: string): EncryptionNetwork | undefined {
  if (!text.startsWith(ENCRYPTION)) return undefined;
  const colon = text.lastIndexOf(":");
  const did = text.slice(ENCRYPTION.length, colon);
  const name = text.slice(colon + 1);
  if (name === "" || /[/?#]/.test(text) || !hasNormalEscapes(text)) return undefined;
  const owner = findPrincipal(did);
  if (owner === undefined) return undefined;
  return { kind: "encryption", uri: `${ENCRYPTION}${owner}:${name}` as ResourceUri, owner };
}

/** Before the first `separator`, and what follows it, if it is there. */
function cut(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
