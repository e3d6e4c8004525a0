// The writers of the kill test: they put, overwrite and delete over keys of their own and shared
// ones, and write down what was acknowledged, until the node is gone.

import assert from "node:assert/strict";
import { blake3 } from "hash-wasm";
import { type Session, Transport } from "../../client/mod.ts";
import { kv } from "../support/asking.ts";
import { type Random, seeded } from "../support/random.ts";
import type { Ledger, Operation } from "./ledger.ts";

/** An operation with all that is needed to send it again. */
export interface Sent extends Operation {
  readonly token: string;
  /** Undefined for a delete. */
  readonly body: Uint8Array<ArrayBuffer> | undefined;
  /** Whether only one writer uses the key. */
  readonly isOwn: boolean;
  /** Whether no other operation leaves the same value. */
  readonly isUnique: boolean;
}

/** What a full space answers; nothing is stored then. */
export const FULL: ReadonlySet<string | null> = new Set(["quota_exceeded", "quota_would_exceed"]);

export interface Writing {
  readonly session: Session;
  readonly url: string;
  readonly ledger: Ledger;
  /** The largest values, in bytes. */
  readonly large: number;
  /** Called at every acknowledgement and every piece of a body: a moment to be killed at. */
  readonly moment: () => void;
  readonly isOver: () => boolean;
}

const OWN_KEYS = 6;
const SHARED_KEYS = 4;
/** Empty, small, at the border of what lies in the database, and blocks. */
const SIZES = [0, 1, 100, 1000, 4000, 16_384, 16_385, 40_000] as const;
const PIECE = 64 * 1024;
/** Contents that many keys share, so that their blocks come, go and come back. */
const SHARED_SIZES = [20_000, 30_000, 50_000] as const;

/** Writes until the node is gone; what was still under way then, and all that was acknowledged. */
export async function write(
  name: string,
  random: Random,
  writing: Writing,
): Promise<{ readonly inFlight: Sent | undefined; readonly acknowledged: readonly Sent[] }> {
  const acknowledged: Sent[] = [];
  for (let count = 0; !writing.isOver(); count++) {
    const operation = await next(name, random, writing);
    const answer = await send(operation, writing.url, writing.moment, random.below(2) === 0)
      .catch((error) => error);
    if (answer instanceof Error) {
      if (!writing.isOver()) throw answer;
      return { inFlight: operation, acknowledged };
    }
    assertDone(operation, answer);
    if (FULL.has(answer.code)) writing.ledger.refuse(operation);
    else writing.ledger.acknowledge(operation);
    if (answer.status === 200) acknowledged.push(operation);
    writing.moment();
  }
  return { inFlight: undefined, acknowledged };
}

/** Reads shared keys until the node is gone: every value is whole. */
export async function read(random: Random, { session, url, isOver }: Writing): Promise<void> {
  while (!isOver()) {
    const key = `shared/${random.below(SHARED_KEYS)}`;
    try {
      const { header: token } = await session.invocationToken(kv(session, "get", key));
      const answer = await new Transport(url).send("POST", "/invoke", { token });
      const bytes = new Uint8Array(await answer.arrayBuffer());
      if (answer.status === 404) continue;
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get("etag"), await etagOf(bytes), `${key} is torn`);
    } catch (error) {
      if (!isOver() || error instanceof assert.AssertionError) throw error;
    }
  }
}

/** Sends an operation, with a length or in pieces. */
export function send(
  { token, body }: Sent,
  url: string,
  moment: () => void,
  inPieces: boolean,
): Promise<{ readonly status: number; readonly code: string | null }> {
  const outgoing = body !== undefined && inPieces ? piecesOf(body, moment) : body;
  return new Transport(url).send("POST", "/invoke", { token, body: outgoing })
    .then(async (answer) => {
      await answer.body?.cancel();
      return { status: answer.status, code: answer.headers.get("x-tinycloud-error") };
    });
}

export async function etagOf(bytes: Uint8Array): Promise<string> {
  return `"blake3-${await blake3(bytes)}"`;
}

async function next(
  name: string,
  random: Random,
  { session, ledger, large }: Writing,
): Promise<Sent> {
  const isOwn = random.below(3) > 0;
  const key = isOwn ? `${name}/${random.below(OWN_KEYS)}` : `shared/${random.below(SHARED_KEYS)}`;
  const size = random.below(12) === 0 ? random.below(large) : random.pick(SIZES);
  const isShared = random.below(4) === 0;
  const value = isShared ? sharedContent(random.pick(SHARED_SIZES)) : random.bytes(size);
  const body = random.below(5) === 0 ? undefined : value;
  const verb = body === undefined ? "del" : "put";
  const { header: token } = await session.invocationToken(kv(session, verb, key));
  const leaves = body === undefined ? undefined : { etag: await etagOf(body), size: body.length };
  const isUnique = body !== undefined && !isShared && size > 100;
  return Object.assign(ledger.begin(key, leaves), { token, body, isOwn, isUnique });
}

function sharedContent(size: number): Uint8Array<ArrayBuffer> {
  return seeded(size).bytes(size);
}

function assertDone(
  { key, body }: Sent,
  { status, code }: { readonly status: number; readonly code: string | null },
): void {
  const nothingThere = body === undefined && code === "key_not_deleted";
  const isFull = body !== undefined && FULL.has(code);
  assert.ok(status === 200 || nothingThere || isFull, `${key}: ${status} ${code}`);
}

function piecesOf(body: Uint8Array<ArrayBuffer>, moment: () => void): ReadableStream<Uint8Array> {
  let sent = 0;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (sent > 0) moment();
      if (sent >= body.length) return controller.close();
      controller.enqueue(body.subarray(sent, sent += PIECE));
    },
  }, { highWaterMark: 0 });
}
