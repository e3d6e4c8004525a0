// Rows start as unknown: each column is checked where it enters. A row of another shape means that
// somebody else has written to the database, and counts as a failure of the store.

import { z } from "zod";
import { type Ability, parseAbility } from "../../capabilities/ability.ts";
import type { Capability, Delegation } from "../../capabilities/delegation.ts";
import { parseResource } from "../../capabilities/resource.ts";
import { parseSpaceId, type SpaceId } from "../../capabilities/space_id.ts";
import { NodeError } from "../../errors.ts";
import type { Cid, Identity } from "../../tokens/cid.ts";
import { type Principal, principalOf } from "../../tokens/did.ts";
import type { Entry, StoredHeader } from "../repository.ts";
import type { Row } from "./database.ts";

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
  return value;
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
  return parsed(column, () => storedCid.parse(text(row, column)));
}

// Parsing each stored CID anew would cost 4 µs; they were canonical when they were stored.
const storedCid = z.string().regex(/^b[a-z2-7]+$/).transform((value) => value as Cid);
const cids = z.array(storedCid);
const capabilities = z.array(z.tuple([z.string(), z.string(), z.boolean()]));
const headers = z.array(z.tuple([z.string(), z.string()]));

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
  const json = text(row, "headers");
  return parsed("headers", () => headers.parse(JSON.parse(json)));
}

/** The columns of a delegation. */
export function delegation(row: Row): Delegation {
  return parsed("delegation", () => ({
    cid: cid(row, "cid"),
    identity: identity(row, "identity"),
    kind: z.enum(["cacao", "ucan"]).parse(row["kind"]),
    delegator: principal(row, "delegator"),
    delegatee: principal(row, "delegatee"),
    capabilities: capabilities.parse(JSON.parse(text(row, "capabilities"))).map(capability),
    proofs: cids.parse(JSON.parse(text(row, "proofs"))),
    parents: cids.parse(JSON.parse(text(row, "parents"))),
    ancestors: cids.parse(JSON.parse(text(row, "ancestors"))),
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

function capability([uri, ability, caveated]: readonly [string, string, boolean]): Capability {
  const parsedAbility: Ability = parseAbility(ability);
  return { resource: parseResource(uri), ability: parsedAbility, caveated };
}

function parsed<T>(column: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw damaged(column, cause);
  }
}

function damaged(column: string, cause?: unknown): NodeError {
  return new NodeError("storage_unavailable", undefined, {
    cause: new Error(`the database holds a row of another shape: ${column}`, { cause }),
  });
}
