// What each key may hold, as far as the answers tell: the judge of a test whose node is killed.

/** What a key holds: a value by its ETag and size, or nothing. */
export type State = { readonly etag: string; readonly size: number } | undefined;

/** A put or a delete that has been sent. */
export interface Operation {
  readonly key: string;
  readonly leaves: State;
  /** When it was sent, and when it was acknowledged: never, as long as nobody said so. */
  readonly begun: number;
  ended: number;
}

export class Ledger {
  readonly #operations = new Map<string, Operation[]>();
  #now = 0;

  get keys(): readonly string[] {
    return [...this.#operations.keys()].sort();
  }

  begin(key: string, leaves: State): Operation {
    const operation = { key, leaves, begun: ++this.#now, ended: Infinity };
    const standing = this.#operations.get(key);
    if (standing === undefined) {
      const before = { key, leaves: undefined, begun: 0, ended: 0 };
      this.#operations.set(key, [before, operation]);
    } else standing.push(operation);
    return operation;
  }

  /** What was acknowledged before this one was sent is over: this one came after it. */
  acknowledge(operation: Operation): void {
    operation.ended = ++this.#now;
    const standing = this.#operations.get(operation.key) ?? [];
    const left = standing.filter(({ ended }) => ended >= operation.begun);
    this.#operations.set(operation.key, left);
  }

  /** It was refused: whatever is there, it is not from this one. */
  refuse(operation: Operation): void {
    const standing = this.#operations.get(operation.key) ?? [];
    this.#operations.set(operation.key, standing.filter((one) => one !== operation));
  }

  /** Whether a node that keeps its word may hold this under the key. */
  allows(key: string, state: State): boolean {
    const standing = this.#operations.get(key) ?? [];
    return standing.some(({ leaves }) => isSame(leaves, state));
  }

  /** For a person: everything that may be there. */
  allowed(key: string): readonly State[] {
    return (this.#operations.get(key) ?? []).map(({ leaves }) => leaves);
  }

  /** The key has been read, and nothing is under way any more. */
  settle(key: string, state: State): void {
    const at = ++this.#now;
    this.#operations.set(key, [{ key, leaves: state, begun: at, ended: at }]);
  }
}

export function isSame(one: State, other: State): boolean {
  return one?.etag === other?.etag && one?.size === other?.size;
}
