// What parsers keep: measured after a collection, since only that tells garbage from a leak.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { refusedOnly, type Target } from "./parsers_target.ts";

setFlagsFromString("--expose-gc");
const collect: unknown = runInNewContext("gc");

/** Bytes in use once everything that nobody refers to is gone. */
function bytesInUse(): number {
  if (typeof collect !== "function") throw new Error("the platform's collector can't be called");
  collect();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/** Bytes that are in use after so many inputs were made, parsed and dropped, and were not before. */
export async function bytesKept(
  target: Pick<Target, "parse">,
  count: number,
  inputAt: (at: number) => string,
): Promise<number> {
  const before = bytesInUse();
  for (let at = 0; at < count; at++) await parse(target, inputAt(at));
  return bytesInUse() - before;
}

/** A function of its own: what it was the last to hold is gone when it has ended. */
async function parse({ parse }: Pick<Target, "parse">, input: string): Promise<void> {
  try {
    await parse(input);
  } catch (error) {
    refusedOnly(error);
  }
}
