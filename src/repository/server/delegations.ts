// Stored delegations (wire §4, §7): reading records with their ancestors, and listing.

import type { Delegation } from "../../capabilities/delegation.ts";
import { windowOf } from "../../capabilities/window.ts";
import type { Cid, Identity } from "../../tokens/cid.ts";
import { DelegationCache } from "../delegation_cache.ts";
import type { DelegationPage, DelegationQuery } from "../repository.ts";
import { cid, delegation, identities, number, type Row, text } from "../rows.ts";
import type { Value } from "./driver.ts";
import { revokedOf } from "./guards.ts";
import { listOf, type Session } from "./server.ts";

const COLUMNS = `d.cid, d.identity, d.kind, d.delegator, d.delegatee, d.capabilities, d.proofs,
    d.parents, d.ancestors, d.issued_at, d.not_before, d.expires_at, d.accepted_at, d.host`;

export class Delegations {
  readonly #cache = new DelegationCache();

  /** The asked records and all their ancestors; nothing is asked when all are known. */
  async withAncestors(
    session: Session,
    cids: readonly Cid[],
  ): Promise<ReadonlyMap<Cid, Delegation>> {
    const found = new Map<Cid, Delegation>();
    await this.#collect(session, cids, found);
    await this.#collect(session, [...found.values()].flatMap(({ ancestors }) => ancestors), found);
    this.#cache.dropBroken(cids, found);
    return found;
  }

  forget(cids: readonly Cid[]): void {
    this.#cache.forget(cids);
  }

  async tokens(session: Session, cids: readonly Cid[]): Promise<ReadonlyMap<Cid, string>> {
    if (cids.length === 0) return new Map();
    const { marks, values } = listOf(cids);
    const rows = await session.all(
      `SELECT d.cid, e.token FROM delegation d JOIN event e ON e.seq = d.position
       WHERE d.cid IN ${marks}`,
      ...values,
    );
    return new Map(rows.map((row) => [cid(row, "cid"), text(row, "token")]));
  }

  /** So many rows, and of them those that hold with all their ancestors. */
  async inSpace(session: Session, query: DelegationQuery): Promise<DelegationPage> {
    const { space, delegator, delegatee, limit, before = Number.MAX_SAFE_INTEGER } = query;
    const filters: readonly (readonly [sql: string, value: Value | undefined])[] = [
      ["s.until > ?", query.inForceAt],
      ["s.delegator = ?", delegator],
      ["s.delegatee = ?", delegatee],
    ];
    const asked = filters.filter(([, value]) => value !== undefined);
    const rows = await session.all(
      `SELECT d.position, e.token, d.lineage, ${COLUMNS}
       FROM delegation_scope s
         JOIN delegation d ON d.position = s.position
         JOIN event e ON e.seq = s.position
       WHERE s.scope = ? AND s.position < ? ${asked.map(([sql]) => `AND ${sql}`).join(" ")}
       ORDER BY s.position DESC LIMIT ?`,
      space,
      before,
      ...asked.map(([, value]) => value ?? null),
      limit,
    );
    const last = rows.at(-1);
    return {
      found: await this.#holding(session, rows, query),
      ...(last === undefined || rows.length < limit ? {} : { next: number(last, "position") }),
    };
  }

  async #holding(
    session: Session,
    rows: readonly Row[],
    { inForceAt, maxLifetime }: DelegationQuery,
  ): Promise<DelegationPage["found"]> {
    const asked = new Set<Identity>(rows.flatMap((row) => identities(row, "lineage")));
    const revoked = new Set(await revokedOf(session, [...asked]));
    const records = rows.map((row) => this.#read(row));
    const ancestors = inForceAt === undefined
      ? new Map<Cid, Delegation>()
      : await this.withAncestors(session, records.flatMap((record) => record.ancestors));
    const isInForce = (record: Delegation) => {
      if (inForceAt === undefined) return true;
      const { from, until } = windowOf(record, maxLifetime);
      return from <= inForceAt && inForceAt < until;
    };
    return rows.flatMap((row, index) => {
      const record = records[index];
      if (record === undefined) return [];
      const holds = identities(row, "lineage").every((each) => !revoked.has(each)) &&
        isInForce(record) && record.ancestors.every((ancestor) => {
          const found = ancestors.get(ancestor);
          return found === undefined || isInForce(found);
        });
      return holds ? [{ record, token: text(row, "token") }] : [];
    });
  }

  async #collect(
    session: Session,
    cids: readonly Cid[],
    found: Map<Cid, Delegation>,
  ): Promise<void> {
    const missing = new Set<Cid>();
    for (const asked of cids) {
      if (found.has(asked)) continue;
      const kept = this.#cache.find(asked);
      if (kept === undefined) missing.add(asked);
      else found.set(asked, kept);
    }
    if (missing.size === 0) return;
    const { marks, values } = listOf([...missing]);
    const rows = await session.all(
      `SELECT ${COLUMNS} FROM delegation d WHERE d.cid IN ${marks}`,
      ...values,
    );
    for (const row of rows) {
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
}
