// What a backup and a restore sync, and in which order, seen from the kernel: a power cut at any
// moment leaves the backup before or the new one, and no database without its blocks. Needs strace,
// and leave to trace.

import assert from "node:assert/strict";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { bytesOf, signIn } from "../support/asking.ts";
import { walk } from "../support/files.ts";
import { PERMISSIONS, runTinycloud, startProcess, stopped, storageIn } from "../support/process.ts";

const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));
const SECRET = { TINYCLOUD_KEYS_SECRET: "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY" };
const CALLS = "fsync,fdatasync,rename,renameat,renameat2,linkat,unlink,unlinkat";
const mayTrace = await strace(["true"]).then(() => true, () => false);

const BLOCK = String.raw`/blocks/[0-9a-f]{64}/[0-9a-f]{2}/[0-9a-f]{64}`;
const SHARD = String.raw`/blocks/[0-9a-f]{64}/[0-9a-f]{2}`;
const synced = (path: string) => String.raw`f(data)?sync\(\d+<[^>]*${path}>`;
const renamed = (from: string, to: string) => `rename[^(]*\\(.*/${from}".*/${to}"`;

/** The folder of the backup, and the node's, are named so below. */
const BACKUP = [
  synced("/backup/caps\\.db\\.new"),
  `(rename|linkat)[^(]*\\(.*/backup${BLOCK}"`,
  synced(`/backup${SHARD}`),
  synced("/backup/manifest\\.json\\.new"),
  synced("/backup"),
  renamed("caps\\.db\\.new", "backup/caps\\.db"),
  synced("/backup"),
  renamed("manifest\\.json\\.new", "backup/manifest\\.json"),
  synced("/backup"),
  `unlink[^(]*\\(.*/backup${BLOCK}"`,
];

const PLACED = renamed("caps\\.db\\.restoring", "other/caps\\.db");
const RESTORE = [
  synced("/other/caps\\.db\\.restoring"),
  synced("/other"),
  `(rename|linkat)[^(]*\\(.*/elsewhere${BLOCK}"`,
  synced(`/elsewhere${SHARD}`),
  PLACED,
];

function syncTest(name: string, test: (root: string) => Promise<void>): void {
  Deno.test({
    name: mayTrace ? name : `${name} (ignored: strace cannot run here)`,
    ignore: !mayTrace,
    async fn() {
      const root = await Deno.makeTempDir({ prefix: "tinycloud-backup-" });
      try {
        await test(root);
      } finally {
        await Deno.remove(root, { recursive: true });
      }
    },
  });
}

/** A node that was backed up, and has had one value deleted and one added since; stopped. */
async function aBackup(root: string): Promise<void> {
  await Deno.mkdir(`${root}/data`);
  await using node = await startProcess({ folder: `${root}/data`, env: SECRET });
  const session = await signIn(node);
  await session.put("kept", bytesOf(17_000));
  await session.put("deleted", bytesOf(20_000));
  assert.equal((await runTinycloud(["backup", `${root}/backup`], on(`${root}/data`))).code, 0);
  await session.delete("deleted");
  await session.put("new", bytesOf(30_000));
  assert.equal(await stopped(node), 0);
}

/** The name of the block that was not changed, below the folder of blocks. */
async function keptBlock(root: string): Promise<string> {
  const files = [...await walk(`${root}/backup/blocks`)];
  return files.find(([, size]) => size === 17_000)?.[0] ?? assert.fail();
}

syncTest("a backup syncs before it renames, and renames before it removes", async (root) => {
  await aBackup(root);

  const calls = await traced(["backup", `${root}/backup`], `${root}/data`);

  assertInOrder(calls, BACKUP);
});

syncTest("a restore syncs all blocks before the database has its name", async (root) => {
  await aBackup(root);

  const calls = await traced(["restore", `${root}/backup`], `${root}/other`, {
    TINYCLOUD_STORAGE_BLOCKS_PATH: `${root}/elsewhere/blocks`,
  });

  assertInOrder(calls, RESTORE);
  // At once: opening the database for the first time would sync its folder, too.
  const placed = calls.findIndex((call) => new RegExp(PLACED).test(call));
  assert.match(calls[placed + 1] ?? "", new RegExp(synced("/other")));
});

syncTest("a backup after one that was cut off syncs the folders of what it keeps", async (root) => {
  await aBackup(root);
  const shard = dirname(await keptBlock(root));
  await Deno.writeTextFile(`${root}/backup/caps.db.new`, "");

  const calls = await traced(["backup", `${root}/backup`], `${root}/data`);

  assertInOrder(calls, [
    synced(`/backup/blocks/${shard}`),
    renamed("caps\\.db\\.new", "backup/caps\\.db"),
  ]);
});

syncTest(
  "a restore after one that was cut off syncs the folders of what it keeps",
  async (root) => {
    await aBackup(root);
    const block = await keptBlock(root);
    await Deno.mkdir(`${root}/other/blocks/${dirname(block)}`, { recursive: true });
    await Deno.copyFile(`${root}/backup/blocks/${block}`, `${root}/other/blocks/${block}`);
    await Deno.writeTextFile(`${root}/other/caps.db.restoring`, "");

    const calls = await traced(["restore", `${root}/backup`], `${root}/other`);

    assertInOrder(calls, [synced(`/other/blocks/${dirname(block)}`), PLACED]);
  },
);

function on(folder: string) {
  return { env: { ...storageIn(folder), ...SECRET } };
}

function traced(
  args: readonly string[],
  folder: string,
  env: Readonly<Record<string, string>> = {},
): Promise<readonly string[]> {
  const command = [Deno.execPath(), "run", "--no-prompt", ...PERMISSIONS, MAIN, ...args];
  return strace(command, { ...on(folder).env, ...env });
}

/** The calls of a command, one a line, with the paths of descriptors. */
async function strace(
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<readonly string[]> {
  const log = await Deno.makeTempFile();
  try {
    const { success, stderr } = await new Deno.Command("strace", {
      args: ["-f", "-y", "-s", "4096", "-e", `trace=${CALLS}`, "-o", log, ...command],
      env,
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    return whole((await Deno.readTextFile(log)).split("\n"));
  } finally {
    await Deno.remove(log);
  }
}

/** Where another thread came in between, a call stands in two lines: it counts from its end. */
function whole(lines: readonly string[]): readonly string[] {
  const begun = new Map<string, string>();
  return lines.flatMap((line) => {
    const thread = line.split(" ", 1)[0] ?? "";
    const [start, rest] = line.split(" <unfinished ...>");
    if (rest !== undefined) {
      begun.set(thread, start ?? "");
      return [];
    }
    return line.includes(" resumed>") ? [begun.get(thread) ?? line] : [line];
  });
}

function assertInOrder(calls: readonly string[], order: readonly string[]): void {
  let at = 0;
  for (const wanted of order) {
    const found = calls.findIndex((call, index) => index >= at && new RegExp(wanted).test(call));
    assert.ok(found >= 0, `no ${wanted} after call ${at} of\n${calls.join("\n")}`);
    at = found + 1;
  }
}
