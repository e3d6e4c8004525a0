// `kill -9` under eight writers, again and again on one store (invariants 1, 2 and 6): what was
// acknowledged is there, whole; what was under way is there or not, whole; nothing comes back.

import assert from "node:assert/strict";
import { connect, type Session } from "../../client/mod.ts";
import { signIn } from "../support/asking.ts";
import { type NodeProcess, runTinycloud, startProcess, storageIn } from "../support/process.ts";
import { seeded } from "../support/random.ts";
import { withinTime } from "../support/raw_http.ts";
import { walk } from "../support/files.ts";
import { isSame, Ledger, type State } from "./ledger.ts";
import { etagOf, read, send, type Sent, write, type Writing } from "./kill_writers.ts";

export interface KillOptions {
  readonly rounds: number;
  /** The same seed draws the same operations; their order is the machine's. */
  readonly seed: number;
  /** A round is killed after so many moments at most: acknowledgements, pieces of bodies. */
  readonly moments: number;
  /** The largest values, in bytes. */
  readonly large: number;
  /** Told after each round. */
  readonly onRound?: (round: number, counts: KillCounts) => void;
}

/** Full now and then, and collected as often as can be. */
const ENV = { TINYCLOUD_STORAGE_LIMIT: "6 MiB", TINYCLOUD_STORAGE_GC_INTERVAL: "1 s" };
const WRITERS = 8;
const ROUND_MS = 60_000;

export interface KillCounts {
  readonly acknowledged: number;
  /** Of what was under way: done by sending it again, and done, or beyond doing, already. */
  readonly retried: number;
  readonly repeated: number;
}

/** Throws AssertionErrors that name the round. */
export async function killRounds(options: KillOptions): Promise<KillCounts> {
  const folder = await Deno.makeTempDir({ prefix: "tinycloud-kill-" });
  const ledger = new Ledger();
  let session: Session | undefined;
  let [acknowledged, retried, repeated] = [0, 0, 0];
  try {
    for (let round = 0; round < options.rounds; round++) {
      const seed = options.seed * 1000 + round;
      await using node = await startProcess({ folder, env: ENV });
      // A thousand rounds take longer than the hour that a session usually lasts.
      session ??= await signIn(node, { expiresInSeconds: 30 * 24 * 60 * 60 });
      const written = await writeAndKill(node, session, ledger, options, seed);
      acknowledged += written.acknowledged.length;
      await assertVerified(folder, `seed ${seed}, killed`);

      await using again = await startProcess({ folder, env: ENV });
      const here = connect(again.url).use(session.key, session.grant);
      await assertKept(here, ledger, `seed ${seed}`);
      await assertTidy(folder);
      for (const sent of written.inFlight) {
        if (await assertRetried(sent, again, here, ledger, seed) === 200) retried++;
        else repeated++;
      }
      await assertSpent(written.acknowledged, again, seed);
      await assertListed(here, ledger, `seed ${seed}`);
      options.onRound?.(round + 1, { acknowledged, retried, repeated });
    }
    await assertVerified(folder, "in the end");
    return { acknowledged, retried, repeated };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function writeAndKill(
  node: NodeProcess,
  session: Session,
  ledger: Ledger,
  { moments, large }: KillOptions,
  seed: number,
): Promise<{ readonly inFlight: readonly Sent[]; readonly acknowledged: readonly Sent[] }> {
  let left = 1 + seeded(seed).below(moments);
  let isOver = false;
  const writing: Writing = {
    session,
    url: node.url,
    ledger,
    large,
    moment() {
      if (--left !== 0) return;
      isOver = true;
      node.kill("SIGKILL");
    },
    isOver: () => isOver,
  };
  const writers = Array.from(
    { length: WRITERS },
    (_, index) => write(`own${index}`, seeded(seed * WRITERS + index), writing),
  );
  const reader = read(seeded(seed), writing);
  const results = await withinTime(Promise.all(writers), `seed ${seed}: it hung`, ROUND_MS);
  await withinTime(reader, `seed ${seed}: a reader hung`, ROUND_MS);
  await node.exited;
  return {
    inFlight: results.flatMap(({ inFlight }) => inFlight ?? []),
    acknowledged: results.flatMap(({ acknowledged }) => acknowledged),
  };
}

async function assertVerified(folder: string, when: string): Promise<void> {
  const { code, lines, complaints } = await runTinycloud(["check"], { env: storageIn(folder) });
  assert.deepEqual(
    { code, lines, complaints },
    { code: 0, lines: ["clean"], complaints: [] },
    when,
  );
}

/** Every key holds what it may, whole; from now on that is what it holds. */
async function assertKept(session: Session, ledger: Ledger, when: string): Promise<void> {
  for (const key of ledger.keys) {
    const state = await stateOf(session, key);
    if (!ledger.allows(key, state)) {
      const [found, allowed] = [JSON.stringify(state), JSON.stringify(ledger.allowed(key))];
      assert.fail(`${when}: ${key} holds ${found}, and may hold ${allowed}`);
    }
    ledger.settle(key, state);
  }
  await assertListed(session, ledger, when);
}

async function assertListed(session: Session, ledger: Ledger, when: string): Promise<void> {
  const present = ledger.keys.filter((key) => !ledger.allows(key, undefined));
  assert.deepEqual(await session.list(""), present, when);
}

/** What a key holds, after its bytes have been compared with what is said of them. */
async function stateOf(session: Session, key: string): Promise<State> {
  const [value, head] = [await session.get(key), await session.head(key)];
  if (value === undefined) {
    assert.equal(head, undefined, key);
    return undefined;
  }
  const state = { etag: await etagOf(value.bytes), size: value.bytes.length };
  assert.equal(value.etag, state.etag, `${key}: its bytes are not what its ETag says`);
  assert.deepEqual({ etag: head?.etag, size: head?.size }, state, `${key}: its head`);
  return state;
}

/** No upload outlives its node: the next one clears the staging folder. */
async function assertTidy(folder: string): Promise<void> {
  const staged = [...(await walk(`${folder}/staging`)).keys()];
  assert.deepEqual(staged.filter((name) => !name.endsWith(".lock")), []);
  assert.equal(staged.length, 1, "one lock, of the one node");
}

/** A client that got no answer sends the very same request again. */
async function assertRetried(
  sent: Sent,
  node: NodeProcess,
  session: Session,
  ledger: Ledger,
  seed: number,
): Promise<number> {
  const { key, leaves, isOwn } = sent;
  const before = await stateOf(session, key);
  const { status, code } = await send(sent, node.url, () => {}, false);
  const after = await stateOf(session, key);

  const told = `seed ${seed}: ${key}, again: ${status} ${code}`;
  switch (code ?? status) {
    case 200:
      assert.ok(isSame(after, leaves), told);
      // Two writers may have wished for the same; one alone has not done it already.
      if (isOwn && sent.isUnique) assert.ok(!isSame(before, leaves), told);
      break;
    case "invocation_replayed":
      assert.ok(isSame(after, before), told);
      if (isOwn) assert.ok(isSame(after, leaves), told);
      break;
    case "quota_exceeded":
    case "quota_would_exceed":
      assert.ok(leaves !== undefined && isSame(after, before), told);
      break;
    case "key_not_deleted":
      assert.ok(leaves === undefined && before === undefined && after === undefined, told);
      break;
    default:
      assert.fail(told);
  }
  ledger.settle(key, after);
  return status;
}

/** A token that was answered 200 stays used up. */
async function assertSpent(
  acknowledged: readonly Sent[],
  node: NodeProcess,
  seed: number,
): Promise<void> {
  for (const sent of acknowledged.slice(-WRITERS)) {
    const { code } = await send(sent, node.url, () => {}, false);
    assert.equal(code, "invocation_replayed", `seed ${seed}: ${sent.key}`);
  }
}
