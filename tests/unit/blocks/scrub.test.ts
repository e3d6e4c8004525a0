// The scrub finds what is not as it was stored, says so once, and mends nothing.

import assert from "node:assert/strict";
import { blake3Hex } from "../../../src/blake3.ts";
import { restless } from "../../../src/blocks/pace.ts";
import {
  type Scrubbed,
  scrubOnce,
  type ScrubOptions,
  startScrub,
} from "../../../src/blocks/scrub.ts";
import { NodeError } from "../../../src/errors.ts";
import type { Fields } from "../../../src/telemetry/fields.ts";
import type { Log } from "../../../src/telemetry/log.ts";
import { noise } from "../../contract/blocks_contract.ts";
import { AWAY, HOME, Stores } from "./support.ts";

const A = noise(1000);
const HASH = blake3Hex(A);

interface Line extends Fields {
  readonly event: string;
}

function setUp(stores: Stores, options: Partial<ScrubOptions> = {}) {
  const lines: Line[] = [];
  const scrubbed: unknown[] = [];
  const note = (event: string, fields: Fields = {}) => void lines.push({ event, ...fields });
  const log: Log = { error: note, warn: note, info: note, debug: note, flush: async () => {} };
  const { repository, blocks, clock } = stores;
  const all: ScrubOptions = {
    repository,
    blocks,
    clock,
    log,
    metrics: { scrubbed: (...seen) => void scrubbed.push(seen) },
    holder: "this node",
    intervalMs: 60_000,
    pace: restless(),
    ...options,
  };
  return { options: all, lines, scrubbed };
}

Deno.test("every value is read, of every space", async () => {
  await using stores = await Stores.open();
  await stores.put(HOME, "one", A);
  await stores.put(HOME, "same", A);
  await stores.put(HOME, "two", noise(2000));
  await stores.put(AWAY, "one", noise(70_000));
  await stores.put(AWAY, "empty", new Uint8Array());
  await stores.put(AWAY, "deleted", noise(3000));
  await stores.delete(AWAY, "deleted");
  const { options, lines, scrubbed } = setUp(stores);

  const seen = await scrubOnce(options);

  const expected: Scrubbed = { ran: true, values: 4, bytes: 73_000, damaged: 0, complete: true };
  assert.deepEqual(seen, expected);
  assert.deepEqual(lines, []);
  assert.equal(scrubbed.filter((each) => String(each).startsWith("whole,1,")).length, 4);
});

const DAMAGES = [
  {
    name: "missing",
    damage: (file: string) => Deno.remove(file),
    kind: "missing",
    says: "the value is missing",
  },
  {
    name: "cut",
    damage: (file: string) => Deno.truncate(file, 999),
    kind: "damaged",
    says: "the value is shorter than its 1000 bytes",
  },
  {
    name: "flipped",
    damage: (file: string) => Deno.writeFile(file, A.map((byte, at) => at === 500 ? ~byte : byte)),
    kind: "damaged",
    says: "the value has other bytes than its hash says",
  },
] as const;

for (const { name, damage, kind, says } of DAMAGES) {
  Deno.test(`a block that is ${name} is logged and counted, the others are read, and a put heals`, async () => {
    await using stores = await Stores.open();
    await stores.put(HOME, "key", A);
    await stores.put(HOME, "other", noise(2000));
    await stores.put(AWAY, "key", A);
    const file = stores.fileOf(HOME, A);
    await damage(file);
    const before = await Deno.readFile(file).catch(() => undefined);
    const { options, lines, scrubbed } = setUp(stores);

    const seen = await scrubOnce(options);

    assert.deepEqual([seen.values, seen.damaged, seen.complete], [3, 1, true]);
    const line = { event: "block.damaged", space: HOME, block: HASH, bytes: 1000, note: says };
    assert.deepEqual(lines, [line]);
    assert.equal(scrubbed.filter((each) => `${each}` === `${kind},1,0`).length, 1);
    assert.deepEqual(await Deno.readFile(file).catch(() => undefined), before);

    await stores.put(HOME, "again", A);
    assert.equal((await scrubOnce(options)).damaged, 0);
    assert.equal(lines.length, 1);
  });
}

Deno.test("a small value in the database that is damaged is logged and counted", async () => {
  await using stores = await Stores.open();
  stores.repository.verifyInline = (_space, after) =>
    Promise.resolve(
      after === undefined
        ? { values: 3, bytes: 30, damaged: [], next: "k" }
        : { values: 2, bytes: 20, damaged: [{ key: "l", hash: HASH }] },
    );
  const { options, lines, scrubbed } = setUp(stores);

  const seen = await scrubOnce(options);

  assert.deepEqual([seen.values, seen.bytes, seen.damaged], [10, 100, 2]);
  const note = "the value in the database has other bytes than its hash says";
  assert.deepEqual(
    lines,
    [AWAY, HOME].map((space) => ({
      event: "block.damaged",
      space,
      block: HASH,
      note,
    })),
  );
  assert.equal(scrubbed.filter((each) => `${each}` === "whole,1,20").length, 2);
  assert.equal(scrubbed.filter((each) => `${each}` === "damaged,1,0").length, 2);
});

Deno.test("a block deleted, collected and put again while it was looked for is no damage", async () => {
  await using stores = await Stores.open();
  await stores.put(HOME, "key", A);
  const { get } = stores.blocks;
  let looks = 0;
  stores.blocks.get = async (space, hash) => {
    if (looks++ > 0) return await get.call(stores.blocks, space, hash);
    await stores.blocks.remove(space, hash);
    const found = await get.call(stores.blocks, space, hash);
    await stores.put(HOME, "again", A);
    return found;
  };
  const { options, lines } = setUp(stores);

  assert.equal((await scrubOnce(options)).damaged, 0);

  assert.deepEqual([lines, looks], [[], 2]);
});

Deno.test("one block that cannot be read is damage, a store that is down ends the scrub", async () => {
  await using stores = await Stores.open();
  for (let size = 1; size <= 10; size++) await stores.put(HOME, `${size}`, noise(size));
  const { get } = stores.blocks;
  const down = new NodeError("storage_unavailable");
  const isDown = { for: new Set([blake3Hex(noise(5))]) };
  stores.blocks.get = (space, hash) =>
    isDown.for.has(hash) ? Promise.reject(down) : get.call(stores.blocks, space, hash);
  const { options, lines } = setUp(stores);

  const one = await scrubOnce(options);
  assert.deepEqual([one.values, one.damaged], [10, 1]);
  assert.equal(lines[0]?.note, "the value cannot be read");
  assert.equal(lines[0]?.cause, down);

  for (let size = 1; size <= 10; size++) isDown.for.add(blake3Hex(noise(size)));
  await assert.rejects(scrubOnce(options), down);
  assert.equal(lines.length, 1 + 3);
  // It has given the lease back.
  isDown.for.clear();
  assert.equal((await scrubOnce({ ...options, holder: "another" })).complete, true);
});

Deno.test("a store that is lost does not fill the log", async () => {
  await using stores = await Stores.open();
  const missing = Array.from({ length: 1000 }, (_, at) => ({
    hash: blake3Hex(new TextEncoder().encode(`${at}`)),
    size: 1,
  })).sort((a, b) => a.hash < b.hash ? -1 : 1);
  stores.repository.blocksOf = (_space, after, limit) => {
    const from = missing.findIndex(({ hash }) => hash > (after ?? ""));
    return Promise.resolve(from < 0 ? [] : missing.slice(from, from + limit));
  };
  const { options, lines } = setUp(stores);

  const { damaged } = await scrubOnce(options);

  assert.deepEqual([damaged, lines.length], [2000, 1000]);
});

Deno.test("an abort ends a scrub within the value that it reads", async () => {
  await using stores = await Stores.open();
  await stores.put(HOME, "large", noise(500_000));
  await stores.put(HOME, "other", A);
  const stopping = new AbortController();
  let steps = 0;
  const pace = {
    begin() {},
    spent: (bytes: number) => {
      if (bytes > 0 && ++steps === 2) stopping.abort();
      return Promise.resolve();
    },
  };
  const { options } = setUp(stores, { pace });

  const { complete } = await scrubOnce(options, stopping.signal);

  assert.equal(complete, false);
  assert.equal(steps, 2);
  assert.equal(await stores.repository.setting("scrub.ended"), undefined);
});

Deno.test("of two processes one scrubs", async () => {
  await using stores = await Stores.open();
  await stores.put(HOME, "key", A);
  const { options } = setUp(stores);
  let other: Scrubbed | undefined;
  const pace = {
    begin() {},
    spent: async () => {
      other ??= await scrubOnce({ ...options, holder: "another node" });
    },
  };

  const { ran } = await scrubOnce({ ...options, pace });

  assert.deepEqual([ran, other?.ran, other?.values], [true, false, 0]);
});

Deno.test("it works a tenth of the time at most", async () => {
  await using stores = await Stores.open();
  await stores.put(HOME, "key", noise(500_000));
  let first: number | undefined;
  let last = 0;
  const clock = {
    nowSeconds: () => Date.now() / 1000,
    monotonicMs() {
      last = performance.now();
      return first ??= last;
    },
  };
  const { pace: _, ...options } = setUp(stores, { clock }).options;

  await scrubOnce(options);

  // Half a megabyte in less than a twentieth of a second would be more than ten a second.
  assert.ok(last - (first ?? 0) >= 40);
});

/** Waits for the log line that comes next, in the order they come. */
function awaited(): { log: Log; next(event: string): Promise<Fields> } {
  const lines: Line[] = [];
  let wake: (() => void) | undefined;
  const note = (event: string, fields: Fields = {}) => {
    lines.push({ event, ...fields });
    wake?.();
  };
  return {
    log: { error: note, warn: note, info: note, debug: note, flush: async () => {} },
    async next(event) {
      while (lines.length === 0) await new Promise<void>((resolve) => wake = resolve);
      const line = lines.shift();
      assert.equal(line?.event, event);
      return line;
    },
  };
}

Deno.test("the started scrub runs, says what it saw, and runs again when it is due", async () => {
  await using stores = await Stores.open();
  await stores.put(HOME, "key", A);
  const { log, next } = awaited();
  {
    await using _scrub = startScrub(setUp(stores, { log, intervalMs: 1 }).options);
    const { count, bytes, note } = await next("scrub.finished");
    assert.deepEqual([count, bytes, note], [1, 1000, "0 damaged"]);
    // The clock stands still: it is due again as soon as it moves on.
    stores.clock.pass(1);
    await next("scrub.finished");
  }
  const ended = Number(await stores.repository.setting("scrub.ended"));
  assert.ok(ended <= stores.clock.seconds);
});

Deno.test("a start does not repeat a scrub that is not due, unless it ended in the future", async () => {
  await using stores = await Stores.open();
  const { clock, repository } = stores;
  const asked = Promise.withResolvers<void>();
  const { setting } = repository;
  repository.setting = async (name) => {
    const value = await setting.call(repository, name);
    asked.resolve();
    return value;
  };
  repository.spaces = () => assert.fail("it scrubs");
  await repository.setSetting("scrub.ended", String(clock.seconds - 59));
  {
    await using _scrub = startScrub(setUp(stores).options);
    await asked.promise;
  }

  await repository.setSetting("scrub.ended", String(clock.seconds + 1000));
  repository.spaces = () => Promise.resolve([]);
  const { log, next } = awaited();
  await using _scrub = startScrub(setUp(stores, { log }).options);
  await next("scrub.finished");
});

Deno.test("a scrub that fails is logged, and the next one runs", async () => {
  await using stores = await Stores.open();
  const { repository } = stores;
  const { spaces } = repository;
  repository.spaces = (...args) => {
    repository.spaces = spaces;
    return args.length === 2
      ? Promise.reject(new NodeError("storage_unavailable"))
      : assert.fail("asked otherwise");
  };
  const { log, next } = awaited();

  await using _scrub = startScrub(setUp(stores, { log, intervalMs: 1 }).options);

  await next("scrub.failed");
  await next("scrub.finished");
});
