// What `check` says of blocks (configuration.md, check, b and f): every live one is read whole, and
// what nothing refers to is named. It changes nothing; `--repair` is a run of the collector that
// removes strays of unknown spaces too, so that there is one way to remove a block.

import type { SpaceId } from "../capabilities/space_id.ts";
import { NodeError } from "../errors.ts";
import type { Finding, Repository } from "../repository/repository.ts";
import type { Blocks } from "./blocks.ts";
import { examineBlocks } from "./standing.ts";
import { leftoversIn } from "./temporary.ts";
import { verified } from "./verified.ts";

export interface BlocksCheck {
  readonly repository: Repository;
  readonly blocks: Blocks;
  /** Folder in which uploads wait. */
  readonly stagingPath?: string;
  /** Unix seconds. */
  readonly now: number;
  /** Strays and leftovers younger than this belong to requests; default: a day. */
  readonly minAgeSeconds?: number;
}

const PAGE = 1000;
const DAY_SECONDS = 86_400;

/** Reads one block at a time. Throws when the repository fails or the blocks can't be listed. */
export async function* checkBlocks(check: BlocksCheck): AsyncGenerator<Finding, void, undefined> {
  const { repository } = check;
  let space: SpaceId | undefined;
  let page: readonly SpaceId[];
  do {
    page = await repository.spaces(space, PAGE);
    for (space of page) yield* damagedBlocks(check, space);
  } while (page.length === PAGE);
  yield* strays(check);
}

/** Reads and verifies every live block of a space. */
export async function* damagedBlocks(
  { repository, blocks }: Pick<BlocksCheck, "repository" | "blocks">,
  space: SpaceId,
): AsyncGenerator<Finding, void, undefined> {
  let previous: string | undefined;
  let page;
  do {
    page = await repository.blocksOf(space, previous, PAGE);
    for (const { hash, size } of page) {
      const damage = await damageOf(blocks, space, hash, size);
      // Beside a running node it may have been deleted and collected since.
      if (damage !== undefined && await isLive(repository, space, hash)) {
        yield { kind: "block", what: `${space}: block ${hash} ${damage}` };
      }
      previous = hash;
    }
  } while (page.length === PAGE);
}

/** Whether a key of the space refers to the block. */
export async function isLive(
  repository: Repository,
  space: SpaceId,
  hash: string,
): Promise<boolean> {
  // Its text without the last digit comes right before it, and before no other hash there is.
  const [next] = await repository.blocksOf(space, hash.slice(0, -1), 1);
  return next?.hash === hash;
}

/** Reads and verifies a block to its end; what is wrong with it, or undefined. */
export async function damageOf(
  blocks: Blocks,
  space: SpaceId,
  hash: string,
  size: number,
): Promise<string | undefined> {
  let damage = "is damaged";
  try {
    const found = await blocks.get(space, hash);
    if (found === undefined) return "is missing";
    const body = verified(found.body, hash, size, (what) => {
      damage = what === "hash"
        ? "has other bytes than its hash says"
        : `is ${what} than its ${size} bytes`;
    });
    for await (const _ of body);
    return undefined;
  } catch (error) {
    if (!(error instanceof NodeError)) throw error;
    return error.code === "block_corrupt" ? damage : "cannot be read";
  }
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
