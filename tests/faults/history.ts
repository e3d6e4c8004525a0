// What a key may have held at some moment of a span of time, as far as the answers tell: the judge
// of a copy that was made while others wrote.

import { isSame, type Operation, type State } from "./ledger.ts";

/** A moment, by the order of what happened. */
export type Moment = number;

export class History {
  readonly #operations = new Map<string, Operation[]>();
  #now: Moment = 0;

  get keys(): readonly string[] {
    return [...this.#operations.keys()].sort();
  }

  mark(): Moment {
    return ++this.#now;
  }

  begin(key: string, leaves: State): Operation {
    const operation = { key, leaves, begun: this.mark(), ended: Infinity };
    const known = this.#operations.get(key) ?? [{ key, leaves: undefined, begun: 0, ended: 0 }];
    this.#operations.set(key, [...known, operation]);
    return operation;
  }

  acknowledge(operation: Operation): void {
    operation.ended = this.mark();
  }

  /** Whether the key may have held this at a moment between the two. */
  allows(key: string, state: State, from: Moment, to: Moment): boolean {
    return this.#possible(key, from, to).some(({ leaves }) => isSame(leaves, state));
  }

  /** Whether it must have held something all the time between the two. */
  requires(key: string, from: Moment, to: Moment): boolean {
    return this.#possible(key, from, to).every(({ leaves }) => leaves !== undefined);
  }

  /** For a person. */
  allowed(key: string, from: Moment, to: Moment): readonly State[] {
    return this.#possible(key, from, to).map(({ leaves }) => leaves);
  }

  /** Begun by then, and not certainly followed by another before. */
  #possible(key: string, from: Moment, to: Moment): readonly Operation[] {
    const all = this.#operations.get(key) ?? [];
    return all.filter(({ begun, ended }) =>
      begun <= to && !all.some((later) => later.begun > ended && later.ended < from)
    );
  }
}
