// The block store on a file system that is full, or read-only, and is mended later (adversary 3).
// On a small tmpfs, so it runs where mounting is permitted.

import assert from "node:assert/strict";
import { type Blocks, type Staged } from "../../src/blocks/blocks.ts";
import { openLocalBlocks } from "../../src/blocks/local.ts";
import { openStaging, type Staging } from "../../src/blocks/staging.ts";
import { NodeError } from "../../src/errors.ts";
import { assertBytes, noise, readAll } from "../contract/blocks_contract.ts";
import {
  AWAY,
  bodyOf,
  HOME,
  inMemory,
  leftIn,
  pieces,
  temporaryDirectory,
} from "../unit/blocks/support.ts";

const MIB = 1024 * 1024;
const ROOMY = noise(MIB / 2);
const TOO_MUCH = noise(3 * MIB);
const limit = { maxBytes: Infinity, refuse: () => new NodeError("object_too_large") };

interface Mounted extends AsyncDisposable {
  readonly path: string;
  readonly blocks: Blocks;
  readonly staging: Staging;
  remount(how: "ro" | "rw"): Promise<void>;
}

async function run(command: string, ...args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args: [...args] }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

async function mountSmall(mode: "Memory" | "FileSystem"): Promise<Mounted> {
  await using opened = new AsyncDisposableStack();
  const path = await Deno.makeTempDir();
  opened.defer(() => Deno.remove(path));
  await run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", path);
  // Lazily: a failed test may have left something open.
  opened.defer(() => run("umount", "--lazy", path));
  const blocks = opened.use(
    await openLocalBlocks({ path: `${path}/blocks`, durability: "full" }),
  );
  const staging = opened.use(
    await openStaging({
      mode,
      memoryBytes: 64 * MIB,
      inlineBytes: 16 * 1024,
      path: `${path}/staging`,
    }),
  );
  const resources = opened.move();
  return {
    path,
    blocks,
    staging,
    remount: (how) => run("mount", "-o", `remount,${how}`, path),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

const mayMount = await (async () => {
  const path = await Deno.makeTempDir();
  try {
    await run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", path);
    await run("umount", path);
    return true;
  } catch {
    return false;
  } finally {
    await Deno.remove(path);
  }
})();

function faultTest(
  name: string,
  mode: "Memory" | "FileSystem",
  test: (mounted: Mounted) => Promise<void>,
): void {
  Deno.test({
    name: mayMount ? name : `${name} (ignored: mounting is not permitted here)`,
    ignore: !mayMount,
    async fn() {
      await using mounted = await mountSmall(mode);
      await test(mounted);
    },
  });
}

faultTest(
  "a put on a full disk is storage_full, leaves nothing, and others read on",
  "Memory",
  async (mounted) => {
    const { blocks, path } = mounted;
    await blocks.put(HOME, inMemory(ROOMY));

    await assert.rejects(blocks.put(HOME, inMemory(TOO_MUCH)), { code: "storage_full" });

    assert.equal((await leftIn(path)).length, 1);
    assertBytes(await contentOf(blocks, inMemory(ROOMY)), ROOMY);
  },
);

faultTest("a disk with room again takes puts again", "Memory", async ({ blocks }) => {
  await blocks.put(HOME, inMemory(ROOMY));
  const next = inMemory(noise(MIB * 3 / 4));
  await assert.rejects(blocks.put(HOME, next), { code: "storage_full" });

  await blocks.remove(HOME, inMemory(ROOMY).hash);
  await blocks.put(HOME, next);

  assertBytes(await contentOf(blocks, next), next.bytes);
});

faultTest("a failed put over a block leaves the block", "Memory", async ({ blocks }) => {
  const staged = inMemory(noise(MIB * 3 / 4));
  await blocks.put(HOME, staged);

  await assert.rejects(blocks.put(HOME, staged), { code: "storage_full" });

  assertBytes(await contentOf(blocks, staged), staged.bytes);
});

for (const mode of ["Memory", "FileSystem"] as const) {
  faultTest(
    `an upload that fills the disk is storage_full and leaves nothing: ${mode}`,
    mode,
    async ({ staging, path }) => {
      let cancelled = false;
      const body = bodyOf(pieces(TOO_MUCH, 50_000), { cancelled: () => cancelled = true });

      await assert.rejects(staging.stage(body, limit), { code: "storage_full" });

      assert.equal(cancelled, true);
      assert.deepEqual(await leftIn(path), []);
      await using staged = await staging.stage(bodyOf(pieces(ROOMY, 50_000)), limit);
      assert.equal(staged.size, ROOMY.length);
    },
  );
}

faultTest("an upload fills a disk once, not twice", "FileSystem", async ({ staging, blocks }) => {
  const bytes = noise(MIB * 3 / 4);
  await using staged = await staging.stage(bodyOf(pieces(bytes, 50_000)), limit);

  await blocks.put(HOME, staged);

  assertBytes(await contentOf(blocks, staged), bytes);
});

faultTest(
  "a staged file on another file system is copied, and private",
  "FileSystem",
  async ({ blocks, path }) => {
    await using directory = await temporaryDirectory();
    const upload = `${directory.path}/upload`;
    await Deno.writeFile(upload, ROOMY.subarray(0, 300_000), { mode: 0o600 });
    const staged = { ...inMemory(ROOMY.subarray(0, 300_000)), bytes: undefined, path: upload };

    await blocks.put(HOME, staged);
    await blocks.put(AWAY, staged);

    assertBytes(await contentOf(blocks, staged), ROOMY.subarray(0, 300_000));
    const left = await leftIn(path);
    assert.equal(left.length, 2);
    for (const file of left) assert.equal((await Deno.stat(`${path}/${file}`)).mode, 0o100600);
  },
);

faultTest(
  "a read-only disk refuses puts, uploads and probes, and gives reads",
  "FileSystem",
  async (mounted) => {
    const { blocks, staging } = mounted;
    await blocks.put(HOME, inMemory(ROOMY));
    await mounted.remount("ro");

    await assert.rejects(blocks.put(HOME, inMemory(ROOMY)), { code: "storage_readonly" });
    await assert.rejects(blocks.remove(HOME, inMemory(ROOMY).hash), { code: "storage_readonly" });
    await assert.rejects(blocks.probe(), { code: "storage_readonly" });
    await assert.rejects(staging.stage(bodyOf([ROOMY]), limit), { code: "storage_readonly" });
    assertBytes(await contentOf(blocks, inMemory(ROOMY)), ROOMY);

    await mounted.remount("rw");
    await blocks.probe();
    await blocks.put(HOME, inMemory(ROOMY));
    await using staged = await staging.stage(bodyOf([ROOMY]), limit);
    assert.equal(staged.size, ROOMY.length);
  },
);

faultTest("a store can be read that was opened on a read-only disk", "Memory", async (mounted) => {
  await mounted.blocks.put(HOME, inMemory(ROOMY));
  await mounted.remount("ro");

  {
    await using blocks = await openLocalBlocks({
      path: `${mounted.path}/blocks`,
      durability: "full",
    });
    assertBytes(await contentOf(blocks, inMemory(ROOMY)), ROOMY);
  }

  await mounted.remount("rw");
});

async function contentOf(blocks: Blocks, { hash }: Staged): Promise<Uint8Array | undefined> {
  const found = await blocks.get(HOME, hash);
  return found === undefined ? undefined : await readAll(found.body);
}
