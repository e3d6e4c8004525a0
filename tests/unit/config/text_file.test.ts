// Text files are read whole, within a bound.

import assert from "node:assert/strict";
import { readText, why } from "../../../src/config/text_file.ts";

async function readBytes(bytes: Uint8Array, maxBytes: number): Promise<string> {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, bytes);
    return await readText(path, maxBytes);
  } finally {
    await Deno.remove(path);
  }
}

const utf8 = (text: string) => new TextEncoder().encode(text);

Deno.test("a file at the bound is read whole", async () => {
  assert.equal(await readBytes(utf8("päron"), 6), "päron");
});

Deno.test("an empty file is an empty text", async () => {
  assert.equal(await readBytes(utf8(""), 6), "");
});

Deno.test("a file beyond the bound is refused", async () => {
  await assert.rejects(readBytes(utf8("apples"), 5), { message: "it is larger than 5 bytes" });
});

Deno.test("an endless file is refused", async () => {
  await assert.rejects(readText("/dev/zero", 100_000), {
    message: "it is larger than 100000 bytes",
  });
});

Deno.test("a file that is not UTF-8 is refused", async () => {
  await assert.rejects(readBytes(Uint8Array.of(0x61, 0xff), 9), {
    message: "it is not UTF-8 text",
  });
});

Deno.test("a missing file is said not to exist, other reasons are the system's", () => {
  assert.equal(why(new Deno.errors.NotFound("os error 2")), "it does not exist");
  assert.equal(why(new Deno.errors.IsADirectory("Is a directory")), "Is a directory");
});
