// Large values: how fast they go up and down beside a server that does the same with a file, what
// they take in memory, and many uploads at once.

import { createBLAKE3 } from "hash-wasm";
import { median } from "./load.ts";
import { prepared } from "./requests.ts";
import { startBare, startNode } from "./server_process.ts";

const MIB = 1024 * 1024;
const CHUNK = new Uint8Array(256 * 1024).fill(120);

export interface Large {
  /** MiB a second, medians. */
  readonly up: { readonly node: number; readonly bare: number };
  readonly down: { readonly node: number; readonly bare: number };
  /** Peaks of the processes after up and down, bytes. */
  readonly peak: { readonly node: number; readonly bare: number };
  readonly stallMs: number;
}

/** One value of `size` bytes up and down, `rounds` times; everything lies in `folder`. */
export async function large(folder: string, size: number, rounds: number): Promise<Large> {
  await using bare = await startBare(folder);
  await using node = await startNode(folder);
  const session = await prepared(node);
  const token = async (ability: string) => {
    const resource = `${session.space}/kv/large`;
    return (await session.invocationToken({ ability: `tinycloud.kv/${ability}`, resource })).header;
  };
  const speeds = { nodeUp: [0], bareUp: [0], nodeDown: [0], bareDown: [0] };
  for (const list of Object.values(speeds)) list.length = 0;
  for (let round = 0; round < rounds; round++) {
    speeds.bareUp.push(await up(`${bare.url}/up/bare`, "x".repeat(900), size));
    speeds.nodeUp.push(await up(`${node.url}/invoke`, await token("put"), size));
    speeds.bareDown.push(await down(`${bare.url}/down/bare`, "x".repeat(900), size));
    speeds.nodeDown.push(await down(`${node.url}/invoke`, await token("get"), size));
  }
  return {
    up: { node: median(speeds.nodeUp), bare: median(speeds.bareUp) },
    down: { node: median(speeds.nodeDown), bare: median(speeds.bareDown) },
    peak: { node: (await node.memory()).peak, bare: (await bare.memory()).peak },
    stallMs: await node.longestStall(),
  };
}

/** By a socket of its own: `fetch` sends a stream in chunks, without its length. */
async function up(url: string, authorization: string, size: number): Promise<number> {
  const { hostname, port, pathname } = new URL(url);
  const socket = await Deno.connect({ hostname, port: Number(port) });
  const begun = performance.now();
  const head = `POST ${pathname} HTTP/1.1\r\nHost: node\r\nAuthorization: ${authorization}\r\n` +
    `Content-Length: ${size}\r\nConnection: close\r\n\r\n`;
  await writeAll(socket, new TextEncoder().encode(head));
  // A fresh value each time.
  const chunk = CHUNK.slice();
  crypto.getRandomValues(chunk.subarray(0, 32));
  for (let left = size; left > 0; left -= chunk.length) {
    await writeAll(socket, chunk.subarray(0, left));
  }
  const answer = await new Response(socket.readable).text();
  if (!answer.startsWith("HTTP/1.1 200")) throw new Error(`${url} answered ${answer.slice(0, 80)}`);
  return size / MIB / ((performance.now() - begun) / 1000);
}

async function writeAll(socket: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await socket.write(rest));
}

async function down(url: string, authorization: string, size: number): Promise<number> {
  const begun = performance.now();
  const answer = await fetch(url, { method: "POST", headers: { authorization } });
  let received = 0;
  for await (const chunk of answer.body ?? []) received += chunk.length;
  if (received !== size) throw new Error(`${url} sent ${received} bytes of ${size}`);
  return size / MIB / ((performance.now() - begun) / 1000);
}

/** So many uploads at once: how much more memory than the bare server, and the longest stall. */
export async function uploads(folder: string, count: number, size: number) {
  await using bare = await startBare(folder);
  await using node = await startNode(folder);
  const session = await prepared(node);
  const tokens = await Promise.all(Array.from({ length: count }, async (_, at) => {
    const resource = `${session.space}/kv/many/${at}`;
    return (await session.invocationToken({ ability: "tinycloud.kv/put", resource })).header;
  }));
  await Promise.all(tokens.map((_, at) => up(`${bare.url}/up/${at}`, "x".repeat(900), size)));
  const begun = performance.now();
  await Promise.all(tokens.map((token) => up(`${node.url}/invoke`, token, size)));
  const seconds = (performance.now() - begun) / 1000;
  return {
    beyondBare: (await node.memory()).peak - (await bare.memory()).peak,
    mibPerSecond: count * size / MIB / seconds,
    stallMs: await node.longestStall(),
  };
}

/** MiB a second that hashing alone could do here, for comparison. */
export async function hashSpeed(): Promise<number> {
  const hasher = (await createBLAKE3()).init();
  const begun = performance.now();
  for (let at = 0; at < 512; at++) hasher.update(CHUNK);
  return 512 * CHUNK.length / MIB / ((performance.now() - begun) / 1000);
}
