// The promises of the port `Blocks` (src/blocks/blocks.ts), one case each, for every back-end.

import assert from "node:assert/strict";
import { blake3Hex } from "../../src/blake3.ts";
import { type BlockInfo, type Blocks, spaceHashOf, type Staged } from "../../src/blocks/blocks.ts";
import { parseSpaceId, type SpaceId } from "../../src/capabilities/space_id.ts";

export interface OpenedBlocks extends AsyncDisposable {
  readonly blocks: Blocks;
  /** Replaces what is stored of a block, behind the store's back. */
  damage(block: { spaceHash: string; hash: string }, bytes: Uint8Array): Promise<void>;
  /** Leaves what a process leaves that dies in the middle of a write. */
  breakOffPut(): Promise<void>;
  /** Puts something that is no block in the store's folder or bucket. */
  addForeign(): Promise<void>;
  /** From now on the store cannot be reached. */
  cut(): Promise<void>;
}

const OWNER = "pkh:eip155:1:0x6a12C8594c5C850d57612CA58810ABb8aeBbC04B";
const HOME = spaceId(`tinycloud:${OWNER}:home`);
const AWAY = spaceId(`tinycloud:${OWNER}:away`);
const LARGE = 5 * 1024 * 1024 + 7;

/** `register` makes a case a test; default: always. */
export function blocksContract(
  name: string,
  open: () => Promise<OpenedBlocks>,
  register: (name: string, test: () => Promise<void>) => void = Deno.test,
): void {
  function promise(sentence: string, test: (opened: OpenedBlocks) => Promise<void>): void {
    register(`${name}: ${sentence}`, async () => {
      await using opened = await open();
      await test(opened);
    });
  }

  for (const size of [0, 1, 64 * 1024, 64 * 1024 + 1, LARGE]) {
    for (const kind of ["memory", "file"] as const) {
      promise(`a block of ${size} bytes put from ${kind} is read back`, async ({ blocks }) => {
        const bytes = noise(size);
        await using staged = await stagedIn(kind, bytes);

        await blocks.put(HOME, staged);

        const found = await blocks.get(HOME, staged.hash);
        assert.equal(found?.size, size);
        assertBytes(await readAll(found?.body), bytes);
      });
    }
  }

  promise("a block that was never put is not found", async ({ blocks }) => {
    const hash = blake3Hex(noise(3));

    assert.equal(await blocks.get(HOME, hash), undefined);
  });

  promise("a block of one space is not found in another", async ({ blocks }) => {
    await using staged = await stagedIn("memory", noise(10));

    await blocks.put(HOME, staged);

    assert.equal(await blocks.get(AWAY, staged.hash), undefined);
  });

  for (const kind of ["memory", "file"] as const) {
    promise(`content staged in ${kind} can be put twice, and after removal`, async ({ blocks }) => {
      const bytes = noise(100_000);
      await using staged = await stagedIn(kind, bytes);

      await blocks.put(HOME, staged);
      await blocks.put(HOME, staged);
      await blocks.remove(HOME, staged.hash);
      await blocks.put(HOME, staged);

      assertBytes(await contentOf(blocks, HOME, staged.hash), bytes);
    });

    promise(`a put from ${kind} heals a damaged block`, async ({ blocks, damage }) => {
      const bytes = noise(1000);
      await using staged = await stagedIn(kind, bytes);
      await using again = await stagedIn(kind, bytes);
      await blocks.put(HOME, staged);
      await damage(nameIn(HOME, staged.hash), noise(999));

      await blocks.put(HOME, again);

      assertBytes(await contentOf(blocks, HOME, staged.hash), bytes);
    });

    promise(`a block put from ${kind} outlives the disposal of what was staged`, async (opened) => {
      const bytes = noise(1000);
      const staged = await stagedIn(kind, bytes);
      await opened.blocks.put(HOME, staged);

      await staged[Symbol.asyncDispose]();

      assertBytes(await contentOf(opened.blocks, HOME, staged.hash), bytes);
    });
  }

  promise("equal content put many times at once ends whole", async ({ blocks }) => {
    const bytes = noise(300_000);
    await using memory = await stagedIn("memory", bytes);
    await using file = await stagedIn("file", bytes);

    await Promise.all(
      Array.from({ length: 20 }, (_, at) => blocks.put(HOME, at % 2 === 0 ? memory : file)),
    );

    assertBytes(await contentOf(blocks, HOME, memory.hash), bytes);
    assert.equal((await listed(blocks)).length, 1);
    assert.equal(await blocks.leftovers(Infinity), 0);
  });

  promise("a block is whole at every moment of a second put", async ({ blocks }) => {
    const bytes = noise(LARGE);
    await using staged = await stagedIn("memory", bytes);
    await blocks.put(HOME, staged);
    let putting = true;

    const put = blocks.put(HOME, staged).finally(() => putting = false);
    do {
      assertBytes(await contentOf(blocks, HOME, staged.hash), bytes);
    } while (putting);

    await put;
  });

  promise("a reader reads on after the block was removed", async ({ blocks }) => {
    const bytes = noise(LARGE);
    await using staged = await stagedIn("memory", bytes);
    await blocks.put(HOME, staged);
    const opened = await blocks.get(HOME, staged.hash);

    await blocks.remove(HOME, staged.hash);

    assertBytes(await readAll(opened?.body), bytes);
    assert.equal(await blocks.get(HOME, staged.hash), undefined);
  });

  promise("a reader reads on after the block was put again", async ({ blocks }) => {
    const bytes = noise(LARGE);
    await using staged = await stagedIn("file", bytes);
    await blocks.put(HOME, staged);
    const opened = await blocks.get(HOME, staged.hash);

    await blocks.put(HOME, staged);

    assertBytes(await readAll(opened?.body), bytes);
  });

  promise("a reader that stops early leaves the block readable", async ({ blocks }) => {
    const bytes = noise(LARGE);
    await using staged = await stagedIn("memory", bytes);
    await blocks.put(HOME, staged);

    const opened = await blocks.get(HOME, staged.hash);
    const reader = opened?.body.getReader();
    await reader?.read();
    await reader?.cancel();

    assertBytes(await contentOf(blocks, HOME, staged.hash), bytes);
  });

  promise("removing what is not there is no error", async ({ blocks }) => {
    await blocks.remove(HOME, blake3Hex(noise(4)));
    await blocks.removeStray({ ...nameIn(HOME, blake3Hex(noise(4))), size: 1, modifiedAt: 1 });
  });

  promise("removing one space's block leaves another's", async ({ blocks }) => {
    const bytes = noise(1000);
    await using staged = await stagedIn("file", bytes);
    await blocks.put(HOME, staged);
    await blocks.put(AWAY, staged);

    await blocks.remove(HOME, staged.hash);

    assert.equal(await blocks.get(HOME, staged.hash), undefined);
    assertBytes(await contentOf(blocks, AWAY, staged.hash), bytes);
  });

  promise("a stray is removed by the hash of its space", async ({ blocks }) => {
    await using staged = await stagedIn("memory", noise(1000));
    await blocks.put(HOME, staged);
    const [stray] = await listed(blocks);
    assert.ok(stray);

    await blocks.removeStray(stray);

    assert.equal(await blocks.get(HOME, staged.hash), undefined);
  });

  promise("a stray of another age is left: it was written anew", async ({ blocks }) => {
    await using staged = await stagedIn("memory", noise(1000));
    await blocks.put(HOME, staged);
    const [stray] = await listed(blocks);
    assert.ok(stray);

    await blocks.removeStray({ ...stray, modifiedAt: stray.modifiedAt - 1 });

    assert.notEqual(await blocks.get(HOME, staged.hash), undefined);
  });

  promise("all names every block with size and age, in order, and nothing else", async (opened) => {
    const started = Date.now() / 1000;
    const expected: { spaceHash: string; hash: string; size: number }[] = [];
    for (let size = 1; size <= 20; size++) {
      await using staged = await stagedIn("memory", noise(size));
      for (const space of [HOME, AWAY]) {
        await opened.blocks.put(space, staged);
        expected.push({ ...nameIn(space, staged.hash), size });
      }
    }
    await opened.addForeign();

    const found = await listed(opened.blocks);

    expected.sort((a, b) => textOf(a) < textOf(b) ? -1 : 1);
    assert.deepEqual(
      found.map(({ spaceHash, hash, size }) => ({ spaceHash, hash, size })),
      expected,
    );
    for (const { modifiedAt } of found) {
      assert.ok(Math.abs(modifiedAt - started) < 300, `${modifiedAt} is not now`);
    }
  });

  promise("all goes on after any block, also one that is gone", async ({ blocks }) => {
    for (let size = 1; size <= 6; size++) {
      await using staged = await stagedIn("memory", noise(size));
      await blocks.put(HOME, staged);
      await blocks.put(AWAY, staged);
    }
    const everything = await listed(blocks);

    for (const [at, block] of everything.entries()) {
      assert.deepEqual(await listed(blocks, block), everything.slice(at + 1));
      await blocks.removeStray(block);
      assert.deepEqual(await listed(blocks, block), everything.slice(at + 1));
    }
  });

  promise("leftovers of a put that broke off are no blocks, and are swept", async (opened) => {
    await using staged = await stagedIn("memory", noise(1000));
    await opened.blocks.put(HOME, staged);
    await opened.breakOffPut();
    const hourAgo = Date.now() / 1000 - 3600;
    const soon = Date.now() / 1000 + 3600;

    assert.equal((await listed(opened.blocks)).length, 1);
    assert.equal(await opened.blocks.leftovers(hourAgo), 0);
    assert.equal(await opened.blocks.sweepLeftovers(hourAgo), 0);
    assert.equal(await opened.blocks.leftovers(soon), 1);
    assert.equal(await opened.blocks.sweepLeftovers(soon), 1);
    assert.equal(await opened.blocks.sweepLeftovers(soon), 0);
    assert.notEqual(await opened.blocks.get(HOME, staged.hash), undefined);
  });

  promise("a probe succeeds and leaves nothing", async ({ blocks }) => {
    await blocks.probe();

    assert.deepEqual(await listed(blocks), []);
    assert.equal(await blocks.leftovers(Infinity), 0);
  });

  for (const hash of ["", "ab", "..", `../../${"a".repeat(58)}`, "A".repeat(64), "g".repeat(64)]) {
    promise(`"${hash}" is no hash to get, put or remove by`, async ({ blocks }) => {
      await using staged = await stagedIn("memory", noise(1));
      const block = { spaceHash: spaceHashOf(HOME), hash, size: 1, modifiedAt: 1 };

      for (
        const action of [
          () => blocks.get(HOME, hash),
          () => blocks.put(HOME, { ...staged, hash }),
          () => blocks.remove(HOME, hash),
          () => blocks.removeStray(block),
          () => blocks.removeStray({ ...block, hash: staged.hash, spaceHash: hash }),
        ]
      ) await assert.rejects(async () => await action(), TypeError);
    });
  }

  promise("every call on a store out of reach throws storage_unavailable", async (opened) => {
    const { blocks } = opened;
    await using staged = await stagedIn("memory", noise(1000));
    await blocks.put(HOME, staged);

    await opened.cut();

    for (
      const action of [
        () => blocks.get(HOME, staged.hash),
        () => blocks.put(HOME, staged),
        () => listed(blocks),
        () => blocks.probe(),
      ]
    ) await assert.rejects(action, { name: "NodeError", code: "storage_unavailable" });
  });
}

export function spaceId(text: string): SpaceId {
  const parsed = parseSpaceId(text);
  assert.ok(parsed, text);
  return parsed.space;
}

export async function readAll(
  body: ReadableStream<Uint8Array> | undefined,
): Promise<Uint8Array> {
  return new Uint8Array(await new Response(body).arrayBuffer());
}

/** Compares by hash: a failure would otherwise print both, after minutes of comparing them. */
export function assertBytes(
  actual: Uint8Array | undefined,
  expected: Uint8Array | undefined,
): void {
  const hashOf = (bytes: Uint8Array | undefined) => bytes && blake3Hex(bytes);
  assert.equal(hashOf(actual), hashOf(expected));
}

/** As an upload that has arrived; the file of one kept in a file goes with it. */
export async function stagedIn(kind: "memory" | "file", bytes: Uint8Array): Promise<Staged> {
  const hash = blake3Hex(bytes);
  const size = bytes.length;
  if (kind === "memory") {
    return { hash, size, bytes, path: undefined, async [Symbol.asyncDispose]() {} };
  }
  const path = await Deno.makeTempFile();
  await Deno.writeFile(path, bytes);
  return {
    hash,
    size,
    bytes: undefined,
    path,
    [Symbol.asyncDispose]: () => Deno.remove(path).catch(() => {}),
  };
}

/** Bytes that look like no others of another length. */
export function noise(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let state = size + 1;
  for (let at = 0; at < size; at++) {
    state = Math.imul(state, 1664525) + 1013904223 | 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

async function contentOf(
  blocks: Blocks,
  space: SpaceId,
  hash: string,
): Promise<Uint8Array | undefined> {
  const found = await blocks.get(space, hash);
  return found === undefined ? undefined : await readAll(found.body);
}

function listed(blocks: Blocks, after?: { spaceHash: string; hash: string }): Promise<BlockInfo[]> {
  return Array.fromAsync(blocks.all(after));
}

function nameIn(space: SpaceId, hash: string): { spaceHash: string; hash: string } {
  return { spaceHash: spaceHashOf(space), hash };
}

function textOf({ spaceHash, hash }: { spaceHash: string; hash: string }): string {
  return `${spaceHash}/${hash}`;
}
