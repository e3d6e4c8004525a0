// Time is a port: rules take `now` as data, tests bring a clock of their own.

export interface Clock {
  /** Wall time in Unix seconds, with milliseconds as the fraction; it may jump either way. */
  nowSeconds(): number;
  /** Milliseconds since an arbitrary start; never goes back. For durations and deadlines. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  nowSeconds: () => Date.now() / 1000,
  monotonicMs: () => performance.now(),
};
