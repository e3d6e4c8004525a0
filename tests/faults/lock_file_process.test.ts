// The lock on a database when the process that holds it is killed.

import assert from "node:assert/strict";
import { NodeError } from "../../src/errors.ts";
import { lockFile } from "../../src/repository/lock_file.ts";

const HELD = "Another node uses this database.";

async function inFolder(run: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(`${folder}/caps.db.lock`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function isHeld(error: unknown): boolean {
  return error instanceof NodeError && error.code === "storage_unavailable" &&
    error.message === HELD;
}

/** Another process that holds the lock until it is killed. */
async function holder(path: string): Promise<Deno.ChildProcess> {
  const module = import.meta.resolve("../../src/repository/lock_file.ts");
  const program = `
    const { lockFile } = await import(${JSON.stringify(module)});
    await lockFile(${JSON.stringify(path)}, "held");
    console.log("locked");
    setInterval(() => {}, 1_000);`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-lock", program],
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  assert.equal(new TextDecoder().decode((await reader.read()).value), "locked\n");
  await reader.cancel();
  return child;
}

Deno.test("the lock dies with its process", () =>
  inFolder(async (path) => {
    const child = await holder(path);
    await assert.rejects(lockFile(path, HELD), isHeld);

    child.kill("SIGKILL");
    await child.status;

    await using _lock = await lockFile(path, HELD);
  }));
