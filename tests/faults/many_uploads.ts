// Many uploads at once, and many clients that stop reading (adversary.md, 5): the node's memory is
// bounded, its loop hardly pauses, others are served meanwhile, and what it acknowledged is there.

import assert from "node:assert/strict";
import { createBLAKE3 } from "hash-wasm";
import type { Session } from "../../client/mod.ts";
import { assertOk, bytesOf, invoke, kv, signIn } from "../support/asking.ts";
import { walk } from "../support/files.ts";
import { measured, median, mib } from "../support/measured.ts";
import { type NodeProcess, startProcess } from "../support/process.ts";
import { RawConnection, withinTime } from "../support/raw_http.ts";
import { seeded } from "../support/random.ts";
import { uploadsGone } from "./uploads.ts";

const PIECE = 64 * 1024;
/** Uploads that wait for a disk are answered late; this late, something is badly wrong. */
const ANSWER_MS = 300_000;
/** Values that are read back at once. */
const LANES = 4;
/** Two samples a second, longer than this: the loop stood still (src/telemetry/event_loop.ts). */
const PAUSE_SECONDS = "0.05";

/** The most memory that the node ever had, bytes: before the load, and after it. */
export interface Memory {
  readonly before: number;
  readonly peak: number;
}

/** What the uploads cost the node. */
export interface Cost extends Memory {
  /** How late the node's timer fired during the uploads. */
  readonly pauses: Pauses;
}

/** Samples of one span of time, and how many of them were longer than 50 ms. */
export interface Pauses {
  readonly samples: number;
  readonly long: number;
  /** The bound of the histogram, seconds, that all of them are within. */
  readonly longest: string;
  /** The share of the time, up to 1, in which its thread could run and others had the processors. */
  readonly waited: number;
}

/**
 * So many uploads at once, each of so many bytes and with its length, no two alike. All are
 * acknowledged, others are served meanwhile, all come back whole, and nothing stays staged.
 */
export async function manyUploads(count: number, bytes: number): Promise<Cost> {
  const metricsPort = String(freePort());
  await using node = await startProcess({ env: { TINYCLOUD_PROMETHEUS_PORT: metricsPort } });
  const session = await signIn(node);
  await session.put("small", bytesOf(1024));
  const names = Array.from({ length: count }, (_, at) => at);
  const etags = await Promise.all(names.map((name) => etagOf(valueOf(name, bytes))));
  const tokens = await Promise.all(names.map(async (name) => {
    return (await session.invocationToken(kv(session, "put", `large/${name}`))).header;
  }));
  const before = await node.peakMemory();
  const pausesBefore = await pausesOf(node, metricsPort);
  const begun = performance.now();

  let areDone = false;
  const uploads = Promise.all(
    tokens.map((token, name) => upload(node, token, bytes, valueOf(name, bytes))),
  ).finally(() => areDone = true);
  const [answers, times] = await Promise.all([
    uploads,
    getsUntil(() => areDone, node, session),
  ]);
  const seconds = (performance.now() - begun) / 1000;
  const pauses = pausesSince(pausesBefore, await pausesOf(node, metricsPort));
  const peak = await node.peakMemory();

  measured(
    `${count} uploads of ${mib(bytes)} at once: ${seconds.toFixed(1)} s, peak ${mib(peak)}, ` +
      `${mib(peak - before)} more than before`,
  );
  measured(
    `meanwhile ${times.length} gets: median ${median(times).toFixed(0)} ms, longest ` +
      `${Math.max(...times).toFixed(0)} ms; of ${pauses.samples} samples of the loop ` +
      `${pauses.long} over 50 ms, all within ${pauses.longest} s; ` +
      `${(pauses.waited * 100).toFixed(0)} % of the time it waited for a processor`,
  );
  assert.deepEqual(answers, etags.map((etag) => ({ status: 200, etag })));
  await uploadsGone(node);
  const blocks = [...await walk(`${node.folder}/blocks`)].filter(([name]) =>
    !name.endsWith(".lock")
  );
  assert.deepEqual(blocks.map(([, size]) => size), etags.map(() => bytes));
  await assertWhole(session, etags, bytes);
  assert.deepEqual(node.complaints, []);
  return { before, peak, pauses };
}

/** Value number `name`; every piece is the same buffer, so it is to be used before the next. */
function* valueOf(name: number, bytes: number): Generator<Uint8Array> {
  const piece = seeded(name).bytes(PIECE);
  const view = new DataView(piece.buffer);
  for (let sent = 0; sent < bytes; sent += PIECE) {
    view.setUint32(0, sent);
    yield piece.subarray(0, bytes - sent);
  }
}

/** `fetch` sends no stream with a length, and the answer may take longer than any other. */
async function upload(
  node: NodeProcess,
  token: string,
  bytes: number,
  body: Iterable<Uint8Array>,
): Promise<{ readonly status: number; readonly etag: string }> {
  const { hostname, port } = new URL(node.url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const head = ["POST /invoke HTTP/1.1", "Host: node", "Connection: close"];
  head.push(`Authorization: ${token}`, `Content-Length: ${bytes}`);
  await writeAll(connection, new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\n`));
  for (const piece of body) await writeAll(connection, piece);
  const answer = await withinTime(textOf(connection), "an upload is not answered", ANSWER_MS);
  const [statusLine = "", ...lines] = answer.split("\r\n");
  const etag = lines.find((line) => /^etag:/i.test(line));
  return {
    status: Number(statusLine.split(" ")[1]),
    etag: etag?.slice("etag:".length).trim() ?? "",
  };
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  let rest = bytes;
  while (rest.length > 0) rest = rest.subarray(await connection.write(rest));
}

/** All that comes until the other side closes. */
async function textOf(connection: Deno.Conn): Promise<string> {
  const buffer = new Uint8Array(4096);
  let text = "";
  for (;;) {
    const count = await connection.read(buffer);
    if (count === null) return text;
    text += new TextDecoder().decode(buffer.subarray(0, count));
  }
}

/** Gets of a small value, one after the other, and how long each took, milliseconds. */
async function getsUntil(
  isOver: () => boolean,
  node: NodeProcess,
  session: Session,
): Promise<readonly number[]> {
  const times: number[] = [];
  while (!isOver()) {
    const sent = performance.now();
    assertOk(await invoke(node, session, kv(session, "get", "small")));
    times.push(performance.now() - sent);
  }
  return times;
}

async function assertWhole(
  session: Session,
  etags: readonly string[],
  bytes: number,
): Promise<void> {
  const left = [...etags.entries()];
  await Promise.all(Array.from({ length: LANES }, async () => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const [name, etag] = next;
      const value = await session.getStream(`large/${name}`) ?? assert.fail("it was stored");
      assert.deepEqual({ size: value.size, etag: value.etag }, { size: bytes, etag });
      assert.equal(await etagOf(value.body), etag, `value ${name} came back whole`);
    }
  }));
}

async function etagOf(pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<string> {
  const hasher = await createBLAKE3();
  for await (const piece of pieces) hasher.update(piece);
  return `"blake3-${hasher.digest()}"`;
}

/** What the node has counted since it started, at an instant. */
interface Counted {
  /** Seconds: now, and how many of them its thread has waited for a processor. */
  readonly at: number;
  readonly waited: number;
  /** Samples of lateness within each bound, seconds. */
  readonly samples: ReadonlyMap<string, number>;
}

async function pausesOf({ pid }: NodeProcess, metricsPort: string): Promise<Counted> {
  const answer = await fetch(`http://127.0.0.1:${metricsPort}/metrics`);
  const lines = (await answer.text()).matchAll(
    /^tinycloud_event_loop_lag_seconds_bucket\{le="([^"]+)"\} (\d+)$/gm,
  );
  // By `cat`, as everything in /proc. Of the first thread, which is the loop's.
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/${pid}/schedstat`] }).output();
  return {
    samples: new Map([...lines].map(([, bound = "", count]) => [bound, Number(count)])),
    at: performance.now() / 1000,
    waited: Number(new TextDecoder().decode(stdout).split(" ")[1]) / 1e9,
  };
}

function pausesSince(before: Counted, after: Counted): Pauses {
  const within = (bound: string) =>
    (after.samples.get(bound) ?? NaN) - (before.samples.get(bound) ?? NaN);
  const samples = within("+Inf");
  const longest = [...after.samples.keys()].find((bound) => within(bound) === samples) ?? "+Inf";
  const long = samples - within(PAUSE_SECONDS);
  const waited = (after.waited - before.waited) / (after.at - before.at);
  return { samples, long, longest, waited };
}

/**
 * So many clients take the beginning of one value and then no more. Others are served, in memory
 * that has no room for the value times the clients. A tenth of the clients goes on, and gets it all.
 */
export async function slowReaders(count: number, bytes: number): Promise<Memory> {
  // Nobody is given up in the middle of the test.
  await using node = await startProcess({ env: { TINYCLOUD_HTTP_BODY_IDLE_TIMEOUT: "10 min" } });
  const session = await signIn(node);
  const put = await session.invocationToken(kv(session, "put", "large"));
  await upload(node, put.header, bytes, valueOf(0, bytes));
  using first = await beginning(node, session);
  await assertWholeAnswer(first, bytes);
  const before = await node.peakMemory();
  using opened = new DisposableStack();

  const readers = await Promise.all(
    Array.from({ length: count }, async () => opened.use(await beginning(node, session))),
  );
  const begun = performance.now();
  await assertServed(node, session);
  const ms = performance.now() - begun;
  const peak = await node.peakMemory();

  measured(
    `${count} clients that stop reading ${mib(bytes)}: ${mib(peak - before)} more memory; ` +
      `beside them ${SERVED_ROUNDS} rounds of put, get, list, delete take ${ms.toFixed(0)} ms`,
  );
  for (const reader of readers.slice(0, count / 10)) await assertWholeAnswer(reader, bytes);
  assert.deepEqual(node.complaints, []);
  return { before, peak };
}

/** A get of which the first piece, of 64 KiB at most, has been read. */
async function beginning(node: NodeProcess, session: Session): Promise<RawConnection> {
  const { header } = await session.invocationToken(kv(session, "get", "large"));
  const connection = await RawConnection.open(node);
  await connection.head("POST /invoke HTTP/1.1", [`Authorization: ${header}`, "Connection: close"]);
  await connection.some();
  return connection;
}

/** Cut off, it would lack a piece of 64 KiB at least; a head is far smaller. */
async function assertWholeAnswer(connection: RawConnection, bytes: number): Promise<void> {
  const size = await connection.rest();
  assert.ok(size > bytes && size < bytes + PIECE, `${size} bytes of ${bytes} and a head`);
}

const SERVED_ROUNDS = 10;

async function assertServed(node: NodeProcess, session: Session): Promise<void> {
  for (let round = 0; round < SERVED_ROUNDS; round++) {
    const body = bytesOf(40_000, round);
    assertOk(await invoke(node, session, kv(session, "put", "other"), { body }));
    assert.deepEqual(
      assertOk(await invoke(node, session, kv(session, "get", "other"))).bytes,
      body,
    );
    const { text } = assertOk(await invoke(node, session, kv(session, "list", "")));
    assert.deepEqual(JSON.parse(text), ["large", "other"]);
    assertOk(await invoke(node, session, kv(session, "del", "other")));
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
