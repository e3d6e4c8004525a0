// wire §1, told a second time: DIDs, spaces, resources, abilities, and what extends what.

import { keccak_256 } from "@noble/hashes/sha3.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";

/** What a capability is about, in its canonical form. */
export type Resource = SpaceResource | Urn | Opaque;

export interface SpaceResource {
  readonly kind: "space";
  readonly text: string;
  /** The canonical id. */
  readonly space: string;
  /** The principal that owns the space. */
  readonly owner: string;
  readonly service: string;
  /** Undefined is no path, which the empty path is not. */
  readonly path: string | undefined;
  readonly query: string | undefined;
  readonly fragment: string | undefined;
}

/** An encryption network: opaque, but somebody's. */
export interface Urn {
  readonly kind: "urn";
  readonly text: string;
  readonly owner: string;
}

export interface Opaque {
  readonly kind: "opaque";
  readonly text: string;
}

const MAX_NAME_BYTES = 512;

/** wire §1, principal: the DID without fragment, an eip155 address in EIP-55; undefined: no DID. */
export function principalOf(did: string): string | undefined {
  const bare = did.split("#")[0] ?? "";
  if (bytes(bare) > MAX_NAME_BYTES) return undefined;
  if (!bare.startsWith("did:pkh:eip155:")) {
    return /^did:[a-z0-9]+:./.test(bare) ? bare : undefined;
  }
  const [, chain, address] = /^did:pkh:eip155:(0|[1-9]\d*):0x([0-9a-fA-F]{40})$/.exec(bare) ?? [];
  return address === undefined ? undefined : `did:pkh:eip155:${chain}:0x${eip55(address)}`;
}

/** EIP-55: the letters' case is a checksum. */
function eip55(address: string): string {
  const lower = address.toLowerCase();
  const hash = bytesToHex(keccak_256(utf8ToBytes(lower)));
  return [...lower].map((digit, at) =>
    Number.parseInt(hash.charAt(at), 16) >= 8 ? digit.toUpperCase() : digit
  ).join("");
}

/** wire §1, space id: its canonical form and its owner; undefined: none. */
export function parseSpaceId(text: string): { space: string; owner: string } | undefined {
  const [, suffix, name] = /^tinycloud:(.+):([^:/?#]+)$/.exec(text) ?? [];
  const owner = suffix === undefined ? undefined : principalOf(`did:${suffix}`);
  if (owner === undefined || name === undefined) return undefined;
  return { space: `tinycloud:${owner.replace(/^did:/, "")}:${name}`, owner };
}

/** wire §1, resource; undefined: no URI, so the token that names it is malformed. */
export function parseResource(text: string): Resource | undefined {
  const uri = splitUri(text);
  if (uri === undefined) return undefined;
  if (!isNormal(uri)) return { kind: "opaque", text };
  return spaceResource(text, uri) ?? urn(text) ?? { kind: "opaque", text };
}

/** The first `/` ends the space, the next one the service. */
function spaceResource(text: string, uri: Uri): SpaceResource | undefined {
  if (uri.scheme !== "tinycloud" || uri.authority !== undefined) return undefined;
  const [head = "", service = "", ...rest] = uri.path.split("/");
  const id = parseSpaceId(`tinycloud:${head}`);
  if (id === undefined || service === "") return undefined;
  const spelled = `tinycloud:${head}`;
  return {
    kind: "space",
    text: id.space + text.slice(spelled.length),
    ...id,
    service,
    path: rest.length === 0 ? undefined : rest.join("/"),
    query: uri.query,
    fragment: uri.fragment,
  };
}

/** `urn:tinycloud:encryption:{ownerDid}:{name}` (B28). */
function urn(text: string): Urn | undefined {
  const [, did, name] = /^urn:tinycloud:encryption:(did:.+):([^:/?#]+)$/.exec(text) ?? [];
  const owner = did === undefined ? undefined : principalOf(did);
  if (owner === undefined) return undefined;
  return { kind: "urn", text: `urn:tinycloud:encryption:${owner}:${name}`, owner };
}

interface Uri {
  readonly scheme: string;
  readonly authority: string | undefined;
  readonly path: string;
  readonly query: string | undefined;
  readonly fragment: string | undefined;
}

/** RFC 3986, appendix B for the parts and appendix A for their characters. */
function splitUri(text: string): Uri | undefined {
  const parts = /^([^:/?#]+):(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s.exec(text);
  if (parts === null) return undefined;
  const [, scheme = "", authority, path = "", query, fragment] = parts;
  const pchar = "(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})";
  const holds = /^[A-Za-z][A-Za-z0-9+.-]*$/.test(scheme) &&
    new RegExp(`^(?:${pchar}|[[\\]])*$`).test(authority ?? "") &&
    new RegExp(`^(?:${pchar}|/)*$`).test(path) &&
    new RegExp(`^(?:${pchar}|[/?])*$`).test(query ?? "") &&
    new RegExp(`^(?:${pchar}|[/?])*$`).test(fragment ?? "");
  return holds ? { scheme, authority, path, query, fragment } : undefined;
}

/** wire §1: upper-case escapes, no escaped unreserved characters, no `.` or `..` segments. */
function isNormal({ scheme, path, query = "", fragment = "" }: Uri): boolean {
  const escapes = (path + query + fragment).match(/%../g) ?? [];
  return scheme === scheme.toLowerCase() &&
    escapes.every((escape) => escape === escape.toUpperCase()) &&
    escapes.every((escape) => !/[A-Za-z0-9._~-]/.test(decodeURIComponent7(escape))) &&
    !path.split("/").some((segment) => segment === "." || segment === "..");
}

function decodeURIComponent7(escape: string): string {
  return String.fromCharCode(Number.parseInt(escape.slice(1), 16));
}

/** wire §1, ability: `namespace/name`, else the token is malformed. */
export function isAbility(text: string): boolean {
  return /^[A-Za-z0-9_.+*-]+\/[A-Za-z0-9_.+*-]+$/.test(text) && bytes(text) <= MAX_NAME_BYTES;
}

/** wire §1: compared exactly, but for the one alias. */
export function isSameAbility(one: string, other: string): boolean {
  return unaliased(one) === unaliased(other);
}

export function unaliased(ability: string): string {
  return ability === "tinycloud.kv/delete" ? "tinycloud.kv/del" : ability;
}

/** wire §1, extends: whether `child` lies under `parent`. */
export function isUnder(child: Resource, parent: Resource): boolean {
  if (child.kind !== "space" || parent.kind !== "space") return child.text === parent.text;
  return child.space === parent.space && child.service === parent.service &&
    child.fragment === parent.fragment && isPathUnder(child.path, parent.path);
}

function isPathUnder(child: string | undefined, parent: string | undefined): boolean {
  if (parent === undefined) return true;
  if (child === undefined || !child.startsWith(parent)) return false;
  return parent.endsWith("/") || child === parent || child.charAt(parent.length) === "/";
}

export function bytes(text: string): number {
  return utf8ToBytes(text).length;
}
