// One change at a time in one space, from this node. The database would let no second one pass anyway,
// and each that waits there keeps a connection of the pool from everybody else: a single busy space
// would stop all others (invariant 9).

import { NodeError } from "../../errors.ts";

export class Turns implements AsyncDisposable {
  readonly #waitMs: number;
  readonly #last = new Map<string, Promise<void>>();
  #isClosed = false;

  /** What has waited so long is refused with `storage_unavailable`, and not begun. */
  constructor(waitMs: number) {
    this.#waitMs = waitMs;
  }

  /** Runs the work once all before it under the same name have ended, however. */
  run<T>(name: string, work: () => Promise<T>): Promise<T> {
    if (this.#isClosed) return Promise.reject(new NodeError("storage_unavailable"));
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const before = this.#last.get(name);
    if (before === undefined) work().then(resolve, reject);
    else this.#after(before, work, resolve, reject);
    const ended = promise.then(() => {}, () => {}).then(() => before);
    this.#last.set(name, ended);
    ended.then(() => {
      if (this.#last.get(name) === ended) this.#last.delete(name);
    });
    return promise;
  }

  /** Takes no more work, and waits for what there is. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#last.values());
  }

  #after<T>(
    before: Promise<void>,
    work: () => Promise<T>,
    resolve: (value: T | Promise<T>) => void,
    reject: (error: unknown) => void,
  ): void {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      const cause = new Error("too many changes of one space wait");
      reject(new NodeError("storage_unavailable", undefined, { cause }));
    }, this.#waitMs);
    before.then(() => {
      clearTimeout(timer);
      if (!isLate) work().then(resolve, reject);
    });
  }
}
