// Bytes that come in with a put and go out with a get (architecture.md, "One put, as data").

import { verified } from "../blocks/verified.ts";
import type { Staged } from "../blocks/blocks.ts";
import type { SpaceId } from "../capabilities/space_id.ts";
import { NodeError } from "../errors.ts";
import type { ApplyOutcome, Change, Entry, Put } from "../repository/repository.ts";
import type { Ports } from "./ports.ts";

export type ByteStream = ReadableStream<Uint8Array>;

/** A put of the content that a collector is just removing waits this often, this long. */
const GRAVE_TRIES = 100;
const GRAVE_WAIT_MS = 50;

/**
 * Makes staged bytes durable, then commits the change that refers to them. A block that the collector
 * took between the two is written again: the put wins. `hosting` is what the space's `Usage` said
 * before the block was written.
 */
export async function commitPut(
  staged: Staged,
  hosting: number,
  change: Omit<Change, "effect">,
  headers: Put["headers"],
  { blocks, repository, rules }: Ports,
): Promise<ApplyOutcome> {
  const put = { kind: "put", hash: staged.hash, size: staged.size, headers } as const;
  if (staged.bytes !== undefined && staged.size <= rules.inlineLimit) {
    const content = { kind: "inline", bytes: staged.bytes } as const;
    return repository.applyInvocation({ ...change, effect: { ...put, content } });
  }
  await blocks.put(change.space, staged);
  let over: number | undefined;
  for (let tries = 0; tries < GRAVE_TRIES; tries++) {
    const content = { kind: "block", hosting, ...(over === undefined ? {} : { over }) } as const;
    const outcome = await repository.applyInvocation({ ...change, effect: { ...put, content } });
    if (outcome.kind !== "condemned") return outcome;
    if (outcome.buried) {
      await blocks.put(change.space, staged);
      over = outcome.grave;
    } else {
      await new Promise((resolve) => setTimeout(resolve, GRAVE_WAIT_MS));
    }
  }
  throw new NodeError("storage_unavailable", undefined, { cause: "a block stayed condemned" });
}

/** The bytes of an entry. What does not hash to its name never ends as a whole answer. */
export async function openContent(
  space: SpaceId,
  key: string,
  entry: Entry,
  { blocks, repository }: Ports,
  report: (entry: Entry) => void,
): Promise<{ entry: Entry; body: Uint8Array | ByteStream }> {
  if (entry.inline !== undefined) return { entry, body: entry.inline };
  const block = await blocks.get(space, entry.hash);
  if (block !== undefined && block.size === entry.size) {
    const body = verified(block.body, entry.hash, entry.size, () => report(entry));
    return { entry, body };
  }
  await block?.body.cancel();
  // It may have been replaced, and its old block collected, since the entry was read.
  const current = await repository.find(space, key);
  if (current !== undefined && current.hash !== entry.hash) {
    return openContent(space, key, current, { blocks, repository } as Ports, report);
  }
  if (current === undefined) throw new NodeError("key_not_found");
  report(entry);
  throw new NodeError("block_corrupt");
}
