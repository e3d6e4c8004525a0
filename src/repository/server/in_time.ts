// Waiting for a database server, but not for ever.

import { NodeError } from "../../errors.ts";

/** What comes of the work. Throws `storage_unavailable` when nothing does in so many milliseconds. */
export async function inTime<T>(work: Promise<T>, ms: number, late: string): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(unavailable(late)), ms);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

export function unavailable(what: string): NodeError {
  return new NodeError("storage_unavailable", undefined, { cause: new Error(what) });
}
