// adversary 2: connections that mean harm, and what does happen where the runtime leaves us no say
// (decision 0004): heads and bodies that do not come, and floods over HTTP/2.

import assert from "node:assert/strict";
import { joined } from "../support/cbor_by_hand.ts";
import { walk } from "../support/files.ts";
import {
  END_HEADERS,
  END_STREAM,
  field,
  FRAME,
  frame,
  H2Connection,
  requestOf,
  resetRequest,
} from "../support/h2c.ts";
import { measured, mib } from "../support/measured.ts";
import { startTestNode, type TestNode } from "../support/node.ts";
import { askRaw, RawConnection } from "../support/raw_http.ts";
import { snapshot } from "../support/state.ts";

const MIB = 1024 * 1024;

/** What an attack may cost in memory of the node's isolate. */
const ALLOWANCE = 32 * MIB;

/** Bytes of this isolate: whatever else the process does meanwhile does not count. */
function ownMemory(): number {
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/** Others are served meanwhile, and the node has met no fault of its own. */
async function assertServes(node: TestNode): Promise<void> {
  assert.equal((await askRaw(node, "GET /version HTTP/1.1")).status, 200);
  assert.deepEqual(node.lines.filter((line) => line.includes("request.failed")), []);
}

// --- What does not come ------------------------------------------------------------------------

for (const path of ["/invoke", "/delegate", "/revoke"]) {
  Deno.test(`adversary 2: a body that never comes to ${path} keeps neither the answer nor a stop`, async () => {
    await using node = await startTestNode();
    const before = await snapshot(node);
    const staged = await walk(`${node.folder}/staging`);
    using connection = await RawConnection.open(node);
    const begun = performance.now();
    await connection.head(`POST ${path} HTTP/1.1`, [
      "Authorization: a.b.c",
      "Content-Length: 1000000",
    ]);

    const answer = await connection.answer();

    assert.equal(answer.status, 401);
    assert.ok(performance.now() - begun < 5000, "the answer comes at once");
    await assertServes(node);
    assert.deepEqual(await snapshot(node), before);
    assert.deepEqual(await walk(`${node.folder}/staging`), staged);
    const stopping = performance.now();
    await node.node.stop();
    assert.ok(performance.now() - stopping < 5000, "a stop does not wait for the body");
  });
}

Deno.test("adversary 2: heads that come byte by byte hold nobody else up, nor a stop", async () => {
  await using node = await startTestNode();
  const connections = await Promise.all(Array.from({ length: 20 }, () => RawConnection.open(node)));
  try {
    // The runtime has no time-out for heads (deno#3515): it waits as long as the sender likes.
    for (const byte of "GET /version HTTP/1.1\r\nHost: n\r\n") {
      await Promise.all(connections.map((connection) => connection.write(byte)));
    }
    await assertServes(node);
    const [first, ...others] = connections;
    assert.ok(first);
    await first.write("\r\n");
    assert.equal((await first.answer("GET")).status, 200);

    const stopping = performance.now();
    await node.node.stop();

    assert.ok(performance.now() - stopping < 5000, "a stop does not wait for heads");
    // Of the requests that had not begun none gets an answer that is not a refusal.
    for (const each of others) {
      await each.write("\r\n").catch(() => {});
      const status = await each.answer("GET").then((answer) => answer.status, () => "closed");
      assert.ok(status === 503 || status === "closed", String(status));
    }
  } finally {
    for (const connection of connections) connection[Symbol.dispose]();
  }
});

Deno.test("adversary 2: 200 idle connections hold nobody up, nor a stop", async () => {
  await using node = await startTestNode();
  const idle = await Promise.all(Array.from({ length: 200 }, () => RawConnection.open(node)));
  try {
    for (const connection of idle.slice(0, 100)) {
      await connection.head("GET /version HTTP/1.1");
      assert.equal((await connection.answer("GET")).status, 200);
    }
    const begun = performance.now();
    for (let count = 0; count < 50; count++) await assertServes(node);
    measured(`beside 200 idle connections: ${((performance.now() - begun) / 50).toFixed(1)} ms`);

    const stopping = performance.now();
    await node.node.stop();

    assert.ok(performance.now() - stopping < 5000);
  } finally {
    for (const connection of idle) connection[Symbol.dispose]();
  }
});

// --- HTTP/2 without TLS ------------------------------------------------------------------------

/** Growth of the process that a flood may cause. */
const FLOOD = 64 * MIB;
const ENHANCE_YOUR_CALM = 11;

interface Flood {
  readonly name: string;
  /** Sent again and again. */
  piece(count: number): Uint8Array;
  readonly pieces: number;
  /** Why the runtime ends the connection. */
  readonly reason: string;
}

/** A header block's fragment of a whole frame. */
const FRAGMENT = field("x-a", "a".repeat(16_000));

const FLOODS: readonly Flood[] = [
  {
    name: "5,000 requests that are reset at once",
    piece: (count) =>
      joined(
        ...Array.from(
          { length: 100 },
          (_, index) => resetRequest(1 + 2 * (100 * count + index), requestOf("/version")),
        ),
      ),
    pieces: 50,
    reason: "too_many_resets",
  },
  {
    name: "a head of 2,000 continuations without an end",
    piece: (count) =>
      count === 0
        ? frame(FRAME.headers, END_STREAM, 1, requestOf("/version"))
        : frame(FRAME.continuation, 0, 1, FRAGMENT),
    pieces: 2000,
    reason: "too_many_continuations",
  },
];

Deno.test("adversary 2: HTTP/2 is spoken on prior knowledge, to the same answers", async () => {
  await using node = await startTestNode();
  using connection = await H2Connection.open(node);
  await connection.write(frame(FRAME.headers, END_HEADERS | END_STREAM, 1, requestOf("/version")));

  const data = await connection.find(({ type }) => type === FRAME.data);

  assert.equal(new TextDecoder().decode(data?.payload), await versionOf(node));
});

for (const { name, piece, pieces, reason } of FLOODS) {
  Deno.test(`adversary 2: over HTTP/2, ${name} end the connection, and cost little`, async () => {
    await using node = await startTestNode();
    const growths: number[] = [];
    for (let round = 0; round < 5; round++) {
      const before = Deno.memoryUsage().rss;
      using connection = await H2Connection.open(node);
      const told = connection.find(({ type }) => type === FRAME.goAway);
      for (let count = 0; count < pieces; count++) {
        if (!await connection.write(piece(count))) break;
      }

      const goAway = await told;
      // A reset may overtake the farewell.
      if (goAway !== undefined) {
        assert.deepEqual(farewellOf(goAway.payload), [ENHANCE_YOUR_CALM, reason]);
      }
      growths.push(Deno.memoryUsage().rss - before);
      await assertServes(node);
    }
    // Other tests share the process, so one round's growth may be theirs, but hardly every round's.
    measured(`${name}: ${growths.map(mib).join(", ")}`);
    assert.ok(Math.min(...growths) < FLOOD, growths.map(mib).join(", "));
    const done = node.lines.filter((line) => line.includes("/version")).length;
    assert.ok(done < 1000, `${done} requests of those that were reset have reached the handler`);
  });
}

Deno.test("adversary 2: over HTTP/2, a head that unpacks to 48 MB is refused unread", async () => {
  await using node = await startTestNode();
  const before = ownMemory();
  using connection = await H2Connection.open(node);
  // An entry of the table, and 12,000 references to it of one byte each.
  const bomb = joined(
    requestOf("/version"),
    field("x-a", "a".repeat(4000), true),
    new Uint8Array(12_000).fill(0x80 | 62),
  );
  await connection.write(frame(FRAME.headers, END_HEADERS | END_STREAM, 1, bomb));

  const answer = await connection.find(({ stream }) => stream === 1);

  // `:status` 431 in Huffman code, which is all of the answer.
  assert.equal(answer?.payload.toHex(), "4883" + "6990ff");
  assert.ok(ownMemory() - before < ALLOWANCE);
  await assertServes(node);
});

async function versionOf(node: TestNode): Promise<string> {
  const { status, text } = await askRaw(node, "GET /version HTTP/1.1");
  assert.equal(status, 200);
  return text;
}

/** The error code of a GOAWAY and its text. */
function farewellOf(payload: Uint8Array): readonly [number, string] {
  const code = new DataView(payload.buffer, payload.byteOffset).getUint32(4);
  return [code, new TextDecoder().decode(payload.subarray(8))];
}
