// Request bodies: bounded in time, whole or not at all (wire §6, §8; `http.body_idle_timeout`). The
// time-outs here are short, and what ends a test is always an event.

import assert from "node:assert/strict";
import { bodyCid, readBody } from "../../../src/http/body.ts";
import { NodeError } from "../../../src/errors.ts";

const SHORT = 20;
const LONG = 60_000;
const LARGE = 16 * 1024 + 1;

type Source = UnderlyingDefaultSource<Uint8Array>;

/** A request whose body is these bytes, or comes from a source that is only asked when it is read. */
function withBody(body: string | Uint8Array<ArrayBuffer> | Source): Request {
  const isWhole = typeof body === "string" || body instanceof Uint8Array;
  const init = isWhole ? body : new ReadableStream<Uint8Array>(body, { highWaterMark: 0 });
  return new Request("http://node/", { method: "POST", body: init });
}

const never: Source = { pull: () => new Promise(() => {}) };
const broken: Source = { pull: () => Promise.reject(new Error("connection reset")) };

/** The body as a stream, which it must be. */
async function streamOf(request: Request, length: number | undefined, timeout: number) {
  const body = await readBody(request, length, timeout);
  assert.ok(body instanceof ReadableStream);
  return body;
}

const code = (expected: string) => (error: unknown) =>
  error instanceof NodeError && error.code === expected;

Deno.test("no body, or one of no length, is no byte", async () => {
  const without = new Request("http://node/", { method: "POST" });
  assert.deepEqual(await readBody(without, undefined, LONG), new Uint8Array());
  assert.deepEqual(await readBody(withBody(never), 0, LONG), new Uint8Array());
});

for (const length of [1, 1024, LARGE - 1]) {
  Deno.test(`a body of ${length} bytes that says so is read in one piece`, async () => {
    const bytes = new Uint8Array(length).fill(7);
    assert.deepEqual(await readBody(withBody(bytes), length, LONG), bytes);
  });
}

for (const length of [LARGE, undefined]) {
  Deno.test(`a body of ${length ?? "unknown"} length is a stream of the same bytes`, async () => {
    const bytes = crypto.getRandomValues(new Uint8Array(LARGE));
    const stream = await streamOf(withBody(bytes), length, LONG);
    assert.deepEqual(await new Response(stream).bytes(), bytes);
  });
}

for (const length of [1, LARGE, undefined]) {
  const what = `a body of ${length ?? "unknown"} length`;

  Deno.test(`${what} that never comes times out`, async () => {
    const reading = async () => {
      const body = await readBody(withBody(never), length, SHORT);
      if (body instanceof ReadableStream) await new Response(body).bytes();
    };
    await assert.rejects(reading, code("body_timeout"));
  });

  Deno.test(`${what} that breaks off is the sender's fault`, async () => {
    const reading = async () => {
      const body = await readBody(withBody(broken), length, LONG);
      if (body instanceof ReadableStream) await new Response(body).bytes();
    };
    await assert.rejects(reading, code("request_malformed"));
  });
}

/** Brings `size` bytes every few milliseconds; `ended` resolves when it is given up. */
function dripping(size: number, times: number) {
  const ended = Promise.withResolvers<void>();
  let timer: ReturnType<typeof setInterval> | undefined;
  const source: Source = {
    start(controller) {
      let left = times;
      timer = setInterval(() => {
        controller.enqueue(new Uint8Array(size));
        if (--left > 0) return;
        clearInterval(timer);
        controller.close();
      }, 5);
    },
    cancel() {
      clearInterval(timer);
      ended.resolve();
    },
  };
  return { source, ended: ended.promise };
}

Deno.test("less than 1 KiB in one time-out is too slow, and the sender is given up", async () => {
  const { source, ended } = dripping(1, 1_000_000);
  const stream = await streamOf(withBody(source), undefined, 50);
  await assert.rejects(new Response(stream).bytes(), code("body_timeout"));
  await ended;
});

Deno.test("1 KiB in each time-out is fast enough, however long it takes", async () => {
  const { source } = dripping(1024, 60);
  const stream = await streamOf(withBody(source), undefined, 100);
  assert.equal((await new Response(stream).bytes()).length, 60 * 1024);
});

Deno.test("while nobody reads, the sender is not to blame", async () => {
  const bytes = new Uint8Array(LARGE);
  const unread = await streamOf(withBody(bytes), LARGE, SHORT);
  // Three others run into the same time-out meanwhile, one after the other.
  for (let times = 0; times < 3; times++) {
    const other = await streamOf(withBody(never), undefined, SHORT);
    await assert.rejects(new Response(other).bytes(), code("body_timeout"));
  }

  assert.equal((await new Response(unread).bytes()).length, LARGE);
});

Deno.test("a stream that is given up gives the sender up, with the reason", async () => {
  const cancelled = Promise.withResolvers<unknown>();
  const source: Source = { pull: never.pull ?? (() => {}), cancel: cancelled.resolve };
  const stream = await streamOf(withBody(source), undefined, LONG);
  await stream.cancel("refused");
  assert.equal(await cancelled.promise, "refused");
});

Deno.test("nothing is read before it is asked for", async () => {
  let pulls = 0;
  const source: Source = {
    pull(controller) {
      pulls++;
      controller.enqueue(new Uint8Array(1024));
    },
  };
  const stream = await streamOf(withBody(source), undefined, LONG);
  const before = pulls;
  const reader = stream.getReader();
  await reader.read();
  assert.ok(before <= 1, `${before} reads ahead`);
  await reader.cancel();
});

// The body of /revoke.

const CIDS: readonly [body: string, cid: unknown][] = [
  ['{"cid":"bafkr4i"}', "bafkr4i"],
  ['{"spaceId":"x","cid":"bafkr4i"}', "bafkr4i"],
  ['{"cid":1}', 1],
  ['{"cid":null}', null],
  [' {"cid":""} ', ""],
  ["{}", undefined],
  ['{"Cid":"x"}', undefined],
  ['{"__proto__":{"cid":"x"}}', undefined],
  ['["cid"]', undefined],
  ["null", undefined],
  ['"cid"', undefined],
  ["cid=x", undefined],
  ['{"cid":"x"', undefined],
  ["\xff", undefined],
  ["", undefined],
];
for (const [body, cid] of CIDS) {
  Deno.test(`the body ${Deno.inspect(body)} names ${Deno.inspect(cid)}`, async () => {
    assert.equal(await bodyCid(withBody(body), undefined, LONG), cid);
  });
}

Deno.test("a body that says it has no length names nothing", async () => {
  assert.equal(await bodyCid(withBody(never), 0, LONG), undefined);
  const without = new Request("http://node/", { method: "POST" });
  assert.equal(await bodyCid(without, undefined, LONG), undefined);
});

Deno.test("64 KiB are read for it, a longer body names nothing and is given up", async () => {
  const padded = (length: number) => '{"cid":"x"}'.padEnd(length);
  assert.equal(await bodyCid(withBody(padded(64 * 1024)), undefined, LONG), "x");
  assert.equal(await bodyCid(withBody(padded(64 * 1024 + 1)), undefined, LONG), undefined);

  const cancelled = Promise.withResolvers<unknown>();
  const endless: Source = {
    pull: (controller) => controller.enqueue(new Uint8Array(16 * 1024)),
    cancel: cancelled.resolve,
  };
  assert.equal(await bodyCid(withBody(endless), undefined, LONG), undefined);
  await cancelled.promise;
});

Deno.test("a body that never comes times out here too", async () => {
  await assert.rejects(bodyCid(withBody(never), undefined, SHORT), code("body_timeout"));
});
