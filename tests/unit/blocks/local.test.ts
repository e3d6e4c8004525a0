// What only blocks in files have: names, modes, symlinks, folders that go away.

import assert from "node:assert/strict";
import { blake3Hex } from "../../../src/blake3.ts";
import type { Blocks } from "../../../src/blocks/blocks.ts";
import { openLocalBlocks } from "../../../src/blocks/local.ts";
import { assertBytes, noise, readAll, stagedIn } from "../../contract/blocks_contract.ts";
import {
  filesIn,
  HOME,
  inMemory,
  leftIn,
  NO_FOLDERS,
  noFolders,
  temporaryDirectory,
} from "./support.ts";

const BYTES = noise(300_000);
const HASH = blake3Hex(BYTES);
const HOME_HASH = blake3Hex(new TextEncoder().encode(HOME));

interface Opened extends AsyncDisposable {
  readonly blocks: Blocks;
  /** Of the store. */
  readonly path: string;
  /** Folder of the blocks of HOME, and the block of BYTES in it. */
  readonly space: string;
  readonly shard: string;
  readonly file: string;
}

async function open(): Promise<Opened> {
  const directory = await temporaryDirectory();
  const path = `${directory.path}/new/blocks`;
  const blocks = await openLocalBlocks({ path, durability: "full" });
  const space = `${path}/${HOME_HASH}`;
  const shard = `${space}/${HASH.slice(0, 2)}`;
  return {
    blocks,
    path,
    space,
    shard,
    file: `${shard}/${HASH}`,
    async [Symbol.asyncDispose]() {
      await blocks[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

async function contentIn(blocks: Blocks): Promise<Uint8Array | undefined> {
  const found = await blocks.get(HOME, HASH);
  return found === undefined ? undefined : await readAll(found.body);
}

Deno.test("a block's file is named by space, two digits and hash", async () => {
  await using opened = await open();

  await opened.blocks.put(HOME, inMemory(BYTES));

  assertBytes(await Deno.readFile(opened.file), BYTES);
  assert.deepEqual(await leftIn(opened.path), [`${HOME_HASH}/${HASH.slice(0, 2)}/${HASH}`]);
});

Deno.test("a store opened again has its blocks", async () => {
  await using opened = await open();
  await opened.blocks.put(HOME, inMemory(BYTES));
  await opened.blocks[Symbol.asyncDispose]();

  await using again = await openLocalBlocks({ path: opened.path, durability: "full" });

  assertBytes(await contentIn(again), BYTES);
});

for (const umask of [0, 0o022, 0o077]) {
  Deno.test(`folders are 0700 and files 0600 under umask ${umask.toString(8)}`, async () => {
    const before = Deno.umask(umask);
    try {
      await using opened = await open();
      await using staged = await stagedIn("memory", BYTES);
      await opened.blocks.put(HOME, staged);

      for (const folder of [`${opened.path}/..`, opened.path, opened.space, opened.shard]) {
        assert.equal(await modeOf(folder), 0o700, folder);
      }
      assert.equal(await modeOf(`${opened.path}/.tmp`), 0o700);
      assert.equal(await modeOf(opened.file), 0o600);
    } finally {
      Deno.umask(before);
    }
  });
}

Deno.test("a folder that the operator made keeps its mode", async () => {
  await using directory = await temporaryDirectory();
  await Deno.chmod(directory.path, 0o750);

  await using _blocks = await openLocalBlocks({ path: directory.path, durability: "full" });

  assert.equal(await modeOf(directory.path), 0o750);
});

Deno.test("nothing is written before the first put", async () => {
  await using opened = await open();

  await opened.blocks.get(HOME, HASH);
  await opened.blocks.leftovers(Infinity);
  await opened.blocks.sweepLeftovers(Infinity);
  await Array.fromAsync(opened.blocks.all());

  assert.deepEqual(await Array.fromAsync(Deno.readDir(opened.path)), []);
});

Deno.test("the store may stand behind a symlink", async () => {
  await using directory = await temporaryDirectory();
  await Deno.mkdir(`${directory.path}/volume`);
  await Deno.symlink(`${directory.path}/volume`, `${directory.path}/data`);

  await using blocks = await openLocalBlocks({
    path: `${directory.path}/data/blocks`,
    durability: "full",
  });
  await blocks.put(HOME, inMemory(BYTES));

  assertBytes(await contentIn(blocks), BYTES);
});

for (const { name, below } of NO_FOLDERS) {
  Deno.test(`a store cannot be opened on ${name}`, async () => {
    await using directory = await noFolders();

    const opening = openLocalBlocks({ path: `${directory.path}/${below}`, durability: "full" });

    await assert.rejects(opening, { name: "NodeError", code: "storage_unavailable" });
  });
}

Deno.test("a file that takes the store's place is no store without blocks", async () => {
  await using opened = await open();
  await Deno.remove(opened.path, { recursive: true });
  await Deno.writeTextFile(opened.path, "");

  await assert.rejects(opened.blocks.get(HOME, HASH), { code: "storage_unavailable" });
});

Deno.test("a symlink in place of the temporary folder is not followed", async () => {
  await using opened = await open();
  const elsewhere = `${opened.path}/../elsewhere`;
  await Deno.mkdir(elsewhere);
  await Deno.writeTextFile(`${elsewhere}/${"0".repeat(32)}-1`, "precious");
  await Deno.symlink(elsewhere, `${opened.path}/.tmp`);

  assert.equal(await opened.blocks.leftovers(Infinity), 0);
  assert.equal(await opened.blocks.sweepLeftovers(Infinity), 0);
  await assert.rejects(opened.blocks.put(HOME, inMemory(BYTES)), { code: "storage_unavailable" });

  assert.deepEqual(await filesIn(elsewhere), [`${"0".repeat(32)}-1`]);
});

/** Each puts something with the right bytes in place of what is read on the way to a block. */
const IMPOSTORS = [
  { name: "a symlink in the block's place", part: "file" },
  { name: "a symlink in the place of the two digits", part: "shard" },
  { name: "a symlink in the space's place", part: "space" },
] as const;

for (const { name, part } of IMPOSTORS) {
  Deno.test(`${name} is not read`, async () => {
    await using opened = await open();
    await opened.blocks.put(HOME, inMemory(BYTES));
    await moveBehindSymlink(opened[part]);

    assertBytes(await contentIn(opened.blocks), undefined);
    assert.deepEqual(await Array.fromAsync(opened.blocks.all()), []);
  });

  Deno.test(`${name} is not removed through`, async () => {
    await using opened = await open();
    await opened.blocks.put(HOME, inMemory(BYTES));
    const [stray] = await Array.fromAsync(opened.blocks.all());
    assert.ok(stray);
    await moveBehindSymlink(opened[part]);
    const moved = async () =>
      (await filesIn(`${opened.path}/..`)).filter((file) => file.startsWith("elsewhere"));
    const before = await moved();

    await opened.blocks.removeStray(stray);
    await opened.blocks.remove(HOME, HASH);

    assert.equal(before.length, 1);
    assert.deepEqual(await moved(), before);
  });
}

Deno.test("a put replaces a symlink in the block's place, not what it leads to", async () => {
  await using opened = await open();
  await opened.blocks.put(HOME, inMemory(BYTES));
  const victim = `${opened.path}/../victim`;
  await Deno.writeTextFile(victim, "precious");
  await Deno.remove(opened.file);
  await Deno.symlink(victim, opened.file);

  await opened.blocks.put(HOME, inMemory(BYTES));

  assertBytes(await contentIn(opened.blocks), BYTES);
  assert.equal(await Deno.readTextFile(victim), "precious");
});

for (const part of ["shard", "space"] as const) {
  Deno.test(`a put does not write through a symlink that came in place of the ${part}`, async () => {
    await using opened = await open();
    await opened.blocks.put(HOME, inMemory(BYTES));
    await moveBehindSymlink(opened[part]);
    await Deno.remove(await Deno.realPath(opened.file));

    const put = opened.blocks.put(HOME, inMemory(BYTES));

    await assert.rejects(put, { name: "NodeError", code: "storage_unavailable" });
    await assert.rejects(Deno.stat(opened.file), Deno.errors.NotFound);
  });

  Deno.test(`a put does not write through a symlink in place of the ${part}`, async () => {
    await using opened = await open();
    const elsewhere = `${opened.path}/../elsewhere`;
    await Deno.mkdir(elsewhere);
    if (part === "shard") await Deno.mkdir(opened.space);
    await Deno.symlink(elsewhere, opened[part]);

    const put = opened.blocks.put(HOME, inMemory(BYTES));

    await assert.rejects(put, { name: "NodeError", code: "storage_unavailable" });
    assert.deepEqual(await filesIn(elsewhere), []);
  });
}

Deno.test("a folder in the block's place is no block, and fails a put", async () => {
  await using opened = await open();
  await opened.blocks.put(HOME, inMemory(BYTES));
  await Deno.remove(opened.file);
  await Deno.mkdir(opened.file);

  assertBytes(await contentIn(opened.blocks), undefined);
  await assert.rejects(opened.blocks.put(HOME, inMemory(BYTES)), { code: "storage_unavailable" });
  assert.deepEqual(await leftIn(`${opened.path}/.tmp`), []);
});

for (const part of ["shard", "space"] as const) {
  Deno.test(`after the ${part}'s folder was taken away, the second put succeeds`, async () => {
    await using opened = await open();
    await opened.blocks.put(HOME, inMemory(BYTES));
    await Deno.remove(opened[part], { recursive: true });

    await assert.rejects(opened.blocks.put(HOME, inMemory(BYTES)), { code: "storage_unavailable" });
    await opened.blocks.put(HOME, inMemory(BYTES));

    assertBytes(await contentIn(opened.blocks), BYTES);
  });
}

Deno.test("a store whose folder was taken away is not made anew by a put", async () => {
  await using opened = await open();
  await Deno.remove(opened.path, { recursive: true });

  for (let times = 0; times < 2; times++) {
    await assert.rejects(opened.blocks.put(HOME, inMemory(BYTES)), { code: "storage_unavailable" });
    await assert.rejects(opened.blocks.probe(), { code: "storage_unavailable" });
  }

  await assert.rejects(Deno.stat(opened.path), Deno.errors.NotFound);
});

Deno.test("a staged file that has vanished is storage_unavailable and leaves nothing", async () => {
  await using opened = await open();
  await using staged = await stagedIn("file", BYTES);
  await Deno.remove(staged.path ?? "");

  await assert.rejects(opened.blocks.put(HOME, staged), { code: "storage_unavailable" });

  assert.deepEqual(await leftIn(opened.path), []);
});

Deno.test("a block that becomes shorter under its reader ends in an error", async () => {
  await using opened = await open();
  await opened.blocks.put(HOME, inMemory(BYTES));
  const found = await opened.blocks.get(HOME, HASH);
  await Deno.truncate(opened.file, 1000);

  await assert.rejects(readAll(found?.body), { name: "NodeError", code: "storage_unavailable" });
});

async function modeOf(path: string): Promise<number> {
  return ((await Deno.stat(path)).mode ?? 0) & 0o777;
}

/** Leaves a symlink to what was there, which is beside the store from then on. */
async function moveBehindSymlink(path: string): Promise<void> {
  const elsewhere = `${path.slice(0, path.indexOf("/new/"))}/new/elsewhere`;
  await Deno.rename(path, elsewhere);
  await Deno.symlink(elsewhere, path);
}
