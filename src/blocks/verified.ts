// A stored value on its way out (invariant 2): whoever reads it to its end has read the bytes that
// were stored. A damaged one ends in an error, so that a client never sees a clean end.

import { blake3Hex, createHasher, type Hasher } from "../blake3.ts";
import { NodeError } from "../errors.ts";

/**
 * Passes the body on while hashing it, one chunk late: the last one follows only when hash and size
 * are right. Otherwise calls `damaged` and ends in NodeError `block_corrupt`.
 */
export function verified(
  body: ReadableStream<Uint8Array>,
  hash: string,
  size: number,
  damaged: (what: "hash" | "longer" | "shorter") => void,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let held: Uint8Array | undefined;
  let hasher: Hasher | undefined;
  let seen = 0;

  function refuse(what: "hash" | "longer" | "shorter"): never {
    reader.cancel().catch(() => {});
    damaged(what);
    throw new NodeError("block_corrupt");
  }

  return new ReadableStream({
    async pull(controller) {
      while (true) {
        const { done, value } = await reader.read();
        if (done) {
          if (seen < size) refuse("shorter");
          const found = hasher?.digest().toHex() ?? blake3Hex(held ?? new Uint8Array());
          if (found !== hash) refuse("hash");
          if (held !== undefined) controller.enqueue(held);
          controller.close();
          return;
        }
        // An empty chunk must not take the place of the one held back.
        if (value.length === 0) continue;
        seen += value.length;
        if (seen > size) refuse("longer");
        const ready = held;
        held = value;
        if (ready === undefined) continue;
        if (hasher === undefined) {
          hasher = await createHasher();
          hasher.update(ready);
        }
        hasher.update(value);
        controller.enqueue(ready);
        return;
      }
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
}
