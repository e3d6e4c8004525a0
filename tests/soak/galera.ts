// Three MariaDB servers as one Galera cluster, a node on each (docs/scale-out.md): whatever a client was
// told by one node holds on the others, while transactions collide, a server is killed and comes back.

import assert from "node:assert/strict";
import mysql from "mysql2/promise";
import {
  connect,
  randomSessionKey,
  randomWallet,
  type Session,
  TinyCloudError,
} from "../../client/mod.ts";
import { eventually } from "../support/eventually.ts";
import { measured } from "../support/measured.ts";
import { type NodeProcess, runTinycloud, startProcess } from "../support/process.ts";
import { type Random, seeded } from "../support/random.ts";

const SCRIPT = new URL("../support/galera.sh", import.meta.url).pathname;
const PORT = 17306;
const CLIENTS = 12;
const OPERATIONS = 2_400;
const SECRET = "YSBzZWNyZXQgb2YgdGVzdHMgYW5kIG9mIG5vdGhpbmcgZWxzZSBoZXJl";
/** Of its one value each client's key may hold more than one thing after an answer of 503. */
type Possible = readonly (string | undefined)[];

Deno.test("4: what one node of a cluster has answered holds on the others", async () => {
  await using opened = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "tinycloud-" });
  opened.defer(() => Deno.remove(folder, { recursive: true }));
  await Deno.chmod(folder, 0o755); // the servers are another user's
  const galera = async (...words: string[]) => {
    const [command = "", ...rest] = words;
    const args = [command, `${folder}/galera`, ...rest];
    const { success } = await new Deno.Command(SCRIPT, { args, stdout: "null" }).output();
    assert.ok(success, `galera.sh ${words.join(" ")}`);
  };
  opened.defer(() => galera("stop"));
  await galera("start", `${PORT}`);
  const admin = await mysql.createConnection(`mysql://root@127.0.0.1:${PORT}/`);
  await admin.query("CREATE DATABASE tinycloud");
  await admin.end();
  const environment = (server: number) => ({
    TINYCLOUD_STORAGE_DATABASE: `mysql://root@127.0.0.1:${PORT + server}/tinycloud`,
    TINYCLOUD_STORAGE_BLOCKS_PATH: `${folder}/blocks`,
    TINYCLOUD_KEYS_SECRET: SECRET,
    TINYCLOUD_STORAGE_GC_INTERVAL: "1 s",
    TINYCLOUD_LIMITS_SPACE_DELEGATIONS: "100000",
  });
  const nodes: NodeProcess[] = [];
  for (const server of [0, 1, 2]) {
    nodes.push(opened.use(await startProcess({ env: environment(server) })));
  }
  const owner = await connect(nodes[0]?.url ?? "").signIn(randomWallet());
  const everywhere = (session: Session): readonly Way[] =>
    nodes.map(({ url }) => ({ url, session: connect(url).use(session.key, session.grant) }));
  const counts = { acknowledged: 0, unavailable: 0, races: 0, revoked: 0 };

  let done = 0;
  const killing = (async () => {
    await eventually("a third is done", () => done > OPERATIONS / 3 || undefined, 600_000);
    await galera("kill", "1");
    await eventually("two thirds are done", () => done > OPERATIONS * 2 / 3 || undefined, 600_000);
    await galera("join", "1");
  })();
  await Promise.all(Array.from({ length: CLIENTS }, async (_, at) => {
    const random = seeded(20_261_130 + at);
    const ways = everywhere(owner);
    const held = new Map<string, Possible>();
    for (let step = 0; step < OPERATIONS / CLIENTS; step++, done++) {
      const key = `client/${at}/${random.below(5)}`;
      await operate(ways, random, key, held, counts);
      if (step % 40 === 20) await race(ways, `race/${at}/${step}`, counts);
      if (step % 60 === 30) await revoke(ways, random, counts);
    }
  }));
  await killing;

  for (const node of nodes) {
    await eventually("every node is well", async () => {
      const answer = await fetch(`${node.url}/healthz`);
      await answer.bytes();
      return answer.status === 200 || undefined;
    }, 60_000);
  }
  for (const node of nodes) await node[Symbol.asyncDispose]();
  const check = await runTinycloud(["check", "--fast"], { env: environment(2), cwd: folder });
  assert.deepEqual(check.lines, ["clean"]);
  assert.ok(counts.races > 0 && counts.revoked > 0);
  measured(JSON.stringify(counts));
});

/** The same session, by way of one node. */
interface Way {
  readonly url: string;
  readonly session: Session;
}

type Counts = { acknowledged: number; unavailable: number; races: number; revoked: number };

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
    if (!(error instanceof TinyCloudError) || error.status !== 503) throw error;
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
    const answer = await fetch(`${url}/invoke`, {
      method: "POST",
      headers: { authorization: header },
      body: "once",
    });
    await answer.bytes();
    return answer.status;
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
    assert.ok([401, 503].includes(refused.status), refused.message);
    if (refused.status === 401) counts.revoked++;
  } catch (error) {
    if (!(error instanceof TinyCloudError) || error.status !== 503) throw error;
    counts.unavailable++;
  }
}

function any(ways: readonly Way[], random: Random): Way {
  const way = ways[random.below(ways.length)];
  if (way === undefined) throw new Error("there is no way");
  return way;
}
