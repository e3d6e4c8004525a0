// Three nodes on one database and one bucket, or folder, of blocks (adversary.md, 4): many clients at all of them,
// two nodes killed on the way; what the clients saw is one history, and promises hold across nodes.

import assert from "node:assert/strict";
import {
  attenuation,
  connect,
  randomSessionKey,
  resourceUri,
  type Session,
  signUcan,
  Transport,
} from "../../client/mod.ts";
import { kv, signIn, type Verb } from "../support/asking.ts";
import { type NodeProcess, runTinycloud, startProcess, storageIn } from "../support/process.ts";
import { type Random, seeded } from "../support/random.ts";
import { NODE_SECRET } from "../support/server_node.ts";
import { testBucket } from "../support/s3.ts";
import { freshDatabase, type ServerKind } from "../support/servers.ts";
import { isLinearizable, type Seen } from "./linearizable.ts";

export interface ThreeNodesOptions {
  readonly kind: ServerKind;
  /** Their blocks lie in one bucket instead of one folder. */
  readonly hasBucket: boolean;
  readonly operations: number;
  readonly seed: number;
  readonly keys: number;
}

const CLIENTS = 20;
const LIMIT = 4 * 1024 * 1024;
const SIZES = [40, 1_000, 16_384, 20_000] as const;
const LONGEST_TRIES = 200;

/** The nodes as they are now: one is another after it was killed. */
interface Nodes {
  readonly urls: string[];
  readonly processes: NodeProcess[];
  restart(index: number): Promise<void>;
}

/** How many operations were seen, and how many of them were answered only at another try. */
export async function threeNodes(
  { kind, hasBucket, operations, seed, keys }: ThreeNodesOptions,
): Promise<{ readonly seen: number; readonly retried: number }> {
  await using opened = new AsyncDisposableStack();
  const database = opened.use(await freshDatabase(kind));
  const folder = await Deno.makeTempDir({ prefix: "tinycloud-three-" });
  opened.defer(() => Deno.remove(folder, { recursive: true }));
  const bucket = hasBucket ? opened.use(await testBucket()) : undefined;
  const env = {
    ...bucket?.env,
    TINYCLOUD_STORAGE_DATABASE: database.text,
    TINYCLOUD_KEYS_SECRET: NODE_SECRET,
    TINYCLOUD_STORAGE_LIMIT: String(LIMIT),
    TINYCLOUD_STORAGE_GC_INTERVAL: "1 s",
    TINYCLOUD_DATABASE_POOL: "8",
  };
  const processes = await Promise.all([0, 1, 2].map(() => startProcess({ folder, env })));
  opened.defer(async () => {
    for (const process of processes) await process[Symbol.asyncDispose]();
  });
  const nodes: Nodes = {
    processes,
    urls: processes.map(({ url }) => url),
    async restart(index) {
      const old = processes[index];
      old?.kill("SIGKILL");
      await old?.exited;
      const node = await startProcess({ folder, env });
      processes[index] = node;
      nodes.urls[index] = node.url;
    },
  };
  const session = await signIn({ url: urlOf(nodes, 0) });

  const { seen, retried } = await loaded(nodes, session, { operations, seed, keys });
  for (const [key, all] of seen) assert.ok(isLinearizable(all), told(key, all));
  await assertOnce(nodes, session);
  await assertRevoked(nodes, session);
  await assertLimited(nodes);

  const checked = await runTinycloud(["check", "--fast"], {
    env: { ...storageIn(folder), ...env },
  });
  assert.deepEqual(checked, { code: 0, lines: ["clean"], complaints: [] });
  return { seen: [...seen.values()].reduce((sum, all) => sum + all.length, 0), retried };
}

async function loaded(
  nodes: Nodes,
  session: Session,
  { operations, seed, keys }: Pick<ThreeNodesOptions, "operations" | "seed" | "keys">,
): Promise<{ readonly seen: ReadonlyMap<string, readonly Seen[]>; readonly retried: number }> {
  const seen = new Map<string, Seen[]>();
  let begun = 0;
  let retried = 0;
  const kills: Promise<void>[] = [];

  async function client(index: number): Promise<void> {
    const random = seeded(seed * CLIENTS + index);
    while (begun < operations) {
      const number = begun++;
      // Two of them, one after the other is back.
      if (number === Math.floor(operations / 4)) kills.push(nodes.restart(0));
      if (number === Math.floor(operations / 2)) {
        kills.push(Promise.all(kills).then(() => nodes.restart(1)));
      }
      const key = `shared/${random.below(keys)}`;
      const { isRetried, ...one } = await operated(nodes, session, random, key, `${number}`);
      if (isRetried) retried++;
      seen.set(key, [...seen.get(key) ?? [], one]);
    }
  }

  await Promise.all(Array.from({ length: CLIENTS }, (_, index) => client(index)));
  await Promise.all(kills);
  return { seen, retried };
}

/** One operation, sent with the same token to one node after another until it is answered. */
async function operated(
  nodes: Nodes,
  session: Session,
  random: Random,
  key: string,
  name: string,
): Promise<Seen & { readonly isRetried: boolean }> {
  const verb = random.pick<Verb>(["put", "put", "get", "get", "del"]);
  // Every value is another one, or the history would be easy to satisfy; some share a block.
  const body = verb === "put" ? `${name}:`.padEnd(random.pick(SIZES), "x") : undefined;
  const begun = performance.now();
  let token = (await session.invocationToken(kv(session, verb, key))).header;
  for (let tries = 0; tries < LONGEST_TRIES; tries++) {
    const answer = await sent(urlOf(nodes, random.below(3)), token, body);
    const seen = { begun, ended: performance.now(), isRetried: tries > 0 };
    const code = answer?.code ?? answer?.status;
    switch (code) {
      case undefined:
      case "storage_unavailable":
      case "shutting_down":
        await new Promise((resolve) => setTimeout(resolve, 50));
        continue;
      case 200:
        if (verb === "put") return { ...seen, what: { kind: "write", to: name } };
        if (verb === "del") return { ...seen, what: { kind: "remove" } };
        return { ...seen, what: { kind: "read", found: answer?.text.replace(/:x*$/, "") } };
      case "key_not_found":
      case "key_not_deleted":
        return { ...seen, what: { kind: "read", found: undefined } };
      case "invocation_replayed":
        // An answer was lost: what was to be done is done. A read has to ask anew.
        assert.ok(tries > 0, `${verb} ${key}: used at its first try`);
        if (verb === "put") return { ...seen, what: { kind: "write", to: name } };
        if (verb === "del") return { ...seen, what: { kind: "remove" } };
        token = (await session.invocationToken(kv(session, verb, key))).header;
        continue;
      default:
        assert.fail(`${verb} ${key}: ${answer?.status} ${code}`);
    }
  }
  throw new Error(`${verb} ${key}: no node answers`);
}

/** One token at all nodes at once passes once. */
async function assertOnce(nodes: Nodes, session: Session): Promise<void> {
  for (let round = 0; round < 20; round++) {
    for (const [verb, body] of [["put", "value"], ["get", undefined]] as const) {
      const { header } = await session.invocationToken(kv(session, verb, "once"));
      const answers = await Promise.all(nodes.urls.map((url) => sent(url, header, body)));
      const codes = answers.map((answer) => answer?.code ?? answer?.status).toSorted();
      assert.deepEqual(codes, [200, "invocation_replayed", "invocation_replayed"], verb);
    }
  }
}

/** After a revocation was answered, what begins is refused at every node. */
async function assertRevoked(nodes: Nodes, session: Session): Promise<void> {
  for (let round = 0; round < 5; round++) {
    const key = await randomSessionKey();
    const here = connect(urlOf(nodes, round % 3)).use(session.key, session.grant);
    const given = await here.delegate({ to: key.did, abilities: ["put", "get"] });
    const guest = { key, cid: given.cid };
    let revokedAt = Infinity;
    const uses = nodes.urls.map(async (url, index) => {
      let done = 0;
      for (let after = 0; after < 3;) {
        const begun = performance.now();
        const [verb, body] = index === 0 ? ["get", undefined] : ["put", `${done}`];
        const token = await use(session, guest, verb, "shared/0");
        const answer = await sent(url, token, body);
        if (begun > revokedAt) {
          assert.equal(answer?.code, "revoked", `${verb}: ${answer?.status}`);
          after++;
        } else if (answer?.status === 200) done++;
      }
      return done;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    await here.revoke(given.cid);
    revokedAt = performance.now();
    const done = await Promise.all(uses);
    assert.ok(done.some((count) => count > 0), "it was never used");
  }
}

/** Of a hundred puts of a tenth of the limit, at all nodes at once, ten pass. */
async function assertLimited(nodes: Nodes): Promise<void> {
  const session = await signIn({ url: urlOf(nodes, 2) });
  const answers = await Promise.all(Array.from({ length: 100 }, async (_, index) => {
    const key = `limit/${String(index).padStart(2, "0")}`;
    const body = "x".repeat(Math.floor(LIMIT / 10) - key.length);
    const { header } = await session.invocationToken(kv(session, "put", key));
    return await sent(urlOf(nodes, index % 3), header, new TextEncoder().encode(body));
  }));
  const passed = answers.filter((answer) => answer?.status === 200);
  assert.equal(passed.length, 10);
  const refused = new Set(answers.map((answer) => answer?.code).filter((code) => code !== null));
  for (const code of refused) assert.match(String(code), /^quota_(would_)?exceed/);
}

async function use(
  session: Session,
  { key, cid }: { readonly key: Session["key"]; readonly cid: string },
  verb: string,
  path: string,
): Promise<string> {
  const { header } = await signUcan(key, {
    audience: key.did,
    expiration: Date.now() / 1000 + 60,
    proofs: [cid],
    attenuations: attenuation(resourceUri(session.space, "kv", path), [`tinycloud.kv/${verb}`]),
  });
  return header;
}

interface Answer {
  readonly status: number;
  readonly code: string | null;
  readonly text: string;
}

/** Undefined when the node is not there, or went away. */
async function sent(
  url: string,
  token: string,
  body: string | Uint8Array<ArrayBuffer> | undefined,
): Promise<Answer | undefined> {
  try {
    const answer = await new Transport(url).send("POST", "/invoke", { token, body });
    const text = await answer.text();
    return { status: answer.status, code: answer.headers.get("x-tinycloud-error"), text };
  } catch {
    return undefined;
  }
}

function urlOf({ urls }: Nodes, index: number): string {
  return urls[index] ?? assert.fail("there is no such node");
}

/** For a person. */
function told(key: string, seen: readonly Seen[]): string {
  const lines = seen.toSorted((a, b) => a.begun - b.begun).map(({ begun, ended, what }) =>
    `${begun.toFixed(1)} to ${ended.toFixed(1)}: ${JSON.stringify(what)}`
  );
  return `${key}: nothing can have been so:\n${lines.join("\n")}`;
}
