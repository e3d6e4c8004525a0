// Giving way: to the other work of this process, and for a time.

/** Lets everybody else have a turn: work that a database does at once never ends one by itself. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** So long may what is ready at once go on before timers and sockets have their turn. */
const LONGEST_TURN_MS = 8;
let begun: number | undefined;

/**
 * Undefined in a turn of the loop that has not run for long; otherwise resolves in one that has not.
 * Hundreds of requests that become ready at once are taken in one turn otherwise, and nobody else's
 * timer or socket is looked at meanwhile. Asked right before the work: whoever waits in between lets
 * all others pass first.
 */
export function fairTurn(): Promise<void> | undefined {
  return isLongTurn() ? shortTurn() : undefined;
}

async function shortTurn(): Promise<void> {
  while (isLongTurn()) await turn();
}

function isLongTurn(): boolean {
  const now = performance.now();
  if (begun !== undefined) return now - begun > LONGEST_TURN_MS;
  begun = now;
  setImmediate(() => begun = undefined);
  return false;
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
