// Opens what a power cut left as a node does, and compares it with what was acknowledged.

import { blake3Hex } from "../../../src/blake3.ts";
import type { Blocks } from "../../../src/blocks/blocks.ts";
import { openLocalBlocks } from "../../../src/blocks/local.ts";
import { verified } from "../../../src/blocks/verified.ts";
import { parseSpaceId, type SpaceId } from "../../../src/capabilities/space_id.ts";
import { loadSecret } from "../../../src/config/node_secret.ts";
import { fingerprint } from "../../../src/config/secret.ts";
import type { Entry, Repository } from "../../../src/repository/repository.ts";
import { openSqlite, openSqliteReadOnly } from "../../../src/repository/sqlite/open.ts";
import type { Cid } from "../../../src/tokens/cid.ts";
import { type Expected, isSame, type State } from "./history.ts";
import { blockPath, type Storage } from "./storage.ts";

export interface JudgeOptions {
  /** Whether a node runs there: then it is only looked at. */
  readonly isRunning?: boolean;
  /** Whether the whole store is checked too, as by `tinycloud check`. */
  readonly isThorough?: boolean;
  /** Whether this block needs no other look. */
  readonly isProven?: (path: string) => boolean;
}

/** What is wrong with the storage, a sentence each; none when it keeps its word. */
export async function judge(
  storage: Storage,
  expected: Expected,
  options: JudgeOptions = {},
): Promise<readonly string[]> {
  const complaints: string[] = [];
  try {
    for await (const complaint of complaintsOf(storage, expected, options)) {
      complaints.push(complaint);
    }
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? ` (${error.cause})` : "";
    complaints.push(`${error}${cause}`);
  }
  return complaints;
}

async function* complaintsOf(
  storage: Storage,
  expected: Expected,
  { isRunning = false, isThorough = false, isProven = () => false }: JudgeOptions,
): AsyncGenerator<string> {
  const now = () => Date.now() / 1000;
  const path = storage.database;
  await using repository = isRunning
    ? openSqliteReadOnly(path, now)
    : openSqlite({ path, durability: "normal", now, commits: "here" });
  await using blocks = await openLocalBlocks({ path: storage.blocks, durability: "normal" });
  yield* secret(storage, repository, expected);
  yield* authority(repository, expected);
  for (const [space, states] of expected.keys) {
    yield* keys(repository, blocks, storage, spaceNamed(space), states, isProven);
  }
  if (!isThorough) return;
  for await (const { kind, what } of repository.check()) yield `${kind}: ${what}`;
}

/** A node that remembers a secret must find it again. */
async function* secret(
  { database }: Storage,
  repository: Repository,
  { count }: Expected,
): AsyncGenerator<string> {
  const known = await repository.setting("secret.fingerprint");
  if (known === undefined) {
    if (count > 0) yield "the fingerprint of the secret is lost";
    return;
  }
  const found = await loadSecret({} as Parameters<typeof loadSecret>[0], {
    kind: "sqlite",
    path: database,
  }, { mayMake: false });
  if (fingerprint(found.secret) !== known) yield "the secret is another one";
}

async function* authority(repository: Repository, expected: Expected): AsyncGenerator<string> {
  const hosted = await repository.hosted(expected.spaces.map(spaceNamed));
  for (const space of expected.spaces) {
    if (!hosted.has(spaceNamed(space))) yield `${space} is not hosted any more`;
  }
  // What was accepted under these CIDs.
  const revocations = expected.revocations.map(cidNamed);
  const asked = [...expected.delegations.map(cidNamed), ...revocations];
  const records = await repository.delegations(asked);
  for (const cid of asked) if (!records.has(cid)) yield `delegation ${cid} is lost`;
  const identities = revocations.flatMap((cid) => records.get(cid)?.identity ?? []);
  const { revoked } = await repository.standing({ identities });
  for (const identity of identities) {
    if (!revoked.has(identity)) yield `${identity} is not revoked any more`;
  }
  for (const use of expected.guards) {
    if (!(await repository.standing({ use, identities: [] })).used) yield `a token came back`;
  }
}

async function* keys(
  repository: Repository,
  blocks: Blocks,
  storage: Storage,
  space: SpaceId,
  states: ReadonlyMap<string, readonly State[]>,
  isProven: (path: string) => boolean,
): AsyncGenerator<string> {
  const listed = await repository.list(space, "", undefined, 10_000);
  for (const key of listed) if (!states.has(key)) yield `${key} was never put`;
  for (const [key, allowed] of states) {
    const entry = await repository.find(space, key);
    const state = entry && { hash: entry.hash, size: entry.size };
    if (!allowed.some((each) => isSame(each, state))) {
      yield `${key} holds ${JSON.stringify(state)}, and may hold ${JSON.stringify(allowed)}`;
    }
    if (listed.includes(key) !== (entry !== undefined)) yield `${key} is listed otherwise`;
    if (entry !== undefined) yield* value(blocks, storage, space, key, entry, isProven);
  }
}

async function* value(
  blocks: Blocks,
  storage: Storage,
  space: SpaceId,
  key: string,
  { hash, size, inline }: Entry,
  isProven: (path: string) => boolean,
): AsyncGenerator<string> {
  if (inline !== undefined) {
    if (blake3Hex(inline) !== hash || inline.length !== size) yield `${key} is torn`;
    return;
  }
  if (isProven(blockPath(storage, space, hash))) return;
  const found = await blocks.get(space, hash);
  if (found === undefined) return yield `${key} has lost its block`;
  try {
    for await (const _ of verified(found.body, hash, size, () => {}));
  } catch {
    yield `${key} has a torn block`;
  }
}

function cidNamed(text: string): Cid {
  // The node itself has answered with it.
  return text as unknown as Cid;
}

/** The id that a client writes so. */
export function spaceNamed(space: string): SpaceId {
  const parsed = parseSpaceId(space);
  if (parsed === undefined) throw new TypeError(`Not a space: ${space}`);
  return parsed.space;
}
