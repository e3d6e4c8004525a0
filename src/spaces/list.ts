// Listing keys by prefix (wire §6).

import { isRoot, isSameAbility } from "../capabilities/attenuation.ts";
import type { Capability } from "../capabilities/delegation.ts";
import type { SpaceId } from "../capabilities/space_id.ts";
import { turn } from "../pause.ts";
import type { Authorized } from "./authorize.ts";
import type { Place } from "./place.ts";
import type { Ports } from "./ports.ts";
import { inPieces } from "./pieces.ts";

const LIST_PAGE = 1000;

/** Pages of the keys under the prefix that the chain lets this invoker list, in byte order. */
export function list(
  invocation: Authorized,
  capability: Capability,
  { space, key: prefix }: Place,
  ports: Ports,
): Promise<AsyncIterable<readonly string[]>> {
  const pages = listPages(space, () => listRanges(invocation, capability, prefix), ports);
  return inPieces(pages, invocation, space, ports);
}

interface ListRange {
  readonly prefix: string;
  /** Only the key that is the prefix itself. */
  readonly exact: boolean;
}

/**
 * The keys under the prefix that a grant covers: one on `photos` covers `photos` and `photos/…` but
 * not `photos-private`, though all begin with the prefix (wire §6). Disjoint, in byte order.
 */
function listRanges(
  { claims, parents }: Authorized,
  capability: Capability,
  prefix: string,
): readonly ListRange[] {
  const { resource, ability } = capability;
  const everything: readonly ListRange[] = [{ prefix, exact: false }];
  if (resource.kind !== "space" || isRoot(resource, claims.issuer)) return everything;
  const granted = parents.flatMap(({ capabilities }) => capabilities).flatMap((grant) => {
    const { resource: to } = grant;
    const isHere = to.kind === "space" && to.space === resource.space &&
      to.service === resource.service && to.fragment === resource.fragment;
    return isHere && !grant.caveated && isSameAbility(grant.ability, ability) ? [to.path] : [];
  });
  const ranges: ListRange[] = [];
  for (const path of granted) {
    const folder = path === undefined || path.endsWith("/") ? path : `${path}/`;
    if (path === undefined || folder === undefined || prefix.startsWith(folder)) return everything;
    if (folder.startsWith(prefix)) ranges.push({ prefix: folder, exact: false });
    if (folder !== path && path.startsWith(prefix)) ranges.push({ prefix: path, exact: true });
  }
  // Sorted, a range stands right before all that it covers; paths are ASCII, so this is byte order.
  ranges.sort((a, b) => a.prefix < b.prefix ? -1 : a.prefix > b.prefix ? 1 : 0);
  const kept: ListRange[] = [];
  for (const range of ranges) {
    const last = kept.at(-1);
    const isCovered = last !== undefined &&
      (last.exact ? last.prefix === range.prefix : range.prefix.startsWith(last.prefix));
    if (!isCovered) kept.push(range);
  }
  return kept;
}

async function* listPages(
  space: SpaceId,
  rangesOf: () => readonly ListRange[],
  { repository }: Ports,
): AsyncGenerator<readonly string[]> {
  for (const [at, { prefix, exact }] of rangesOf().entries()) {
    if (at > 0) await turn();
    if (exact) {
      if (await repository.find(space, prefix) !== undefined) yield [prefix];
      continue;
    }
    let after: string | undefined;
    while (true) {
      const page = await repository.list(space, prefix, after, LIST_PAGE);
      if (page.length > 0) yield page;
      if (page.length < LIST_PAGE) break;
      after = page.at(-1);
      await turn();
    }
  }
}
