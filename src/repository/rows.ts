// Rows start as unknown: each column is checked where it enters. A row of another shape means that
// somebody else has written to the database, and counts as a failure of the store.

import { parseAbility } from "../capabilities/ability.ts";
import type { Capability, Delegation } from "../capabilities/delegation.ts";
import { parseResource } from "../capabilities/resource.ts";
import { parseSpaceId, type SpaceId } from "../capabilities/space_id.ts";
import { NodeError } from "../errors.ts";
import type { Cid, Identity } from "../tokens/cid.ts";
import { type Principal, principalOf } from "../tokens/did.ts";
import type { Entry, StoredHeader } from "./repository.ts";

/** A row as it comes, whichever the engine. */
export type Row = Readonly<Record<string, unknown>>;

export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== "string") throw damaged(column);
  return value;
}

export function number(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== "number") throw damaged(column);
  return value;
}

export function bytes(row: Row, column: string): Uint8Array {
  const value = row[column];
  if (!(value instanceof Uint8Array)) throw damaged(column);
  // Drivers give Buffers, which are more than they should be.
  return value.constructor === Uint8Array
    ? value
    : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

/** Is the column NULL, or is its row missing from an outer join? */
export function isNull(row: Row, column: string): boolean {
  return row[column] === null;
}

export function spaceId(row: Row, column: string): SpaceId {
  const parsed = parseSpaceId(text(row, column));
  if (parsed === undefined) throw damaged(column);
  return parsed.space;
}

export function identity(row: Row, column: string): Identity {
  // Identities have no parser of their own: only what the node itself computed is ever stored.
  return text(row, column) as Identity;
}

export function cid(row: Row, column: string): Cid {
  return parsed(column, () => storedCid(text(row, column)));
}

/** A JSON list of identities. */
export function identities(row: Row, column: string): readonly Identity[] {
  // As above.
  return parsed(column, () => listIn(row, column, (item) => String(item) as Identity));
}

/** A JSON list of CIDs. */
export function cids(row: Row, column: string): readonly Cid[] {
  return parsed(column, () => listIn(row, column, storedCid));
}

/** Parsing each stored CID anew would cost 4 µs; they were canonical when they were stored. */
function storedCid(value: unknown): Cid {
  if (typeof value !== "string" || !/^b[a-z2-7]+$/.test(value)) throw new TypeError("no CID");
  return value as Cid;
}

function listIn<T>(row: Row, column: string, of: (item: unknown) => T): T[] {
  const value: unknown = JSON.parse(text(row, column));
  if (!Array.isArray(value)) throw new TypeError("no list");
  return value.map(of);
}

/** The columns of an entry: hash, size, headers, inline. */
export function entry(row: Row): Entry {
  return {
    hash: text(row, "hash"),
    size: number(row, "size"),
    headers: storedHeaders(row),
    ...(isNull(row, "inline") ? {} : { inline: bytes(row, "inline") }),
  };
}

export function storedHeaders(row: Row): readonly StoredHeader[] {
  return parsed("headers", () => listIn(row, "headers", storedHeader));
}

/** The columns of a delegation. */
export function delegation(row: Row): Delegation {
  return parsed("delegation", () => ({
    cid: cid(row, "cid"),
    identity: identity(row, "identity"),
    kind: kind(text(row, "kind")),
    delegator: principal(row, "delegator"),
    delegatee: principal(row, "delegatee"),
    capabilities: listIn(row, "capabilities", capability),
    proofs: listIn(row, "proofs", storedCid),
    parents: listIn(row, "parents", storedCid),
    ancestors: listIn(row, "ancestors", storedCid),
    ...(isNull(row, "issued_at") ? {} : { issuedAt: number(row, "issued_at") }),
    ...(isNull(row, "not_before") ? {} : { notBefore: number(row, "not_before") }),
    ...(isNull(row, "expires_at") ? {} : { expiresAt: number(row, "expires_at") }),
    acceptedAt: number(row, "accepted_at"),
    host: number(row, "host") === 1,
  }));
}

function principal(row: Row, column: string): Principal {
  return principalOf(text(row, column));
}

function kind(value: string): Delegation["kind"] {
  if (value !== "cacao" && value !== "ucan") throw new TypeError("no kind of token");
  return value;
}

function storedHeader(item: unknown): StoredHeader {
  const [name, value, ...more]: unknown[] = Array.isArray(item) ? item : [];
  if (typeof name !== "string" || typeof value !== "string" || more.length > 0) {
    throw new TypeError("no header");
  }
  return [name, value];
}

function capability(item: unknown): Capability {
  const [uri, ability, caveated, ...more]: unknown[] = Array.isArray(item) ? item : [];
  const isWhole = typeof uri === "string" && typeof ability === "string" &&
    typeof caveated === "boolean" && more.length === 0;
  if (!isWhole) throw new TypeError("no capability");
  return { resource: parseResource(uri), ability: parseAbility(ability), caveated };
}

function parsed<T>(column: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw damaged(column, cause);
  }
}

/** The failure of a row that has another shape than this program gives it. */
export function damaged(column: string, cause?: unknown): NodeError {
  return new NodeError("storage_unavailable", undefined, {
    cause: new Error(`the database holds a row of another shape: ${column}`, { cause }),
  });
}
