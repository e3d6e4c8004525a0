// A block store of which the operator sees how long it takes (`tinycloud_block_duration_seconds`).

import type { Metrics } from "../telemetry/metrics.ts";
import type { Blocks } from "./blocks.ts";

/** The same store. What fails is counted too: a time-out is the slowest answer of all. */
export function timedBlocks(blocks: Blocks, metrics: Pick<Metrics, "blocks">): Blocks {
  async function timed<T>(
    operation: Parameters<Metrics["blocks"]>[0],
    work: Promise<T>,
  ): Promise<T> {
    const begun = performance.now();
    try {
      return await work;
    } finally {
      metrics.blocks(operation, (performance.now() - begun) / 1000);
    }
  }

  return {
    put: (space, content) => timed("put", blocks.put(space, content)),
    get: (space, hash) => timed("get", blocks.get(space, hash)),
    remove: (space, hash) => timed("remove", blocks.remove(space, hash)),
    removeStray: (block) => timed("remove", blocks.removeStray(block)),
    all: (after) => blocks.all(after),
    leftovers: (before) => blocks.leftovers(before),
    sweepLeftovers: (before) => blocks.sweepLeftovers(before),
    probe: () => blocks.probe(),
    [Symbol.asyncDispose]: () => blocks[Symbol.asyncDispose](),
  };
}
