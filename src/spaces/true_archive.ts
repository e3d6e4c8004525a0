// The parts of an archive (archive.ts), each passed on once it is known to be true: form alone says
// nothing of who signed what. Not judged is whether a signer might: an archive gives no authority.

import { blake3Hex } from "../blake3.ts";
import { verified } from "../blocks/verified.ts";
import { canonicalAbility } from "../capabilities/ability.ts";
import { NodeError } from "../errors.ts";
import { turn } from "../pause.ts";
import type { HeldKey, ReplacedEvent, SignedEvent } from "../repository/repository.ts";
import { decodeUcan, verifyUcan } from "../tokens/ucan.ts";
import { type ArchiveCounts, type ArchiveHead, type ArchivePart, broken } from "./archive.ts";
import { keptHeaders } from "./kept_headers.ts";
import { placeOf } from "./place.ts";

/** Lines that are verified before others get their turn. */
const LINES_A_TURN = 50;

/**
 * Throws NodeError `inputs_invalid` for whatever is not true; of a value, when its body is read to its
 * end. Delegations are judged when they are posted.
 */
export async function* trueParts(parts: AsyncIterable<ArchivePart>): AsyncGenerator<ArchivePart> {
  let head: ArchiveHead | undefined;
  const sizes = new Map<string, number>();
  let after: string | undefined;
  for await (const part of parts) {
    switch (part.kind) {
      case "space":
        head = part.head;
        break;
      case "values": {
        const { hash, size, body } = part.value;
        sizes.set(hash, size);
        const whole = verified(body, hash, size, () => {
          throw broken(`the value ${hash} has other bytes`);
        });
        yield { ...part, value: { hash, size, body: whole } };
        continue;
      }
      case "events":
        await each(part.items, (event) => verifyEvent(event, event.kind, event.key, head));
        break;
      case "keys":
        await each(part.items, (held) => {
          // Keys are ASCII (wire §1), so this is the order of their bytes.
          if (after !== undefined && held.key <= after) throw broken("its keys are in disorder");
          after = held.key;
          verifyKey(held, sizes, head);
        });
    }
    yield part;
  }
}

/** Reads an archive to its end, and changes nothing. */
export async function verifyArchive(
  parts: AsyncIterable<ArchivePart>,
  progress?: (by: number) => void,
): Promise<{ readonly head: ArchiveHead; readonly counts: ArchiveCounts }> {
  let head: ArchiveHead | undefined;
  let counts: ArchiveCounts | undefined;
  for await (const part of trueParts(parts)) {
    if (part.kind === "space") head = part.head;
    if (part.kind === "end") counts = part.counts;
    if (part.kind === "values") await readThrough(part.value);
    progress?.("items" in part ? part.items.length : 1);
  }
  if (head === undefined || counts === undefined) throw broken("it is cut off");
  return { head, counts };
}

async function readThrough({ hash, body }: { hash: string; body: ReadableStream }): Promise<void> {
  try {
    for await (const _ of body);
  } catch (cause) {
    throw cause instanceof NodeError ? cause : broken(`the value ${hash} is cut off`, cause);
  }
}

function verifyKey(
  held: HeldKey,
  sizes: ReadonlyMap<string, number>,
  head: ArchiveHead | undefined,
): void {
  const { key, hash, size, inline, event } = held;
  const isWhole = inline === undefined
    ? sizes.get(hash) === size
    : inline.length === size && blake3Hex(inline) === hash;
  if (!isWhole) throw broken(`the value of ${quoted(key)} is missing, or another one`);
  if (!areKept(held.headers)) throw broken(`the headers of ${quoted(key)} are none that are kept`);
  verifyEvent(event, "put", key, head);
}

/** A get sends them back as they are. */
function areKept(headers: HeldKey["headers"]): boolean {
  try {
    return JSON.stringify(keptHeaders(headers)) === JSON.stringify(headers);
  } catch {
    return false;
  }
}

/** Its signature, and that it says this of this key in this space; not that its signer might. */
function verifyEvent(
  { cid, token }: SignedEvent,
  kind: ReplacedEvent["kind"],
  key: string,
  head: ArchiveHead | undefined,
): void {
  const what = `the ${kind} of ${quoted(key)}`;
  try {
    const claims = verifyUcan(decodeUcan(token));
    const [capability, ...more] = claims.capabilities;
    if (capability === undefined || more.length > 0) throw broken(`${what} says something else`);
    const place = placeOf(capability);
    const isSaid = claims.cid === cid && place.space === head?.space && place.key === key &&
      canonicalAbility(capability.ability) === `tinycloud.kv/${kind}`;
    if (!isSaid) throw broken(`${what} says something else`);
  } catch (error) {
    if (
      error instanceof NodeError && error.code === "inputs_invalid" && error.cause === undefined
    ) {
      throw error;
    }
    throw broken(`${what} is not signed as it should be`, error);
  }
}

async function each<T>(items: readonly T[], verify: (item: T) => void): Promise<void> {
  for (const [index, item] of items.entries()) {
    if (index % LINES_A_TURN === LINES_A_TURN - 1) await turn();
    verify(item);
  }
}

function quoted(key: string): string {
  return JSON.stringify(key.slice(0, 80));
}
