// Requests that are cut off, or whose call to the disk fails, at each of their steps (adversary.md,
// 3): what was acknowledged is whole, what was not is whole or absent, the very same request sent
// again ends right, and one collection leaves nothing behind.

import assert from "node:assert/strict";
import { basename } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { randomWallet, type Session, type Wallet } from "../../client/mod.ts";
import { blake3Hex } from "../../src/blake3.ts";
import { checkBlocks } from "../../src/blocks/check.ts";
import { Collector } from "../../src/blocks/collector.ts";
import { openLocalBlocks } from "../../src/blocks/local.ts";
import { openStaging } from "../../src/blocks/staging.ts";
import { openSqlite } from "../../src/repository/sqlite/open.ts";
import { systemClock } from "../../src/telemetry/clock.ts";
import { eventually } from "../support/eventually.ts";
import { type NodeProcess, startProcess, stopped } from "../support/process.ts";
import { type Random, seeded } from "../support/random.ts";
import { withinTime } from "../support/raw_http.ts";
import { History } from "./power/history.ts";
import { judge, spaceNamed } from "./power/judge.ts";
import { recordedNode, signInTo } from "./power/load.ts";
import {
  type Action,
  type Op,
  type Recorder,
  type Rule,
  startRecorder,
} from "./power/recording.ts";
import {
  delegating,
  deleting,
  hosting,
  putting,
  type Request,
  revoking,
  send,
} from "./power/requests.ts";
import { blockPath, type Storage, storageBelow } from "./power/storage.ts";

/** A call to the disk that a request makes, or its answer. */
export interface Point {
  readonly name: string;
  readonly op: Op;
  readonly path: string;
  readonly nth?: number;
  /** Whether the request's effect is there when the process dies before this call. */
  readonly isApplied?: boolean;
  /** Nothing depends on it: the request succeeds though the call fails. */
  readonly isMinor?: boolean;
}

/** How every change ends: one transaction, its sync, the answer. */
const COMMIT: readonly Point[] = [
  // Where the lock cannot be had, SQLite tries again.
  { name: "before BEGIN", op: "B", path: "*-shm", isMinor: true },
  { name: "before COMMIT", op: "W", path: "*-wal" },
  { name: "within COMMIT", op: "W", path: "*-wal", nth: 4 },
  { name: "before COMMIT is synced", op: "S", path: "*-wal", isApplied: true },
  { name: "before the answer", op: "A", path: "*", isApplied: true },
];

const HASH = "[0-9a-f]".repeat(64);
const SHARD = `*/blocks/${HASH}/[0-9a-f][0-9a-f]`;

const FOLDERS: readonly Point[] = [
  { name: "before the space's folder", op: "M", path: `*/blocks/${HASH}` },
  { name: "before that folder is synced", op: "S", path: "*/blocks" },
  { name: "before the two digits' folder", op: "M", path: SHARD },
  { name: "before that folder is synced, too", op: "S", path: `*/blocks/${HASH}` },
];
const FROM_MEMORY: readonly Point[] = [
  ...FOLDERS,
  { name: "before the block's file", op: "O", path: "*/.tmp/*" },
  { name: "before its bytes", op: "W", path: "*/.tmp/*" },
  { name: "before the block is synced", op: "S", path: "*/.tmp/*" },
  { name: "before the block has its name", op: "R", path: `${SHARD}/*` },
  { name: "before its name is synced", op: "S", path: SHARD },
];
const FROM_FILE: readonly Point[] = [
  { name: "before the upload's file", op: "O", path: "*/staging/*" },
  { name: "before its bytes", op: "W", path: "*/staging/*" },
  { name: "after stage, before the block is synced", op: "S", path: "*/staging/*" },
  { name: "before the block has its name", op: "L", path: `${SHARD}/*` },
  { name: "before its name is synced", op: "S", path: SHARD },
  {
    name: "after COMMIT, before the upload's file goes",
    op: "U",
    path: "*/staging/*",
    isApplied: true,
    isMinor: true,
  },
];

export interface Kind {
  readonly name: string;
  /** Those of its own, beside the transaction that all have. */
  readonly points: readonly Point[];
  /** A new request, after those that it needs. */
  readonly make: (life: Life) => Promise<Request>;
}

export const KINDS: readonly Kind[] = [
  {
    name: "a put of a small value",
    points: [],
    make: ({ session, key, random }) => putting(session, key, random.bytes(1000)),
  },
  {
    name: "a put of a block from memory",
    points: FROM_MEMORY,
    // In a space whose folder is still to be made.
    make: async (life) => await putting(await life.signIn(), life.key, life.random.bytes(20_000)),
  },
  {
    name: "a put of a block from a file",
    points: FROM_FILE,
    make: ({ session, key, random }) => putting(session, key, random.bytes(50_000)),
  },
  {
    name: "a delete",
    points: [],
    async make(life) {
      const { session, key, random } = life;
      await life.ask(await putting(session, key, random.bytes(20_000)));
      return await deleting(session, key);
    },
  },
  { name: "a delegation", points: [], make: ({ session }) => delegating(session) },
  {
    name: "a revocation",
    points: [],
    async make(life) {
      const granted = await delegating(life.session);
      await life.ask(granted);
      assert.equal(granted.effect.kind, "delegation");
      return await revoking(life.session, granted.effect.cid);
    },
  },
  {
    name: "the hosting of a space",
    points: [],
    make: ({ node, wallet, key }) => hosting(node, wallet, key),
  },
];

/** Of all kinds together, each step once; `isWhole`: of each kind, all that it takes. */
export function pointsOf(kind: Kind, isWhole: boolean): readonly Point[] {
  if (isWhole || kind === KINDS[0]) return [...kind.points, ...COMMIT];
  return [...kind.points, ...COMMIT.filter(({ name }) => IN_BRIEF.has(name))];
}

const IN_BRIEF = new Set(["before COMMIT", "before the answer"]);

const END_MS = 30_000;

/** A storage, the nodes that live on it, one after the other, and their client. */
export class Life implements AsyncDisposable {
  readonly random: Random = seeded(1);
  readonly wallet: Wallet = randomWallet();
  readonly #recorder: Recorder;
  readonly #env: Readonly<Record<string, string>>;
  readonly #history = new History();
  #node: NodeProcess;
  #session: Session | undefined;
  #count = 0;

  private constructor(
    recorder: Recorder,
    env: Readonly<Record<string, string>>,
    node: NodeProcess,
  ) {
    this.#recorder = recorder;
    this.#env = env;
    this.#node = node;
  }

  static async begin(env: Readonly<Record<string, string>> = {}): Promise<Life> {
    const all = { TINYCLOUD_STORAGE_GC_INTERVAL: "1 h", ...env };
    await using opened = new AsyncDisposableStack();
    const recorder = opened.use(await startRecorder());
    const node = await startProcess(recordedNode(recorder, all));
    opened.move();
    const life = new Life(recorder, all, node);
    life.#session = await life.signIn();
    return life;
  }

  get node(): NodeProcess {
    return this.#node;
  }

  get session(): Session {
    assert.ok(this.#session);
    return this.#session;
  }

  get storage(): Storage {
    return storageBelow(this.#recorder.root);
  }

  /** Another one each time. */
  get key(): string {
    return `key${++this.#count}`;
  }

  /** A session in a new space. */
  async signIn(): Promise<Session> {
    // Of another wallet: one may have only so many.
    const [session] = await signInTo(this.#node, randomWallet(), this.key, 1, this.#history);
    return session;
  }

  send(request: Request): ReturnType<typeof send> {
    return send(request, this.#node, this.#history);
  }

  async ask(request: Request): Promise<void> {
    assert.deepEqual(await this.send(request), { status: 200, code: null });
  }

  /** The calls of the collection that every start begins with are over. */
  async rests(): Promise<void> {
    using database = new DatabaseSync(this.storage.database, { readOnly: true });
    const leases = database.prepare("SELECT 1 FROM lease");
    await eventually("the collector rests", () => leases.get() === undefined || undefined);
  }

  /** The block is gone, and the database knows. */
  async buries(block: string): Promise<void> {
    using database = new DatabaseSync(this.storage.database, { readOnly: true });
    const buried = database.prepare("SELECT 1 FROM block WHERE hash = ? AND buried_at NOT NULL");
    await eventually("it is buried", () => buried.get(basename(block)) ?? undefined);
    await assert.rejects(Deno.stat(block), Deno.errors.NotFound);
  }

  rules(...rules: readonly Rule[]): Promise<void> {
    return this.#recorder.rules(...rules);
  }

  /** How often a rule has taken effect. */
  async faults(): Promise<number> {
    return (await this.#recorder.steps()).filter(({ kind }) => kind === "fault").length;
  }

  async dies(): Promise<void> {
    const { signal } = await withinTime(this.#node.exited, "it was to be killed", END_MS);
    assert.equal(signal, "SIGKILL", this.#node.complaints.join("\n"));
  }

  /** After its death, or a stop. */
  async restart(): Promise<void> {
    await this.rules();
    this.#node = await startProcess(recordedNode(this.#recorder, this.#env));
  }

  async stop(): Promise<void> {
    assert.equal(await stopped(this.#node), 0);
  }

  /** What was acknowledged is whole, and everything agrees. */
  async assertKept(): Promise<void> {
    const options = { isRunning: true, isThorough: true };
    assert.deepEqual(await judge(this.storage, this.#history.now(), options), []);
  }

  /** One collection removes whatever is of no use. Ends the node. */
  async assertTidy(): Promise<void> {
    await this.rules();
    await this.stop();
    const { database, blocks: path, staging: stagingPath } = this.storage;
    const now = () => systemClock.nowSeconds();
    await using repository = openSqlite({ path: database, durability: "full", now });
    await using blocks = await openLocalBlocks({ path, durability: "full" });
    await using staging = await openStaging({
      mode: "Memory",
      memoryBytes: 0,
      path: stagingPath,
      inlineBytes: 0,
    });
    const collector = new Collector({
      repository,
      blocks,
      staging,
      clock: systemClock,
      holder: "node",
      guardSeconds: 360,
      minAgeSeconds: FUTURE,
    });

    assert.equal((await collector.collectOnce()).complete, true);

    const check = { repository, blocks, stagingPath, now: now(), minAgeSeconds: FUTURE };
    assert.deepEqual(await Array.fromAsync(checkBlocks(check)), []);
    assert.deepEqual(await Array.fromAsync(repository.check()), []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#node[Symbol.asyncDispose]();
    await this.#recorder[Symbol.asyncDispose]();
  }
}

/** What was written just now is old enough. */
const FUTURE = -60;

/** Killed at that point; then the node starts again, and the client asks again. */
export async function killAt(life: Life, kind: Kind, point: Point): Promise<void> {
  const request = await kind.make(life);
  await life.rests();
  await life.rules({ ...ruleOf(point), action: "kill" });

  assert.equal(await life.send(request), undefined, "it was not reached");

  await life.dies();
  await life.restart();
  await life.assertKept();
  const isUsedUp = point.isApplied === true && request.guard !== undefined;
  const again = await life.send(request);
  assert.deepEqual(
    again,
    isUsedUp ? { status: 409, code: "invocation_replayed" } : { status: 200, code: null },
  );
  await life.assertKept();
}

/** What a call may fail with, and what the client is told then. */
export const FAILURES = {
  EIO: "storage_unavailable",
  ENOSPC: "storage_full",
  EROFS: "storage_readonly",
  EMFILE: "storage_unavailable",
} as const;

/** The errors that a call can have. */
export function failuresOf({ op }: Point): readonly (keyof typeof FAILURES)[] {
  switch (op) {
    case "O":
      return ["EIO", "ENOSPC", "EROFS", "EMFILE"];
    case "W":
      return ["EIO", "ENOSPC"];
    case "M":
    case "R":
    case "L":
      return ["EIO", "ENOSPC", "EROFS"];
    case "A":
      return [];
    default:
      return ["EIO"];
  }
}

/** The call fails once; the client is told, nothing has changed, and asks again. */
export async function failAt(
  life: Life,
  kind: Kind,
  point: Point,
  error: keyof typeof FAILURES,
): Promise<void> {
  const request = await kind.make(life);
  await life.rests();
  const before = await life.faults();
  await life.rules({ ...ruleOf(point), action: { error } });

  const answer = await life.send(request);

  await life.rules();
  assert.equal(await life.faults(), before + 1, "it was not reached");
  await life.assertKept();
  if (point.isMinor === true) return assert.deepEqual(answer, { status: 200, code: null });
  assert.deepEqual(answer, { status: 503, code: FAILURES[error] });
  if (point.op === "S" && point.path === "*-wal") {
    // Nobody knows what the disk has: no change is taken until the next start.
    assert.deepEqual(await life.send(request), { status: 503, code: "storage_unavailable" });
    await life.assertKept();
    await life.stop();
    await life.restart();
  }
  await life.ask(request);
  await life.assertKept();
}

function ruleOf({ op, path, nth }: Point): Omit<Rule, "action"> {
  return { op, path, ...(nth === undefined ? {} : { nth }) };
}

/** When the removal of a block fails, or ends the process. */
export const COLLECTIONS = [
  { name: "killed before the block is removed", action: "kill" },
  { name: "killed after it, before its burial", action: "kill after" },
  { name: "the removal fails", action: { error: "EIO" } },
] as const;

/** The next collection ends it, and the same content can be put again. */
export async function collect(life: Life, action: Action): Promise<void> {
  const bytes = life.random.bytes(20_000);
  const { session, key } = life;
  await life.ask(await putting(session, key, bytes));
  const block = blockPath(life.storage, spaceNamed(session.space), blake3Hex(bytes));
  const before = await life.faults();
  await life.rules({ op: "U", path: block, action });

  await life.ask(await deleting(session, key));

  if (typeof action === "string") {
    await life.dies();
    await life.restart();
  }
  await life.buries(block);
  assert.equal(await life.faults(), before + 1, "it was not reached");
  await life.assertKept();
  await life.ask(await putting(session, key, bytes));
  await life.assertKept();
}
