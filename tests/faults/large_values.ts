// One large value up and down, and what it costs the node in memory beside a server that does
// nothing (adversary.md, 5). The client is this process.

import assert from "node:assert/strict";
import { createBLAKE3 } from "hash-wasm";
import { kv, signIn } from "../support/asking.ts";
import { measured, mib } from "../support/measured.ts";
import { type NodeProcess, startProcess, startProgram } from "../support/process.ts";
import { RawConnection } from "../support/raw_http.ts";
import { seeded } from "../support/random.ts";

const BARE_SERVER = new URL("bare_server.ts", import.meta.url).pathname;
const PIECE = 64 * 1024;
/** What the node may take beyond the bare server. */
const ALLOWANCE = 64 * 1024 * 1024;
/** No upload of 1 GiB on one machine takes longer, unless something is badly wrong. */
const UPLOAD_MS = 120_000;
/** When garbage is collected is up to the runtime. */
const CHANCE = 32 * 1024 * 1024;

/** How the upload tells its length: before it begins, or only by ending. */
export type Framing = "with its length" | "in chunks";

/** Peaks of one process, bytes: after the upload, and after the download too. */
interface Peaks {
  readonly up: number;
  readonly both: number;
}

const ROUNDS = 3;

/**
 * A value of so many bytes goes up and comes down whole, within the node's bounds of memory. When
 * garbage is collected is chance, so medians are compared.
 */
export async function largeValue(bytes: number, framing: Framing): Promise<void> {
  const rounds: { readonly bare: Peaks; readonly node: Peaks }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    rounds.push({
      bare: await bareServer(bytes, framing),
      node: await wholeNode(bytes, framing),
    });
  }
  const bare = medianOf(rounds.map((round) => round.bare));
  const node = medianOf(rounds.map((round) => round.node));

  for (const [name, { up, both }] of [["bare server", bare], ["node", node]] as const) {
    measured(`${mib(bytes)} ${framing}, ${name}: peak ${mib(up)}, after a download ${mib(both)}`);
  }
  for (const phase of ["up", "both"] as const) {
    const beyond = node[phase] - bare[phase];
    assert.ok(beyond <= ALLOWANCE, `${phase}: ${mib(beyond)} more than a bare server`);
  }
}

function medianOf(peaks: readonly Peaks[]): Peaks {
  const median = (phase: keyof Peaks) => {
    const sorted = peaks.map((each) => each[phase]).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? 0;
  };
  return { up: median("up"), both: median("both") };
}

/**
 * A value four times as large takes no more memory than the first, but for what chance adds. In
 * chunks, the runtime reads on while nobody takes the bytes, a bare server's too (decision 0004): then
 * at most the value itself waits in memory.
 */
export async function boundedMemory(
  bytes: number,
  framing: Framing,
  { env = {}, chance = CHANCE }: {
    readonly env?: Readonly<Record<string, string>>;
    readonly chance?: number;
  } = {},
): Promise<void> {
  await using node = await startProcess({ env });
  let first = await upAndDown(node, bytes, framing);
  // As many bytes in all, and so as much garbage, as the large one brings.
  for (let round = 1; round < 4; round++) first = await upAndDown(node, bytes, framing);
  const second = await upAndDown(node, 4 * bytes, framing);

  measured(
    `${mib(bytes)}, then four times that, ${framing}: peaks ${mib(first.both)}, ${
      mib(second.both)
    }`,
  );
  const growth = second.both - first.both;
  const waiting = framing === "in chunks" ? 4 * bytes : 0;
  assert.ok(growth <= waiting + chance, `it took ${mib(growth)} more`);
}

async function wholeNode(bytes: number, framing: Framing): Promise<Peaks> {
  await using node = await startProcess();
  return await upAndDown(node, bytes, framing);
}

async function upAndDown(node: NodeProcess, bytes: number, framing: Framing): Promise<Peaks> {
  const session = await signIn(node);
  const { header } = await session.invocationToken(kv(session, "put", "large"));
  const hasher = await createBLAKE3();
  const body = pieces(bytes, (piece) => hasher.update(piece));
  const put = await upload(`${node.url}/invoke`, header, body, bytes, framing);
  const up = await node.peakMemory();
  const value = await session.getStream("large") ?? assert.fail("it was stored");

  const etag = `"blake3-${hasher.digest()}"`;
  assert.deepEqual(put, { status: 200, etag });
  assert.deepEqual({ size: value.size, etag: value.etag }, { size: bytes, etag });
  assert.deepEqual(await contentOf(value.body), { size: bytes, etag });
  return { up, both: await node.peakMemory() };
}

async function bareServer(bytes: number, framing: Framing): Promise<Peaks> {
  await using server = startProgram(BARE_SERVER);
  const url = await server.line("http://");
  await upload(url, "none", pieces(bytes), bytes, framing);
  const up = await server.peakMemory();
  const { body } = await fetch(`${url}/${bytes}`);
  assert.equal((await contentOf(body ?? assert.fail("a body"))).size, bytes);
  return { up, both: await server.peakMemory() };
}

/** `fetch` sends no stream with a length. */
async function upload(
  url: string,
  token: string,
  body: ReadableStream<Uint8Array>,
  bytes: number,
  framing: Framing,
): Promise<{ readonly status: number; readonly etag: string | null }> {
  if (framing === "in chunks") {
    const answer = await fetch(url, {
      method: "POST",
      headers: { authorization: token },
      body,
      signal: AbortSignal.timeout(UPLOAD_MS),
    });
    await answer.body?.cancel();
    return { status: answer.status, etag: answer.headers.get("etag") };
  }
  using connection = await RawConnection.open({ url });
  await connection.head(`POST ${new URL(url).pathname} HTTP/1.1`, [
    `Authorization: ${token}`,
    `Content-Length: ${bytes}`,
  ]);
  for await (const piece of body) await connection.write(piece);
  const { status, headers } = await connection.answer();
  return { status, etag: headers.get("etag") };
}

/** So many bytes, no two pieces alike. */
export function pieces(
  bytes: number,
  seen: (piece: Uint8Array) => void = () => {},
): ReadableStream<Uint8Array> {
  const noise = seeded(bytes).bytes(PIECE);
  let sent = 0;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (sent === bytes) return controller.close();
      const piece = noise.slice(0, bytes - sent);
      if (piece.length >= 8) new DataView(piece.buffer).setFloat64(0, sent);
      sent += piece.length;
      seen(piece);
      controller.enqueue(piece);
    },
  }, { highWaterMark: 0 });
}

async function contentOf(
  body: ReadableStream<Uint8Array>,
): Promise<{ readonly size: number; readonly etag: string }> {
  const hasher = await createBLAKE3();
  let size = 0;
  for await (const piece of body) {
    hasher.update(piece);
    size += piece.length;
  }
  return { size, etag: `"blake3-${hasher.digest()}"` };
}
