// Descriptors of blocks are closed on every exit. Asks `ls`: the system's list of what this process
// has open may only be read by another, unless the tests have all permissions.

import assert from "node:assert/strict";
import { blake3Hex } from "../../src/blake3.ts";
import { type Blocks, spaceHashOf } from "../../src/blocks/blocks.ts";
import { openLocalBlocks } from "../../src/blocks/local.ts";
import { noise, readAll } from "../contract/blocks_contract.ts";
import { HOME, inMemory, temporaryDirectory } from "../unit/blocks/support.ts";

const BYTES = noise(300_000);
const HASH = blake3Hex(BYTES);

interface Opened extends AsyncDisposable {
  readonly blocks: Blocks;
  /** The block of BYTES. */
  readonly file: string;
}

async function open(): Promise<Opened> {
  const directory = await temporaryDirectory();
  const blocks = await openLocalBlocks({ path: directory.path, durability: "normal" });
  return {
    blocks,
    file: `${directory.path}/${spaceHashOf(HOME)}/${HASH.slice(0, 2)}/${HASH}`,
    async [Symbol.asyncDispose]() {
      await blocks[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

Deno.test("a body on its way has its block open", async () => {
  await using opened = await open();
  await opened.blocks.put(HOME, inMemory(BYTES));

  const found = await opened.blocks.get(HOME, HASH);

  // A read under way has another.
  assert.notEqual((await descriptorsOf(opened.file)).length, 0);
  await found?.body.cancel();
});

const ENDINGS = [
  { name: "read to the end", end: (body: ReadableStream<Uint8Array>) => readAll(body) },
  { name: "cancelled unread", end: (body: ReadableStream<Uint8Array>) => body.cancel() },
  {
    name: "cancelled between two reads",
    async end(body: ReadableStream<Uint8Array>, file: string) {
      const reader = body.getReader();
      await reader.read();
      // By then the stream has filled its queue and rests.
      for (let times = 0; times < 3; times++) await Deno.readFile(file);
      await reader.cancel();
    },
  },
  {
    name: "cancelled during a read",
    async end(body: ReadableStream<Uint8Array>) {
      const reader = body.getReader();
      const read = reader.read();
      await reader.cancel();
      await read;
    },
  },
  {
    name: "cut off by an error",
    async end(body: ReadableStream<Uint8Array>, file: string) {
      await Deno.truncate(file, 1000);
      await assert.rejects(readAll(body));
    },
  },
] as const;

for (const { name, end } of ENDINGS) {
  Deno.test(`no descriptor stays open when a body is ${name}`, async () => {
    await using opened = await open();

    for (let times = 0; times < 20; times++) {
      await opened.blocks.put(HOME, inMemory(BYTES));
      const found = await opened.blocks.get(HOME, HASH);
      assert.ok(found);
      await end(found.body, opened.file);
    }

    await assertClosed(opened.file);
  });
}

const IMPOSTORS = [
  { name: "a folder", put: (file: string) => Deno.mkdir(file) },
  {
    name: "a symlink",
    async put(file: string) {
      await Deno.writeFile(`${file}.moved`, BYTES);
      await Deno.symlink(`${file}.moved`, file);
    },
  },
] as const;

for (const { name, put } of IMPOSTORS) {
  Deno.test(`no descriptor stays open when ${name} is in the block's place`, async () => {
    await using opened = await open();
    await opened.blocks.put(HOME, inMemory(BYTES));
    await Deno.remove(opened.file);
    await put(opened.file);

    for (let times = 0; times < 20; times++) {
      assert.ok(await opened.blocks.get(HOME, HASH) === undefined);
    }

    await assertClosed(opened.file);
  });
}

/** A read that was under way at the end may take a moment, a lost descriptor stays. */
async function assertClosed(file: string): Promise<void> {
  let open = await descriptorsOf(file);
  for (let times = 0; open.length > 0 && times < 20; times++) open = await descriptorsOf(file);
  assert.deepEqual(open, []);
}

/** What this process has open of a file, or of what was there before. */
async function descriptorsOf(file: string): Promise<readonly string[]> {
  const { stdout } = await new Deno.Command("ls", {
    args: ["-l", `/proc/${Deno.pid}/fd`],
    stderr: "null",
  }).output();
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line.includes(file));
}
