// What the commands on one space share: which one, and in words.

import type { SpaceId } from "../../capabilities/space_id.ts";
import { parseSpaceId } from "../../capabilities/space_id.ts";
import { NodeError } from "../../errors.ts";
import { limitOf } from "../../repository/change_rules.ts";
import type { Repository, SpaceFacts } from "../../repository/repository.ts";
import { systemClock } from "../../telemetry/clock.ts";

/** Throws NodeError with a sentence when the word names no space. */
export function spaceNamed(word: string): SpaceId {
  const named = parseSpaceId(word);
  if (named === undefined) {
    throw new NodeError("space_id_invalid", `${word} names no space: tinycloud spaces list does`);
  }
  return named.space;
}

/** Throws `space_not_found` with a sentence. */
export async function hostedSpace(repository: Repository, space: SpaceId): Promise<SpaceFacts> {
  const facts = await repository.spaceFacts(space);
  if (facts === undefined) {
    throw new NodeError("space_not_found", `${space} is not hosted here`);
  }
  return facts;
}

export interface DelegationCounts {
  /** In force, with all that they rest on. */
  readonly live: number;
  readonly revoked: number;
}

const PAGE = 200;

export async function countDelegations(
  repository: Repository,
  { id, delegations }: SpaceFacts,
): Promise<DelegationCounts> {
  if (delegations === 0) return { live: 0, revoked: 0 };
  const live = await found(repository, id, systemClock.nowSeconds());
  return { live, revoked: delegations - await found(repository, id) };
}

async function found(
  repository: Repository,
  space: SpaceId,
  inForceAt?: number,
): Promise<number> {
  let count = 0;
  for (let before: number | undefined = Number.MAX_SAFE_INTEGER; before !== undefined;) {
    const query = { space, before, limit: PAGE };
    const page = await repository.delegationsIn({
      ...query,
      ...(inForceAt === undefined ? {} : { inForceAt }),
    });
    count += page.found.length;
    before = page.next;
  }
  return count;
}

/** 1536 → "1.5 KiB". */
export function sizeOf(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let [size, unit] = [bytes, 0];
  while (size >= 1024 && unit < units.length - 1) [size, unit] = [size / 1024, unit + 1];
  return `${unit === 0 ? size : size.toFixed(1)} ${units[unit]}`;
}

/** In UTC, to the second. */
export function timeOf(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** What it holds, and may: `storage.limit` is `common`. */
export function fullness(
  { usedBytes, limitBytes }: SpaceFacts,
  common: number | undefined,
): string {
  const limit = limitOf(limitBytes, common);
  const whose = limitBytes === undefined ? "" : " of its own";
  return limit === undefined
    ? `${sizeOf(usedBytes)}, no limit${whose}`
    : `${sizeOf(usedBytes)} of ${sizeOf(limit)}${whose}`;
}

export function jsonOf(
  facts: SpaceFacts,
  { live, revoked }: DelegationCounts,
): Record<string, unknown> {
  const iso = (seconds: number) => new Date(seconds * 1000).toISOString();
  const { id, owner, createdAt, keys, usedBytes, limitBytes, state, changedAt } = facts;
  return {
    space: id,
    owner,
    created: iso(createdAt),
    state,
    keys,
    bytes: usedBytes,
    ...(limitBytes === undefined ? {} : { limit: limitBytes }),
    delegations: { live, revoked },
    ...(changedAt === undefined ? {} : { lastWrite: iso(changedAt) }),
  };
}
