// A storage over the lives of several nodes, with every call to the disk recorded: first starts
// that are cut short, clients side by side, overwrites, deletes, collections, clean stops.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { randomWallet, type Session, spaceId, type Wallet } from "../../../client/mod.ts";
import { blake3Hex } from "../../../src/blake3.ts";
import type { At } from "../../support/asking.ts";
import { eventually } from "../../support/eventually.ts";
import { walk } from "../../support/files.ts";
import {
  startProcess,
  startProgram,
  startTinycloud,
  stopped,
  storageIn,
} from "../../support/process.ts";
import { type Random, seeded } from "../../support/random.ts";
import { withinTime } from "../../support/raw_http.ts";
import { History } from "./history.ts";
import { spaceNamed } from "./judge.ts";
import { type Recorder, type Recording, startRecorder, type Step } from "./recording.ts";
import { LOG_HEADER_BYTES } from "./sites.ts";
import { blockPath, spaceFolder, type Storage, storageBelow } from "./storage.ts";
import {
  delegating,
  deleting,
  hosting,
  putting,
  type Request,
  revoking,
  send,
  signingIn,
} from "./requests.ts";

export interface LoadOptions {
  readonly seed: number;
  /** Requests of each client in each life. */
  readonly requests: number;
  readonly clients: number;
}

export interface Load extends Recording {
  readonly history: History;
  /** What the files below the root held in the end, as hashes. */
  readonly files: ReadonlyMap<string, string>;
}

/** Beyond, an upload waits in a file. */
const MEMORY = "32 KiB";
const MIGRATION = fileURLToPath(new URL("migration.program.ts", import.meta.url));
const END_MS = 30_000;
const KEYS = 6;

/** What starts a node there that is recorded. */
export function recordedNode(
  { root, env }: Recorder,
  more: Readonly<Record<string, string>> = {},
): { readonly folder: string; readonly env: Record<string, string> } {
  const { database, blocks } = storageBelow(root);
  return {
    folder: root,
    env: {
      ...env,
      TINYCLOUD_STORAGE_DATABASE: database,
      TINYCLOUD_STORAGE_BLOCKS_PATH: blocks,
      TINYCLOUD_STORAGE_STAGING_MEMORY: MEMORY,
      TINYCLOUD_STORAGE_GC_INTERVAL: "1 s",
      ...more,
    },
  };
}

/** Runs it all. */
export async function runLoad({ seed, requests, clients }: LoadOptions): Promise<Load> {
  await using recorder = await startRecorder();
  const { root } = recorder;
  const storage = storageBelow(root);
  const history = new History();
  const random = seeded(seed);
  const wallet = randomWallet();

  // Folders that were made, but not synced, by a node that was killed.
  for (const path of [`${root}/meta`, `${root}/store`]) {
    await recorder.rules({ op: "S", path, action: "kill" });
    await startAndDie(recorder);
  }
  await recorder.rules();

  let sessions: [Session, ...Session[]];
  {
    await using node = await startProcess(recordedNode(recorder));
    sessions = await signInTo(node, wallet, "one", clients, history);
    const begun = (await recorder.steps()).length;
    await work(node, sessions, requests, random, history);
    while (!startsAnew((await recorder.steps()).slice(begun))) {
      const value = random.bytes(16_000);
      assertOk(await send(await putting(sessions[0], "filler", value), node, history));
    }
    await collected(node, sessions[0], storage, random, history);
    assert.equal(await stopped(node), 0);
  }
  let interrupted: Request;
  {
    // Staged files cannot be linked to, as on another file system: they are copied.
    const path = `${storage.blocks}/*`;
    await recorder.rules({ op: "L", path, action: { error: "EXDEV", lasts: true } });
    await using node = await startProcess(recordedNode(recorder));
    await work(node, sessions, Math.ceil(requests / 4), random, history);

    // Killed when a space's first block has got its folders, but none of them is synced.
    const [session] = await signInTo(node, wallet, "two", 1, history);
    await recorder.rules({ op: "S", path: storage.blocks, action: "kill" });
    interrupted = await putting(session, "first", random.bytes(20_000));
    assert.equal(await send(interrupted, node, history), undefined);
    await node.exited;
    await recorder.rules({
      op: "S",
      path: spaceFolder(storage, spaceNamed(session.space)),
      action: "kill",
    });
  }
  {
    await using node = await startProcess(recordedNode(recorder));
    assert.equal(await send(interrupted, node, history), undefined);
    await node.exited;
    await recorder.rules();
  }
  {
    await using node = await startProcess(recordedNode(recorder));
    assert.equal((await send(interrupted, node, history))?.status, 200);
    await work(node, sessions, Math.ceil(requests / 2), random, history);
    assert.equal(await stopped(node), 0);
  }
  return { root, steps: await recorder.steps(), history, files: await hashesIn(root) };
}

/**
 * Deletes and collects blocks that are on the disk by themselves, on a node whose answers wait for
 * no disk (`storage.durability = "normal"`).
 */
export async function runCollection(): Promise<Load & { readonly settled: number }> {
  await using recorder = await startRecorder();
  const { root } = recorder;
  const history = new History();
  const random = seeded(1);
  const more = { TINYCLOUD_STORAGE_DURABILITY: "normal" };
  await using node = await startProcess(recordedNode(recorder, more));
  const [session] = await signInTo(node, randomWallet(), "one", 1, history);
  const blocks = Array.from({ length: 4 }, (_, index) => random.bytes(17_000 + index));
  for (const [index, bytes] of blocks.entries()) {
    assertOk(await send(await putting(session, `key${index}`, bytes), node, history));
  }
  const settled = (await recorder.steps()).length;
  for (const [index, bytes] of blocks.entries()) {
    if (index === 0) continue;
    assertOk(await send(await deleting(session, `key${index}`), node, history));
    const space = spaceNamed(session.space);
    await removed(blockPath(storageBelow(root), space, blake3Hex(bytes)));
  }
  assert.equal(await stopped(node), 0);
  const steps = await recorder.steps();
  return { root, steps, settled, history, files: await hashesIn(root) };
}

/** Starts a program that puts one migration on top of another. */
export async function runMigration(): Promise<Recording> {
  await using recorder = await startRecorder();
  const { root, env } = recorder;
  await using program = startProgram(MIGRATION, [storageBelow(root).database], { env });
  const { code } = await withinTime(program.exited, "the migration did not end", END_MS);
  assert.equal(code, 0, program.complaints.join("\n"));
  return { root, steps: await recorder.steps() };
}

/** But for the memory that connections share. */
async function hashesIn(folder: string): Promise<ReadonlyMap<string, string>> {
  const hashes = new Map<string, string>();
  for (const path of (await walk(folder)).keys()) {
    if (path.endsWith("-shm")) continue;
    hashes.set(path, blake3Hex(await Deno.readFile(`${folder}/${path}`)));
  }
  return hashes;
}

/** Whether the database's log was full, and is written from its beginning again. */
function startsAnew(steps: readonly Step[]): boolean {
  return steps.some((step) =>
    step.kind === "write" && step.offset === 0 && step.bytes.length === LOG_HEADER_BYTES
  );
}

/** A node that is killed before it listens. */
async function startAndDie(recorder: Recorder): Promise<void> {
  const { env, folder } = recordedNode(recorder);
  const all = { ...storageIn(folder), ...env };
  await using program = startTinycloud(["serve"], { env: all, cwd: folder });
  const { signal } = await withinTime(program.exited, "it was to be killed at its start", END_MS);
  assert.equal(signal, "SIGKILL", program.complaints.join("\n"));
}

/** A space that the node hosts, and sessions in it. */
export async function signInTo(
  node: At,
  wallet: Wallet,
  name: string,
  count: number,
  history: History,
): Promise<[Session, ...Session[]]> {
  const host = await hosting(node, wallet, name);
  assertOk(await send(host, node, history));
  const session = async () => {
    const { session, request } = await signingIn(node, wallet, spaceId(wallet.did, name));
    assertOk(await send(request, node, history));
    return session;
  };
  const sessions: [Session, ...Session[]] = [await session()];
  while (sessions.length < count) sessions.push(await session());
  return sessions;
}

/** As many clients as sessions, side by side. */
async function work(
  node: At,
  sessions: readonly Session[],
  requests: number,
  random: Random,
  history: History,
): Promise<void> {
  await Promise.all(sessions.map(async (session, index) => {
    const own = seeded(random.below(2 ** 31));
    const granted: string[] = [];
    for (let count = 0; count < requests; count++) {
      const request = await draw(session, `client${index}`, own, granted);
      const answer = await send(request, node, history);
      if (answer?.code !== "key_not_deleted") assertOk(answer);
      if (request.effect.kind === "delegation") granted.push(request.effect.cid);
    }
  }));
}

const SIZES = [0, 1, 100, 3000, 16_000, 16_384, 17_000, 17_000, 33_000, 40_000] as const;

function draw(
  session: Session,
  name: string,
  random: Random,
  granted: string[],
): Promise<Request> {
  const kind = random.below(16);
  if (kind === 0) return delegating(session);
  const cid = granted.at(-1);
  if (kind === 1 && cid !== undefined) {
    granted.pop();
    return revoking(session, cid);
  }
  const folder = random.below(3) > 0 ? name : "shared";
  const key = `${folder}/${random.below(KEYS)}`;
  return kind < 5
    ? deleting(session, key)
    : putting(session, key, random.bytes(random.pick(SIZES)));
}

/** Deletes a block's only key, waits until the collector has removed it, and puts it again. */
async function collected(
  node: At,
  session: Session,
  storage: Storage,
  random: Random,
  history: History,
): Promise<void> {
  const bytes = random.bytes(18_000);
  assertOk(await send(await putting(session, "collected", bytes), node, history));
  assertOk(await send(await deleting(session, "collected"), node, history));
  await removed(blockPath(storage, spaceNamed(session.space), blake3Hex(bytes)));
  assertOk(await send(await putting(session, "collected", bytes), node, history));
}

function removed(path: string): Promise<true> {
  return eventually(
    "the collector removes a block",
    async () => await Deno.stat(path).then(() => undefined, () => true),
  );
}

function assertOk(answer: { readonly status: number; readonly code: string | null } | undefined) {
  assert.deepEqual(answer, { status: 200, code: null });
}
