// How far a long command has come, on one line of a terminal, for a person who waits.

import type { Io } from "./command.ts";

/** Disposing takes the line away. */
export interface Progress extends Disposable {
  /** So much is done; of another total, if it has changed. Drawn now and then. */
  at(done: number, total?: number): void;
  /** So much more is done. */
  advance(by: number): void;
  /** Takes the line away, as before a line of output; a later step draws it again. */
  clear(): void;
}

const EVERY_MS = 100;
const BAR = 24;

/**
 * A line on standard error, if that is a terminal: a bar when there is a total, else a count alone.
 * Print nothing else there before it is cleared or disposed of.
 */
export function progress(
  io: Pick<Io, "draw">,
  label: string,
  total?: number,
  nowMs: () => number = () => performance.now(),
): Progress {
  const { draw } = io;
  let drawnMs = -Infinity;
  let width = 0;
  let sum = 0;

  function at(done: number, of = total): void {
    sum = done;
    const now = nowMs();
    if (draw === undefined || now - drawnMs < EVERY_MS) return;
    drawnMs = now;
    const line = `${label}  ${of === undefined ? grouped(done) : bar(done, of)}`;
    // What a longer line left behind is written over.
    draw(`\r${line.padEnd(width)}`);
    width = line.length;
  }

  function clear(): void {
    if (width > 0) draw?.(`\r${" ".repeat(width)}\r`);
    width = 0;
  }

  return { at, advance: (by) => at(sum + by), clear, [Symbol.dispose]: clear };
}

function bar(done: number, total: number): string {
  const part = total === 0 ? 1 : Math.min(done / total, 1);
  const filled = Math.floor(part * BAR);
  const percent = `${Math.floor(part * 100)}`.padStart(3);
  const drawn = "#".repeat(filled) + ".".repeat(BAR - filled);
  return `[${drawn}] ${percent} %  ${grouped(done)} of ${grouped(total)}`;
}

function grouped(count: number): string {
  return count.toLocaleString("en-US");
}
