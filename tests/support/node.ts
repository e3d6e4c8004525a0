// A whole node on a real socket, in this process, on storage of its own.

import { loadConfig } from "../../src/config/load.ts";
import { createLog, type Log } from "../../src/telemetry/log.ts";
import { type Clock, systemClock } from "../../src/telemetry/clock.ts";
import { type NodeStores, releaseStores, storesOf } from "./node_stores.ts";
import { type RunningNode, startNode } from "../../src/node.ts";

export interface TestNode extends AsyncDisposable {
  readonly url: string;
  readonly node: RunningNode;
  readonly clock: TestClock;
  /** The lines it logged. */
  readonly lines: readonly string[];
  /** The folder of its storage. */
  readonly folder: string;
  /** Where its storage is instead, for tests on other stores. */
  readonly stores?: NodeStores;
}

/** A clock that a test can set; it runs with the real one otherwise. */
export interface TestClock extends Clock {
  /** Moves the wall clock by so many seconds. */
  advance(seconds: number): void;
  /** Stops the wall clock at this instant, Unix seconds; undefined lets it run. */
  freeze(at: number | undefined): void;
}

export function testClock(): TestClock {
  let offset = 0;
  let frozen: number | undefined;
  return {
    nowSeconds: () => frozen ?? systemClock.nowSeconds() + offset,
    monotonicMs: () => systemClock.monotonicMs() + offset * 1000,
    advance: (seconds) => void (offset += seconds),
    freeze: (at) => void (frozen = at),
  };
}

export interface TestNodeOptions {
  /** `TINYCLOUD_…` variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** A folder to keep; default: a temporary one, removed in the end. */
  readonly folder?: string;
  readonly clock?: TestClock;
  readonly log?: Log;
}

export async function startTestNode(options: TestNodeOptions = {}): Promise<TestNode> {
  const folder = options.folder ?? await Deno.makeTempDir({ prefix: "tinycloud-" });
  const clock = options.clock ?? testClock();
  const isPlaced = options.env?.TINYCLOUD_STORAGE_DATABASE !== undefined ||
    options.env?.TINYCLOUD_STORAGE_BLOCKS_TYPE !== undefined;
  const stores = isPlaced ? undefined : await storesOf(folder);
  const { config } = await loadConfig({
    cwd: folder,
    env: {
      TINYCLOUD_PORT: "0",
      TINYCLOUD_PROMETHEUS_PORT: "0",
      TINYCLOUD_CORS: "true",
      TINYCLOUD_STORAGE_DATABASE: `${folder}/caps.db`,
      TINYCLOUD_STORAGE_BLOCKS_PATH: `${folder}/blocks`,
      ...stores?.env,
      ...options.env,
    },
    flags: {},
  });
  const lines: string[] = [];
  const log = options.log ??
    createLog({
      level: "debug",
      format: "Text",
      colours: false,
      write: (line) => lines.push(line),
    });
  const node = await startNode(config, { log, clock });
  return {
    url: node.url,
    node,
    clock,
    lines,
    folder,
    ...(stores === undefined ? {} : { stores }),
    async [Symbol.asyncDispose]() {
      await node.stop();
      if (options.folder !== undefined) return;
      await releaseStores(folder);
      await Deno.remove(folder, { recursive: true });
    },
  };
}
