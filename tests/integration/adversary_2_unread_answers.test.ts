// adversary 2: answers that nobody reads to the end. Rejections that nobody takes fail these tests by
// themselves.

import assert from "node:assert/strict";
import { open } from "node:fs/promises";
import { bytesOf, kv, signIn } from "../support/asking.ts";
import { eventually } from "../support/eventually.ts";
import { measured, mib } from "../support/measured.ts";
import { startTestNode, type TestNode } from "../support/node.ts";
import { askRaw, RawConnection } from "../support/raw_http.ts";

const MIB = 1024 * 1024;
const LARGE = 16 * MIB;
/** What the pieces of the value may take that are under way. */
const ALLOWANCE = 32 * MIB;

Deno.test("adversary 2: clients that never read a large value cost no memory of its size", async () => {
  await withLargeValue(async (node, fetchIt) => {
    const clients = 16;
    const answered = () => node.lines.filter((line) => /POST .*\/invoke/.test(line)).length;
    const before = { memory: ownMemory(), answered: answered() };

    const connections = await Promise.all(Array.from({ length: clients }, fetchIt));
    const allAnswered = () => answered() - before.answered === clients || undefined;
    await eventually("all are answered", allAnswered);
    assert.equal((await askRaw(node, "GET /version HTTP/1.1")).status, 200);
    const grown = ownMemory() - before.memory;

    measured(`${clients} clients that do not read ${mib(LARGE)} each: ${mib(grown)}`);
    assert.ok(grown < ALLOWANCE, mib(grown));
    for (const connection of connections) connection[Symbol.dispose]();
  });
});

Deno.test("adversary 2: clients that hang up in the middle of an answer leave no file open", async () => {
  await withLargeValue(async (_node, fetchIt) => {
    const before = await freeDescriptor();

    for (let round = 0; round < 64; round++) {
      using connection = await fetchIt();
      // The rest is unread, so closing is a reset.
      await connection.some();
    }

    // Other tests in this process come and go; what is left open stays.
    const areBack = async () => await freeDescriptor() < before + 32 || undefined;
    await eventually("the descriptors are back", areBack);
  });
});

Deno.test("adversary 2: an answer that nobody takes lets its file go, and never ends as if whole", async () => {
  await using node = await startTestNode({ env: { TINYCLOUD_HTTP_BODY_IDLE_TIMEOUT: "300 ms" } });
  const session = await signIn(node);
  await session.put("k", bytesOf(LARGE));
  const before = await freeDescriptor();
  const connections = await Promise.all(Array.from({ length: 32 }, async () => {
    const { header } = await session.invocationToken(kv(session, "get", "k"));
    const connection = await RawConnection.open(node);
    const headers = [`Authorization: ${header}`, "Connection: close"];
    await connection.head("POST /invoke HTTP/1.1", headers);
    return connection;
  }));
  const gets = () => node.lines.filter((line) => line.includes("16777216B")).length - 1;
  await eventually("all are answered", () => gets() === 32 || undefined);
  await new Promise((resolve) => setTimeout(resolve, 1500));

  const cut = () => node.lines.filter((line) => line.includes("takes no more")).length === 32;
  // Two descriptors of a socket each: ours, and the node's, in this process; none of a file.
  const filesAreGone = async () => await freeDescriptor() < before + 64 + 16 || undefined;
  await eventually("the files are closed", filesAreGone);
  for (const connection of connections) {
    assert.ok(await connection.rest() < LARGE, "the rest was not sent");
    connection[Symbol.dispose]();
  }
  await eventually("all are told of in the log", () => cut() || undefined);
});

/** The lowest number of a file that is not open, which is what the next one gets. */
async function freeDescriptor(): Promise<number> {
  const file = await open("/dev/null");
  const { fd } = file;
  await file.close();
  return fd;
}

/** Runs with a node that has a value of LARGE bytes, and what begins to fetch it. */
async function withLargeValue(
  test: (node: TestNode, fetchIt: () => Promise<RawConnection>) => Promise<void>,
): Promise<void> {
  await using node = await startTestNode();
  const session = await signIn(node);
  await session.put("k", bytesOf(LARGE));

  await test(node, async () => {
    const { header } = await session.invocationToken(kv(session, "get", "k"));
    const connection = await RawConnection.open(node);
    await connection.head("POST /invoke HTTP/1.1", [`Authorization: ${header}`]);
    return connection;
  });

  assert.deepEqual((await session.get("k"))?.bytes, bytesOf(LARGE), "who reads gets it whole");
  assert.deepEqual(node.lines.filter((line) => line.includes("request.failed")), []);
}

/** Bytes of this isolate: whatever else the process does meanwhile does not count. */
function ownMemory(): number {
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}
