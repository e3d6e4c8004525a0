// What a node was asked and what it answered: the judge of what may be there after a power cut.

import assert from "node:assert/strict";
import type { Step } from "./recording.ts";

/** A value by hash and size, or nothing. */
export type State = { readonly hash: string; readonly size: number } | undefined;

/** What a request does if it is granted. */
export type Effect =
  | { readonly kind: "key"; readonly space: string; readonly key: string; readonly leaves: State }
  | { readonly kind: "space"; readonly space: string }
  | { readonly kind: "delegation"; readonly cid: string }
  | { readonly kind: "revocation"; readonly cid: string };

export interface Asked {
  readonly effect: Effect;
  /** The guard of its token, if that is used up. */
  readonly guard: string | undefined;
  /** By the client's own clock, which counts events. */
  readonly begun: number;
  ended: number;
  /** Undefined as long as there is no answer. */
  status: number | undefined;
  trace: string | undefined;
}

/** What must be there, and what may. */
export interface Expected {
  /** By space, then by key: the states that it may have. */
  readonly keys: ReadonlyMap<string, ReadonlyMap<string, readonly State[]>>;
  /** What was acknowledged. */
  readonly spaces: readonly string[];
  readonly delegations: readonly string[];
  readonly revocations: readonly string[];
  readonly guards: readonly string[];
  readonly count: number;
}

export class History {
  readonly #asked: Asked[] = [];
  #now = 0;

  begin(effect: Effect, guard?: string): Asked {
    const begun = ++this.#now;
    const asked = { effect, guard, begun, ended: Infinity, status: undefined, trace: undefined };
    this.#asked.push(asked);
    return asked;
  }

  answered(asked: Asked, status: number, trace: string): void {
    Object.assign(asked, { ended: ++this.#now, status, trace });
  }

  get acknowledged(): number {
    return this.#asked.filter(({ status }) => status === 200).length;
  }

  /** What is expected of a disk now. */
  now(): Expected {
    const asked = this.#effective().map((each) => ({ ...each, isKnown: each.status === 200 }));
    return expected(asked);
  }

  /**
   * What is expected of a disk after so many of these steps: what was acknowledged in them is there,
   * whole, unless a later request may have changed it.
   */
  after(steps: readonly Step[]): (count: number) => Expected {
    const positions = new Map<string, number>();
    steps.forEach((step, index) => {
      if (step.kind === "answer") positions.set(step.trace, index);
    });
    const asked = this.#effective().map((each) => {
      const position = each.trace === undefined ? Infinity : positions.get(each.trace);
      assert.ok(position !== undefined, `no answer ${each.trace} was recorded`);
      return { ...each, position };
    });
    return (count) => expected(asked.map((each) => ({ ...each, isKnown: each.position < count })));
  }

  /** A refusal has no effect; without an answer there may be one. */
  #effective(): readonly Asked[] {
    return this.#asked.filter(({ status = 200 }) => status === 200);
  }
}

function expected(asked: readonly (Asked & { readonly isKnown: boolean })[]): Expected {
  const known = asked.filter(({ isKnown }) => isKnown);
  const cids = (kind: "delegation" | "revocation") =>
    known.flatMap(({ effect }) => effect.kind === kind ? [effect.cid] : []);
  const keys = new Map<string, Map<string, State[]>>();
  const lastBegun = new Map<string, number>();
  const nameOf = (space: string, key: string) => `${space} ${key}`;
  for (const { effect, begun } of known) {
    if (effect.kind !== "key") continue;
    const name = nameOf(effect.space, effect.key);
    lastBegun.set(name, Math.max(lastBegun.get(name) ?? 0, begun));
  }
  for (const { effect, ended } of asked) {
    if (effect.kind !== "key") continue;
    const { space, key, leaves } = effect;
    const last = lastBegun.get(nameOf(space, key));
    const states = keys.get(space) ?? new Map<string, State[]>();
    keys.set(space, states);
    const allowed = states.get(key) ?? (last === undefined ? [undefined] : []);
    states.set(key, allowed);
    // What was over when an acknowledged one began came before it.
    if (last === undefined || ended > last) allowed.push(leaves);
  }
  return {
    keys,
    spaces: known.flatMap(({ effect }) => effect.kind === "space" ? [effect.space] : []),
    delegations: cids("delegation"),
    revocations: cids("revocation"),
    guards: known.flatMap(({ guard }) => guard ?? []),
    count: known.length,
  };
}

export function isSame(one: State, other: State): boolean {
  return one?.hash === other?.hash && one?.size === other?.size;
}
