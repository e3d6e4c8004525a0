// `tinycloud backup` and `tinycloud restore`, within this process (docs/backup.md).

import assert from "node:assert/strict";
import { connect, openShare, type Session } from "../../client/mod.ts";
import { main } from "../../src/cli.ts";
import { lockFile } from "../../src/repository/lock_file.ts";
import { bytesOf, owner, signIn } from "../support/asking.ts";
import { walk } from "../support/files.ts";
import { startTestNode, type TestNode } from "../support/node.ts";

const SECRET = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY";
const OTHER_SECRET = "YUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY";
const CONFIG = 78;
const USAGE = 64;
const LARGE = bytesOf(3_000_000);

interface Ran {
  readonly code: number;
  readonly lines: readonly string[];
  readonly complaints: readonly string[];
}

/** A folder with the node's storage in `data`, its backup in `backup`, and room for another. */
interface Place {
  readonly folder: string;
  run(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ran>;
  start(name?: string): Promise<TestNode>;
}

async function inPlace(test: (place: Place) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "tinycloud-backup-" });
  const place: Place = {
    folder,
    async run(args, env = {}) {
      const [lines, complaints]: [string[], string[]] = [[], []];
      const code = await main(args, {
        cwd: folder,
        env: { ...storage(folder, "data"), ...env },
        print: (line) => void lines.push(line),
        complain: (line) => void complaints.push(line),
      });
      return { code, lines, complaints };
    },
    async start(name = "data") {
      await Deno.mkdir(`${folder}/${name}`, { recursive: true });
      return await startTestNode({
        folder: `${folder}/${name}`,
        env: { TINYCLOUD_KEYS_SECRET: SECRET },
      });
    },
  };
  try {
    await test(place);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function storage(folder: string, name: string): Record<string, string> {
  return {
    TINYCLOUD_KEYS_SECRET: SECRET,
    TINYCLOUD_STORAGE_DATABASE: `${folder}/${name}/caps.db`,
    TINYCLOUD_STORAGE_BLOCKS_PATH: `${folder}/${name}/blocks`,
  };
}

/** Storage that nothing has used yet, in the same place. */
function elsewhere({ folder }: Place): Record<string, string> {
  return storage(folder, "other");
}

async function ok(ran: Promise<Ran>): Promise<Ran> {
  const done = await ran;
  assert.deepEqual({ code: done.code, complaints: done.complaints }, { code: 0, complaints: [] });
  return done;
}

async function refused(ran: Promise<Ran>, code: number, sentence: RegExp): Promise<void> {
  const done = await ran;
  assert.equal(done.code, code, done.complaints.join("\n"));
  assert.deepEqual(done.lines, []);
  assert.match(done.complaints.at(-1) ?? "", sentence);
  assert.equal(done.complaints.filter((line) => /^\s+at /.test(line)).length, 0, "no stack");
}

/** A node with some values; stopped. */
async function aNode(place: Place): Promise<Session> {
  await using node = await place.start();
  const session = await signIn(node);
  await session.put("small", "a value", { metadata: { mood: "calm" } });
  await session.put("block", bytesOf(100_000));
  await session.put("large", LARGE);
  return session;
}

Deno.test("a node that runs is backed up, and restored elsewhere it is the same", () =>
  inPlace(async (place) => {
    await using node = await place.start();
    const session = await signIn(node);
    await session.put("small", "a value", { metadata: { mood: "calm" } });
    await session.put("large", LARGE);
    await session.put("deleted", bytesOf(50_000));
    await session.delete("deleted");
    const share = await session.shareLink("small");

    const backup = await ok(place.run(["backup", "backup"]));
    await session.put("small", "later");
    const restore = await ok(place.run(["restore", "backup"], elsewhere(place)));

    assert.match(backup.lines.join(), /^backed up as of 20.*Z: 1 space, 1 block \(1 copied, 0/);
    assert.match(restore.lines[0] ?? "", /^restored as of 20.*revocations too$/);
    assert.deepEqual(restore.lines.slice(1), ["clean"]);
    await using other = await place.start("other");
    const here = connect(other.url).use(session.key, session.grant);
    assert.equal(other.node.nodeId, node.node.nodeId);
    assert.deepEqual(await here.list(), ["large", "small"]);
    const small = await here.get("small");
    assert.deepEqual([small?.text(), small?.metadata], ["a value", { mood: "calm" }]);
    assert.deepEqual((await here.get("large"))?.bytes, LARGE);
    const shared = await openShare(share.link, { url: other.url });
    assert.equal((await shared.get("small"))?.text(), "a value");
    await here.put("new", bytesOf(60_000));
    assert.equal((await place.run(["check"], elsewhere(place))).code, 0);
  }));

Deno.test("a backup is the database, the blocks and the manifest, private, without the secret", () =>
  inPlace(async (place) => {
    await aNode(place);

    await ok(place.run(["backup", "backup"]));

    const root = `${place.folder}/backup`;
    const files = [...(await walk(root)).keys()].sort();
    assert.equal(files.length, 4);
    assert.deepEqual(files.filter((name) => !name.startsWith("blocks/")), [
      "caps.db",
      "manifest.json",
    ]);
    const live = await walk(`${place.folder}/data/blocks`);
    for (const name of files.filter((name) => name.startsWith("blocks/"))) {
      assert.ok(live.has(name.slice("blocks/".length)), "laid out as in the node");
    }
    for (const name of files) {
      assert.equal(((await Deno.stat(`${root}/${name}`)).mode ?? 0) & 0o777, 0o600, name);
      const bytes = await Deno.readFile(`${root}/${name}`);
      const held = new TextDecoder("latin1").decode(bytes);
      assert.ok(!held.includes(SECRET) && !held.includes(atob(SECRET)), `${name} has the secret`);
    }
    assert.equal(((await Deno.stat(root)).mode ?? 0) & 0o777, 0o700);
    const manifest = JSON.parse(await Deno.readTextFile(`${root}/manifest.json`));
    assert.deepEqual(manifest.counts, { spaces: 1, blocks: 2, bytes: 100_000 + LARGE.length });
    assert.equal(manifest.version, 1);
  }));

Deno.test("the second backup copies what is new and removes what is not needed", () =>
  inPlace(async (place) => {
    await using node = await place.start();
    const session = await signIn(node);
    await session.put("kept", bytesOf(50_000));
    await session.put("deleted", bytesOf(60_000));
    await ok(place.run(["backup", "backup"]));
    await session.delete("deleted");
    await session.put("new", bytesOf(70_000));

    const { lines } = await ok(place.run(["backup", "--json", "backup"]));

    const { backup: { instant, ...counts } } = JSON.parse(lines[0] ?? "");
    assert.ok(!Number.isNaN(Date.parse(instant)));
    assert.deepEqual(counts, {
      spaces: 1,
      blocks: 2,
      bytes: 120_000,
      copied: 1,
      copiedBytes: 70_000,
      kept: 1,
      removed: 1,
      damaged: 0,
    });
    assert.equal((await walk(`${place.folder}/backup/blocks`)).size, 2);
  }));

Deno.test("what was revoked after the backup is good again, as the help says", () =>
  inPlace(async (place) => {
    await using node = await place.start();
    const { wallet, session } = await owner(node);
    await session.put("key", "value");
    const share = await session.shareLink("key");
    await ok(place.run(["backup", "backup"]));
    await connect(node.url).revoke(wallet, share.delegation.cid);

    await ok(place.run(["restore", "backup"], elsewhere(place)));

    await using other = await place.start("other");
    const shared = await openShare(share.link, { url: other.url });
    assert.equal((await shared.get("key"))?.text(), "value");
    await connect(other.url).revoke(wallet, share.delegation.cid);
    await assert.rejects(shared.get("key"), { code: "revoked" });
  }));

interface Case {
  readonly name: string;
  readonly prepare?: (place: Place) => Promise<unknown>;
  readonly args?: readonly string[];
  readonly env?: (place: Place) => Record<string, string>;
  readonly code: number;
  readonly says: RegExp;
}

const FAILED = 2;
const MEMORY = { TINYCLOUD_STORAGE_DATABASE: "sqlite::memory:" };

const BACKUP_REFUSALS: readonly Case[] = [
  { name: "no folder", args: [], code: USAGE, says: /which folder\?.*--help/ },
  { name: "an empty name", args: [""], code: USAGE, says: /which folder\?/ },
  { name: "two folders", args: ["one", "two"], code: USAGE, says: /too many/ },
  { name: "a database in memory", env: () => MEMORY, code: CONFIG, says: /in memory/ },
  {
    name: "a database that is not there",
    env: elsewhere,
    code: FAILED,
    says: /cannot open the database .*other\/caps\.db/,
  },
  {
    name: "a database that no node has used",
    prepare: async (place) => {
      await Deno.mkdir(`${place.folder}/other`);
      await ok(place.run(["migrate"], elsewhere(place)));
    },
    env: elsewhere,
    code: FAILED,
    says: /no node has used this database/,
  },
  { name: "the data folder", args: ["data"], code: FAILED, says: /lies in the node's own folder/ },
  {
    name: "a folder in the data folder",
    args: ["data/backup"],
    code: FAILED,
    says: /lies in the node's own folder .*would be lost/,
  },
  {
    name: "a folder around the data folder",
    args: ["."],
    code: FAILED,
    says: /the node's own folder .* lies in/,
  },
  {
    name: "a folder of something else",
    prepare: async ({ folder }) => {
      await Deno.mkdir(`${folder}/backup`);
      await Deno.writeTextFile(`${folder}/backup/photo.jpg`, "");
    },
    code: FAILED,
    says: /not empty and holds no backup \(there is photo\.jpg\)/,
  },
  {
    name: "a file",
    prepare: ({ folder }) => Deno.writeTextFile(`${folder}/backup`, ""),
    code: FAILED,
    says: /backup/,
  },
  {
    name: "the backup of another database with the same secret",
    prepare: async (place) => {
      await ok(place.run(["backup", "backup"]));
      await Deno.rename(`${place.folder}/data`, `${place.folder}/lost`);
      await aNode(place);
    },
    code: FAILED,
    says: /holds the backup of another database, of 20.*choose another folder/,
  },
];

for (const { name, prepare, args = ["backup"], env, code, says } of BACKUP_REFUSALS) {
  Deno.test(`a backup refuses ${name}, and changes nothing there`, () =>
    inPlace(async (place) => {
      await aNode(place);
      await prepare?.(place);
      const before = await withoutLocks(place.folder);

      await refused(place.run(["backup", ...args], env?.(place)), code, says);

      assert.deepEqual(await withoutLocks(place.folder), before);
    }));
}

/** What lies there, but for locks and what a reader of a database leaves beside it. */
async function withoutLocks(folder: string): Promise<readonly (readonly [string, number])[]> {
  const files = [...await walk(folder)];
  return files.filter(([name]) => !/\.lock$|-(wal|shm)$/.test(name)).sort();
}

Deno.test("two backups of one database do not run at once", () =>
  inPlace(async (place) => {
    await aNode(place);
    const path = `${place.folder}/data/caps.db.backup.lock`;
    await using _other = await lockFile(path, "held");

    await refused(place.run(["backup", "backup"]), FAILED, /another backup of .* is under way/);
  }));

Deno.test("a block that is damaged in the node is named, and all the rest is in the backup", () =>
  inPlace(async (place) => {
    const session = await aNode(place);
    await damage(await blockFile(`${place.folder}/data/blocks`, 100_000));

    const { code, lines } = await place.run(["backup", "backup"]);

    assert.equal(code, 1);
    assert.equal(lines.length, 2);
    assert.match(
      lines[0] ?? "",
      new RegExp(`^block: ${session.space}: block .* has other bytes than its hash says$`),
    );
    assert.match(lines[1] ?? "", /2 blocks \(1 copied, 0 removed, 1 DAMAGED and not in it\)$/);
    const files = [...(await walk(`${place.folder}/backup/blocks`)).values()];
    assert.deepEqual(files, [LARGE.length]);
  }));

Deno.test("a block that is damaged in the backup is mended with --verify", () =>
  inPlace(async (place) => {
    await aNode(place);
    await ok(place.run(["backup", "backup"]));
    await damage(await blockFile(`${place.folder}/backup/blocks`, 100_000));

    const trusting = await ok(place.run(["backup", "backup"]));
    const verifying = await ok(place.run(["backup", "--verify", "backup"]));

    assert.match(trusting.lines.join(), /\(0 copied/);
    assert.match(verifying.lines.join(), /\(1 copied/);
    await ok(place.run(["restore", "backup"], elsewhere(place)));
  }));

const RESTORE_REFUSALS: readonly Case[] = [
  { name: "no folder", args: [], code: USAGE, says: /which folder\?.*--help/ },
  { name: "a folder that is not there", args: ["nowhere"], code: FAILED, says: /no whole backup/ },
  {
    name: "a backup without its manifest",
    prepare: ({ folder }) => Deno.remove(`${folder}/backup/manifest.json`),
    code: FAILED,
    says: /holds no whole backup: no manifest\.json/,
  },
  {
    name: "a manifest of a newer version",
    prepare: changeManifest({ version: 2 }),
    code: FAILED,
    says: /newer version of this program/,
  },
  {
    name: "a newer schema",
    prepare: changeManifest({ schema: "9999_later.sql" }),
    code: FAILED,
    says: /newer version of this program \(9999_later\.sql\)/,
  },
  {
    name: "a database in memory",
    env: () => MEMORY,
    code: CONFIG,
    says: /in memory/,
  },
  {
    name: "another secret",
    env: (place) => ({ ...elsewhere(place), TINYCLOUD_KEYS_SECRET: OTHER_SECRET }),
    code: CONFIG,
    says: /keys\.secret is not the secret of the node that the backup is of/,
  },
  {
    name: "no secret",
    env: (place) => ({ ...elsewhere(place), TINYCLOUD_KEYS_SECRET: "none" }),
    code: CONFIG,
    says: /a backup does not hold the node's secret: put .* to .*node\.secret, or set keys\.secret/,
  },
  {
    name: "a database that is there",
    env: ({ folder }) => storage(folder, "data"),
    code: FAILED,
    says: /there is the database .*data\/caps\.db: a restore needs empty storage/,
  },
  {
    name: "blocks that are there",
    env: (place) => ({
      ...elsewhere(place),
      TINYCLOUD_STORAGE_BLOCKS_PATH: `${place.folder}/data/blocks`,
    }),
    code: FAILED,
    says: /the folder of blocks .* is not empty/,
  },
  {
    name: "the backup's own folder as its target",
    env: ({ folder }) => storage(folder, "backup"),
    code: FAILED,
    says: /a restore needs empty storage/,
  },
  {
    name: "a database with a flipped bit",
    prepare: ({ folder }) => damage(`${folder}/backup/caps.db`),
    code: FAILED,
    says: /backup\/caps\.db is damaged: it is not what the manifest says/,
  },
  {
    name: "a backup without its database",
    prepare: ({ folder }) => Deno.remove(`${folder}/backup/caps.db`),
    code: FAILED,
    says: /cannot restore the database .*caps\.db/,
  },
  {
    name: "another count of blocks than the manifest's",
    prepare: changeManifest({ counts: { spaces: 1, blocks: 3, bytes: 100_000 + LARGE.length } }),
    code: FAILED,
    says: /damaged: its manifest says 3 blocks, its database 2/,
  },
];

for (const { name, prepare, args = ["backup"], env = elsewhere, code, says } of RESTORE_REFUSALS) {
  Deno.test(`a restore refuses ${name}, and brings nothing`, () =>
    inPlace(async (place) => {
      await aNode(place);
      await ok(place.run(["backup", "backup"]));
      await prepare?.(place);
      const before = await withoutLocks(place.folder);

      await refused(place.run(["restore", ...args], env(place)), code, says);

      assert.deepEqual(await withoutLocks(place.folder), before);
    }));
}

Deno.test("a restore refuses a node that runs", () =>
  inPlace(async (place) => {
    await aNode(place);
    await ok(place.run(["backup", "backup"]));
    await Deno.mkdir(`${place.folder}/other`);
    await using _lock = await lockFile(`${place.folder}/other/caps.db.lock`, "held");

    await refused(
      place.run(["restore", "backup"], elsewhere(place)),
      FAILED,
      /a node is using the database .*: stop it first/,
    );
  }));

const BLOCK_DAMAGES = [
  { name: "has a flipped bit", damage, says: "has other bytes than its hash says" },
  { name: "is cut", damage: (file: string) => Deno.truncate(file, 99), says: "is shorter than" },
  { name: "is missing", damage: (file: string) => Deno.remove(file), says: "is missing" },
];

for (const { name, damage, says } of BLOCK_DAMAGES) {
  Deno.test(`a block of the backup that ${name} is named; all the rest is restored on request`, () =>
    inPlace(async (place) => {
      const session = await aNode(place);
      await ok(place.run(["backup", "backup"]));
      await damage(await blockFile(`${place.folder}/backup/blocks`, 100_000));

      const first = await place.run(["restore", "backup"], elsewhere(place));
      await assert.rejects(place.start("other"), /restore of the database .* was cut off/);
      const second = await place.run(["restore", "--skip-damaged", "backup"], elsewhere(place));

      assert.deepEqual([first.code, first.lines, first.complaints.length], [2, [], 2]);
      assert.match(first.complaints[0] ?? "", new RegExp(`^block: ${session.space}: .* ${says}`));
      assert.match(
        first.complaints[1] ?? "",
        /^.*1 block of the backup damaged or missing: --/,
      );
      assert.equal(second.code, 1, "check names it");
      assert.match(second.lines[1] ?? "", /^block: .* is missing$/);
      await using other = await place.start("other");
      const here = connect(other.url).use(session.key, session.grant);
      assert.deepEqual((await here.get("large"))?.bytes, LARGE);
      await here.put("block", bytesOf(100_000));
      assert.equal((await place.run(["check"], elsewhere(place))).code, 0);
    }));
}

Deno.test("a restore tells what it did and found as JSON", () =>
  inPlace(async (place) => {
    await aNode(place);
    await ok(place.run(["backup", "backup"]));

    const { lines } = await ok(place.run(["restore", "--json", "backup"], elsewhere(place)));

    const [restored, checked] = lines.map((line) => JSON.parse(line));
    const { instant, ...counts } = restored.restored;
    assert.ok(!Number.isNaN(Date.parse(instant)));
    assert.deepEqual(counts, { spaces: 1, blocks: 2, bytes: 100_000 + LARGE.length });
    assert.deepEqual(checked, { findings: 0 });
  }));

Deno.test("what is restored goes on with the backup it came from", () =>
  inPlace(async (place) => {
    await aNode(place);
    await ok(place.run(["backup", "backup"]));
    await ok(place.run(["restore", "backup"], elsewhere(place)));

    const { lines } = await ok(place.run(["backup", "backup"], elsewhere(place)));

    assert.match(lines.join(), /\(0 copied, 0 removed\)/);
  }));

function changeManifest(members: Readonly<Record<string, unknown>>) {
  return async ({ folder }: Place): Promise<void> => {
    const path = `${folder}/backup/manifest.json`;
    const manifest = JSON.parse(await Deno.readTextFile(path));
    await Deno.writeTextFile(path, JSON.stringify({ ...manifest, ...members }));
  };
}

/** The file of the one block of that size. */
async function blockFile(folder: string, size: number): Promise<string> {
  const found = [...await walk(folder)].find(([, each]) => each === size);
  assert.ok(found, `a block of ${size} bytes`);
  return `${folder}/${found[0]}`;
}

/** Flips a bit. */
async function damage(file: string): Promise<void> {
  const bytes = await Deno.readFile(file);
  await Deno.writeFile(file, bytes.with(9000, (bytes[9000] ?? 0) ^ 1));
}
