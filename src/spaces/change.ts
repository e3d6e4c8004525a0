// The two changes to a key: put and del (wire §6).

import type { SpaceId } from "../capabilities/space_id.ts";
import { NodeError } from "../errors.ts";
import { limitOf } from "../repository/change_rules.ts";
import type { Change, StoredHeader, Usage } from "../repository/repository.ts";
import { type Authorized, refusalOf } from "./authorize.ts";
import { type ByteStream, commitPut } from "./content.ts";
import type { Place } from "./place.ts";
import type { Ports } from "./ports.ts";
import { applyRefusal, overLimit, tooLarge } from "./refusals.ts";

export type Precondition = NonNullable<Change["precondition"]>;

export interface PutRequest {
  readonly headers: readonly StoredHeader[];
  readonly precondition?: Precondition;
  /** The declared Content-Length, if there is one. */
  readonly length?: number;
  /** Called once everything else is in order. */
  readonly body: () => Promise<ByteStream | Uint8Array>;
}

/** Stores the body under the key; hash and size of what is there now. */
export async function put(
  invocation: Authorized,
  { space, key }: Place,
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
  const outcome = await commitPut(staged, room.hosting, change, request.headers, ports);
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
    withTotal: ports.rules.totalLimit !== undefined,
  });
  if (used) throw new NodeError("invocation_replayed");
  if (revoked.size > 0) {
    throw refusalOf({ kind: "revoked", identities: [...revoked] }, invocation, ports);
  }
  if (guards.validUntil !== undefined && ports.clock.nowSeconds() >= guards.validUntil) {
    throw refusalOf({ kind: "expired" }, invocation, ports);
  }
  if (usage === undefined) throw new NodeError("space_not_found");
  if (usage.isClosed) throw new NodeError("space_blocked");
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
  { space, key }: Place,
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

/** Bytes that a key costs beside its value: its name, and the stored headers' names and values. */
export function entryOverhead(key: string, headers: readonly StoredHeader[]): number {
  return headers.reduce((sum, [name, value]) => sum + name.length + value.length, key.length);
}

/** How long a value may be, and why it may not be longer (wire §6, limits). */
interface Room {
  /** `Usage.hosting`: a block is for this one alone. */
  readonly hosting: number;
  readonly bytes: number;
  readonly refusal: () => NodeError;
}

function roomIn(usage: Usage, overhead: number, rules: Ports["rules"]): Room {
  const { used, held, total = 0, hosting } = usage;
  let room: Room = { hosting, bytes: rules.maxObject, refusal: () => tooLarge(rules) };
  const spaceLimit = limitOf(usage.limit, rules.spaceLimit);
  for (const [usedBytes, limit] of [[used, spaceLimit], [total, rules.totalLimit]] as const) {
    if (limit === undefined) continue;
    // What does not grow the total passes, even in a space that is over its limit.
    const bytes = Math.max(limit - usedBytes + held, held) - overhead;
    if (bytes < room.bytes) {
      room = { hosting, bytes, refusal: () => overLimit(usedBytes, limit, usedBytes >= limit) };
    }
  }
  return room;
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
