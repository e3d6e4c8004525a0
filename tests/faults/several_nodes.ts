// Several nodes on one database, and clients who ask now this node, now that: whatever one was told
// holds on all others. Used with nodes that are killed, and with servers beneath them that are.

import assert from "node:assert/strict";
import {
  connect,
  randomSessionKey,
  randomWallet,
  type Session,
  TinyCloudError,
} from "../../client/mod.ts";
import { eventually } from "../support/eventually.ts";
import { type NodeProcess, runTinycloud, startProcess } from "../support/process.ts";
import { type Random, seeded } from "../support/random.ts";

const SECRET = "YSBzZWNyZXQgb2YgdGVzdHMgYW5kIG9mIG5vdGhpbmcgZWxzZSBoZXJl";
/** Bytes that a space may hold: of puts of a tenth at once, ten pass. */
const LIMIT = 4 * 1024 * 1024;
const AT_ONCE = 30;
const WAIT_MS = 600_000;
/** Of its one value each client's key may hold more than one thing after an answer of 503. */
type Possible = readonly (string | undefined)[];

export interface SeveralNodes {
  readonly clients: number;
  /** Of all clients together. */
  readonly operations: number;
  readonly seed: number;
  /** Where the nodes' blocks lie, unless `env` says otherwise. */
  readonly folder: string;
  /** The stores of each node. */
  readonly env: readonly Readonly<Record<string, string>>[];
  /** What goes wrong, at a third and at two thirds of all operations. */
  readonly disturbances: readonly ((nodes: Restartable) => Promise<void>)[];
}

export interface Restartable {
  /** Kills a node, and starts it again on the same port. */
  restart(at: number): Promise<void>;
}

export interface Counts {
  acknowledged: number;
  unavailable: number;
  races: number;
  revoked: number;
}

/** Throws an AssertionError when two answers contradict each other, or `check` finds something. */
export async function severalNodes(options: SeveralNodes): Promise<Counts> {
  const { clients, operations, seed, folder, env, disturbances } = options;
  await using opened = new AsyncDisposableStack();
  const environments = env.map((stores) => ({
    TINYCLOUD_PORT: `${freePort()}`,
    TINYCLOUD_STORAGE_BLOCKS_PATH: `${folder}/blocks`,
    TINYCLOUD_KEYS_SECRET: SECRET,
    TINYCLOUD_STORAGE_GC_INTERVAL: "1 s",
    TINYCLOUD_STORAGE_LIMIT: `${LIMIT}`,
    TINYCLOUD_LIMITS_SPACE_DELEGATIONS: "100000",
    ...stores,
  }));
  const nodes: NodeProcess[] = [];
  opened.defer(async () => {
    for (const node of nodes) await node[Symbol.asyncDispose]();
  });
  for (const each of environments) nodes.push(await startProcess({ env: each }));
  const urls = nodes.map(({ url }) => url);
  const restart = async (at: number) => {
    const node = nodes[at];
    node?.kill("SIGKILL");
    await node?.[Symbol.asyncDispose]();
    nodes[at] = await startProcess({ env: environments[at] ?? {} });
  };
  const owner = await connect(urls[0] ?? "").signIn(randomWallet());
  const ways = waysOf(owner, urls);
  const counts: Counts = { acknowledged: 0, unavailable: 0, races: 0, revoked: 0 };
  await fill(urls);

  let done = 0;
  const disturbing = (async () => {
    for (const [index, disturb] of disturbances.entries()) {
      const moment = operations * (index + 1) / (disturbances.length + 1);
      await eventually("so many are done", () => done > moment || undefined, WAIT_MS);
      await disturb({ restart });
    }
  })();
  await Promise.all(Array.from({ length: clients }, async (_, at) => {
    const random = seeded(seed + at);
    const held = new Map<string, Possible>();
    for (let step = 0; step < operations / clients; step++, done++) {
      const key = `client/${at}/${random.below(5)}`;
      await operate(ways, random, key, held, counts);
      if (step % 40 === 20) await race(ways, `race/${at}/${step}`, counts);
      if (step % 60 === 30) await revoke(ways, random, counts);
    }
  }));
  await disturbing;

  for (const url of urls) {
    await eventually("every node is well", () => isWell(url), 60_000);
  }
  for (const node of nodes.splice(0)) await node[Symbol.asyncDispose]();
  const last = environments.at(-1) ?? {};
  const check = await runTinycloud(["check", "--fast"], { env: last, cwd: folder });
  assert.deepEqual(check.lines, ["clean"], check.complaints.join("\n"));
  assert.ok(counts.races > 0 && counts.revoked > 0, "the play has shown too little");
  return counts;
}

async function isWell(url: string): Promise<true | undefined> {
  const answer = await fetch(`${url}/healthz`).catch(() => undefined);
  await answer?.bytes();
  return answer?.status === 200 ? true : undefined;
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

function waysOf(session: Session, urls: readonly string[]): readonly Way[] {
  return urls.map((url) => ({ url, session: connect(url).use(session.key, session.grant) }));
}

/** Of puts of a tenth of the limit at once, by way of all nodes, exactly ten pass. */
async function fill(urls: readonly string[]): Promise<void> {
  const ways = waysOf(await connect(urls[0] ?? "").signIn(randomWallet()), urls);
  const value = new Uint8Array(Math.floor(LIMIT / 10) - 100);
  const statuses = await Promise.all(Array.from({ length: AT_ONCE }, async (_, at) => {
    const way = ways[at % ways.length];
    if (way === undefined) return 0;
    try {
      await way.session.put(`fill/${at}`, value);
      return 200;
    } catch (error) {
      if (error instanceof TinyCloudError) return error.status;
      throw error;
    }
  }));
  assert.equal(statuses.filter((status) => status === 200).length, 10, `${statuses}`);
  assert.ok(statuses.every((status) => [200, 402, 413].includes(status)), `${statuses}`);
}

/** The same session, by way of one node. */
interface Way {
  readonly url: string;
  readonly session: Session;
}

/** Only this client writes the key, so whatever node is asked must say what it was last told. */
async function operate(
  ways: readonly Way[],
  random: Random,
  key: string,
  held: Map<string, Possible>,
  counts: Counts,
): Promise<void> {
  const { session } = any(ways, random);
  const possible = held.get(key) ?? [undefined];
  const isLarge = random.below(8) === 0;
  const value = `${crypto.randomUUID()}${isLarge ? "x".repeat(20_000) : ""}`;
  const kind = random.below(10);
  const intended = kind < 5 ? value : undefined;
  try {
    if (kind >= 6) {
      const found = (await session.get(key))?.text();
      assert.ok(possible.includes(found), `${key} holds ${found?.slice(0, 36)}, of ${possible}`);
      held.set(key, [found]);
      return;
    }
    if (intended !== undefined) await session.put(key, intended);
    else await session.delete(key);
    held.set(key, [intended]);
    counts.acknowledged++;
  } catch (error) {
    if (!isUnknown(error)) throw error;
    counts.unavailable++;
    if (kind < 6) held.set(key, [...possible, intended]);
  }
}

/** One token at all nodes at once is used once. */
async function race(ways: readonly Way[], key: string, counts: Counts): Promise<void> {
  const [first] = ways;
  if (first === undefined) return;
  const { header } = await first.session.invocationToken({
    ability: "tinycloud.kv/put",
    resource: `${first.session.space}/kv/${key}`,
  });
  const statuses = await Promise.all(ways.map(async ({ url }) => {
    const headers = { authorization: header };
    const answer = await fetch(`${url}/invoke`, { method: "POST", headers, body: "once" })
      .catch(() => undefined);
    await answer?.bytes().catch(() => undefined);
    return answer?.status ?? 503;
  }));
  const passed = statuses.filter((status) => status === 200).length;
  assert.ok(passed <= 1, `${statuses}`);
  assert.ok(statuses.every((status) => [200, 409, 503].includes(status)), `${statuses}`);
  if (passed === 0) assert.ok(statuses.includes(503), `${statuses}`);
  counts.races += passed;
}

/** After one node has revoked a share, no other admits it. */
async function revoke(
  ways: readonly Way[],
  random: Random,
  counts: Counts,
): Promise<void> {
  try {
    const guest = await randomSessionKey();
    const share = await any(ways, random).session.delegate({
      to: guest.did,
      abilities: ["get"],
      path: "client/",
    });
    await any(ways, random).session.revoke(share.cid);
    const guests = connect(any(ways, random).url).use(guest, share);
    const refused = await guests.get("client/0/0").then(() => undefined, (error) => error);
    assert.ok(refused instanceof TinyCloudError);
    assert.ok(refused.status === 401 || isUnknown(refused), refused.message);
    if (refused.status === 401) counts.revoked++;
  } catch (error) {
    if (!isUnknown(error)) throw error;
    counts.unavailable++;
  }
}

function any(ways: readonly Way[], random: Random): Way {
  const way = ways[random.below(ways.length)];
  if (way === undefined) throw new Error("there is no way");
  return way;
}

/** No answer, or one that says that the stores are away. */
function isUnknown(error: unknown): boolean {
  return error instanceof TinyCloudError && (error.status === 503 || error.status === 0);
}
