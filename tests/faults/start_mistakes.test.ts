// What goes wrong at a start (configuration.md, start-up; adversary.md, 6): a sentence for each
// mistake, the right exit code, no stack, and nothing is left half made.

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { walk } from "../support/files.ts";
import { mountTest, mountTmpfs, remount } from "../support/mounts.ts";
import { PERMISSIONS, runTinycloud, startProcess, stopped, storageIn } from "../support/process.ts";

interface Mistake {
  readonly name: string;
  /** What lies in the folder before. */
  readonly prepare?: (folder: string) => Promise<unknown> | void;
  readonly env?: (folder: string) => Record<string, string>;
  readonly args?: readonly string[];
  readonly permissions?: (folder: string) => readonly string[];
  readonly code: number;
  /** One for each line of standard error. */
  readonly says: readonly RegExp[];
}

const CONFIG = 78;
const FAILED = 1;
const USAGE = 64;
const SECRET = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY";

/** The configuration alone is wrong: nothing is opened, nothing is made. */
const CONFIGURATION: readonly Mistake[] = [
  {
    name: "a file that is no TOML",
    prepare: file("tinycloud.toml", "[global]\ncors = true\nport = = 1\n"),
    code: CONFIG,
    says: [/^tinycloud: tinycloud\.toml:3: /],
  },
  {
    name: "an unknown key in the file",
    prepare: file("tinycloud.toml", "[global]\nadress = '127.0.0.1'\n"),
    code: CONFIG,
    says: [/^tinycloud: tinycloud\.toml:2: .*adress.*did you mean address\?/],
  },
  {
    name: "two mistakes in two places",
    prepare: file("tinycloud.toml", "[global]\nadress = '127.0.0.1'\n"),
    env: () => ({ TINYCLOUD_PORT: "99999" }),
    code: CONFIG,
    says: [/tinycloud\.toml:2: /, /TINYCLOUD_PORT: port .*0 to 65535/],
  },
  {
    name: "a file that --config names and that is not there",
    args: ["--config", "nowhere.toml"],
    code: CONFIG,
    says: [/^tinycloud: nowhere\.toml: .*does not exist/],
  },
  {
    name: "an unknown flag",
    args: ["--prot", "8000"],
    code: USAGE,
    says: [/--prot.*--help/],
  },
  {
    name: "a word too much",
    args: ["now"],
    code: USAGE,
    says: [/now|too many arguments/],
  },
  {
    name: "S3 without a bucket and a region",
    env: () => ({ TINYCLOUD_STORAGE_BLOCKS_TYPE: "S3" }),
    code: CONFIG,
    says: [/S3 needs storage\.blocks\.bucket/, /S3 needs storage\.blocks\.region/],
  },
  {
    name: "a secret that is too short",
    env: () => ({ TINYCLOUD_KEYS_SECRET: "hidden-word" }),
    code: CONFIG,
    says: [/keys\.secret .*32/],
  },
  {
    name: "no secret and a database in memory",
    env: () => ({ TINYCLOUD_STORAGE_DATABASE: "sqlite::memory:" }),
    code: CONFIG,
    says: [/keys\.secret.*memory/],
  },
];

/** Something on the disk, or in the system, is in the way. */
const SURROUNDINGS: readonly Mistake[] = [
  {
    name: "a secret file that is not there",
    env: (folder) => ({ TINYCLOUD_KEYS_SECRET_FILE: `${folder}/nowhere` }),
    code: CONFIG,
    says: [/\/nowhere: the secret cannot be read: it does not exist/],
  },
  {
    name: "a secret file that is a folder",
    prepare: folder("secret"),
    env: (folder) => ({ TINYCLOUD_KEYS_SECRET_FILE: `${folder}/secret` }),
    code: CONFIG,
    says: [/\/secret: the secret cannot be read: /],
  },
  {
    name: "a secret file that holds no secret",
    prepare: file("secret", "hidden word"),
    env: (folder) => ({ TINYCLOUD_KEYS_SECRET_FILE: `${folder}/secret` }),
    code: CONFIG,
    says: [/the secret in .*\/secret is malformed/],
  },
  {
    name: "another secret than the database was used with",
    prepare: aUsedDatabase,
    env: () => ({ TINYCLOUD_KEYS_SECRET: SECRET }),
    code: CONFIG,
    says: [/another keys\.secret.*--accept-new-secret/],
  },
  {
    name: "a database whose secret was lost",
    prepare: async (folder) => {
      await aUsedDatabase(folder);
      await Deno.remove(`${folder}/node.secret`);
    },
    code: CONFIG,
    says: [/node\.secret is gone.*restore/],
  },
  {
    name: "a blocks path that is a file",
    prepare: file("blocks", "text"),
    code: FAILED,
    says: [/\/blocks.*(not a (directory|folder)|is a file)/i],
  },
  {
    name: "a staging path that is a file",
    prepare: file("staging", "text"),
    code: FAILED,
    says: [/\/staging.*(not a (directory|folder)|is a file)/i],
  },
  {
    name: "a database path that is a folder",
    prepare: folder("caps.db"),
    code: FAILED,
    says: [/\/caps\.db.*(directory|folder|unable to open)/],
  },
  {
    name: "a database whose folder is a file",
    prepare: file("data", "text"),
    env: (folder) => ({ TINYCLOUD_STORAGE_DATABASE: `${folder}/data/caps.db` }),
    code: FAILED,
    says: [/database.*\/data|\/data.*(not a (directory|folder)|is a file)/i],
  },
  {
    name: "a database file that is no SQLite file",
    prepare: file("caps.db", "This is a text, and long enough to be looked at. ".repeat(100)),
    code: FAILED,
    says: [/\/caps\.db.*not a database/],
  },
  {
    name: "a database of another program",
    prepare: (folder) => sql(folder, "CREATE TABLE photo (name TEXT)"),
    code: FAILED,
    says: [/another program/],
  },
  {
    name: "a database of a newer version",
    prepare: async (folder) => {
      await aUsedDatabase(folder);
      sql(folder, "INSERT INTO migration VALUES ('9999_future.sql', 'hash', 0)");
    },
    code: FAILED,
    says: [/9999_future\.sql.*newer.*Nothing was changed/],
  },
  {
    name: "an address that is not this machine's",
    env: () => ({ TINYCLOUD_ADDRESS: "192.0.2.1" }),
    code: CONFIG,
    says: [/192\.0\.2\.1/],
  },
  {
    name: "no leave to write where the data goes",
    permissions: () => ["--allow-net", "--allow-env", "--allow-read", "--allow-write=/nowhere"],
    code: FAILED,
    says: [/not permit.*--allow-write/],
  },
  {
    name: "no leave to read where the data goes",
    permissions: () => ["--allow-net", "--allow-env", "--allow-read=/nowhere", "--allow-write"],
    code: CONFIG,
    says: [/--allow-read/],
  },
  {
    name: "no leave to listen",
    permissions: () => ["--allow-net=192.0.2.1", "--allow-env", "--allow-read", "--allow-write"],
    code: CONFIG,
    says: [/cannot listen on 127\.0\.0\.1.*--allow-net/],
  },
];

for (const mistake of CONFIGURATION) {
  Deno.test(`a start refuses ${mistake.name}, and makes nothing`, async () => {
    await withFolder(async (folder) => {
      await mistake.prepare?.(folder);
      const before = await walk(folder);

      await assertMistake(mistake, folder);

      assert.deepEqual(await walk(folder), before);
    });
  });
}

for (const mistake of SURROUNDINGS) {
  Deno.test(`a start tells ${mistake.name} in a sentence`, async () => {
    await withFolder(async (folder) => {
      await mistake.prepare?.(folder);
      await assertMistake(mistake, folder);
    });
  });
}

mountTest("a start tells a read-only disk in a sentence", "tmpfs", async () => {
  await using disk = await mountTmpfs(8 * 1024 * 1024);
  await remount(disk, "ro");
  await assertMistake({ name: "", code: FAILED, says: [/read-only/i] }, disk.path);
  await remount(disk, "rw");
});

mountTest("a start on a used store tells a read-only disk in a sentence", "tmpfs", async () => {
  await using disk = await mountTmpfs(8 * 1024 * 1024);
  await aUsedDatabase(disk.path);
  await remount(disk, "ro");
  await assertMistake({ name: "", code: FAILED, says: [/read-only/i] }, disk.path);
  await remount(disk, "rw");
});

mountTest("a start tells a full disk in a sentence", "tmpfs", async () => {
  await using disk = await mountTmpfs(32 * 1024);
  await assertMistake({ name: "", code: FAILED, says: [/full/i] }, disk.path);
});

async function assertMistake(mistake: Mistake, folder: string): Promise<void> {
  const { code, lines, complaints } = await runTinycloud(["serve", ...mistake.args ?? []], {
    env: { ...storageIn(folder), ...mistake.env?.(folder) },
    cwd: folder,
    permissions: mistake.permissions?.(folder) ?? PERMISSIONS,
  });

  const told = complaints.join("\n");
  assert.equal(code, mistake.code, told);
  assert.equal(complaints.length, mistake.says.length, told);
  mistake.says.forEach((sentence, index) => assert.match(complaints[index] ?? "", sentence));
  assert.ok(!/^\s+at |Uncaught|node:internal|\.ts:\d|hidden.word/m.test(told), told);
  assert.ok(!lines.some((line) => line.includes("node.started")), "it started all the same");
}

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir({ prefix: "tinycloud-start-" });
  try {
    await test(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

function file(name: string, content: string): (folder: string) => Promise<void> {
  return (folder) => Deno.writeTextFile(`${folder}/${name}`, content);
}

function folder(name: string): (folder: string) => Promise<void> {
  return (folder) => Deno.mkdir(`${folder}/${name}`);
}

async function aUsedDatabase(folder: string): Promise<void> {
  await using node = await startProcess({ folder });
  assert.equal(await stopped(node), 0);
}

function sql(folder: string, statement: string): void {
  using database = new DatabaseSync(`${folder}/caps.db`);
  database.exec(statement);
}
