// A space with many unexpired delegations (adversary.md, 5): a get, a delegation more, a revocation
// and a read of the newest take no longer than in a space with few. The repository itself writes the
// delegations before the node starts; their tokens are as long as real ones.

import assert from "node:assert/strict";
import {
  attenuation,
  connect,
  randomSessionKey,
  resourceUri,
  type Session,
  signUcan,
} from "../../client/mod.ts";
import { parseSpaceId } from "../../src/capabilities/space_id.ts";
import { openSqlite } from "../../src/repository/sqlite/open.ts";
import { type Cid, parseCid } from "../../src/tokens/cid.ts";
import { principalOf } from "../../src/tokens/did.ts";
import { aCapability, aDelegation, aToken } from "../contract/repository_samples.ts";
import { ask, assertOk, kv, signIn } from "../support/asking.ts";
import { measured, median } from "../support/measured.ts";
import { type NodeProcess, startProcess, stopped } from "../support/process.ts";

/** The most that one answer lists (wire §7). */
const LISTED = 1000;
const FEW = 10;
/** As many are committed together. */
const BATCH = 500;
const GRANTEES = 100;
/** Bytes of an ordinary token that delegates. */
const TOKEN_BYTES = 700;
const DAY_SECONDS = 86_400;
const NO_BOUND = 1_000_000;
const KEY = "notes/1";

/** What is done, and how often in each space. */
export interface Rounds {
  /** Of `capabilities/read`. */
  readonly reads: number;
  /** Of a get, a delegation and its revocation. */
  readonly uses: number;
}

/** Milliseconds that each request took, signing not counted. */
interface Times {
  readonly get: number[];
  readonly delegate: number[];
  readonly revoke: number[];
  readonly read: number[];
}

/**
 * Takes turns between a space with so many delegations and one with 10; where the newest are read,
 * one with 1,000, since that is what an answer lists. Returns for each request how many times as
 * long it takes where there are many, by the median.
 */
export async function manyDelegations(
  count: number,
  { reads, uses }: Rounds,
): Promise<Readonly<Record<keyof Times, number>>> {
  const folder = await Deno.makeTempDir({ prefix: "tinycloud-delegations-" });
  try {
    const [few, listed, many] = await hostedSpaces(folder);
    await write(folder, few, FEW);
    const newest = await write(folder, listed, LISTED);
    const begun = performance.now();
    const cids = await write(folder, many, count);
    const seconds = (performance.now() - begun) / 1000;
    measured(`${count} delegations are written in ${seconds.toFixed(0)} s`);

    await using node = await startProcess({ folder, env: UNBOUNDED });
    // Both have been read once before they are compared.
    await assertNewest(sessionAt(node, listed), newest);
    await assertNewest(sessionAt(node, many), cids);
    const [small, large] = [noTimes(), noTimes()];
    for (let round = 0; round < reads; round++) {
      small.read.push(await readTime(node, listed));
      large.read.push(await readTime(node, many));
    }
    for (let round = 0; round < uses; round++) {
      await useOnce(node, few, small);
      await useOnce(node, many, large);
    }
    await assertWorks(node, sessionAt(node, many), cids);

    assert.deepEqual(node.complaints, []);
    return {
      get: compared("a get", FEW, small.get, count, large.get),
      delegate: compared("a delegation more", FEW, small.delegate, count, large.delegate),
      revoke: compared("a revocation", FEW, small.revoke, count, large.revoke),
      read: compared("a read of the newest", LISTED, small.read, count, large.read),
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const UNBOUNDED = {
  TINYCLOUD_LIMITS_SPACE_DELEGATIONS: String(NO_BOUND),
  TINYCLOUD_LIMITS_DELEGATOR_DELEGATIONS: String(NO_BOUND),
};

async function hostedSpaces(folder: string): Promise<[Session, Session, Session]> {
  await using node = await startProcess({ folder });
  const hosted = async () => {
    const session = await signIn(node);
    await session.put(KEY, "a value");
    return session;
  };
  const sessions: [Session, Session, Session] = [await hosted(), await hosted(), await hosted()];
  assert.equal(await stopped(node), 0);
  return sessions;
}

/** Delegations by the session's key under its own; their CIDs in the order of acceptance. */
async function write(folder: string, session: Session, count: number): Promise<readonly Cid[]> {
  const { space } = parseSpaceId(session.space) ?? assert.fail("a space");
  const parents = [parseCid(session.cid)];
  const capabilities = [aCapability(resourceUri(space, "kv", KEY), "tinycloud.kv/get")];
  const now = Date.now() / 1000;
  await using repository = openSqlite({
    path: `${folder}/caps.db`,
    durability: "normal",
    now: () => now,
  });
  const delegationNo = (at: number) =>
    aDelegation({
      token: aToken(`${session.cid} ${at}`.padStart(TOKEN_BYTES, "-")),
      spaces: [space],
      record: {
        delegator: principalOf(session.key.did),
        delegatee: principalOf(`did:example:${at % GRANTEES}`),
        capabilities,
        proofs: parents,
        parents,
        ancestors: parents,
        issuedAt: now,
        // No two alike, as where they come one by one.
        expiresAt: now + DAY_SECONDS + at,
        acceptedAt: now,
      },
      bounds: {
        scopeDelegations: NO_BOUND,
        delegatorDelegations: NO_BOUND,
        spacesPerOwner: 1,
        spaces: 3,
      },
      now,
    });
  const cids: Cid[] = [];
  while (cids.length < count) {
    const size = Math.min(BATCH, count - cids.length);
    const batch = Array.from({ length: size }, (_, index) => delegationNo(cids.length + index));
    const outcomes = await Promise.all(batch.map((each) => repository.acceptDelegation(each)));
    assert.ok(outcomes.every(({ kind }) => kind === "accepted"));
    cids.push(...batch.map(({ record }) => record.cid));
  }
  return cids;
}

function sessionAt(node: NodeProcess, { key, grant }: Session): Session {
  return connect(node.url).use(key, grant);
}

/** All that one answer can list, newest first. */
async function assertNewest(session: Session, cids: readonly Cid[]): Promise<void> {
  const listed = (await session.delegations()).map(({ cid }) => cid);
  assert.deepEqual(listed, cids.slice(-LISTED).reverse());
}

/** What is delegated now comes first and can be used, until it is revoked. */
async function assertWorks(
  node: NodeProcess,
  session: Session,
  cids: readonly Cid[],
): Promise<void> {
  const key = await randomSessionKey();
  const { cid } = await session.delegate({ to: key.did, path: KEY, abilities: ["get"] });
  const grantee = connect(node.url).use(key, { cid, space: session.space });
  const [newest] = await session.delegations();
  assert.equal(newest?.cid, cid);
  assert.equal((await grantee.get(KEY))?.text(), "a value");

  await session.revoke(cid);

  await assert.rejects(grantee.get(KEY), { code: "revoked" });
  await assertNewest(session, cids);
}

async function useOnce(node: NodeProcess, session: Session, times: Times): Promise<void> {
  const get = await session.invocationToken(kv(session, "get", KEY));
  times.get.push(await timeOf(node, "/invoke", get.header));
  const delegation = await signUcan(session.key, {
    audience: (await randomSessionKey()).did,
    expiration: Math.floor(Date.now() / 1000) + 600,
    proofs: [session.cid],
    attenuations: attenuation(resourceUri(session.space, "kv", KEY), ["tinycloud.kv/get"]),
  });
  times.delegate.push(await timeOf(node, "/delegate", delegation.header));
  const revocation = await session.invocationToken({
    ability: "tinycloud.delegation/revoke",
    resource: `urn:cid:${delegation.cid}`,
  });
  times.revoke.push(await timeOf(node, "/revoke", revocation.header));
}

async function readTime(node: NodeProcess, session: Session): Promise<number> {
  const { header } = await session.invocationToken({
    ability: "tinycloud.capabilities/read",
    resource: resourceUri(session.space, "capabilities", "all"),
  });
  return await timeOf(node, "/invoke", header);
}

async function timeOf(node: NodeProcess, path: string, token: string): Promise<number> {
  const begun = performance.now();
  assertOk(await ask(node, path, { token }));
  return performance.now() - begun;
}

function noTimes(): Times {
  return { get: [], delegate: [], revoke: [], read: [] };
}

/** Prints both, and returns the ratio of the medians. */
function compared(
  what: string,
  fewer: number,
  small: readonly number[],
  count: number,
  large: readonly number[],
): number {
  const told = (times: readonly number[]) => {
    const p99 = times.toSorted((one, other) => one - other)[Math.floor(times.length * 0.99)] ?? NaN;
    return `median ${median(times).toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`;
  };
  measured(`${what}: ${told(small)} beside ${fewer} delegations; ${told(large)} beside ${count}`);
  return median(large) / median(small);
}
