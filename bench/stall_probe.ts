// Preloaded into a server that is measured: notes in the file BENCH_STALL how long, at most, its
// event loop did not turn in the last second and since the start, in milliseconds.

const EVERY_MS = 5;
const WRITE_MS = 500;

const path = Deno.env.get("BENCH_STALL");
if (path !== undefined) {
  let last = performance.now();
  let longest = 0;
  const begun = last;
  Deno.unrefTimer(setInterval(() => {
    const now = performance.now();
    // What a start does is no request's delay.
    if (now - begun > 1000) longest = Math.max(longest, now - last - EVERY_MS);
    last = now;
  }, EVERY_MS));
  Deno.unrefTimer(setInterval(() => {
    Deno.writeTextFile(path, String(longest)).catch(() => {});
  }, WRITE_MS));
}
