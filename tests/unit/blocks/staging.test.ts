// An upload on its way: counted, hashed, bounded, and nothing left of it afterwards.

import assert from "node:assert/strict";
import { blake3Hex } from "../../../src/blake3.ts";
import type { Staged } from "../../../src/blocks/blocks.ts";
import { openStaging, type Staging, type StagingOptions } from "../../../src/blocks/staging.ts";
import { NodeError } from "../../../src/errors.ts";
import { assertBytes, noise } from "../../contract/blocks_contract.ts";
import { bodyOf, leftIn, NO_FOLDERS, noFolders, pieces, temporaryDirectory } from "./support.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const INLINE = 16 * KIB;
const refuse = () => new NodeError("object_too_large", "Object too large");
const noLimit = { maxBytes: Infinity, refuse };

interface Opened extends AsyncDisposable {
  readonly staging: Staging;
  readonly path: string;
}

async function open(options: Partial<StagingOptions> = {}): Promise<Opened> {
  const directory = await temporaryDirectory();
  const path = `${directory.path}/deep/staging`;
  const staging = await openStaging({
    mode: "Memory",
    memoryBytes: 64 * MIB,
    inlineBytes: INLINE,
    path,
    ...options,
  });
  return {
    staging,
    path,
    async [Symbol.asyncDispose]() {
      await staging[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

async function modeOf(path: string): Promise<number> {
  return ((await Deno.stat(path)).mode ?? 0) & 0o777;
}

async function contentOf({ bytes, path }: Staged): Promise<Uint8Array> {
  if (bytes !== undefined) return bytes;
  assert.ok(path);
  return await Deno.readFile(path);
}

const PLACES = [
  { mode: "Memory", size: 0, place: "memory" },
  { mode: "Memory", size: 1, place: "memory" },
  { mode: "Memory", size: INLINE, place: "memory" },
  { mode: "Memory", size: INLINE + 1, place: "memory" },
  { mode: "Memory", size: 64 * KIB, place: "memory" },
  { mode: "Memory", size: 64 * KIB + 1, place: "memory" },
  { mode: "Memory", size: MIB, place: "memory" },
  { mode: "Memory", size: MIB + 1, place: "file" },
  { mode: "Memory", size: 3 * MIB + 5, place: "file" },
  { mode: "FileSystem", size: 0, place: "memory" },
  { mode: "FileSystem", size: INLINE, place: "memory" },
  { mode: "FileSystem", size: INLINE + 1, place: "file" },
  { mode: "FileSystem", size: 3 * MIB + 5, place: "file" },
] as const;

for (const { mode, size, place } of PLACES) {
  for (const piece of [999, 64 * KIB, 300_000]) {
    for (const declared of [false, true]) {
      const known = declared ? "declared" : "undeclared";
      Deno.test(`${size} ${known} bytes in pieces of ${piece} wait in ${place} with ${mode}`, async () => {
        await using opened = await open({ mode });
        const bytes = noise(size);
        const limit = declared ? { ...noLimit, declared: size } : noLimit;

        await using staged = await opened.staging.stage(bodyOf(pieces(bytes, piece)), limit);

        assert.equal(staged.size, size);
        assert.equal(staged.hash, blake3Hex(bytes));
        assertBytes(await contentOf(staged), bytes);
        assert.equal(staged.path === undefined ? "memory" : "file", place);
        assert.equal((await leftIn(opened.path)).length, place === "file" ? 1 : 0);
      });
    }
  }
}

Deno.test("chunks of very different sizes arrive in their order", async () => {
  await using opened = await open({ mode: "FileSystem" });
  const sizes = [1, 0, 20_000, 64 * KIB, 3, 100_000, 255 * KIB, 2 * KIB, 300 * KIB, 65_535, 1];
  const chunks = sizes.map(noise);
  const whole = new Uint8Array(await new Blob(chunks.map((chunk) => chunk.slice())).arrayBuffer());

  await using staged = await opened.staging.stage(bodyOf(chunks), noLimit);

  assertBytes(await contentOf(staged), whole);
  assert.equal(staged.hash, blake3Hex(whole));
});

Deno.test("a body given whole is hashed and stays in memory", async () => {
  await using opened = await open({ mode: "FileSystem" });
  const bytes = noise(100_000);

  await using staged = await opened.staging.stage(bytes, { ...noLimit, declared: 100_000 });

  assert.equal(staged.hash, blake3Hex(bytes));
  assert.ok(staged.bytes === bytes);
});

Deno.test("many uploads of equal content at once are staged apart", async () => {
  await using opened = await open({ mode: "FileSystem" });
  const bytes = noise(200_000);

  const uploads = await Promise.all(
    Array.from({ length: 20 }, () => opened.staging.stage(bodyOf(pieces(bytes, 7000)), noLimit)),
  );

  assert.equal(new Set(uploads.map(({ path }) => path)).size, 20);
  for (const staged of uploads) {
    assertBytes(await contentOf(staged), bytes);
    await staged[Symbol.asyncDispose]();
  }
  assert.deepEqual(await leftIn(opened.path), []);
});

Deno.test("disposing of one upload leaves another of equal content", async () => {
  await using opened = await open({ mode: "FileSystem" });
  const bytes = noise(200_000);
  await using kept = await opened.staging.stage(bodyOf([bytes]), noLimit);
  const gone = await opened.staging.stage(bodyOf([bytes]), noLimit);

  await gone[Symbol.asyncDispose]();
  await gone[Symbol.asyncDispose]();

  assertBytes(await contentOf(kept), bytes);
});

for (const size of [10, INLINE, MIB, 2 * MIB]) {
  for (const declared of [false, true]) {
    const known = declared ? "declared" : "undeclared";

    Deno.test(`${size} ${known} bytes pass a limit of as many`, async () => {
      await using opened = await open();
      const limit = { maxBytes: size, refuse, ...(declared ? { declared: size } : {}) };

      await using staged = await opened.staging.stage(bodyOf(pieces(noise(size), 5000)), limit);

      assert.equal(staged.size, size);
    });

    Deno.test(`${size} ${known} bytes are refused by a limit of one less`, async () => {
      await using opened = await open();
      const limit = { maxBytes: size - 1, refuse, ...(declared ? { declared: size } : {}) };
      let cancelled = false;
      const chunks = [...pieces(noise(size), 5000)];
      const body = bodyOf(chunks, { cancelled: () => cancelled = true });

      await assert.rejects(opened.staging.stage(body, limit), { code: "object_too_large" });

      assert.equal(cancelled, true);
      assert.deepEqual(await leftIn(opened.path), []);
    });
  }

  Deno.test(`${size} bytes given whole are refused by a limit of one less`, async () => {
    await using opened = await open();

    const staging = opened.staging.stage(noise(size), { maxBytes: size - 1, refuse });

    await assert.rejects(staging, { code: "object_too_large" });
  });
}

Deno.test("a declared length above the limit is refused before the body is read", async () => {
  await using opened = await open();
  let read = 0;
  const body = bodyOf((function* () {
    read++;
    yield noise(1);
  })());

  const staging = opened.staging.stage(body, { maxBytes: 9, refuse, declared: 10 });

  await assert.rejects(staging, { code: "object_too_large" });
  assert.equal(read, 0);
});

const LENGTHS = [
  { size: 9, declared: 10, comparison: "shorter" },
  { size: 0, declared: 1, comparison: "shorter" },
  { size: 2 * MIB - 1, declared: 2 * MIB, comparison: "shorter" },
  { size: 11, declared: 10, comparison: "longer" },
  { size: 1, declared: 0, comparison: "longer" },
  { size: 2 * MIB + 1, declared: 2 * MIB, comparison: "longer" },
];

for (const { size, declared, comparison } of LENGTHS) {
  for (const form of ["streamed", "whole"]) {
    Deno.test(`${size} bytes ${form} are malformed where ${declared} were declared`, async () => {
      await using opened = await open();
      const bytes = noise(size);
      const body = form === "whole" ? bytes : bodyOf(pieces(bytes, 64 * KIB));

      const staging = opened.staging.stage(body, { ...noLimit, declared });

      await assert.rejects(staging, {
        code: "request_malformed",
        message: `Malformed request: body is ${comparison} than its Content-Length`,
      });
      assert.deepEqual(await leftIn(opened.path), []);
    });
  }
}

for (const size of [0, 1000, INLINE + 1, MIB, 3 * MIB]) {
  for (const mode of ["Memory", "FileSystem"] as const) {
    Deno.test(`a body that breaks off after ${size} bytes leaves nothing with ${mode}`, async () => {
      await using opened = await open({ mode, memoryBytes: 4 * MIB });
      const error = new Error("connection reset");

      for (let times = 0; times < 5; times++) {
        const body = bodyOf(pieces(noise(size), 100_000), { error });
        await assert.rejects(opened.staging.stage(body, noLimit), error);
      }

      assert.deepEqual(await leftIn(opened.path), []);
      // What the broken ones had of the memory is free again.
      await using staged = await opened.staging.stage(bodyOf([noise(100 * KIB)]), noLimit);
      assert.equal(staged.path === undefined, mode === "Memory");
    });
  }
}

Deno.test("uploads beyond the common memory wait in files, until memory is free again", async () => {
  await using opened = await open({ memoryBytes: 2 * MIB });
  const bytes = noise(512 * KIB);
  const limit = { ...noLimit, declared: bytes.length };
  const stage = () => opened.staging.stage(bodyOf(pieces(bytes, 64 * KIB)), limit);

  const uploads = [await stage(), await stage(), await stage(), await stage()];
  await using spilled = await stage();
  await uploads[0]?.[Symbol.asyncDispose]();
  await using fitting = await stage();

  assert.ok(uploads.every(({ bytes }) => bytes !== undefined));
  assert.equal(spilled.bytes, undefined);
  assertBytes(await contentOf(spilled), bytes);
  assert.notEqual(fitting.bytes, undefined);
  for (const staged of uploads) await staged[Symbol.asyncDispose]();
});

Deno.test("an upload that waits in a file takes no memory", async () => {
  await using opened = await open({ memoryBytes: 300 * KIB });
  await using waiting = await opened.staging.stage(bodyOf(pieces(noise(MIB), 5000)), noLimit);

  await using staged = await opened.staging.stage(bodyOf([noise(200 * KIB)]), noLimit);

  assert.deepEqual([waiting.bytes, staged.path], [undefined, undefined]);
});

Deno.test("an upload that runs out of memory half way goes on in a file", async () => {
  await using opened = await open({ memoryBytes: 300 * KIB });
  const bytes = noise(290 * KIB);
  await using other = await opened.staging.stage(bodyOf([noise(20 * KIB)]), noLimit);

  await using staged = await opened.staging.stage(bodyOf(pieces(bytes, 3000)), noLimit);

  assert.notEqual(other.bytes, undefined);
  assert.equal(staged.bytes, undefined);
  assertBytes(await contentOf(staged), bytes);
  assert.equal(staged.hash, blake3Hex(bytes));
});

for (const memoryBytes of [0, 20_000]) {
  for (const mode of ["Memory", "FileSystem"] as const) {
    Deno.test(`an inline value is in memory with ${mode} and ${memoryBytes} bytes of it`, async () => {
      await using opened = await open({ mode, memoryBytes });
      const bytes = noise(INLINE);
      const stage = () => opened.staging.stage(bodyOf(pieces(bytes, 100)), noLimit);

      const uploads = await Promise.all(Array.from({ length: 10 }, stage));

      for (const staged of uploads) {
        assertBytes(staged.bytes, bytes);
        await staged[Symbol.asyncDispose]();
      }
    });
  }
}

Deno.test("without any memory an upload is written as it comes", async () => {
  await using opened = await open({ memoryBytes: 0, inlineBytes: 0 });
  const bytes = noise(50_000);

  await using staged = await opened.staging.stage(bodyOf(pieces(bytes, 600)), noLimit);

  assert.equal(staged.bytes, undefined);
  assertBytes(await contentOf(staged), bytes);
});

Deno.test("a body is read no faster than it is written", async () => {
  await using opened = await open({ mode: "FileSystem" });
  const piece = noise(50_000);
  let most = 0;
  async function* watched(): AsyncGenerator<Uint8Array> {
    for (let read = 0; read < 100; read++) {
      const [name] = await leftIn(opened.path);
      const written = name === undefined ? 0 : (await Deno.stat(`${opened.path}/${name}`)).size;
      most = Math.max(most, read * piece.length - written);
      yield piece;
    }
  }

  await using staged = await opened.staging.stage(bodyOf(watched()), noLimit);

  assert.equal(staged.size, 100 * piece.length);
  assert.ok(most <= 256 * KIB, `${most} bytes were read and not written`);
});

Deno.test("100 uploads of 4 MiB at once stay within bounded memory", async () => {
  await using opened = await open({ memoryBytes: 16 * MIB });
  const piece = noise(64 * KIB);
  const chunks = () => Array.from({ length: 64 }, () => piece).values();
  const before = Deno.memoryUsage();
  let most = 0;

  const uploads = Array.from({ length: 100 }, async () => {
    await using staged = await opened.staging.stage(bodyOf(chunks()), noLimit);
    const { external } = Deno.memoryUsage();
    most = Math.max(most, external - before.external);
    assert.equal(staged.size, 4 * MIB);
  });
  await Promise.all(uploads);

  assert.ok(most < 48 * MIB, `${most} bytes`);
  assert.deepEqual(await leftIn(opened.path), []);
});

Deno.test("folder and files are private under any umask", async () => {
  const umask = Deno.umask(0);
  try {
    await using opened = await open({ mode: "FileSystem" });
    await using staged = await opened.staging.stage(bodyOf([noise(100_000)]), noLimit);

    assert.equal(await modeOf(opened.path), 0o700);
    assert.equal(await modeOf(`${opened.path}/..`), 0o700);
    assert.equal(await modeOf(staged.path ?? ""), 0o600);
  } finally {
    Deno.umask(umask);
  }
});

for (const { name, below } of NO_FOLDERS) {
  Deno.test(`a staging cannot be opened on ${name}`, async () => {
    await using directory = await noFolders();

    const opening = openStaging({
      mode: "Memory",
      memoryBytes: 1,
      inlineBytes: 1,
      path: `${directory.path}/${below}`,
    });

    await assert.rejects(opening, { name: "NodeError", code: "storage_unavailable" });
  });
}

Deno.test("the staging may stand behind a symlink", async () => {
  await using directory = await temporaryDirectory();
  await Deno.mkdir(`${directory.path}/volume`);
  await Deno.symlink(`${directory.path}/volume`, `${directory.path}/staging`);
  const bytes = noise(MIB);

  await using opened = await open({ mode: "FileSystem", path: `${directory.path}/staging` });
  await using staged = await opened.staging.stage(bodyOf([bytes]), noLimit);

  assertBytes(await contentOf(staged), bytes);
  assert.equal((await leftIn(`${directory.path}/volume`)).length, 1);
});

Deno.test("a staged file that can't be written is storage_unavailable, and the body ends", async () => {
  await using opened = await open({ mode: "FileSystem" });
  let cancelled = false;
  const body = bodyOf(pieces(noise(MIB), 64 * KIB), { cancelled: () => cancelled = true });
  await Deno.remove(opened.path, { recursive: true });

  await assert.rejects(opened.staging.stage(body, noLimit), { code: "storage_unavailable" });

  assert.equal(cancelled, true);
  await Deno.mkdir(opened.path);
});
