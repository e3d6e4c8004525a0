// What takes another program to try: leftovers of a process that was killed, a FIFO for a block.

import assert from "node:assert/strict";
import { blake3Hex } from "../../src/blake3.ts";
import { spaceHashOf } from "../../src/blocks/blocks.ts";
import { openLocalBlocks } from "../../src/blocks/local.ts";
import { openTemporaryFolder } from "../../src/blocks/temporary.ts";
import { noise } from "../contract/blocks_contract.ts";
import { HOME, leftIn, temporaryDirectory } from "../unit/blocks/support.ts";

Deno.test("the files of a process that was killed are swept at once", async () => {
  await using directory = await temporaryDirectory();
  const module = import.meta.resolve("../../src/blocks/temporary.ts");
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--frozen", program(module, directory.path)],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  await using folder = await openTemporaryFolder(directory.path);

  assert.equal(await folder.sweep(Infinity), 0);
  child.kill("SIGKILL");
  await child.status;
  await reader.cancel();

  assert.equal(await folder.sweep(Infinity), 1);
  assert.deepEqual(await leftIn(directory.path), []);
});

function program(module: string, path: string): string {
  return `
    import { openTemporaryFolder } from ${JSON.stringify(module)};
    const folder = await openTemporaryFolder(${JSON.stringify(path)});
    await Deno.writeTextFile(folder.reserve().path, "left");
    console.log("ready");
    await new Promise((resolve) => setTimeout(resolve, 60_000));`;
}

Deno.test("a FIFO in a block's place does not hang a reader", async () => {
  await using directory = await temporaryDirectory();
  await using blocks = await openLocalBlocks({ path: directory.path, durability: "normal" });
  const hash = blake3Hex(noise(1000));
  const folder = `${directory.path}/${spaceHashOf(HOME)}/${hash.slice(0, 2)}`;
  await Deno.mkdir(folder, { recursive: true });
  const { success } = await new Deno.Command("mkfifo", { args: [`${folder}/${hash}`] }).output();
  assert.ok(success);

  assert.equal(await blocks.get(HOME, hash), undefined);
});
