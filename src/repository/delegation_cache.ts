// Records of delegations by CID. They never change once stored, so only memory bounds how long they
// are kept; whether they still hold is no part of them. One that another process has removed expired
// long before, and says so (`retention.events`), or gives nothing but an erased space.

import type { Delegation } from "../capabilities/delegation.ts";
import type { Cid } from "../tokens/cid.ts";

/** Characters of stored JSON; in memory a record takes some five times as much. */
const MAX_WEIGHT = 8 * 1024 * 1024;

export class DelegationCache {
  /** The least recently used first. */
  readonly #records = new Map<Cid, { readonly record: Delegation; readonly weight: number }>();
  readonly #maxWeight: number;
  #weight = 0;

  constructor(maxWeight = MAX_WEIGHT) {
    this.#maxWeight = maxWeight;
  }

  find(cid: Cid): Delegation | undefined {
    const kept = this.#records.get(cid);
    if (kept === undefined) return undefined;
    this.#records.delete(cid);
    this.#records.set(cid, kept);
    return kept.record;
  }

  forget(cids: readonly Cid[]): void {
    for (const cid of cids) {
      this.#weight -= this.#records.get(cid)?.weight ?? 0;
      this.#records.delete(cid);
    }
  }

  /**
   * Takes away, here and among those found with their ancestors, what rests on a record that is not
   * stored any more: it was kept here while another process erased its space.
   */
  dropBroken(asked: readonly Cid[], found: Map<Cid, Delegation>): void {
    const isBroken = (cid: Cid) => found.get(cid)?.ancestors.some((each) => !found.has(each));
    const broken = asked.filter(isBroken);
    for (const cid of broken) found.delete(cid);
    this.forget(broken);
  }

  keep(record: Delegation, weight: number): void {
    if (this.#records.has(record.cid)) return;
    this.#records.set(record.cid, { record, weight });
    this.#weight += weight;
    for (const [cid, kept] of this.#records) {
      if (this.#weight <= this.#maxWeight) return;
      this.#records.delete(cid);
      this.#weight -= kept.weight;
    }
  }
}
