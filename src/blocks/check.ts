// What `check` says of blocks (configuration.md, check, b and f): every live one is read whole, and
// what nothing refers to is named. It changes nothing; `--repair` is a run of the collector that
// removes strays of unknown spaces too, so that there is one way to remove a block.

import type { Finding, Repository } from "../repository/repository.ts";
import type { Blocks } from "./blocks.ts";
import { liveBlocks, spacesOf } from "./live.ts";
import { type Pace, restless } from "./pace.ts";
import { examineBlocks } from "./standing.ts";
import { leftoversIn } from "./temporary.ts";
import { verifyBlocks } from "./verify.ts";

export interface BlocksCheck {
  readonly repository: Repository;
  readonly blocks: Blocks;
  /** Folder in which uploads wait. */
  readonly stagingPath?: string;
  /** Unix seconds. */
  readonly now: number;
  /** Strays and leftovers younger than this belong to requests; default: a day. */
  readonly minAgeSeconds?: number;
  /** How fast blocks are read; default: as fast as it goes. */
  readonly pace?: Pace;
  /** Told of the bytes of blocks as they are read. */
  readonly onRead?: (bytes: number) => void;
}

const DAY_SECONDS = 86_400;

/** Reads one block at a time. Throws when the repository fails or the blocks can't be listed. */
export async function* checkBlocks(check: BlocksCheck): AsyncGenerator<Finding, void, undefined> {
  const { repository, blocks, onRead, pace = restless() } = check;
  const verification = { repository, blocks, pace, ...(onRead === undefined ? {} : { onRead }) };
  for await (const space of spacesOf(repository)) {
    for await (const { hash, damage } of verifyBlocks(verification, space)) {
      if (damage === undefined) continue;
      yield { kind: "block", what: `${space}: block ${hash} ${damage.what}` };
    }
  }
  yield* strays(check);
}

/** What `onRead` will be told of, in bytes. */
export async function bytesToRead(repository: Repository): Promise<number> {
  let bytes = 0;
  for await (const { size } of liveBlocks(repository)) bytes += size;
  return bytes;
}

async function* strays(check: BlocksCheck): AsyncGenerator<Finding, void, undefined> {
  const { repository, blocks, stagingPath, now, minAgeSeconds = DAY_SECONDS } = check;
  const before = now - minAgeSeconds;
  for await (const { block, space, live } of examineBlocks(repository, blocks)) {
    if (live || block.modifiedAt >= before) continue;
    const owner = space ?? `unknown space ${block.spaceHash}`;
    yield { kind: "stray", what: `${owner}: no key refers to block ${block.hash}` };
  }
  const unfinished = await blocks.leftovers(before);
  if (unfinished > 0) yield { kind: "stray", what: `${unfinished} unfinished writes of blocks` };
  if (stagingPath === undefined) return;
  const staged = await leftoversIn(stagingPath, before, { remove: false });
  if (staged > 0) yield { kind: "stray", what: `${staged} uploads left in ${stagingPath}` };
}
