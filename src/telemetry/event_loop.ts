// How long requests wait for the thread: a timer that fires late was held up as they were.

const EVERY_MS = 500;

/**
 * Calls `observe` twice a second with how late the timer fired, in seconds, until the function it
 * returns is called. Does not keep the process alive.
 */
export function measureEventLoop(observe: (lagSeconds: number) => void): () => void {
  let due = performance.now() + EVERY_MS;
  const timer = setInterval(() => {
    const now = performance.now();
    observe(Math.max(0, now - due) / 1000);
    due = now + EVERY_MS;
  }, EVERY_MS);
  Deno.unrefTimer(timer);
  return () => clearInterval(timer);
}
