// A node on a disk that fills up, or turns read-only (wire §6, adversary.md, 3): puts are refused,
// gets go on, and it recovers by itself. Real small file systems.

import assert from "node:assert/strict";
import { type Session, TinyCloudError } from "../../client/mod.ts";
import { ask, bytesOf, signIn } from "../support/asking.ts";
import { eventually } from "../support/eventually.ts";
import { mountFailing, mountTest, mountTmpfs, remount } from "../support/mounts.ts";
import { type NodeProcess, runTinycloud, startProcess, storageIn } from "../support/process.ts";

const MIB = 1024 * 1024;
const BLOCK = bytesOf(200_000);
const SMALL = bytesOf(10_000);
/** More than fills any of these disks. */
const MOST_PUTS = 2000;

for (
  const [kind, value, staging] of [
    ["blocks, staged in memory", BLOCK, "Memory"],
    ["blocks, staged in files", BLOCK, "FileSystem"],
    ["values in the database", SMALL, "Memory"],
  ] as const
) {
  mountTest(`a full disk refuses puts, gives reads, and recovers: ${kind}`, "tmpfs", async () => {
    await using disk = await mountTmpfs(12 * MIB);
    await Deno.writeFile(`${disk.path}/ballast`, new Uint8Array(4 * MIB));
    await using node = await startProcess({
      folder: disk.path,
      env: { TINYCLOUD_STORAGE_STAGING: staging },
    });
    const session = await signIn(node);
    await session.put("kept", value);

    const { refusal, stored } = await fill(session, value);

    assert.deepEqual([refusal.status, refusal.code, refusal.message], [
      503,
      "storage_full",
      "Storage full",
    ]);
    assert.deepEqual((await session.get("kept"))?.bytes, value);
    assert.deepEqual(await session.list("fill/"), stored);

    await Deno.remove(`${disk.path}/ballast`);
    await recovers(session, value);
    assert.deepEqual((await session.get("kept"))?.bytes, value);
    await assertClean(disk.path);
    assert.deepEqual(node.complaints, []);
  });
}

mountTest("a full disk shows in /healthz, and so does room again", "tmpfs", async () => {
  await using disk = await mountTmpfs(8 * MIB);
  await using node = await startProcess({ folder: disk.path });
  assert.equal(await health(node), 200);
  await fillWhole(`${disk.path}/ballast`);

  await eventually("it says so", async () => await health(node) === 503 || undefined);

  await Deno.remove(`${disk.path}/ballast`);
  await eventually("it is well again", async () => await health(node) === 200 || undefined);
});

mountTest("a read-only block store refuses puts, gives reads, and recovers", "tmpfs", async () => {
  await using disk = await mountTmpfs(8 * MIB);
  await using node = await startProcess({
    env: { TINYCLOUD_STORAGE_BLOCKS_PATH: `${disk.path}/blocks` },
  });
  const session = await signIn(node);
  await session.put("kept", BLOCK);
  await remount(disk, "ro");

  const refusal = await refusalOf(session.put("new", BLOCK));

  assert.deepEqual([refusal?.status, refusal?.code], [503, "storage_readonly"]);
  assert.deepEqual((await session.get("kept"))?.bytes, BLOCK);
  assert.deepEqual(await session.list(), ["kept"]);
  await eventually("it says so", async () => await health(node) === 503 || undefined);

  await remount(disk, "rw");
  await recovers(session, BLOCK);
  assert.deepEqual(node.complaints, []);
});

for (const [kind, value] of [["a block", BLOCK], ["a small value", SMALL]] as const) {
  mountTest(`a disk that fails and turns read-only: ${kind}`, "failing disk", async () => {
    await using disk = await mountFailing(32 * MIB);
    await using node = await startProcess({ folder: disk.path });
    const session = await signIn(node);
    await session.put("kept", value);
    await disk.fail();

    const refusal = await refusalOf(session.put("new", value));

    assert.deepEqual([refusal?.status, refusal?.code, refusal?.message], [
      503,
      "storage_readonly",
      "Storage read-only",
    ]);
    assert.deepEqual((await session.get("kept"))?.bytes, value);
    assert.deepEqual((await session.get("kept"))?.bytes, value);
    assert.deepEqual(await session.list(), ["kept"]);
    assert.equal(await health(node), 503);
    assert.deepEqual(node.complaints, []);
  });
}

/** Puts until one is refused. */
async function fill(
  session: Session,
  value: Uint8Array<ArrayBuffer>,
): Promise<{ readonly refusal: TinyCloudError; readonly stored: readonly string[] }> {
  const stored: string[] = [];
  for (let count = 0; count < MOST_PUTS; count++) {
    const key = `fill/${String(count).padStart(4, "0")}`;
    // No two are alike, or they would be one block.
    new DataView(value.buffer).setUint32(0, count);
    const refusal = await refusalOf(session.put(key, value.slice()));
    if (refusal !== undefined) {
      value.set(bytesOf(4));
      return { refusal, stored };
    }
    stored.push(key);
  }
  assert.fail("the disk never filled up");
}

/** Takes all room that is left. */
async function fillWhole(path: string): Promise<void> {
  using file = await Deno.open(path, { create: true, write: true });
  const piece = new Uint8Array(4096);
  try {
    while (true) await file.write(piece);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOSPC") return;
    throw error;
  }
}

async function refusalOf(put: Promise<unknown>): Promise<TinyCloudError | undefined> {
  try {
    await put;
    return undefined;
  } catch (error) {
    if (error instanceof TinyCloudError) return error;
    throw error;
  }
}

async function recovers(session: Session, value: Uint8Array<ArrayBuffer>): Promise<void> {
  await eventually("puts are taken again", async () => {
    const refusal = await refusalOf(session.put("recovered", value));
    assert.ok(refusal === undefined || refusal.status === 503, refusal?.message);
    return refusal === undefined || undefined;
  });
  assert.deepEqual((await session.get("recovered"))?.bytes, value);
}

async function health(node: NodeProcess): Promise<number> {
  return (await ask(node, "/healthz", { method: "GET" })).status;
}

async function assertClean(folder: string): Promise<void> {
  const { code, lines } = await runTinycloud(["check"], { env: storageIn(folder) });
  assert.deepEqual({ code, lines }, { code: 0, lines: ["clean"] });
}
