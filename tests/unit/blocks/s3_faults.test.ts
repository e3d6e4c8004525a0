// What the block store makes of an S3 that fails (adversary.md, 3): bounded tries within a deadline,
// then a NodeError; nothing is left open, and the next call succeeds.

import assert from "node:assert/strict";
import { blake3Hex } from "../../../src/blake3.ts";
import { type Blocks, spaceHashOf } from "../../../src/blocks/blocks.ts";
import { openS3Blocks } from "../../../src/blocks/s3.ts";
import type { Patience } from "../../../src/blocks/s3_headway.ts";
import { verified } from "../../../src/blocks/verified.ts";
import { Secret } from "../../../src/config/secret.ts";
import { assertBytes, noise, readAll, stagedIn } from "../../contract/blocks_contract.ts";
import { eventually } from "../../support/eventually.ts";
import {
  BUCKET,
  type Exchange,
  type Fault,
  headOf,
  lostAnswer,
  refusal,
  type S3Stub,
  silence,
  startS3Stub,
} from "../../support/s3_stub.ts";
import { HOME, inMemory, pieces } from "./support.ts";

const PATIENCE: Patience = {
  attempts: 3,
  answerMs: 200,
  stallMs: 200,
  bytesPerSecond: 8 * 1024 * 1024,
  wholeMs: 1_500,
  pauseMs: 5,
};
/** Longer than all of that together takes on a busy machine; far shorter than a hang. */
const DEADLINE_MS = 10_000;

const SMALL = noise(1000);
const LARGE = noise(1_500_000);
const NAME = `${BUCKET}/node/${spaceHashOf(HOME)}/`;

interface Opened extends AsyncDisposable {
  readonly stub: S3Stub;
  readonly blocks: Blocks;
  /** How many requests have come since the store was opened. */
  requests(): number;
}

async function open(patience = PATIENCE): Promise<Opened> {
  await using opened = new AsyncDisposableStack();
  const stub = opened.use(startS3Stub());
  const blocks = opened.use(
    await openS3Blocks({
      bucket: BUCKET,
      endpoint: new URL(stub.url),
      region: "us-east-1",
      prefix: "node",
      credentials: new Secret({ accessKeyId: "AKtest", secretAccessKey: "hidden-word" }),
    }, patience),
  );
  const before = stub.requests.length;
  const resources = opened.move();
  return {
    stub,
    blocks,
    requests: () => stub.requests.length - before,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** A test that fails when it leaves a file or a connection open. */
function checkedTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, fn, sanitizeResources: true, sanitizeOps: true });
}

const ACTIONS = {
  put: (blocks) => blocks.put(HOME, inMemory(SMALL)),
  async "put of a file"(blocks) {
    await using staged = await stagedIn("file", LARGE);
    await blocks.put(HOME, staged);
  },
  get: async (blocks) => void await readAll((await blocks.get(HOME, blake3Hex(SMALL)))?.body),
  remove: (blocks) => blocks.remove(HOME, blake3Hex(noise(7))),
  all: async (blocks) => void await Array.fromAsync(blocks.all()),
  probe: (blocks) => blocks.probe(),
} as const satisfies Record<string, (blocks: Blocks) => Promise<void>>;
type Action = keyof typeof ACTIONS;
const EVERY = Object.keys(ACTIONS) as Action[];
const WRITES: readonly Action[] = ["put", "put of a file", "remove", "probe"];

interface Failing {
  readonly name: string;
  readonly fault: Fault;
  readonly of?: readonly Action[];
  readonly code: "storage_full" | "storage_readonly" | "storage_unavailable";
  /** Requests of one call; default: as many as are tried. */
  readonly requests?: number;
}

const FAILING: readonly Failing[] = [
  { name: "500", fault: refusal(500, "InternalError"), code: "storage_unavailable" },
  { name: "503 SlowDown", fault: refusal(503, "SlowDown"), code: "storage_unavailable" },
  { name: "429", fault: refusal(429, "TooManyRequests"), code: "storage_unavailable" },
  { name: "403 on writes", fault: refusal(403, "AccessDenied"), of: WRITES, ...once("readonly") },
  {
    name: "403 on reads",
    fault: refusal(403, "AccessDenied"),
    of: ["get", "all"],
    ...once("unavailable"),
  },
  { name: "a wrong key", fault: refusal(403, "InvalidAccessKeyId"), ...once("unavailable") },
  { name: "a wrong clock", fault: refusal(403, "RequestTimeTooSkewed"), ...once("unavailable") },
  { name: "another region", fault: refusal(301, "PermanentRedirect"), ...once("unavailable") },
  {
    name: "a redirect for now",
    fault: refusal(307, "TemporaryRedirect"),
    code: "storage_unavailable",
  },
  { name: "a lost bucket", fault: refusal(404, "NoSuchBucket"), ...once("unavailable") },
  { name: "507", fault: refusal(507, "InsufficientStorage"), of: WRITES, ...once("full") },
  { name: "a used quota", fault: refusal(403, "QuotaExceeded"), of: WRITES, ...once("full") },
  { name: "too large", fault: refusal(400, "EntityTooLarge"), of: WRITES, ...once("full") },
  { name: "no answer", fault: silence, code: "storage_unavailable" },
  { name: "a reset", fault: () => Promise.resolve(), code: "storage_unavailable" },
  { name: "an answer that is no HTTP", fault: text("hello\r\n\r\n"), code: "storage_unavailable" },
  {
    name: "an error without XML",
    fault: ({ send }) => send({ status: 502, body: new TextEncoder().encode("<html>bad gateway") }),
    code: "storage_unavailable",
  },
  { name: "an error without end", fault: endless(500), code: "storage_unavailable" },
  { name: "an error that trickles", fault: trickling(500), code: "storage_unavailable" },
  { name: "a page without end", fault: endless(200), of: ["all"], code: "storage_unavailable" },
  { name: "a page that trickles", fault: trickling(200), of: ["all"], code: "storage_unavailable" },
  {
    name: "a page that is no XML",
    fault: ({ send }) => send({ status: 200, body: new TextEncoder().encode("<List") }),
    of: ["all"],
    code: "storage_unavailable",
  },
  { name: "a page cut off", fault: cutOff(100), of: ["all"], code: "storage_unavailable" },
  { name: "a block cut off at once", fault: cutOff(0), of: ["get"], code: "storage_unavailable" },
  {
    name: "a block that stalls at once",
    fault: stalling(0),
    of: ["get"],
    code: "storage_unavailable",
  },
  {
    name: "a block that trickles",
    fault: trickling(200),
    of: ["get"],
    code: "storage_unavailable",
  },
];

for (const { name, fault, of = EVERY, code, requests = PATIENCE.attempts } of FAILING) {
  for (const action of of) {
    checkedTest(
      `${name} ends a ${action} in ${code} after ${requests} tries, and no later one`,
      async () => {
        await using opened = await open();
        const { stub, blocks } = opened;
        await blocks.put(HOME, inMemory(SMALL));
        const before = opened.requests();
        stub.always(fault);

        const started = performance.now();
        const call = ACTIONS[action](blocks);

        await assert.rejects(call, (error) => isNodeError(error, code));
        assert.ok(performance.now() - started < DEADLINE_MS, "in time");
        assert.equal(opened.requests() - before, requests);
        stub.always(undefined);
        await ACTIONS[action](blocks);
        await eventually("no connection is left busy", () => stub.busy() === 0 || undefined);
      },
    );

    if (requests === 1) continue;
    checkedTest(`one ${name} does not end a ${action}`, async () => {
      await using opened = await open();
      await opened.blocks.put(HOME, inMemory(SMALL));
      opened.stub.next(fault);

      await ACTIONS[action](opened.blocks);
    });
  }
}

checkedTest("a put whose answer was lost is put again", async () => {
  await using opened = await open();
  const { stub, blocks } = opened;
  stub.next(lostAnswer);

  await blocks.put(HOME, inMemory(SMALL));

  assert.equal(opened.requests(), 2);
  assertBytes(stub.objects.get(NAME + blake3Hex(SMALL))?.bytes, SMALL);
});

checkedTest("a removal whose answer was lost is no error", async () => {
  await using opened = await open();
  const { stub, blocks } = opened;
  await blocks.put(HOME, inMemory(SMALL));
  stub.next(lostAnswer, refusal(404, "NoSuchKey"));

  await blocks.remove(HOME, blake3Hex(SMALL));

  assert.equal(stub.objects.size, 0);
});

for (
  const [name, fault] of [["cut off", cutOff(700_000)], ["stalled", stalling(700_000)]] as const
) {
  checkedTest(`a block ${name} in the middle is read on from there`, async () => {
    await using opened = await open();
    const { stub, blocks } = opened;
    await blocks.put(HOME, inMemory(LARGE));
    stub.next(fault);

    const found = await blocks.get(HOME, blake3Hex(LARGE));

    assertBytes(await readAll(found?.body), LARGE);
    assert.equal(stub.requests.at(-1)?.headers.get("range"), "bytes=700000-");
  });
}

checkedTest("a block that is cut off again and again ends in storage_unavailable", async () => {
  await using opened = await open();
  const { stub, blocks } = opened;
  await blocks.put(HOME, inMemory(LARGE));
  stub.always(cutOff(1000));

  const found = await blocks.get(HOME, blake3Hex(LARGE));

  await assert.rejects(readAll(found?.body), (error) => isNodeError(error, "storage_unavailable"));
  assert.ok(opened.requests() <= 1 + PATIENCE.attempts, `${opened.requests()} requests`);
});

checkedTest(
  "a block whose rest is another part than was asked for ends in storage_unavailable",
  async () => {
    await using opened = await open();
    const { stub, blocks } = opened;
    await blocks.put(HOME, inMemory(LARGE));
    stub.next(cutOff(1000));
    const found = await blocks.get(HOME, blake3Hex(LARGE));
    const rest = LARGE.length - 1000;
    stub.always(({ send }) =>
      send({
        status: 206,
        headers: { "Content-Range": `bytes 0-${rest - 1}/${LARGE.length}` },
        body: LARGE.subarray(0, rest),
      })
    );

    const read = readAll(found?.body);

    await assert.rejects(read, (error) => isNodeError(error, "storage_unavailable"));
  },
);

checkedTest("wrong bytes of the right length never end as a whole value", async () => {
  await using opened = await open();
  const { stub, blocks } = opened;
  await blocks.put(HOME, inMemory(LARGE));
  const wrong = LARGE.slice();
  wrong[wrong.length - 1] = wrong[0] ?? 0;
  stub.always(({ send }) => send({ status: 200, body: wrong }));
  const told: string[] = [];

  const found = await blocks.get(HOME, blake3Hex(LARGE));
  assert.ok(found);
  const body = verified(found.body, blake3Hex(LARGE), LARGE.length, (what) => told.push(what));

  await assert.rejects(readAll(body), (error) => isNodeError(error, "block_corrupt"));
  assert.deepEqual(told, ["hash"]);
});

checkedTest("a reader that takes its time is no stall", async () => {
  await using opened = await open();
  const { blocks } = opened;
  await blocks.put(HOME, inMemory(LARGE));
  const found = await blocks.get(HOME, blake3Hex(LARGE));
  const reader = found?.body.getReader();
  await reader?.read();

  await new Promise((resolve) => setTimeout(resolve, 3 * PATIENCE.stallMs));
  let last;
  do last = await reader?.read(); while (last?.done === false);

  assert.equal(opened.requests(), 2);
});

checkedTest("a reader that leaves ends the connection at once", async () => {
  await using opened = await open();
  const { stub, blocks } = opened;
  await blocks.put(HOME, inMemory(SMALL));
  stub.always(stalling(10));
  const found = await blocks.get(HOME, blake3Hex(SMALL));

  await found?.body.cancel();

  await eventually("it is gone", () => stub.busy() === 0 || undefined);
  assert.equal(opened.requests(), 2);
});

checkedTest("a body that nobody reads breaks without harm", async () => {
  await using opened = await open();
  const { stub, blocks } = opened;
  await blocks.put(HOME, inMemory(LARGE));
  stub.next(cutOff(100));

  const found = await blocks.get(HOME, blake3Hex(LARGE));
  await eventually("it is cut", () => stub.busy() === 0 || undefined);

  assertBytes(await readAll(found?.body), LARGE);
});

/** As slow as these may be, and more patient with what moves. */
const SLOW: Patience = { ...PATIENCE, stallMs: 1_000, answerMs: 1_000, bytesPerSecond: 100_000 };
const HUGE = noise(24 * 1024 * 1024);

checkedTest("a download that moves steadily may take longer than a stall", async () => {
  await using opened = await open(SLOW);
  const { stub, blocks } = opened;
  await blocks.put(HOME, inMemory(LARGE));
  stub.next(async ({ perform, write }) => {
    const answer = perform();
    await write(headOf(answer));
    for (const piece of pieces(answer.body ?? LARGE, 50_000)) {
      await write(piece);
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
  });

  const started = performance.now();
  assertBytes(await readAll((await blocks.get(HOME, blake3Hex(LARGE)))?.body), LARGE);

  assert.ok(performance.now() - started > SLOW.stallMs, "it was slow");
  assert.equal(opened.requests(), 2);
});

checkedTest("an upload that moves steadily may take longer than a stall", async () => {
  await using opened = await open(SLOW);
  const { stub, blocks } = opened;
  await using staged = await stagedIn("file", HUGE);
  stub.pace(() => new Promise((resolve) => setTimeout(resolve, 4)));

  const started = performance.now();
  await blocks.put(HOME, staged);

  assert.ok(performance.now() - started > SLOW.stallMs, "it was slow");
  assert.equal(opened.requests(), 1);
  assertBytes(stub.objects.get(NAME + staged.hash)?.bytes, HUGE);
});

checkedTest("an upload that is not taken is given up, and its file closed", async () => {
  await using opened = await open();
  const { stub, blocks } = opened;
  await using staged = await stagedIn("file", HUGE);
  let taken = 0;
  stub.pace((closed) => taken++ % 20 < 19 ? Promise.resolve() : closed);

  const started = performance.now();
  const put = blocks.put(HOME, staged);

  await assert.rejects(put, (error) => isNodeError(error, "storage_unavailable"));
  assert.ok(performance.now() - started < DEADLINE_MS, "in time");
  assert.equal(stub.objects.size, 0);
});

checkedTest("of an answer without end only some megabytes are read", async () => {
  await using opened = await open({ ...PATIENCE, attempts: 1, answerMs: 30_000, wholeMs: 30_000 });
  const { stub, blocks } = opened;
  let sent = 0;
  stub.always(async (exchange) => {
    const write = (bytes: Uint8Array) => (sent += bytes.length, exchange.write(bytes));
    await endless(500)({ ...exchange, write });
  });

  await assert.rejects(blocks.probe(), (error) => isNodeError(error, "storage_unavailable"));

  assert.ok(sent > 8 * 1024 * 1024 && sent < 64 * 1024 * 1024, `${sent} bytes`);
});

checkedTest("an upload from a file is sent with its length", async () => {
  await using opened = await open();
  const { stub, blocks } = opened;
  await using staged = await stagedIn("file", LARGE);

  await blocks.put(HOME, staged);

  assertBytes(stub.objects.get(NAME + blake3Hex(LARGE))?.bytes, LARGE);
  assert.equal(stub.requests.at(-1)?.headers.get("content-length"), String(LARGE.length));
});

checkedTest(
  "a staged file that has vanished or changed fails at once, and is not tried again",
  async () => {
    await using opened = await open({ ...PATIENCE, stallMs: 30_000, wholeMs: 60_000 });
    await using vanished = await stagedIn("file", LARGE);
    await Deno.remove(vanished.path ?? "");
    await using shorter = await stagedIn("file", LARGE.slice(1));
    await Deno.truncate(shorter.path ?? "", 1_000_000);
    await using small = await stagedIn("file", SMALL.slice(1));
    await Deno.truncate(small.path ?? "", 10);

    for (const staged of [vanished, shorter, small]) {
      const started = performance.now();
      const put = opened.blocks.put(HOME, staged);
      await assert.rejects(put, (error) => isNodeError(error, "storage_unavailable"));
      assert.ok(performance.now() - started < DEADLINE_MS, "at once");
    }

    assert.ok(opened.requests() <= 2, `${opened.requests()} requests`);
    assert.equal(opened.stub.objects.size, 0);
  },
);

const FALSE_PAGES: readonly [name: string, contents: (after: string) => string][] = [
  ["that says there is more and brings nothing", () => ""],
  ["that comes again and again", () => object("node/a") + object("node/b")],
  ["that goes backwards", () => object("node/b") + object("node/a")],
  ["that leaves out a size", () => "<Contents><Key>node/a</Key></Contents>"],
  ["with a name that cannot be", () => object("node/%zz")],
];

for (const [name, contents] of FALSE_PAGES) {
  checkedTest(`a list ${name} ends in storage_unavailable`, async () => {
    await using opened = await open();
    opened.stub.always(({ request, send }) => {
      const body = `<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true` +
        `</IsTruncated>${contents(request.query.get("start-after") ?? "")}</ListBucketResult>`;
      return send({ status: 200, body: new TextEncoder().encode(body) });
    });

    const list = Array.fromAsync(opened.blocks.all());

    await assert.rejects(list, (error) => isNodeError(error, "storage_unavailable"));
    assert.ok(opened.requests() <= PATIENCE.attempts, `${opened.requests()} requests`);
  });
}

checkedTest(
  "more than a page of blocks is listed whole, and foreign names among them are not",
  async () => {
    await using opened = await open();
    const { stub, blocks } = opened;
    const names = Array.from({ length: 2500 }, (_, at) => blake3Hex(noise(at)));
    for (const hash of names) stub.objects.set(NAME + hash, { bytes: SMALL, modifiedAt: 5000 });
    for (let at = 0; at < 1200; at++) {
      stub.objects.set(`${BUCKET}/node/.other/${at}`, { bytes: SMALL, modifiedAt: 5000 });
    }

    const found = await Array.fromAsync(blocks.all());

    assert.deepEqual(found.map(({ hash }) => hash), names.toSorted());
    assert.deepEqual({ ...found[0] }, {
      spaceHash: spaceHashOf(HOME),
      hash: names.toSorted()[0],
      size: SMALL.length,
      modifiedAt: 5,
    });
    assert.equal(opened.requests(), 4);
  },
);

checkedTest("a probe that reads other bytes fails, and removes what it wrote", async () => {
  await using opened = await open();
  const { stub, blocks } = opened;
  stub.always(async ({ request, perform, send }) => {
    const answer = perform();
    await send(request.method === "GET" ? { ...answer, body: new Uint8Array(32) } : answer);
  });

  await assert.rejects(blocks.probe(), (error) => isNodeError(error, "storage_unavailable"));

  assert.equal(stub.objects.size, 0);
});

checkedTest("nothing is asked for outside the prefix", async () => {
  await using opened = await open();
  const { stub, blocks } = opened;
  await blocks.put(HOME, inMemory(SMALL));
  for (const action of Object.values(ACTIONS)) await action(blocks);
  const [block] = await Array.fromAsync(blocks.all());
  assert.ok(block);
  await blocks.removeStray(block);
  await blocks.sweepLeftovers(Infinity);

  for (const { name, query } of stub.requests) {
    const asked = query.get("prefix") ?? name.slice(BUCKET.length + 1);
    assert.ok(asked.startsWith("node/"), `${asked} is outside`);
  }
});

function isNodeError(error: unknown, code: string): true {
  assert.ok(error instanceof Error && "code" in error);
  assert.deepEqual([error.name, error.code], ["NodeError", code]);
  assert.doesNotMatch(Deno.inspect(error, { depth: 9 }), /hidden-word/);
  return true;
}

function once(what: "full" | "readonly" | "unavailable"): Pick<Failing, "code" | "requests"> {
  return { code: `storage_${what}`, requests: 1 };
}

function text(answer: string): Fault {
  return ({ write }) => write(new TextEncoder().encode(answer));
}

/** What was asked, but only its first bytes; then the connection is closed. */
function cutOff(bytes: number): Fault {
  return async ({ perform, write }) => {
    const answer = perform();
    await write(headOf(answer));
    await write((answer.body ?? new Uint8Array()).subarray(0, bytes));
  };
}

/** What was asked, but only its first bytes; then nothing more comes. */
function stalling(bytes: number): Fault {
  return async (exchange) => {
    await cutOff(bytes)(exchange);
    await exchange.gone;
  };
}

/** What was asked, or an error, a byte now and then. */
function trickling(status: number): Fault {
  return async ({ perform, write, gone }) => {
    const body = new Uint8Array(1_000_000).fill(60);
    const answer = status === 200 ? perform() : { status, body };
    await write(headOf(answer));
    let isGone = false;
    gone.then(() => isGone = true);
    for (let sent = 0; !isGone && sent < (answer.body?.length ?? 0); sent++) {
      await write(answer.body?.subarray(sent, sent + 1) ?? body);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
}

/** A body that comes fast and never ends. */
function endless(status: number): Fault {
  return async ({ write, gone }: Exchange) => {
    await write(headOf({ status, headers: { "Content-Length": "1000000000000" } }));
    let isGone = false;
    gone.then(() => isGone = true);
    while (!isGone) await write(new Uint8Array(64 * 1024).fill(60));
  };
}

function object(key: string): string {
  return `<Contents><Key>${key}</Key><Size>1</Size>` +
    `<LastModified>2026-01-01T00:00:00Z</LastModified></Contents>`;
}
