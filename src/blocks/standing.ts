// What the database says of each stored block, found by reading both in the same order, side by
// side: one page of rows answers for a thousand blocks.

import type { SpaceId } from "../capabilities/space_id.ts";
import { turn } from "../pause.ts";
import type { Repository } from "../repository/repository.ts";
import { type BlockInfo, type BlockName, type Blocks, spaceHashOf } from "./blocks.ts";

export interface ExaminedBlock {
  readonly block: BlockInfo;
  /** Undefined when the database hosts no space of that hash. */
  readonly space: SpaceId | undefined;
  /** Whether a key of the space referred to it; a moment ago, so no reason to remove it. */
  readonly live: boolean;
}

const PAGE = 1000;

/** Every stored block beyond `after`, in the order of `Blocks.all`. Holds the ids of all spaces. */
export async function* examineBlocks(
  repository: Repository,
  blocks: Blocks,
  after?: BlockName,
): AsyncGenerator<ExaminedBlock, void, undefined> {
  const spaces = await spacesByHash(repository);
  let current: { readonly spaceHash: string; readonly live: LiveHashes } | undefined;
  for await (const block of blocks.all(after)) {
    const space = spaces.get(block.spaceHash);
    if (space === undefined) {
      yield { block, space, live: false };
      continue;
    }
    if (current?.spaceHash !== block.spaceHash) {
      const from = after?.spaceHash === block.spaceHash ? after.hash : undefined;
      current = { spaceHash: block.spaceHash, live: new LiveHashes(repository, space, from) };
    }
    yield { block, space, live: await current.live.has(block.hash) };
  }
}

async function spacesByHash(repository: Repository): Promise<ReadonlyMap<string, SpaceId>> {
  const spaces = new Map<string, SpaceId>();
  let last: SpaceId | undefined;
  while (true) {
    const page = await repository.spaces(last, PAGE);
    for (const space of page) spaces.set(spaceHashOf(space), space);
    if (page.length < PAGE) return spaces;
    last = page.at(-1);
    await turn();
  }
}

/** The live hashes of one space, asked for in ascending order. */
class LiveHashes {
  readonly #repository: Repository;
  readonly #space: SpaceId;
  #page: readonly { readonly hash: string }[] = [];
  #at = 0;
  #last: string | undefined;
  #ended = false;

  constructor(repository: Repository, space: SpaceId, after: string | undefined) {
    this.#repository = repository;
    this.#space = space;
    this.#last = after;
  }

  async has(hash: string): Promise<boolean> {
    while (true) {
      const next = this.#page[this.#at]?.hash;
      if (next === undefined) {
        if (this.#ended) return false;
        await this.#turnPage();
      } else if (next < hash) this.#at++;
      else return next === hash;
    }
  }

  async #turnPage(): Promise<void> {
    this.#page = await this.#repository.blocksOf(this.#space, this.#last, PAGE);
    this.#at = 0;
    this.#last = this.#page.at(-1)?.hash ?? this.#last;
    this.#ended = this.#page.length < PAGE;
  }
}
