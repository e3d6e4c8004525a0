// Backups of a node that runs, under load and killed (adversary.md, 4 and 6): what was acknowledged
// before one began is in it, whole; and whatever is killed, there is a backup to go back to.

import assert from "node:assert/strict";
import { connect, type Session } from "../../client/mod.ts";
import { bytesOf, invoke, kv, signIn } from "../support/asking.ts";
import { eventually } from "../support/eventually.ts";
import { walk } from "../support/files.ts";
import { mountTest, mountTmpfs } from "../support/mounts.ts";
import {
  type Ended,
  type NodeProcess,
  type Program,
  runTinycloud,
  startProcess,
  startTinycloud,
  stopped,
  storageIn,
} from "../support/process.ts";
import { type Random, seeded } from "../support/random.ts";
import { History, type Moment } from "./history.ts";
import { etagOf } from "./kill_writers.ts";
import type { State } from "./ledger.ts";

const SECRET = { TINYCLOUD_KEYS_SECRET: "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY" };
const COLLECTING = { ...SECRET, TINYCLOUD_STORAGE_GC_INTERVAL: "1 s" };
const WRITERS = 6;
const OWN_KEYS = 5;
const SHARED_KEYS = 4;
/** Contents that many keys share, so that blocks are deleted, collected and written again. */
const CONTENTS = [0, 100, 16_384, 16_385, 20_000, 40_000, 60_000, 300_000]
  .map((size, seed) => bytesOf(size, seed));

Deno.test("6: two backups under load, each restored on its own: all acknowledged is there", () =>
  inFolder(async (root) => {
    await using node = await startProcess({ folder: await make(`${root}/data`), env: COLLECTING });
    const load = await startLoad(node);
    await load.acknowledged(80);
    await node.line("collection.finished");

    const first = await backedUp(root, load.history);
    await copyFolder(`${root}/backup`, `${root}/first`);
    await load.acknowledged(80);
    const second = await backedUp(root, load.history);
    await load.end(() => node.kill("SIGKILL"));
    await node.exited;
    await Deno.remove(`${root}/data`, { recursive: true });

    assert.ok(first.copied > 0 && second.kept > 0 && second.copied + second.removed > 0);
    await assertRestores(root, "first", load, first);
    await assertRestores(root, "backup", load, second);
  }));

Deno.test("4: what is deleted during a backup is not collected before its end", () =>
  inFolder(async (root) => {
    await using node = await startProcess({ folder: await make(`${root}/data`), env: COLLECTING });
    const session = await signIn(node);
    const values = Array.from({ length: 40 }, (_, index) => bytesOf(50_000, index));
    for (const [index, value] of values.entries()) await session.put(`${index}`, value);
    await using backup = startTinycloud(["backup", `${root}/backup`], options(`${root}/data`));
    await seen(backup, () => has(`${root}/backup`, /^blocks\/.*[0-9a-f]{64}$/));
    backup.kill("SIGSTOP");

    for (const index of values.keys()) await session.delete(`${index}`);
    // Its collector tries each second. Should it not have by then, this test proves less.
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    const meanwhile = await blockCount(`${root}/data/blocks`);
    backup.kill("SIGCONT");

    assert.equal((await backup.exited).code, 0, backup.complaints.join("\n"));
    assert.equal(meanwhile, values.length);
    await eventually(
      "the collection after the backup",
      async () => await blockCount(`${root}/data/blocks`) === 0 ? true : undefined,
    );
    await restored(root, "backup", "other");
    await using other = await startProcess({ folder: `${root}/other`, env: SECRET });
    const here = connect(other.url).use(session.key, session.grant);
    for (const [index, value] of values.entries()) {
      assert.deepEqual((await here.get(`${index}`))?.bytes, value);
    }
  }));

Deno.test("6: backups and a restore killed at many moments leave a backup that is whole", () =>
  inFolder(async (root) => {
    await using node = await startProcess({ folder: await make(`${root}/data`), env: COLLECTING });
    const load = await startLoad(node);
    await load.acknowledged(60);
    const random = seeded(6);
    const folder = `${root}/backup`;

    // The first backup: before its end there is none.
    const early = [/^caps\.db\.new$/, /^staging\//, /^blocks\/.*[0-9a-f]{64}$/];
    for (const sight of early) {
      await killed(root, () => has(folder, sight));
      // It has its name from the moment on that the backup counts.
      const isWhole = await has(folder, /^caps\.db$/);
      const { code, complaints } = await restore(root, "backup", "other");
      assert.equal(code, isWhole ? 0 : 2, complaints.join("\n"));
      await clear(`${root}/other`);
    }
    let good = await backedUp(root, load.history);

    // Later ones: until one is whole, the one before is.
    const sights = [/^caps\.db\.new$/, /^manifest\.json\.new$/, undefined, undefined];
    for (const sight of sights) {
      await load.acknowledged(20);
      const files = (await walk(folder)).size + 1 + random.below(6);
      const see = async () =>
        sight === undefined ? (await walk(folder)).size >= files : await has(folder, sight);
      await killed(root, see);
      const span = { ...good, to: load.history.mark() };
      await assertRestores(root, "backup", load, span, { isRead: false });
    }
    good = await backedUp(root, load.history);
    await load.end(() => node.kill("SIGKILL"));
    await node.exited;
    await Deno.remove(`${root}/data`, { recursive: true });

    // A restore, too, goes on where it was, and no node starts in between.
    await make(`${root}/other`);
    for (const blocks of [1, 4]) {
      await using program = startTinycloud(["restore", folder], options(`${root}/other`));
      await seen(program, async () => await blockCount(`${root}/other/blocks`) >= blocks);
      program.kill("SIGKILL");
      await program.exited;
      if (await has(`${root}/other`, /^caps\.db$/)) break;
      const { code, complaints } = await runTinycloud(["serve"], options(`${root}/other`));
      assert.equal(code, 1);
      assert.match(complaints.join(), /a restore of the database .* was cut off/);
    }
    if (await has(`${root}/other`, /^caps\.db$/)) await clear(`${root}/other`);
    await assertRestores(root, "backup", load, good);
  }));

mountTest(
  "6: a backup that finds its disk full leaves the one before",
  "tmpfs",
  () =>
    inFolder(async (root) => {
      await using disk = await mountTmpfs(2 * 1024 * 1024);
      await using node = await startProcess({ folder: await make(`${root}/data`), env: SECRET });
      const session = await signIn(node);
      await session.put("kept", bytesOf(100_000));
      const folder = `${disk.path}/backup`;
      const first = await runTinycloud(["backup", folder], options(`${root}/data`));
      await session.put("large", bytesOf(3_000_000));

      const second = await runTinycloud(["backup", folder], options(`${root}/data`));

      assert.deepEqual([first.code, second.code], [0, 2]);
      assert.match(second.complaints.join(), /could not run: cannot write .*the disk is full/);
      const { code, lines } = await runTinycloud(["restore", folder], options(`${root}/other`));
      assert.deepEqual([code, lines.at(-1)], [0, "clean"]);
      assert.equal(await blockCount(`${root}/other/blocks`), 1);
      // Nothing of it waits in vain, and with room again the next one is whole.
      await session.delete("large");
      assert.equal((await runTinycloud(["backup", folder], options(`${root}/data`))).code, 0);
      assert.equal(await stopped(node), 0);
    }),
);

/** What a backup did, and between which moments its instant was. */
interface Backup {
  readonly from: Moment;
  readonly to: Moment;
  readonly copied: number;
  readonly kept: number;
  readonly removed: number;
}

async function backedUp(root: string, history: History): Promise<Backup> {
  const from = history.mark();
  const args = ["backup", "--json", `${root}/backup`];
  const { code, lines, complaints } = await runTinycloud(args, options(`${root}/data`));
  assert.equal(code, 0, complaints.join("\n"));
  return { from, to: history.mark(), ...JSON.parse(lines[0] ?? "").backup };
}

/** Kills a backup once there is something to see; it may have ended before. */
async function killed(root: string, see: () => Promise<boolean>): Promise<void> {
  await using program = startTinycloud(["backup", `${root}/backup`], options(`${root}/data`));
  await seen(program, see);
  // Disposing kills it.
}

/** Waits until there is something to see, or the program has ended. */
async function seen(program: Program, see: () => Promise<boolean>): Promise<void> {
  let hasEnded = false;
  program.exited.then(() => hasEnded = true);
  while (!hasEnded && !await see()) await new Promise((resolve) => setTimeout(resolve, 1));
}

function restore(root: string, from: string, to: string): Promise<Ended> {
  return runTinycloud(["restore", `${root}/${from}`], options(`${root}/${to}`));
}

async function restored(root: string, from: string, to: string): Promise<void> {
  await make(`${root}/${to}`);
  const { code, lines, complaints } = await restore(root, from, to);
  assert.deepEqual({ code, complaints }, { code: 0, complaints: [] });
  assert.deepEqual(lines.slice(1), ["clean"]);
}

/** Restores on an empty machine, and reads everything that the writers have ever written. */
async function assertRestores(
  root: string,
  from: string,
  { session, history }: Load,
  span: Pick<Backup, "from" | "to">,
  { isRead = true } = {},
): Promise<void> {
  await restored(root, from, "other");
  if (isRead) {
    await using node = await startProcess({ folder: `${root}/other`, env: SECRET });
    const here = connect(node.url).use(session.key, session.grant);
    const listed: string[] = [];
    for (const key of history.keys) {
      const state = await stateOf(here, key);
      if (state !== undefined) listed.push(key);
      if (history.allows(key, state, span.from, span.to)) continue;
      const allowed = JSON.stringify(history.allowed(key, span.from, span.to));
      assert.fail(`${from}: ${key} holds ${JSON.stringify(state)}, and may hold ${allowed}`);
    }
    assert.deepEqual(await here.list(), listed);
    const required = history.keys.filter((key) => history.requires(key, span.from, span.to));
    assert.ok(required.length > 5, "some keys had to be there");
    const { code } = await runTinycloud(["check"], options(`${root}/other`));
    assert.equal(code, 0, "clean beside the node, too");
  }
  await clear(`${root}/other`);
}

async function stateOf(session: Session, key: string): Promise<State> {
  const value = await session.get(key);
  if (value === undefined) return undefined;
  const state = { etag: await etagOf(value.bytes), size: value.bytes.length };
  assert.equal(value.etag, state.etag, `${key} is torn`);
  return state;
}

interface Load {
  readonly session: Session;
  readonly history: History;
  /** Resolves after so many more acknowledgements. */
  acknowledged(count: number): Promise<void>;
  /** Ends the writers; what they had under way may fail. */
  end(meanwhile: () => void): Promise<void>;
}

async function startLoad(node: NodeProcess): Promise<Load> {
  const session = await signIn(node);
  const history = new History();
  let isOver = false;
  let count = 0;
  let failure: unknown;

  async function write(name: string, random: Random): Promise<void> {
    while (!isOver) {
      const { key, body } = next(name, random);
      const leaves = body === undefined
        ? undefined
        : { etag: await etagOf(body), size: body.length };
      const operation = history.begin(key, leaves);
      const verb = body === undefined ? "del" : "put";
      const { status, code } = await invoke(node, session, kv(session, verb, key), { body });
      assert.ok(status === 200 || code === "key_not_deleted", `${key}: ${status} ${code}`);
      history.acknowledge(operation);
      count++;
    }
  }

  const writers = Array.from(
    { length: WRITERS },
    (_, index) =>
      write(`own${index}`, seeded(index)).catch((error) => {
        if (!isOver) failure = error;
      }),
  );
  return {
    session,
    history,
    async acknowledged(more) {
      const goal = count + more;
      await eventually(`${more} acknowledgements`, () => {
        if (failure !== undefined) throw failure;
        return count >= goal ? true : undefined;
      }, 60_000);
    },
    async end(meanwhile) {
      isOver = true;
      meanwhile();
      await Promise.all(writers);
      if (failure !== undefined) throw failure;
    },
  };
}

/** A key of its own, one that all use, or one that nobody touches again. */
function next(
  name: string,
  random: Random,
): { readonly key: string; readonly body: Uint8Array<ArrayBuffer> | undefined } {
  const kind = random.below(8);
  if (kind === 0) return { key: `kept/${name}/${random.below(2 ** 32)}`, body: contentOf(random) };
  const key = kind < 6
    ? `${name}/${random.below(OWN_KEYS)}`
    : `shared/${random.below(SHARED_KEYS)}`;
  return { key, body: random.below(3) === 0 ? undefined : contentOf(random) };
}

function contentOf(random: Random): Uint8Array<ArrayBuffer> {
  const content = CONTENTS[random.below(CONTENTS.length + 2)];
  return content ?? random.bytes(1 + random.below(100_000));
}

function options(folder: string) {
  return { env: { ...storageIn(folder), ...SECRET } };
}

async function has(folder: string, name: RegExp): Promise<boolean> {
  return [...(await walkIfThere(folder)).keys()].some((each) => name.test(each));
}

async function blockCount(folder: string): Promise<number> {
  const names = [...(await walkIfThere(folder)).keys()];
  return names.filter((name) => /\/[0-9a-f]{64}$/.test(name)).length;
}

async function walkIfThere(folder: string): Promise<ReadonlyMap<string, number>> {
  try {
    return await walk(folder);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return new Map();
    throw error;
  }
}

async function make(folder: string): Promise<string> {
  await Deno.mkdir(folder, { recursive: true });
  return folder;
}

async function clear(folder: string): Promise<void> {
  await Deno.remove(folder, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}

async function copyFolder(from: string, to: string): Promise<void> {
  for (const name of (await walk(from)).keys()) {
    await Deno.mkdir(`${to}/${name}`.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

async function inFolder(test: (root: string) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir({ prefix: "tinycloud-backup-" });
  try {
    await test(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}
