// `tinycloud copy`: everything that is stored, from one node's storage into another's, whichever
// databases and stores of blocks they are.
//
// The target has a mark from the first step to the last, so that nobody uses what is half there, and
// a copy that was cut off goes on. The mark holds a hash of all rows of the source. When a later run
// finds another one, rows may have changed or gone that the target has already: then it begins anew,
// from an empty target. In the end both sides are read once more: the source must be what it was at
// the beginning, and the target the same.

import { type CopiedBlocks, copyBlocks, countBlocks, removeOthers } from "../blocks/copy.ts";
import type { Blocks } from "../blocks/blocks.ts";
import { makeFolders, syncFolders } from "../blocks/folders.ts";
import { openStaging } from "../blocks/staging.ts";
import { findSecret } from "../config/node_secret.ts";
import { ConfigError } from "../config/refusal.ts";
import { fingerprint, FINGERPRINT_SETTING } from "../config/secret.ts";
import { NodeError } from "../errors.ts";
import { LOAD_SETTING } from "../repository/loading.ts";
import { lockFile } from "../repository/lock_file.ts";
import { folderOf } from "../repository/open.ts";
import type { Repository } from "../repository/repository.ts";
import { refuseIncoming } from "../repository/sqlite/incoming.ts";
import {
  difference,
  factsOf,
  overtaken,
  type StoreFacts,
  transferRows,
} from "../repository/transfer.ts";
import { report } from "./check.ts";
import { type Command, couldNotRun, counted, type Flags, type Io } from "./command.ts";
import { refuseSame, shareBlocks, type Side, type SideName, sideOf } from "./copy_side.ts";
import { progress } from "./progress.ts";
import { openBlocks, openToLoad, openToRead } from "./stores.ts";

const EXIT = { clean: 0, findings: 1, usage: 64 } as const;

export const copy: Command = {
  name: "copy",
  summary: "move to another database or store of blocks",
  help: `usage: tinycloud copy [options] --from A --to B

Copies events, state and blocks from A into B, which must be empty, and verifies every row and every
block by hash; then does what \`tinycloud check\` does to B. A stays as it is. Cut off and run again,
it goes on; when A has changed since, it begins anew.

STOP EVERY NODE that uses A before, and start none on B until it has ended. A node on a SQLite file
is noticed and refused; on a server only what it changed is, in the end.

A and B are each a configuration file (*.toml), or a database as storage.database names it: a path,
or a URL such as postgres://user:password@host/name. Others on this machine can read a command line:
a password is better kept in a file. TINYCLOUD_STORAGE_* variables count for neither.

  --from A, --to B
  --from-blocks PLACE, --to-blocks PLACE
                  where the blocks are, when A or B is a database: a folder, or
                  s3://bucket/prefix?endpoint=URL&region=NAME (default for a path: blocks beside it)
  --skip-damaged  finish without the blocks of A that are damaged or missing
  --json          one JSON object for each finding, and one for the copy and the check

The node's secret does not go along: give it to the node on B, which refuses another one.

exit codes: 0 copied and clean, 1 copied with findings, 2 refused or cut off: B is not usable yet,
            64 wrong usage, 78 wrong configuration, or another secret on B

examples:
  tinycloud copy --from /etc/tinycloud.toml --to /etc/tinycloud-next.toml
  tinycloud copy --from data/caps.db --to postgres://tinycloud@db/tinycloud --to-blocks /mnt/blocks`,
  options: {
    from: { type: "string" },
    to: { type: "string" },
    "from-blocks": { type: "string" },
    "to-blocks": { type: "string" },
    json: { type: "boolean" },
    "skip-damaged": { type: "boolean" },
  },
  words: 0,

  async run(flags, _words, io) {
    const lacking = (["from", "to"] as const).find((which) => !flags[which]);
    if (lacking !== undefined) {
      io.complain(`tinycloud copy: --${lacking} what? see tinycloud copy --help`);
      return EXIT.usage;
    }
    const asJson = flags.json === true;
    try {
      const [from, to] = [await sideOf("from", flags, io), await sideOf("to", flags, io)];
      const copied = await copyStore(from, to, flags, io);
      io.print(asJson ? JSON.stringify({ copied }) : sentence(copied, to));
      const findings = await report(to.config, { asJson, isFast: true }, io);
      return findings === 0 ? EXIT.clean : EXIT.findings;
    } catch (error) {
      return couldNotRun("copy", error, io);
    }
  },
};

interface Copied {
  readonly spaces: number;
  /** In all, and loaded by this run. */
  readonly rows: number;
  readonly loaded: number;
  readonly blocks: number;
  /** Copied by this run, and their bytes. */
  readonly brought: number;
  readonly bytes: number;
  readonly damaged: number;
  /** BLAKE3 of all rows, here and there. */
  readonly hash: string;
  /** Whether the target's own configuration has the secret. */
  readonly hasSecret: boolean;
}

/** Both stores, opened. */
interface Stores {
  readonly source: Repository;
  readonly target: Repository;
  readonly sourceBlocks: Blocks;
  readonly targetBlocks: Blocks;
  /** The two stores of blocks are one. */
  readonly isShared: boolean;
}

async function copyStore(from: Side, to: Side, flags: Flags, io: Io): Promise<Copied> {
  await refuseSame(from, to);
  await using source = await openToRead(patient(from));
  await using _sourceLock = await lock("from", from);
  const hasSecret = await refuseOtherSecret(source, from, to);
  await using sourceBlocks = await openBlocks(from.config);
  await using _targetLock = await lock("to", to);
  await using targetBlocks = await openBlocks(to.config, "full");
  await targetBlocks.probe();
  await using target = await openToLoad(patient(to));
  const isShared = await shareBlocks(from, to);
  const stores = { source, target, sourceBlocks, targetBlocks, isShared };

  const facts = await readFacts(source, "reading the source", undefined, io);
  const mark = markOf(from, facts);
  const isResumed = await begin(stores, mark, from, to, io);
  const loaded = await bringRows(stores, mark, facts, io);
  const { blocks, spaces } = await countBlocks(source);
  const { copied, bytes, damaged, findings } = isShared
    ? { copied: 0, bytes: 0, damaged: 0, findings: [] }
    : await bringBlocks(stores, to, blocks, isResumed, io);
  if (damaged > 0) refuseDamaged(damaged, findings, flags, io);
  await refuseDifferent(stores, facts, to, io);
  if (!await target.finishLoad(mark)) throw overtaken();
  return {
    spaces,
    rows: facts.rows,
    loaded,
    blocks,
    brought: copied,
    bytes,
    damaged,
    hash: facts.hash,
    hasSecret,
  };
}

/** What one piece of work may take while nobody waits for an answer. */
const PATIENT_MS = 60_000;

/** As configured, but with time, and with everything on the disk before it counts. */
function patient({ config }: Side): Side["config"] {
  const { storage, database } = config;
  return {
    ...config,
    storage: { ...storage, durability: "full" },
    database: {
      ...database,
      statementTimeoutMs: Math.max(database.statementTimeoutMs, PATIENT_MS),
    },
  };
}

/** Keeps nodes away where that can be done: from a SQLite file. */
async function lock(which: SideName, { config }: Side): Promise<AsyncDisposable | undefined> {
  const { database } = config.storage;
  if (database.kind !== "sqlite") return undefined;
  const { path } = database;
  const folder = folderOf(config);
  if (which === "to" && folder !== undefined) await makeFolders(folder);
  const held = await lockFile(
    `${path}.lock`,
    `--${which}: a node or another copy is using the database ${path}: stop it first`,
  );
  try {
    if (which === "to") await refuseIncoming(path);
    return held;
  } catch (error) {
    await held[Symbol.asyncDispose]();
    throw error;
  }
}

/** Whether the target is configured with a secret. Throws ConfigError when it is another one. */
async function refuseOtherSecret(source: Repository, from: Side, to: Side): Promise<boolean> {
  const known = await source.setting(FINGERPRINT_SETTING);
  if (known === undefined) {
    throw new NodeError("storage_unavailable", `no node has used ${from.name} yet`);
  }
  const { keys, storage } = to.config;
  const found = await findSecret(keys, storage.database);
  if (found !== undefined && fingerprint(found.secret) !== known) {
    throw new ConfigError([
      `--to: ${found.source} is not the secret of the node that --from is of, and every host key ` +
      "would change: configure that secret",
    ]);
  }
  return found !== undefined;
}

async function readFacts(
  store: Repository,
  label: string,
  total: number | undefined,
  io: Io,
): Promise<StoreFacts> {
  using bar = progress(io, label, total);
  return await factsOf(store, bar.advance);
}

interface Mark {
  readonly from: string;
  /** Of all rows of the source. */
  readonly hash: string;
}

/** Engines keep settings of a thousand bytes. */
const MAX_NAME = 150;

function markOf({ name }: Side, { hash }: StoreFacts): string {
  return JSON.stringify({ from: name.slice(0, MAX_NAME), hash } satisfies Mark);
}

function readMark(text: string): Partial<Mark> {
  try {
    const mark: unknown = JSON.parse(text);
    // What is not as we write it matches nothing that we have.
    return typeof mark === "object" && mark !== null ? mark : {};
  } catch {
    return {};
  }
}

/** Whether it goes on where another run was cut off. Throws NodeError when the target is in use. */
async function begin(
  { target, targetBlocks, isShared }: Stores,
  mark: string,
  from: Side,
  to: Side,
  io: Io,
): Promise<boolean> {
  if (!isShared && await target.setting(LOAD_SETTING) === undefined) {
    for await (const _ of targetBlocks.all()) throw used("there are blocks in its store of blocks");
  }
  const start = await target.beginLoad(mark);
  switch (start.kind) {
    case "begun":
      return false;
    case "used":
      throw used(`the database ${to.name} holds something`);
    case "resumed":
      if (start.mark !== mark) await restart(target, start.mark, mark, from, to, io);
      return true;
  }
}

function used(what: string): NodeError {
  return new NodeError("storage_unavailable", `--to is not empty: ${what}`);
}

/** Begins anew what began with other rows of the same source. */
async function restart(
  target: Repository,
  mark: string,
  next: string,
  from: Side,
  to: Side,
  io: Io,
): Promise<void> {
  const { from: known = "another version of this program" } = readMark(mark);
  if (known !== readMark(next).from) {
    throw new NodeError(
      "storage_unavailable",
      `a copy from ${known} into ${to.name} was cut off: finish that one, ` +
        "or begin with an empty database",
    );
  }
  io.complain(`${from.name} has changed since the copy began: beginning anew`);
  if (!await target.restartLoad(mark, next)) throw overtaken();
}

async function bringRows(
  { source, target }: Stores,
  mark: string,
  { rows }: StoreFacts,
  io: Io,
): Promise<number> {
  using bar = progress(io, "rows", rows);
  return await transferRows({ from: source, to: target, mark, progress: bar.advance });
}

/** Brings all blocks that the source refers to, and leaves no others of an earlier run. */
async function bringBlocks(
  { source, sourceBlocks, targetBlocks }: Stores,
  { config: { storage } }: Side,
  total: number,
  isResumed: boolean,
  io: Io,
): Promise<CopiedBlocks> {
  await using staging = await openStaging({
    mode: "Memory",
    memoryBytes: storage.stagingMemoryBytes,
    path: storage.stagingPath,
    inlineBytes: 0,
  });
  if (isResumed) await removeOthers(source, targetBlocks);
  using bar = progress(io, "blocks", total);
  const copied = await copyBlocks({
    repository: source,
    from: sourceBlocks,
    to: targetBlocks,
    staging,
    // What is there already comes from a run that was cut off.
    trust: "hash",
    progress: (done) => bar.at(done),
  });
  if (isResumed && storage.blocks.kind === "Local") await syncFolders(storage.blocks.path);
  return copied;
}

function refuseDamaged(
  damaged: number,
  findings: CopiedBlocks["findings"],
  flags: Flags,
  io: Io,
): void {
  for (const { kind, what } of findings) io.complain(`${kind}: ${what}`);
  if (flags["skip-damaged"] === true) return;
  throw new NodeError(
    "block_corrupt",
    `${counted(damaged, "block")} of --from damaged or missing: ` +
      "run it again, or finish without them with --skip-damaged",
  );
}

/** Throws NodeError unless the source is as it was, and the target the same. */
async function refuseDifferent(
  { source, target }: Stores,
  facts: StoreFacts,
  to: Side,
  io: Io,
): Promise<void> {
  const now = await readFacts(source, "comparing: the source", facts.rows, io);
  const changed = difference(facts, now);
  if (changed !== undefined) {
    throw new NodeError(
      "storage_unavailable",
      `the source changed meanwhile (${changed}): stop every node that uses it, and run it again`,
    );
  }
  const there = await readFacts(target, "comparing: the copy", facts.rows, io);
  const different = difference(facts, there);
  if (different === undefined) return;
  throw new NodeError(
    "storage_unavailable",
    `${to.name} does not hold what was copied (${different}): somebody else uses it; ` +
      "begin with an empty database",
  );
}

function sentence(copied: Copied, to: Side): string {
  const { spaces, rows, loaded, blocks, brought, damaged, hasSecret } = copied;
  const before = loaded < rows ? ` (${loaded} of them now)` : "";
  const there = brought < blocks ? ` (${brought} of them now)` : "";
  const lacking = damaged === 0 ? "" : `, ${damaged} DAMAGED and left out`;
  const secret = hasSecret ? "" : "; its node needs the secret of the node that it came from";
  return `copied into ${to.name}: ${counted(spaces, "space")}, ${counted(rows, "row")}${before}, ` +
    `${counted(blocks, "block")}${there}${lacking}${secret}`;
}
