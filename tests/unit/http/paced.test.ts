// Answers that nobody takes.

import assert from "node:assert/strict";
import { paced } from "../../../src/http/paced.ts";
import { eventually } from "../../support/eventually.ts";

/** A body of so many chunks of one byte, and whether it was told to stop. */
function aBody(chunks: number): { body: ReadableStream<Uint8Array>; isClosed: () => boolean } {
  let [left, closed] = [chunks, false];
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (left-- > 0) controller.enqueue(Uint8Array.of(1));
      else controller.close();
    },
    cancel: () => void (closed = true),
  }, { highWaterMark: 0 });
  return { body, isClosed: () => closed };
}

Deno.test("a body that is taken passes whole, however long the time between its chunks adds up", async () => {
  const reader = paced(aBody(4).body, 100).getReader();
  let size = 0;

  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    size += read.value.length;
    await new Promise((resolve) => setTimeout(resolve, 40));
  }

  assert.equal(size, 4);
});

Deno.test("a body that nobody takes ends in an error, and its source is closed", async () => {
  const { body, isClosed } = aBody(4);
  const reader = paced(body, 10).getReader();
  await reader.read();

  await eventually("its source is closed", () => Promise.resolve(isClosed() || undefined));

  await assert.rejects(reader.read(), /takes no more/);
});

Deno.test("a body that its reader leaves is closed, and no timer stays", async () => {
  const { body, isClosed } = aBody(4);
  const reader = paced(body, 60_000).getReader();
  await reader.read();

  await reader.cancel();

  assert.ok(isClosed());
});

Deno.test("a source that fails is no slow reader", async () => {
  const failing = new ReadableStream<Uint8Array>({
    pull: () => Promise.reject(new Error("disk")),
  }, { highWaterMark: 0 });

  await assert.rejects(paced(failing, 60_000).getReader().read(), /disk/);
});
