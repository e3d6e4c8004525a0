// One large value up and down, and what it costs the node in memory beside a server that does
// nothing (adversary.md, 5). The client is this process.

import assert from "node:assert/strict";
import { createBLAKE3 } from "hash-wasm";
import { signIn } from "../support/asking.ts";
import { measured, mib } from "../support/measured.ts";
import { startProcess, startProgram } from "../support/process.ts";
import { seeded } from "../support/random.ts";

const BARE_SERVER = new URL("bare_server.ts", import.meta.url).pathname;
const PIECE = 64 * 1024;
/** What the node may take beyond the bare server. */
const ALLOWANCE = 64 * 1024 * 1024;

/** Peaks of one process, bytes: after the upload, and after the download too. */
interface Peaks {
  readonly up: number;
  readonly both: number;
}

/** A value of so many bytes goes up and comes down whole, within the node's bounds of memory. */
export async function largeValue(bytes: number): Promise<void> {
  const bare = await bareServer(bytes);
  const node = await wholeNode(bytes);

  for (const [name, peaks] of [["bare server", bare], ["node", node]] as const) {
    measured(`${mib(bytes)} up and down, ${name}: peak ${mib(peaks.up)}, ${mib(peaks.both)}`);
  }
  for (const phase of ["up", "both"] as const) {
    const beyond = node[phase] - bare[phase];
    assert.ok(beyond <= ALLOWANCE, `${phase}: ${mib(beyond)} more than a bare server`);
  }
}

async function wholeNode(bytes: number): Promise<Peaks> {
  await using node = await startProcess();
  const session = await signIn(node);
  const hasher = await createBLAKE3();
  const { etag } = await session.put("large", pieces(bytes, (piece) => hasher.update(piece)));
  const up = await node.peakMemory();
  const value = await session.getStream("large") ?? assert.fail("it was stored");

  assert.equal(etag, `"blake3-${hasher.digest()}"`);
  assert.deepEqual({ size: value.size, etag: value.etag }, { size: bytes, etag });
  assert.deepEqual(await contentOf(value.body), { size: bytes, etag });
  return { up, both: await node.peakMemory() };
}

async function bareServer(bytes: number): Promise<Peaks> {
  await using server = startProgram(BARE_SERVER);
  const url = await server.line("http://");
  const answer = await fetch(url, { method: "POST", body: pieces(bytes) });
  await answer.body?.cancel();
  const up = await server.peakMemory();
  const { body } = await fetch(`${url}/${bytes}`);
  assert.equal((await contentOf(body ?? assert.fail("a body"))).size, bytes);
  return { up, both: await server.peakMemory() };
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
