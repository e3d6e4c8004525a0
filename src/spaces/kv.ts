// The key-value abilities of POST /invoke (wire §6).

import { isRoot, isSameAbility } from "../capabilities/attenuation.ts";
import type { Capability } from "../capabilities/delegation.ts";
import type { SpaceResource } from "../capabilities/resource.ts";
import type { SpaceId } from "../capabilities/space_id.ts";
import { NodeError } from "../errors.ts";
import type {
  ApplyOutcome,
  Change,
  Entry,
  ReadOutcome,
  StoredHeader,
  Usage,
} from "../repository/repository.ts";
import { type Authorized, refusalOf } from "./authorize.ts";
import { type ByteStream, commitPut, openContent } from "./content.ts";
import type { Ports } from "./ports.ts";

const MAX_KEY_BYTES = 1024;
const LIST_PAGE = 1000;

export type Precondition = NonNullable<Change["precondition"]>;

export interface PutRequest {
  readonly headers: readonly StoredHeader[];
  readonly precondition?: Precondition;
  /** The declared Content-Length, if there is one. */
  readonly length?: number;
  /** Called once everything else is in order. */
  readonly body: () => Promise<ByteStream | Uint8Array>;
}

/** A kv capability's place. Throws `inputs_invalid` or `key_too_long`. */
export function keyOf({ resource }: Capability): SpaceResource & { readonly path: string } {
  if (resource.kind !== "space" || resource.service !== "kv" || resource.path === undefined) {
    throw new NodeError("inputs_invalid");
  }
  // A resource is ASCII, so characters are bytes.
  if (resource.path.length > MAX_KEY_BYTES) throw new NodeError("key_too_long");
  return { ...resource, path: resource.path };
}

/** Stores the body under the key; hash and size of what is there now. */
export async function put(
  invocation: Authorized,
  { space, path: key }: ReturnType<typeof keyOf>,
  request: PutRequest,
  ports: Ports,
): Promise<{ readonly hash: string; readonly size: number }> {
  const roomFor = async (length: number | undefined) => {
    const room = await roomToPut(invocation, space, key, request, ports);
    if (length !== undefined && length > ports.rules.maxObject) throw tooLarge(ports.rules);
    if (length !== undefined && length > room.bytes) throw room.refusal();
    await checkPrecondition(space, key, request, ports);
    return room;
  };
  const { length } = request;
  const room = await roomFor(length);
  await using staged = await ports.staging.stage(await request.body(), {
    maxBytes: room.bytes,
    refuse: room.refusal,
    ...(length === undefined ? {} : { declared: length }),
  });
  // An upload may outlast its chain. Judged again before there is a block, a refusal leaves none
  // behind; the commit judges once more, and what it refuses in that moment is the collector's.
  if (staged.size > ports.rules.inlineLimit) await roomFor(staged.size);
  const change = { ...changeOf(invocation, space, key, ports), ...preconditionOf(request) };
  const outcome = await commitPut(staged, change, request.headers, ports);
  if (outcome.kind !== "applied") throw applyRefusal(outcome, key, invocation, ports);
  return { hash: staged.hash, size: staged.size };
}

/** How long a value may be put there now. Throws whatever stands against it. */
async function roomToPut(
  invocation: Authorized,
  space: SpaceId,
  key: string,
  { headers }: PutRequest,
  ports: Ports,
): Promise<Room> {
  const { guards } = invocation;
  const { used, revoked, usage } = await ports.repository.standing({
    use: guards.use.key,
    identities: guards.unrevoked,
    space,
    key,
  });
  if (used) throw new NodeError("invocation_replayed");
  if (revoked.size > 0) {
    throw refusalOf({ kind: "revoked", identities: [...revoked] }, invocation, ports);
  }
  if (guards.validUntil !== undefined && ports.clock.nowSeconds() >= guards.validUntil) {
    throw refusalOf({ kind: "expired" }, invocation, ports);
  }
  if (usage === undefined) throw new NodeError("space_not_found");
  return roomIn(usage, entryOverhead(key, headers), ports.rules);
}

/** Told before the body is read; the commit judges it for good. */
async function checkPrecondition(
  space: SpaceId,
  key: string,
  { precondition }: PutRequest,
  { repository }: Ports,
): Promise<void> {
  if (precondition === undefined) return;
  const current = await repository.find(space, key);
  const holds = precondition.kind === "absent"
    ? current === undefined
    : current?.hash === precondition.hash;
  if (!holds) throw new NodeError("precondition_failed");
}

export async function del(
  invocation: Authorized,
  { space, path: key }: ReturnType<typeof keyOf>,
  precondition: Precondition | undefined,
  ports: Ports,
): Promise<void> {
  const outcome = await ports.repository.applyInvocation({
    ...changeOf(invocation, space, key, ports),
    ...preconditionOf(precondition === undefined ? {} : { precondition }),
    effect: { kind: "del" },
  });
  if (outcome.kind !== "applied") throw applyRefusal(outcome, key, invocation, ports);
}

export async function metadata(
  invocation: Authorized,
  { space, path: key }: ReturnType<typeof keyOf>,
  ports: Ports,
): Promise<Entry> {
  const read = { ...invocation.guards, space, key };
  return entryOf(await ports.repository.admitRead(read), invocation, ports);
}

export async function get(
  invocation: Authorized,
  { space, path: key }: ReturnType<typeof keyOf>,
  ports: Ports,
  report: (entry: Entry) => void,
): Promise<{ entry: Entry; body: Uint8Array | ByteStream }> {
  const entry = await metadata(invocation, { space, path: key } as ReturnType<typeof keyOf>, ports);
  try {
    return await openContent(space, key, entry, ports, report);
  } catch (error) {
    // Only an answer with 2xx uses a token up.
    await ports.repository.releaseRead(invocation.guards.use);
    throw error;
  }
}

/** Pages of the keys under the prefix that the chain lets this invoker list, in byte order. */
export async function list(
  invocation: Authorized,
  capability: Capability,
  { space, path: prefix }: ReturnType<typeof keyOf>,
  ports: Ports,
): Promise<AsyncIterable<readonly string[]>> {
  const pages = listPages(space, listRanges(invocation, capability, prefix), ports);
  // The first page is read before the token is used up: a failure until here can be tried again.
  const first = await pages.next();
  const outcome = await ports.repository.admitRead({ ...invocation.guards, space });
  if (outcome.kind !== "admitted") throw readRefusal(outcome, invocation, ports);
  return (async function* () {
    if (!first.done) yield first.value;
    yield* pages;
  })();
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
  return ranges.reduce<ListRange[]>((kept, range) => {
    const last = kept.at(-1);
    const isCovered = last !== undefined &&
      (last.exact ? last.prefix === range.prefix : range.prefix.startsWith(last.prefix));
    return isCovered ? kept : [...kept, range];
  }, []);
}

async function* listPages(
  space: SpaceId,
  ranges: readonly ListRange[],
  { repository }: Ports,
): AsyncGenerator<readonly string[]> {
  for (const { prefix, exact } of ranges) {
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
    }
  }
}

/** What an ability that this node does not know answers: nothing, to those who may (wire §6). */
export async function nothing(
  invocation: Authorized,
  { resource }: Capability,
  ports: Ports,
): Promise<void> {
  const outcome = await ports.repository.admitRead({
    ...invocation.guards,
    ...(resource.kind === "space" ? { space: resource.space } : {}),
  });
  if (outcome.kind !== "admitted") throw readRefusal(outcome, invocation, ports);
}

/** Bytes that a key costs beside its value: its name, and the stored headers' names and values. */
export function entryOverhead(key: string, headers: readonly StoredHeader[]): number {
  return headers.reduce((sum, [name, value]) => sum + name.length + value.length, key.length);
}

/** How long a value may be, and why it may not be longer (wire §6, limits). */
interface Room {
  readonly bytes: number;
  readonly refusal: () => NodeError;
}

function roomIn({ used, held, total }: Usage, overhead: number, rules: Ports["rules"]): Room {
  let room: Room = { bytes: rules.maxObject, refusal: () => tooLarge(rules) };
  for (const [usedBytes, limit] of [[used, rules.spaceLimit], [total, rules.totalLimit]] as const) {
    if (limit === undefined) continue;
    // What does not grow the total passes, even in a space that is over its limit.
    const bytes = Math.max(limit - usedBytes + held, held) - overhead;
    if (bytes < room.bytes) {
      room = { bytes, refusal: () => overLimit(usedBytes, limit, usedBytes >= limit) };
    }
  }
  return room;
}

function tooLarge({ maxObject }: Ports["rules"]): NodeError {
  return new NodeError("object_too_large", `Value exceeds maximum of ${maxObject} bytes`);
}

function overLimit(used: number, limit: number, full: boolean): NodeError {
  const numbers = `Used: ${used} bytes, Limit: ${limit} bytes`;
  return full
    ? new NodeError("quota_exceeded", `Storage quota exceeded. ${numbers}`)
    : new NodeError("quota_would_exceed", `Write exceeds remaining storage. ${numbers}`);
}

function changeOf(
  { claims, guards }: Authorized,
  space: SpaceId,
  key: string,
  { clock, rules }: Ports,
): Omit<Change, "effect"> {
  return {
    ...guards,
    space,
    key,
    event: { cid: claims.cid, token: claims.token, at: clock.nowSeconds() },
    limits: {
      ...(rules.spaceLimit === undefined ? {} : { space: rules.spaceLimit }),
      ...(rules.totalLimit === undefined ? {} : { total: rules.totalLimit }),
    },
  };
}

function preconditionOf({ precondition }: { precondition?: Precondition }) {
  return precondition === undefined ? {} : { precondition };
}

function entryOf(outcome: ReadOutcome, invocation: Authorized, ports: Ports): Entry {
  if (outcome.kind === "admitted" && outcome.entry !== undefined) return outcome.entry;
  throw readRefusal(outcome, invocation, ports);
}

export function readRefusal(
  outcome: ReadOutcome,
  invocation: Authorized,
  ports: Ports,
): NodeError {
  switch (outcome.kind) {
    case "noSpace":
      return new NodeError("space_not_found");
    case "noKey":
      return new NodeError("key_not_found");
    case "admitted":
      return new NodeError("internal", undefined, { cause: outcome });
    default:
      return refusalOf(outcome, invocation, ports);
  }
}

function applyRefusal(
  outcome: Exclude<ApplyOutcome, { kind: "applied" }>,
  key: string,
  invocation: Authorized,
  ports: Ports,
): NodeError {
  switch (outcome.kind) {
    case "noSpace":
      return new NodeError("space_not_found");
    case "noKey":
      return new NodeError("key_not_deleted", `No Such Key: ${key}`);
    case "preconditionFailed":
      return new NodeError("precondition_failed");
    case "overLimit":
      return overLimit(outcome.used, outcome.limit, outcome.full);
    case "condemned":
      return new NodeError("storage_unavailable", undefined, { cause: outcome });
    default:
      return refusalOf(outcome, invocation, ports);
  }
}
