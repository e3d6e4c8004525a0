// Stored delegations (wire §4, §7): reading records with their ancestors, and listing.

import type { Delegation } from "../../capabilities/delegation.ts";
import type { Cid } from "../../tokens/cid.ts";
import type { DelegationPage, DelegationQuery } from "../repository.ts";
import type { Database, Value } from "./database.ts";
import { DelegationCache } from "../delegation_cache.ts";
import { cid, delegation, number, type Row, text } from "../rows.ts";

const COLUMNS = `d.cid, d.identity, d.kind, d.delegator, d.delegatee, d.capabilities, d.proofs,
    d.parents, d.ancestors, d.issued_at, d.not_before, d.expires_at, d.accepted_at, d.host`;

const BY_CIDS = `
  SELECT ${COLUMNS}
  FROM json_each(?) c CROSS JOIN delegation d ON d.cid = c.value`;
const TOKENS = `
  SELECT d.cid, e.token
  FROM json_each(?) c
    CROSS JOIN delegation d ON d.cid = c.value
    CROSS JOIN event e ON e.seq = d.position`;

// One statement for each set of filters, so that each has the index that fits it.
const IN_SCOPE = listing("delegation_scope_newest", "");
const BY_DELEGATOR = listing("delegation_scope_delegator", "AND s.delegator = ?6");
const BY_DELEGATEE = listing("delegation_scope_delegatee", "AND s.delegatee = ?6");
const BY_BOTH = listing(
  "delegation_scope_delegator",
  "AND s.delegator = ?6 AND s.delegatee = ?7",
);

export class Delegations {
  readonly #database: Database;
  readonly #cache = new DelegationCache();

  constructor(database: Database) {
    this.#database = database;
  }

  /** The asked records and all their ancestors. */
  withAncestors(cids: readonly Cid[]): ReadonlyMap<Cid, Delegation> {
    const found = new Map<Cid, Delegation>();
    this.#collect(cids, found);
    this.#collect([...found.values()].flatMap((record) => record.ancestors), found);
    this.#cache.dropBroken(cids, found);
    return found;
  }

  forget(cids: readonly Cid[]): void {
    this.#cache.forget(cids);
  }

  tokens(cids: readonly Cid[]): ReadonlyMap<Cid, string> {
    const rows = this.#database.all(TOKENS, JSON.stringify(cids));
    return new Map(rows.map((row) => [cid(row, "cid"), text(row, "token")]));
  }

  inSpace(query: DelegationQuery): DelegationPage {
    const { space, delegator, delegatee, limit } = query;
    const before = query.before ?? Number.MAX_SAFE_INTEGER;
    const at = query.inForceAt ?? -Infinity;
    const bound: Value[] = [space, before, at, limit, query.maxLifetime ?? Infinity];
    const rows = this.#rows(bound, delegator, delegatee);
    const last = rows.at(-1);
    return {
      found: rows.filter((row) => number(row, "holds") === 1).map((row) => ({
        record: this.#read(row),
        token: text(row, "token"),
      })),
      ...(last === undefined || rows.length < limit ? {} : { next: number(last, "position") }),
    };
  }

  #collect(cids: readonly Cid[], found: Map<Cid, Delegation>): void {
    const missing = new Set<Cid>();
    for (const asked of cids) {
      if (found.has(asked)) continue;
      const kept = this.#cache.find(asked);
      if (kept === undefined) missing.add(asked);
      else found.set(asked, kept);
    }
    if (missing.size === 0) return;
    for (const row of this.#database.all(BY_CIDS, JSON.stringify([...missing]))) {
      const record = this.#read(row);
      found.set(record.cid, record);
    }
  }

  /** A row's record, parsed once. */
  #read(row: Row): Delegation {
    const kept = this.#cache.find(cid(row, "cid"));
    if (kept !== undefined) return kept;
    const record = delegation(row);
    const weight = ["capabilities", "proofs", "parents", "ancestors"]
      .reduce((sum, column) => sum + text(row, column).length, 1_000);
    this.#cache.keep(record, weight);
    return record;
  }

  #rows(bound: Value[], delegator?: string, delegatee?: string): readonly Row[] {
    if (delegator !== undefined && delegatee !== undefined) {
      return this.#database.all(BY_BOTH, ...bound, delegator, delegatee);
    }
    if (delegator !== undefined) return this.#database.all(BY_DELEGATOR, ...bound, delegator);
    if (delegatee !== undefined) return this.#database.all(BY_DELEGATEE, ...bound, delegatee);
    return this.#database.all(IN_SCOPE, ...bound);
  }
}

/** The window of the row is over, or has not begun, at ?3; when ?3 is not asked for, never. */
function outOfForce(row: string): string {
  const start = `CASE ${row}.kind WHEN 'cacao' THEN coalesce(${row}.issued_at, ${row}.accepted_at)
        ELSE ${row}.accepted_at END`;
  return `(${row}.expires_at <= ?3 OR (${row}.not_before > ?3 AND ?3 > -9e999)
        OR (${row}.host = 0 AND ${start} + ?5 <= ?3))`;
}

/** So many rows, each with whether it and all its ancestors hold. */
function listing(index: string, filter: string): string {
  return `
  SELECT d.position, e.token, ${COLUMNS},
    NOT EXISTS (
      SELECT 1 FROM json_each(d.lineage) l CROSS JOIN revocation r ON r.identity = l.value)
    AND NOT ifnull(${outOfForce("d")}, 0)
    AND NOT EXISTS (
      SELECT 1 FROM json_each(d.ancestors) a CROSS JOIN delegation p ON p.cid = a.value
      WHERE ${outOfForce("p")}) AS holds
  FROM delegation_scope s INDEXED BY ${index}
    CROSS JOIN delegation d ON d.position = s.position
    CROSS JOIN event e ON e.seq = s.position
  WHERE s.scope = ?1 AND s.position < ?2 AND s.until > ?3 ${filter}
  ORDER BY s.position DESC
  LIMIT ?4`;
}
