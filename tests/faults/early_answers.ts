// Refusals while the body is still coming (wire §6: 401 and 413 need none of it): the answer
// arrives, and neither side hangs. Runtimes have stalled here before (denoland/deno#36624).

import assert from "node:assert/strict";
import type { Session } from "../../client/mod.ts";
import { assertOk, bytesOf, invoke, kv, signIn } from "../support/asking.ts";
import { measured, mib } from "../support/measured.ts";
import { type NodeProcess, startProcess } from "../support/process.ts";
import { type RawAnswer, RawConnection, withinTime } from "../support/raw_http.ts";

const PIECE = bytesOf(64 * 1024);
const HEX_PIECE = PIECE.length.toString(16);
const LIMIT = 256 * 1024;
/** A node that keeps what it refuses would take as much as is sent. */
const ALLOWANCE = 32 * 1024 * 1024;
const HANG_MS = 60_000;

export interface EarlyAnswer {
  readonly name: string;
  /** Whether the token is good. */
  readonly isGood: boolean;
  readonly framing: "length" | "chunked";
  readonly status: number;
  readonly code: string;
}

export const EARLY_ANSWERS: readonly EarlyAnswer[] = [
  {
    name: "a bad signature, with a length",
    isGood: false,
    framing: "length",
    status: 401,
    code: "token_signature",
  },
  {
    name: "a bad signature, in chunks",
    isGood: false,
    framing: "chunked",
    status: 401,
    code: "token_signature",
  },
  {
    name: "too large, with a length",
    isGood: true,
    framing: "length",
    status: 413,
    code: "object_too_large",
  },
  {
    name: "too large, in chunks",
    isGood: true,
    framing: "chunked",
    status: 413,
    code: "object_too_large",
  },
];

/** A client that sends on, whatever it is told: `bytes` in all, or until the node hangs up. */
export async function answersEarly(
  { isGood, framing, status, code }: EarlyAnswer,
  bytes: number,
): Promise<void> {
  await using node = await startProcess({ env: { TINYCLOUD_STORAGE_MAX_OBJECT: String(LIMIT) } });
  const session = await signIn(node);
  const before = await node.peakMemory();
  const token = await tokenOf(session, isGood);
  using connection = await RawConnection.open(node);
  await connection.head("POST /invoke HTTP/1.1", [
    `Authorization: ${token}`,
    framing === "length" ? `Content-Length: ${bytes}` : "Transfer-Encoding: chunked",
  ]);

  const sending = sendOn(connection, framing, bytes);
  const answer = await connection.answer();
  const sent = await withinTime(sending, "the node neither reads nor hangs up", HANG_MS);

  assert.deepEqual([answer.status, answer.headers.get("x-tinycloud-error")], [status, code]);
  await assertUsable(connection, sent === bytes, answer);
  await assertWell(node, session);
  const growth = await node.peakMemory() - before;
  measured(`${status} ${framing}: ${mib(sent)} sent on, ${mib(growth)} more memory`);
  assert.ok(growth < ALLOWANCE, `it took ${mib(growth)} more`);
}

/** How much of the body could be sent. */
async function sendOn(
  connection: RawConnection,
  framing: EarlyAnswer["framing"],
  bytes: number,
): Promise<number> {
  let sent = 0;
  try {
    for (; sent < bytes; sent += PIECE.length) {
      if (framing === "chunked") await connection.write(`${HEX_PIECE}\r\n`);
      await connection.write(PIECE);
      if (framing === "chunked") await connection.write("\r\n");
    }
    if (framing === "chunked") await connection.write("0\r\n\r\n");
  } catch (error) {
    // The node has hung up, which it may.
    if (
      !(error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe)
    ) {
      throw error;
    }
  }
  return sent;
}

/** Closed, or good for another request: nothing in between. */
async function assertUsable(
  connection: RawConnection,
  isOpen: boolean,
  answer: RawAnswer,
): Promise<void> {
  if (!isOpen || answer.headers.get("connection") === "close") return;
  await connection.head("GET /info HTTP/1.1").catch(() => {});
  const next = await connection.answer("GET").catch(() => undefined);
  if (next !== undefined) assert.equal(next.status, 200);
}

async function assertWell(node: NodeProcess, session: Session): Promise<void> {
  assertOk(await invoke(node, session, kv(session, "put", "key"), { body: "value" }));
  assert.equal((await session.get("key"))?.text(), "value");
  assert.deepEqual(node.complaints, []);
}

async function tokenOf(session: Session, isGood: boolean): Promise<string> {
  const { header } = await session.invocationToken(kv(session, "put", "large"));
  if (isGood) return header;
  const [head, payload] = header.split(".");
  const { header: other } = await session.invocationToken(kv(session, "put", "other"));
  return `${head}.${payload}.${other.split(".")[2]}`;
}
