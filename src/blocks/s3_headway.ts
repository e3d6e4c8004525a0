// How long another machine may keep us waiting: for an answer, and for a body that moves on. A body
// may take long when it is large, but never stand still for long, nor trickle.

/** How patient we are with a store. */
export interface Patience {
  /** Tries of one request, the first included. */
  readonly attempts: number;
  /** The longest wait for an answer. */
  readonly answerMs: number;
  /** The longest time in which a body does not move. */
  readonly stallMs: number;
  /** A body that is slower than that for long counts as one that does not move. */
  readonly bytesPerSecond: number;
  /** After so long nothing is tried again; the time of a body's bytes comes on top. */
  readonly wholeMs: number;
  /** The pause before the second try, at most; each later one may be twice as long. */
  readonly pauseMs: number;
}

export const PATIENCE: Patience = {
  attempts: 4,
  answerMs: 4_000,
  stallMs: 10_000,
  bytesPerSecond: 128 * 1024,
  wholeMs: 12_000,
  pauseMs: 200,
};

/** A store that did not answer, or not go on, in time. */
export class Stalled extends Error {
  override readonly name = "Stalled";

  constructor() {
    super("No answer in time");
  }
}

/** The time that may be waited, which bytes that move earn back; stops the work when it is over. */
export class Headway implements Disposable {
  readonly #stopping = new AbortController();
  readonly #mostMs: number;
  readonly #bytesPerMs: number;
  #leftMs: number;
  #sinceMs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(mostMs: number, { bytesPerSecond }: Pick<Patience, "bytesPerSecond">) {
    this.#mostMs = mostMs;
    this.#leftMs = mostMs;
    this.#bytesPerMs = bytesPerSecond / 1000;
  }

  /** Aborts when the time is over, or at `stop`. */
  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  /** From now on the store is waited for. */
  wait(): void {
    clearTimeout(this.#timer);
    this.#sinceMs = performance.now();
    this.#timer = setTimeout(() => this.stop(new Stalled()), this.#leftMs);
  }

  /** The store is not waited for now. */
  rest(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#leftMs = Math.max(0, this.#leftMs - (performance.now() - this.#sinceMs));
  }

  /** So many bytes have moved. The wait goes on. */
  moved(bytes: number): void {
    this.rest();
    this.#leftMs = Math.min(this.#mostMs, this.#leftMs + bytes / this.#bytesPerMs);
    this.wait();
  }

  stop(reason: Error): void {
    clearTimeout(this.#timer);
    this.#stopping.abort(reason);
  }

  /** What the work ends in; or, as soon as there is one, the reason of the stop. */
  async until<T>(work: Promise<T>): Promise<T> {
    const { signal } = this;
    const { promise, reject } = Promise.withResolvers<never>();
    const stopped = () => reject(signal.reason);
    signal.addEventListener("abort", stopped);
    if (signal.aborted) stopped();
    try {
      return await Promise.race([work, promise]);
    } catch (error) {
      // Whatever the work says of being stopped, this is why.
      throw signal.aborted ? signal.reason : error;
    } finally {
      signal.removeEventListener("abort", stopped);
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
