// The node's descriptors after many requests of all kinds, good, refused and broken off: as many as
// before (adversary.md, 5).

import assert from "node:assert/strict";
import type { Session, UcanOverrides } from "../../client/mod.ts";
import {
  type Answer,
  assertOk,
  bytesOf,
  invoke,
  kv,
  signIn,
  type Verb,
} from "../support/asking.ts";
import { eventually } from "../support/eventually.ts";
import { measured } from "../support/measured.ts";
import { type NodeProcess, startProcess } from "../support/process.ts";
import { RawConnection } from "../support/raw_http.ts";
import { openUpload, STAGED_IN_FILES } from "./uploads.ts";

/** Clients at once. */
const LANES = 16;
/** Goes into the database. */
const SMALL = bytesOf(1000);
/** Becomes a block, and is staged in a file. */
const BLOCK = bytesOf(40_000);
/** More than the sockets between hold, so that a get of it can be broken off. */
const LARGE = bytesOf(8 * 1024 * 1024);
/** Whatever comes and goes: the connection of a look at the node, a file being written. */
const FEW = 4;
/** The node notices late that a client has gone, when it has much to do. */
const IDLE_MS = 30_000;

/** One client, that asks for one thing after the other. */
interface Client {
  readonly node: NodeProcess;
  readonly session: Session;
  /** Its own folder of keys. */
  readonly folder: string;
  readonly from: Deno.HttpClient;
}

/** In an order in which each can be; `large` is there before. */
const MIX: readonly ((client: Client) => Promise<unknown>)[] = [
  async (client) => assertOk(await ask(client, "put", "small", { body: SMALL })),
  async (client) => assertOk(await ask(client, "put", "block", { body: BLOCK })),
  async (client) => assert.deepEqual(assertOk(await ask(client, "get", "small")).bytes, SMALL),
  async (client) => assert.deepEqual(assertOk(await ask(client, "get", "block")).bytes, BLOCK),
  async (client) => {
    const { text } = assertOk(await ask(client, "list", ""));
    assert.deepEqual(JSON.parse(text), [`${client.folder}block`, `${client.folder}small`]);
  },
  async (client) => assertOk(await ask(client, "del", "block")),
  async (client) => assert.equal((await ask(client, "get", "block")).status, 404),
  async (client) => {
    const overrides = { payload: { exp: 1 } };
    const { code } = await ask(client, "put", "small", { body: BLOCK, overrides });
    assert.equal(code, "token_time");
  },
  async ({ node, session, folder }) => {
    const { header } = await session.invocationToken(kv(session, "put", `${folder}aborted`));
    using connection = await openUpload(node, header, BLOCK.length);
    await connection.write(BLOCK.subarray(0, BLOCK.length / 2));
  },
  async ({ node, session }) => {
    const { header } = await session.invocationToken(kv(session, "get", "large"));
    using connection = await RawConnection.open(node);
    await connection.head("POST /invoke HTTP/1.1", [`Authorization: ${header}`]);
    await connection.some();
  },
];

/** Sends at least so many requests of the mix; then the node has open what it had before. */
export async function descriptorsStay(requests: number): Promise<void> {
  await using node = await startProcess({ env: STAGED_IN_FILES });
  const session = await signIn(node);
  await session.put("large", LARGE);
  const before = await descriptorsOf(node);

  const rounds = Math.ceil(requests / MIX.length / LANES);
  const begun = performance.now();
  const seen = await watching(node, () => sendMix(node, session, rounds));
  const seconds = (performance.now() - begun) / 1000;
  const after = await idleDescriptors(node, before.length + FEW);

  const sent = rounds * MIX.length * LANES;
  measured(
    `${sent} requests in ${seconds.toFixed(0)} s: ${before.length} descriptors before, ` +
      `${Math.max(...seen)} at most, ${after.length} after`,
  );
  assert.deepEqual(node.complaints, []);
}

/** So many rounds of the mix by each client; their connections are closed in the end. */
async function sendMix(node: NodeProcess, session: Session, rounds: number): Promise<void> {
  using from = Deno.createHttpClient({});
  await Promise.all(Array.from({ length: LANES }, async (_, lane) => {
    for (let round = 0; round < rounds; round++) {
      for (const send of MIX) await send({ node, session, folder: `${lane}/`, from });
    }
  }));
}

function ask(
  { node, session, folder, from }: Client,
  verb: Verb,
  key: string,
  options: { readonly body?: BodyInit; readonly overrides?: UcanOverrides } = {},
): Promise<Answer> {
  return invoke(node, session, kv(session, verb, folder + key), { ...options, from });
}

/** How many descriptors the node has, every second while something is done. */
async function watching(
  node: NodeProcess,
  action: () => Promise<void>,
): Promise<readonly number[]> {
  const seen: number[] = [];
  const watch = setInterval(async () => seen.push((await descriptorsOf(node)).length), 1000);
  try {
    await action();
  } finally {
    clearInterval(watch);
  }
  return seen;
}

/** What the node has open once that is no more than `most`; fails when it stays more. */
async function idleDescriptors(node: NodeProcess, most: number): Promise<readonly string[]> {
  let open: readonly string[] = [];
  try {
    return await eventually("few descriptors are open", async () => {
      open = await descriptorsOf(node);
      return open.length <= most ? open : undefined;
    }, IDLE_MS);
  } catch {
    const kinds = Map.groupBy(
      open,
      (target) => target.replace(/[0-9a-f]{16,}|\b[0-9a-f]{2}\b|\d+/g, "…"),
    );
    const counts = [...kinds].map(([kind, targets]) => `${targets.length} × ${kind}`);
    assert.fail(`${open.length} descriptors, more than ${most}: ${counts.join(", ")}`);
  }
}

/** What each leads to. By `ls`: the runtime opens /proc only to programs that may do everything. */
async function descriptorsOf({ pid }: NodeProcess): Promise<readonly string[]> {
  const { stdout } = await new Deno.Command("ls", {
    args: ["-l", `/proc/${pid}/fd`],
    stderr: "null",
  }).output();
  const lines = new TextDecoder().decode(stdout).split("\n");
  return lines.flatMap((line) => line.split(" -> ").slice(1));
}
