// Giving way: to the other work of this process, and for a time.

/** Lets everybody else have a turn: work that a database does at once never ends one by itself. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Resolves after so many milliseconds (at most 24 days), or without an error when aborted. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    }
  });
}

/**
 * Does the work again and again, each time after so many milliseconds as it says, until it is
 * disposed of, which aborts the signal and waits for the work under way. The work must not throw.
 */
export function repeatedly(work: (signal: AbortSignal) => Promise<number>): AsyncDisposable {
  const stopping = new AbortController();
  const { signal } = stopping;
  const ended = (async () => {
    while (!signal.aborted) await pause(await work(signal), signal);
  })();
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await ended;
    },
  };
}
