// Is standard output systemd's journal? Then a line needs no time, and says its priority.

import { fstatSync } from "node:fs";

/**
 * `stream` is JOURNAL_STREAM, by which systemd names the journal's end as `device:inode`. Programs
 * started from a service inherit the variable with another output, so it alone says nothing.
 */
export function isJournal(stream: string | undefined): boolean {
  if (stream === undefined) return false;
  try {
    const { dev, ino } = fstatSync(1, { bigint: true });
    return stream === `${dev}:${ino}`;
  } catch {
    return false; // there is no standard output
  }
}
