// The lock that keeps a second node off a database.

import assert from "node:assert/strict";
import { NodeError } from "../../../src/errors.ts";
import { lockFile } from "../../../src/repository/lock_file.ts";

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

Deno.test("a second holder is told so, and gets the lock once it is given back", () =>
  inFolder(async (path) => {
    const first = await lockFile(path, HELD);

    await assert.rejects(lockFile(path, HELD), isHeld);
    await first[Symbol.asyncDispose]();
    const second = await lockFile(path, HELD);

    await second[Symbol.asyncDispose]();
  }));

Deno.test("the lock file is readable by nobody else", () =>
  inFolder(async (path) => {
    await using _lock = await lockFile(path, HELD);

    assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
  }));

Deno.test("a lock in a folder that is not there is refused with its path", () =>
  inFolder(async (path) => {
    const absent = `${path}/absent.lock`;

    await assert.rejects(
      lockFile(absent, HELD),
      (error) =>
        error instanceof NodeError &&
        error.message.startsWith(`cannot open the lock file ${absent}: `),
    );
  }));
