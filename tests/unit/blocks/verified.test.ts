// A stored value on its way out never ends cleanly with other bytes (invariant 2).

import assert from "node:assert/strict";
import { blake3Hex } from "../../../src/blake3.ts";
import { verified } from "../../../src/blocks/verified.ts";
import { noise } from "../../contract/blocks_contract.ts";
import { bodyOf, pieces } from "./support.ts";

const nothing = new Uint8Array();

interface Outcome {
  readonly received: number;
  readonly error: unknown;
}

async function drain(body: ReadableStream<Uint8Array>): Promise<Outcome> {
  let received = 0;
  try {
    for await (const chunk of body) received += chunk.length;
    return { received, error: undefined };
  } catch (error) {
    return { received, error };
  }
}

for (const size of [0, 1, 1000, 64 * 1024, 200_000]) {
  for (const piece of [1000, 64 * 1024]) {
    Deno.test(`${size} right bytes pass in pieces of ${piece}`, async () => {
      const bytes = noise(size);
      const body = bodyOf([nothing, ...pieces(bytes, piece), nothing]);

      const found = await new Response(verified(body, blake3Hex(bytes), size, assert.fail)).bytes();

      assert.deepEqual(found, bytes);
    });
  }
}

const DAMAGES = [
  { name: "one bit flipped at the start", change: flip(0), what: "hash" },
  { name: "one bit flipped in the middle", change: flip(0.5), what: "hash" },
  { name: "one bit flipped at the end", change: flip(1), what: "hash" },
  { name: "the last byte cut off", change: (b: Uint8Array) => b.slice(0, -1), what: "shorter" },
  { name: "nothing left", change: () => nothing, what: "shorter" },
  {
    name: "a byte added",
    change: (b: Uint8Array) => new Uint8Array([...b, 0]),
    what: "longer",
  },
] as const;

for (const size of [1, 1000, 64 * 1024, 200_000]) {
  for (const { name, change, what } of DAMAGES) {
    Deno.test(`${size} bytes with ${name} never arrive whole`, async () => {
      const bytes = noise(size);
      const reports: string[] = [];
      let cancelled = false;
      const body = bodyOf([...pieces(change(bytes), 1000), nothing], {
        cancelled: () => cancelled = true,
      });

      const { received, error } = await drain(
        verified(body, blake3Hex(bytes), size, (found) => reports.push(found)),
      );

      // A client with a Content-Length must not have got as many bytes either.
      assert.ok(received < size, `${received} of ${size}`);
      assert.equal(error instanceof Error && "code" in error && error.code, "block_corrupt");
      assert.deepEqual(reports, [what]);
      assert.equal(cancelled, what === "longer");
    });
  }
}

Deno.test("an empty value with the hash of another is damaged", async () => {
  const body = bodyOf([]);

  const { error } = await drain(verified(body, blake3Hex(noise(1)), 0, () => {}));

  assert.equal(error instanceof Error && "code" in error && error.code, "block_corrupt");
});

Deno.test("a body that fails passes its error on and is not called damaged", async () => {
  const bytes = noise(5000);
  const failure = new Error("EIO");
  const body = bodyOf(pieces(bytes.slice(0, 3000), 1000), { error: failure });

  const { received, error } = await drain(
    verified(body, blake3Hex(bytes), 5000, () => assert.fail("called damaged")),
  );

  assert.equal(error, failure);
  assert.equal(received, 2000);
});

Deno.test("a reader that stops cancels the body", async () => {
  const bytes = noise(5000);
  let reason: unknown;
  const body = bodyOf(pieces(bytes, 1000), { cancelled: (why) => reason = why });
  const reader = verified(body, blake3Hex(bytes), 5000, assert.fail).getReader();
  await reader.read();

  await reader.cancel("gone");

  assert.equal(reason, "gone");
});

Deno.test("nothing is read before it is asked for", async () => {
  const bytes = noise(100_000);
  let read = 0;
  const body = bodyOf((function* () {
    for (const piece of pieces(bytes, 1000)) {
      read++;
      yield piece;
    }
  })());
  const reader = verified(body, blake3Hex(bytes), bytes.length, assert.fail).getReader();

  // Anything else that takes several turns.
  await new Response(bodyOf(pieces(bytes, 1000))).bytes();
  assert.equal(read, 0);
  await reader.read();

  assert.equal(read, 2);
  await reader.cancel();
});

function flip(where: number): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => {
    const damaged = bytes.slice();
    const at = Math.floor((bytes.length - 1) * where);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    return damaged;
  };
}
