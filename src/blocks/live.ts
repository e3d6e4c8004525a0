// What there is to go through: the spaces of a database, and the blocks that their keys refer to.

import type { SpaceId } from "../capabilities/space_id.ts";
import type { ContentHash, Repository } from "../repository/repository.ts";

export interface LiveBlock {
  readonly space: SpaceId;
  readonly hash: ContentHash;
  readonly size: number;
}

const PAGE = 1000;

/** In the order of their ids. */
export async function* spacesOf(
  repository: Pick<Repository, "spaces">,
): AsyncGenerator<SpaceId, void, undefined> {
  let page: readonly SpaceId[];
  let last: SpaceId | undefined;
  do {
    page = await repository.spaces(last, PAGE);
    yield* page;
    last = page.at(-1);
  } while (page.length === PAGE);
}

/** The blocks of a space, in the order of their hashes. */
export async function* blocksIn(
  repository: Pick<Repository, "blocksOf">,
  space: SpaceId,
): AsyncGenerator<LiveBlock, void, undefined> {
  let page;
  let last: ContentHash | undefined;
  do {
    page = await repository.blocksOf(space, last, PAGE);
    for (const { hash, size } of page) yield { space, hash, size };
    last = page.at(-1)?.hash;
  } while (page.length === PAGE);
}

/** The blocks of all spaces. */
export async function* liveBlocks(
  repository: Pick<Repository, "spaces" | "blocksOf">,
): AsyncGenerator<LiveBlock, void, undefined> {
  for await (const space of spacesOf(repository)) yield* blocksIn(repository, space);
}

/** Whether a key of the space refers to the block. */
export async function isLive(
  repository: Pick<Repository, "blocksOf">,
  space: SpaceId,
  hash: ContentHash,
): Promise<boolean> {
  // Its text without the last digit comes right before it, and before no other hash there is.
  const [next] = await repository.blocksOf(space, hash.slice(0, -1), 1);
  return next?.hash === hash;
}
