// Stored delegations (wire §4, §7): reading records with their ancestors, listing, accepting.

import type { Delegation } from "../../capabilities/delegation.ts";
import type { SpaceId } from "../../capabilities/space_id.ts";
import { NodeError } from "../../errors.ts";
import type { Cid } from "../../tokens/cid.ts";
import type {
  AcceptOutcome,
  DelegationQuery,
  FoundDelegation,
  NewDelegation,
} from "../repository.ts";
import type { Database, Row, Value } from "./database.ts";
import { DelegationCache } from "./delegation_cache.ts";
import { cid, delegation, number, text } from "./rows.ts";
import { countOwned, countSpaces, createSpace, ownsSpace, spaceNumber } from "./spaces.ts";

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
const EXISTS = "SELECT 1 FROM delegation WHERE cid = ?";

// One statement for each set of filters, so that each has the index that fits it.
const IN_SCOPE = listing("delegation_scope_newest", "");
const BY_DELEGATOR = listing("delegation_scope_delegator", "AND s.delegator = ?5");
const BY_DELEGATEE = listing("delegation_scope_delegatee", "AND s.delegatee = ?5");
const BY_BOTH = listing(
  "delegation_scope_delegator",
  "AND s.delegator = ?5 AND s.delegatee = ?6",
);

// Counting stops at the bound: what is above it makes no difference.
const COUNT_IN_SCOPE = `
  SELECT count(*) AS count FROM (
    SELECT 1 FROM delegation_scope WHERE scope = ? AND until > ? LIMIT ?)`;
const COUNT_BY_DELEGATOR = `
  SELECT count(*) AS count FROM (
    SELECT 1 FROM delegation_scope WHERE scope = ? AND delegator = ? AND until > ? LIMIT ?)`;

const RECORD = "INSERT INTO event (kind, cid, token, at) VALUES ('delegation', ?, ?, ?)";
const INSERT = `
  INSERT INTO delegation (
    position, cid, identity, kind, delegator, delegatee, capabilities, proofs, parents, ancestors,
    lineage, issued_at, not_before, expires_at, accepted_at, host)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
const INSERT_SCOPE = `
  INSERT INTO delegation_scope (scope, position, delegator, delegatee, until)
  VALUES (?, ?, ?, ?, ?)
  ON CONFLICT DO NOTHING`;

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
    return found;
  }

  tokens(cids: readonly Cid[]): ReadonlyMap<Cid, string> {
    const rows = this.#database.all(TOKENS, JSON.stringify(cids));
    return new Map(rows.map((row) => [cid(row, "cid"), text(row, "token")]));
  }

  inSpace(query: DelegationQuery): readonly FoundDelegation[] {
    const { space, delegator, delegatee, limit } = query;
    const before = query.before ?? Number.MAX_SAFE_INTEGER;
    const validAt = query.validAt ?? -Infinity;
    const bound: Value[] = [space, before, validAt, limit];
    return this.#found(bound, delegator, delegatee).map((row) => ({
      position: number(row, "position"),
      record: this.#read(row),
      token: text(row, "token"),
    }));
  }

  /** Within a transaction, once the guards are judged. What is refused has changed nothing. */
  accept(asked: NewDelegation): AcceptOutcome {
    const creates = asked.hosts.filter(({ space }, index) =>
      spaceNumber(this.#database, space) === undefined &&
      asked.hosts.findIndex((host) => host.space === space) === index
    );
    if (!this.#mayHost(asked, creates)) return { kind: "notAdmitted" };
    const willHost = new Set(creates.map(({ space }) => space));
    const isHosted = (space: SpaceId) =>
      willHost.has(space) || spaceNumber(this.#database, space) !== undefined;
    const activated = asked.spaces.filter(isHosted);
    const concerned = asked.spaces.length > 0
      ? activated.length > 0
      : asked.urnOwners.some((owner) => ownsSpace(this.#database, owner));
    if (!concerned) return { kind: "noSpace" };
    const stored = this.#database.one(EXISTS, asked.record.cid) !== undefined;
    if (!stored && this.#tooMany(asked)) return { kind: "tooMany" };

    for (const { space, owner } of creates) createSpace(this.#database, space, owner, asked.now);
    if (!stored) this.#store(asked);
    const skipped = asked.spaces.filter((space) => !isHosted(space));
    return { kind: "accepted", activated, skipped };
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

  #found(bound: Value[], delegator?: string, delegatee?: string): readonly Row[] {
    if (delegator !== undefined && delegatee !== undefined) {
      return this.#database.all(BY_BOTH, ...bound, delegator, delegatee);
    }
    if (delegator !== undefined) return this.#database.all(BY_DELEGATOR, ...bound, delegator);
    if (delegatee !== undefined) return this.#database.all(BY_DELEGATEE, ...bound, delegatee);
    return this.#database.all(IN_SCOPE, ...bound);
  }

  #mayHost(asked: NewDelegation, creates: NewDelegation["hosts"]): boolean {
    if (creates.length === 0) return true;
    const { spaces, spacesPerOwner } = asked.bounds;
    if (countSpaces(this.#database) + creates.length > spaces) return false;
    return creates.every(({ owner }) => {
      const more = creates.filter((other) => other.owner === owner).length;
      return countOwned(this.#database, owner) + more <= spacesPerOwner;
    });
  }

  #tooMany({ scopes, record, bounds, now }: NewDelegation): boolean {
    const { scopeDelegations, delegatorDelegations } = bounds;
    return scopes.some(({ scope, owned }) =>
      this.#count(COUNT_IN_SCOPE, scope, now, scopeDelegations) >= scopeDelegations ||
      (!owned &&
        this.#count(COUNT_BY_DELEGATOR, scope, record.delegator, now, delegatorDelegations) >=
          delegatorDelegations)
    );
  }

  #count(sql: string, ...values: Value[]): number {
    const row = this.#database.one(sql, ...values);
    return row === undefined ? 0 : number(row, "count");
  }

  #store({ record, token, scopes }: NewDelegation): void {
    const ancestors = this.withAncestors(record.ancestors);
    const lineage = [record.identity];
    for (const ancestor of record.ancestors) {
      const stored = ancestors.get(ancestor);
      // A chain is read before it is judged, and what was read is never removed.
      if (stored === undefined) {
        throw new NodeError("storage_unavailable", undefined, {
          cause: new Error(`an ancestor of ${record.cid} is not stored`),
        });
      }
      lineage.push(stored.identity);
    }
    const position = this.#database.insert(RECORD, record.cid, token, record.acceptedAt);
    this.#database.run(
      INSERT,
      position,
      record.cid,
      record.identity,
      record.kind,
      record.delegator,
      record.delegatee,
      JSON.stringify(
        record.capabilities.map(({ resource, ability, caveated }) => [
          resource.uri,
          ability,
          caveated,
        ]),
      ),
      JSON.stringify(record.proofs),
      JSON.stringify(record.parents),
      JSON.stringify(record.ancestors),
      JSON.stringify(lineage),
      record.issuedAt ?? null,
      record.notBefore ?? null,
      record.expiresAt ?? null,
      record.acceptedAt,
      record.host ? 1 : 0,
    );
    const until = record.expiresAt ?? Infinity;
    for (const { scope } of scopes) {
      const { delegator, delegatee } = record;
      this.#database.run(INSERT_SCOPE, scope, position, delegator, delegatee, until);
    }
  }
}

function listing(index: string, filter: string): string {
  return `
  SELECT d.position, e.token, ${COLUMNS}
  FROM delegation_scope s INDEXED BY ${index}
    CROSS JOIN delegation d ON d.position = s.position
    CROSS JOIN event e ON e.seq = s.position
  WHERE s.scope = ?1 AND s.position < ?2 AND s.until > ?3 ${filter}
    AND NOT EXISTS (
      SELECT 1 FROM json_each(d.lineage) l CROSS JOIN revocation r ON r.identity = l.value)
  ORDER BY s.position DESC
  LIMIT ?4`;
}
