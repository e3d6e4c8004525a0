// How far a long command is: one line on the terminal of whoever waits, nothing anywhere else.

import type { Io } from "./command.ts";

export interface Progress extends Disposable {
  advance(by: number): void;
  /** Takes the line away, as before a line of output; the next step draws it again. */
  clear(): void;
}

const EVERY_MS = 200;
const WIDTH = 30;
const CLEAR = "\r\x1b[K";

/** `total`: what the steps will add up to, if that is known. Disposing takes the line away. */
export function progress({ draw }: Pick<Io, "draw">, label: string, total?: number): Progress {
  let done = 0;
  let drawnMs = -Infinity;
  const clear = () => drawnMs > -Infinity ? draw?.(CLEAR) : undefined;
  return {
    advance(by) {
      done += by;
      if (draw === undefined || performance.now() - drawnMs < EVERY_MS) return;
      drawnMs = performance.now();
      const state = total === undefined ? done || "…" : bar(total === 0 ? 1 : done / total);
      draw(`${CLEAR}${label} ${state}`);
    },
    clear,
    [Symbol.dispose]: clear,
  };
}

function bar(part: number): string {
  const filled = Math.min(WIDTH, Math.floor(part * WIDTH));
  return `[${"#".repeat(filled).padEnd(WIDTH)}] ${Math.min(100, Math.floor(part * 100))} %`;
}
