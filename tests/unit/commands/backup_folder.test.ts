// The folder of a backup: what counts as one, whatever moment the last one was cut off at.

import assert from "node:assert/strict";
import { blake3Hex } from "../../../src/blake3.ts";
import {
  backupPaths,
  commitBackup,
  findBackup,
  type Manifest,
  prepareFolder,
  refuseForeign,
  refuseOverlap,
} from "../../../src/commands/backup_folder.ts";
import type { Config } from "../../../src/config/config.ts";
import { NodeError } from "../../../src/errors.ts";

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The manifest of a backup whose database has this text. */
function manifestOf(database: string): Manifest {
  return {
    version: 1,
    schema: "0001_init.sql",
    origin: "origin",
    fingerprint: "f".repeat(64),
    instant: "2026-01-02T03:04:05.678Z",
    database: { hash: hashOf(database), size: database.length },
    counts: { spaces: 1, blocks: 2, bytes: 3 },
  };
}

function hashOf(text: string): string {
  return blake3Hex(new TextEncoder().encode(text));
}

async function commit(folder: string, database: string): Promise<void> {
  await Deno.writeTextFile(backupPaths(folder).nextDatabase, database);
  await commitBackup(folder, manifestOf(database));
}

async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
}

function says(sentence: RegExp) {
  return (error: unknown) => error instanceof NodeError && sentence.test(error.message);
}

Deno.test("what was committed is found, private, and replaced by the next", () =>
  inFolder(async (folder) => {
    await commit(folder, "one");
    assert.deepEqual(await findBackup(folder), {
      manifest: manifestOf("one"),
      isUnsettled: false,
    });

    await commit(folder, "two");

    assert.deepEqual((await findBackup(folder))?.manifest, manifestOf("two"));
    assert.deepEqual(await namesIn(folder), ["caps.db", "manifest.json"]);
    const { mode } = await Deno.stat(`${folder}/manifest.json`);
    assert.equal((mode ?? 0) & 0o777, 0o600);
  }));

const text = (manifest: Manifest) => `${JSON.stringify(manifest)}\n`;

/** Where a backup is cut off after "one", by what it leaves; and which backup counts then. */
const CUTS: readonly {
  readonly name: string;
  readonly left: Readonly<Record<string, string>>;
  readonly counts: "one" | "two";
}[] = [
  { name: "while it copies the database", left: { "caps.db.new": "tw" }, counts: "one" },
  { name: "before its manifest", left: { "caps.db.new": "two" }, counts: "one" },
  {
    name: "in its manifest",
    left: { "caps.db.new": "two", "manifest.json.new": text(manifestOf("two")).slice(0, 50) },
    counts: "one",
  },
  {
    name: "after its manifest",
    left: { "caps.db.new": "two", "manifest.json.new": text(manifestOf("two")) },
    counts: "one",
  },
  {
    name: "between database and manifest",
    left: { "caps.db": "two", "manifest.json.new": text(manifestOf("two")) },
    counts: "two",
  },
];

for (const { name, left, counts } of CUTS) {
  Deno.test(`a backup cut off ${name} leaves a whole one, and so does the next`, () =>
    inFolder(async (folder) => {
      await commit(folder, "one");
      for (const [file, content] of Object.entries(left)) {
        await Deno.writeTextFile(`${folder}/${file}`, content);
      }

      const found = await findBackup(folder);
      await prepareFolder(folder, found);
      const prepared = await findBackup(folder);
      await commit(folder, "three");

      assert.deepEqual(found?.manifest, manifestOf(counts));
      assert.deepEqual(prepared, { manifest: manifestOf(counts), isUnsettled: false });
      assert.deepEqual((await findBackup(folder))?.manifest, manifestOf("three"));
      assert.deepEqual(await namesIn(folder), ["caps.db", "manifest.json"]);
    }));
}

Deno.test("the first backup counts from the moment its database has its name", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/caps.db.new`, "one");
    await Deno.writeTextFile(`${folder}/manifest.json.new`, text(manifestOf("one")));
    assert.equal(await findBackup(folder), undefined);
    await refuseForeign(folder);

    await Deno.rename(`${folder}/caps.db.new`, `${folder}/caps.db`);

    assert.deepEqual(await findBackup(folder), {
      manifest: manifestOf("one"),
      isUnsettled: true,
    });
  }));

const NO_MANIFESTS = [
  { name: "no JSON", content: "{", says: /cannot be read/ },
  { name: "a manifest of a web page", content: '{"name":"app"}', says: /damaged, or not of/ },
  { name: "a list", content: "[]", says: /damaged, or not of/ },
  {
    name: "a newer version",
    content: JSON.stringify({ ...manifestOf("one"), version: 2 }),
    says: /newer version/,
  },
  ...["schema", "origin", "fingerprint", "instant", "database", "counts"].map((member) => ({
    name: `a manifest without ${member}`,
    content: JSON.stringify({ ...manifestOf("one"), [member]: undefined }),
    says: /damaged, or not of/,
  })),
  {
    name: "a manifest whose hash is none",
    content: JSON.stringify({ ...manifestOf("one"), database: { hash: "../x", size: 1 } }),
    says: /damaged, or not of/,
  },
  {
    name: "a manifest with a negative count",
    content: JSON.stringify({ ...manifestOf("one"), counts: { spaces: -1, blocks: 1, bytes: 1 } }),
    says: /damaged, or not of/,
  },
];

for (const { name, content, says: sentence } of NO_MANIFESTS) {
  Deno.test(`${name} is no backup, and is told in a sentence`, () =>
    inFolder(async (folder) => {
      await Deno.writeTextFile(`${folder}/manifest.json`, content);

      await assert.rejects(findBackup(folder), says(sentence));
    }));
}

Deno.test("a backup begins in a folder that is missing or empty, a disk of its own too", () =>
  inFolder(async (folder) => {
    await refuseForeign(`${folder}/missing`);
    await refuseForeign(folder);
    await Deno.mkdir(`${folder}/lost+found`);

    await refuseForeign(folder);
  }));

Deno.test("a first backup that was cut off may begin again", () =>
  inFolder(async (folder) => {
    for (const name of ["blocks", "staging"]) await Deno.mkdir(`${folder}/${name}`);
    await Deno.writeTextFile(`${folder}/caps.db.new`, "");
    await Deno.writeTextFile(`${folder}/caps.db.new-journal`, "");

    await refuseForeign(folder);
  }));

for (const names of [["photo.jpg"], ["blocks"], ["caps.db"], ["caps.db.new", "caps.db"]]) {
  Deno.test(`a folder with ${names.join(" and ")} alone holds something else`, () =>
    inFolder(async (folder) => {
      for (const name of names) await Deno.writeTextFile(`${folder}/${name}`, "");

      await assert.rejects(refuseForeign(folder), says(/not empty and holds no backup/));
    }));
}

const PLACES = [
  { folder: "data", overlaps: true },
  { folder: "data/backup", overlaps: true },
  { folder: "data/blocks/backup", overlaps: true },
  { folder: "elsewhere/staging/backup", overlaps: true },
  { folder: "elsewhere", overlaps: true },
  { folder: ".", overlaps: true },
  { folder: "link/backup", overlaps: true },
  { folder: "backup", overlaps: false },
  { folder: "data-backup", overlaps: false },
  { folder: "..data/backup", overlaps: false },
];

for (const { folder: name, overlaps } of PLACES) {
  Deno.test(`a backup in ${name} ${overlaps ? "meets" : "lies beside"} the node's own folders`, () =>
    inFolder(async (root) => {
      await Deno.mkdir(`${root}/data`);
      await Deno.symlink("data", `${root}/link`);
      const storage = {
        database: { kind: "sqlite", path: `${root}/data/caps.db` },
        blocks: { kind: "Local", path: `${root}/data/blocks` },
        stagingPath: `${root}/elsewhere/staging`,
      };
      // Nothing else of the configuration is looked at.
      const config = { storage } as unknown as Config;

      const refused = refuseOverlap(`${root}/${name}`, config);

      if (overlaps) await assert.rejects(refused, says(/choose another folder/));
      else await refused;
    }));
}
