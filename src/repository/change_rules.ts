// What a change to a key comes to, whichever engine keeps it (wire §6): pure, from what stands there.

import type { ApplyOutcome, Change, ContentHash, Put } from "./repository.ts";

/** What stands under a key, and how full its space is, before a change. */
export interface KeyState {
  readonly used: number;
  /** Of all spaces; needed where `limits.total` is set. */
  readonly total: number;
  readonly ownLimit?: number;
  readonly isClosed: boolean;
  readonly hosting: number;
  readonly current?: {
    readonly hash: ContentHash;
    readonly held: number;
    readonly isBlock: boolean;
  };
}

/** How a block stands that a put refers to (sqlite/blocks.ts has the protocol). */
export interface BlockState {
  readonly grave?: number;
  readonly buried: boolean;
}

/** Why the change cannot be, if it cannot; blocks are judged after it. */
export function changeRefusal(state: KeyState, asked: Change): ApplyOutcome | undefined {
  const { current } = state;
  if (state.isClosed) return { kind: "closed" };
  if (isForAnother(state, asked)) return { kind: "noSpace" };
  const over = asked.effect.kind === "put" ? overLimit(state, asked, asked.effect) : undefined;
  if (over !== undefined) return over;
  if (!holds(asked.precondition, current?.hash)) return { kind: "preconditionFailed" };
  if (asked.effect.kind === "del" && current === undefined) return { kind: "noKey" };
  return undefined;
}

/** Bytes a space may hold; undefined: any number. */
export function limitOf(own: number | undefined, common: number | undefined): number | undefined {
  return own === 0 ? undefined : own ?? common;
}

/** Undefined when a put that wrote its block over `over` may refer to it. */
export function condemnation(
  { grave, buried }: BlockState,
  over: number | undefined,
): (ApplyOutcome & { kind: "condemned" }) | undefined {
  if (grave === undefined || (buried && grave === over)) return undefined;
  return { kind: "condemned", grave, buried };
}

/** Value, key and stored headers, in bytes; a header's characters are bytes. */
export function heldBy(key: string, { size, headers }: Pick<Put, "size" | "headers">): number {
  let held = size + new TextEncoder().encode(key).length;
  for (const [name, value] of headers) held += name.length + value.length;
  return held;
}

function overLimit(
  { used, total, current, ownLimit }: KeyState,
  { key, limits }: Change,
  effect: Put,
): ApplyOutcome | undefined {
  const growth = heldBy(key, effect) - (current?.held ?? 0);
  if (growth <= 0) return undefined;
  const bounds = [[used, limitOf(ownLimit, limits.space)], [total, limits.total]] as const;
  for (const [held, limit] of bounds) {
    if (limit === undefined || held + growth <= limit) continue;
    return { kind: "overLimit", used: held, limit, full: held >= limit };
  }
  return undefined;
}

/** Its block was written for a hosting of the space that has been erased, and may have gone with it. */
function isForAnother({ hosting }: KeyState, { effect }: Change): boolean {
  return effect.kind === "put" && effect.content.kind === "block" &&
    (effect.content.hosting ?? hosting) !== hosting;
}

function holds(precondition: Change["precondition"], hash: ContentHash | undefined): boolean {
  if (precondition === undefined) return true;
  return precondition.kind === "absent" ? hash === undefined : hash === precondition.hash;
}
