// Temporary files: those of dead processes go, those of living ones stay, others are let be.

import assert from "node:assert/strict";
import { createFile } from "../../../src/blocks/folders.ts";
import { leftoversIn, openTemporaryFolder } from "../../../src/blocks/temporary.ts";
import { filesIn, leftIn, temporaryDirectory } from "./support.ts";

const DEAD = "0".repeat(32);
const DEAD_TOO = "f".repeat(32);
const hourAgo = () => Date.now() / 1000 - 3600;

async function write(path: string, ageSeconds = 0): Promise<void> {
  await Deno.writeTextFile(path, "left");
  const then = Date.now() / 1000 - ageSeconds;
  await Deno.utime(path, then, then);
}

Deno.test("a reserved name is new, and its file goes with it", async () => {
  await using directory = await temporaryDirectory();
  await using folder = await openTemporaryFolder(directory.path);
  const names = Array.from({ length: 100 }, () => folder.reserve());

  for (const { path } of names) (await createFile(path)).close();
  assert.equal((await leftIn(directory.path)).length, 100);

  for (const name of names) await name[Symbol.asyncDispose]();
  assert.deepEqual(await leftIn(directory.path), []);
});

Deno.test("a closed folder leaves nothing, not even files in use", async () => {
  await using directory = await temporaryDirectory();
  const folder = await openTemporaryFolder(directory.path);
  (await createFile(folder.reserve().path)).close();

  await folder[Symbol.asyncDispose]();

  assert.deepEqual(await filesIn(directory.path), []);
});

Deno.test("leftovers of dead processes are swept, with and without their lock", async () => {
  await using directory = await temporaryDirectory();
  await using folder = await openTemporaryFolder(directory.path);
  await write(`${directory.path}/${DEAD}-0`);
  await write(`${directory.path}/${DEAD}-17`);
  await write(`${directory.path}/${DEAD}.lock`);
  await write(`${directory.path}/${DEAD_TOO}-3`);

  assert.equal(await leftoversIn(directory.path, Infinity, { remove: false }), 3);
  assert.equal(await folder.sweep(Infinity), 3);

  assert.deepEqual(await leftIn(directory.path), []);
  assert.equal((await filesIn(directory.path)).length, 1);
});

Deno.test("leftovers that are young stay, and their lock with them", async () => {
  await using directory = await temporaryDirectory();
  await using folder = await openTemporaryFolder(directory.path);
  await write(`${directory.path}/${DEAD}-0`, 7200);
  await write(`${directory.path}/${DEAD}-1`);
  await write(`${directory.path}/${DEAD}.lock`);

  assert.equal(await folder.sweep(hourAgo()), 1);

  const left = await filesIn(directory.path);
  assert.deepEqual(left.filter((name) => name.startsWith(DEAD)), [`${DEAD}-1`, `${DEAD}.lock`]);
});

Deno.test("files in use stay, however old, whoever sweeps", async () => {
  await using directory = await temporaryDirectory();
  await using mine = await openTemporaryFolder(directory.path);
  await using other = await openTemporaryFolder(directory.path);
  await using name = mine.reserve();
  await write(name.path, 1_000_000);

  assert.equal(await mine.sweep(Infinity), 0);
  assert.equal(await other.sweep(Infinity), 0);
  assert.equal(await leftoversIn(directory.path, Infinity, { remove: true }), 0);

  assert.equal(await Deno.readTextFile(name.path), "left");
});

Deno.test("leftovers are swept when the folder is opened", async () => {
  await using directory = await temporaryDirectory();
  await write(`${directory.path}/${DEAD}-0`);
  await write(`${directory.path}/${DEAD}.lock`);

  await using _folder = await openTemporaryFolder(directory.path);

  assert.deepEqual(await leftIn(directory.path), []);
});

Deno.test("files of other names, folders and symlinks are let be", async () => {
  await using directory = await temporaryDirectory();
  const { path } = directory;
  await write(`${path}/notes.txt`);
  await write(`${path}/${DEAD}`);
  await write(`${path}/${DEAD}-1.txt`);
  await write(`${path}/${DEAD.slice(1)}-1`);
  await Deno.mkdir(`${path}/${DEAD}-2`);
  await Deno.symlink(`${path}/notes.txt`, `${path}/${DEAD}-3`);
  const before = await filesIn(path);

  assert.equal(await leftoversIn(path, Infinity, { remove: true }), 0);

  assert.deepEqual(await filesIn(path), before);
});

Deno.test("a lock that was never finished goes after a while", async () => {
  await using directory = await temporaryDirectory();
  await write(`${directory.path}/${DEAD}.new`, 3600);
  await write(`${directory.path}/${DEAD_TOO}.new`);

  await leftoversIn(directory.path, Infinity, { remove: true });

  assert.deepEqual(await filesIn(directory.path), [`${DEAD_TOO}.new`]);
});

Deno.test("a folder that is not there has no leftovers", async () => {
  await using directory = await temporaryDirectory();

  assert.equal(await leftoversIn(`${directory.path}/none`, Infinity, { remove: true }), 0);
});
