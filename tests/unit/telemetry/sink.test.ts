import assert from "node:assert/strict";
import { createSink, type LineSink } from "../../../src/telemetry/sink.ts";

/** An output whose every write waits until the test lets it end. */
class HeldOutput {
  readonly written: string[] = [];
  #writes: PromiseWithResolvers<void>[] = [];
  #arrival = Promise.withResolvers<void>();

  async write(bytes: Uint8Array): Promise<number> {
    const gate = Promise.withResolvers<void>();
    this.#writes.push(gate);
    this.#arrival.resolve();
    await gate.promise;
    this.written.push(new TextDecoder().decode(bytes));
    return bytes.length;
  }

  async nextWrite(): Promise<PromiseWithResolvers<void>> {
    await this.#arrival.promise;
    this.#arrival = Promise.withResolvers();
    const gate = this.#writes.shift();
    assert.ok(gate !== undefined);
    return gate;
  }
}

/** An output that answers each write by the next of `answers`, and then takes everything. */
function scripted(answers: readonly (number | Error)[]) {
  const taken: string[] = [];
  const left = [...answers];
  return {
    taken,
    calls: 0,
    write(bytes: Uint8Array): Promise<number> {
      this.calls++;
      const answer = left.shift() ?? bytes.length;
      if (answer instanceof Error) return Promise.reject(answer);
      taken.push(new TextDecoder().decode(bytes.subarray(0, answer)));
      return Promise.resolve(answer);
    },
  };
}

function aSink(
  output: { write(bytes: Uint8Array): Promise<number> },
  options: { maxChars?: number; flushMs?: number } = {},
): LineSink {
  return createSink(output, { droppedLine: (count) => `dropped ${count}`, ...options });
}

Deno.test("lines come out in order, each with a newline", async () => {
  const output = scripted([]);
  const sink = aSink(output);

  sink.write("one", false);
  sink.write("two", true);
  sink.write("three", false);
  await sink.flush();

  assert.equal(output.taken.join(""), "one\ntwo\nthree\n");
});

Deno.test("a line that is not urgent is written without another one or a flush", async () => {
  const output = new HeldOutput();
  const sink = aSink(output);

  sink.write("alone", false);
  const write = await output.nextWrite();
  write.resolve();
  await sink.flush();

  assert.deepEqual(output.written, ["alone\n"]);
});

Deno.test("lines that arrive during a write go out together in the next", async () => {
  const output = new HeldOutput();
  const sink = aSink(output);

  sink.write("first", true);
  const first = await output.nextWrite();
  sink.write("second", false);
  sink.write("third", true);
  first.resolve();
  (await output.nextWrite()).resolve();
  await sink.flush();

  assert.deepEqual(output.written, ["first\n", "second\nthird\n"]);
});

Deno.test("a line written just when a write ends is not left behind", async () => {
  // The drain comes to its end in one of these microtasks.
  for (let microtasks = 0; microtasks < 20; microtasks++) {
    const both = Promise.withResolvers<void>();
    const deadline = setTimeout(() => both.reject(new Error(`left after ${microtasks}`)), 1000);
    let written = "";
    const sink = aSink({
      write(bytes) {
        written += new TextDecoder().decode(bytes);
        if (written === "first\nlate\n") both.resolve();
        return Promise.resolve(bytes.length);
      },
    });

    sink.write("first", true);
    for (let i = 0; i < microtasks; i++) await Promise.resolve();
    sink.write("late", true);

    await both.promise;
    clearTimeout(deadline);
  }
});

Deno.test("lines beyond the bound are dropped, and one line says how many", async () => {
  const output = new HeldOutput();
  const sink = aSink(output, { maxChars: 20 });

  sink.write("123456789", true); // 10 with its newline, held by the write under way
  const first = await output.nextWrite();
  sink.write("abcdefghi", false); // 20: full
  sink.write("x", false);
  sink.write("y", true);
  first.resolve();
  (await output.nextWrite()).resolve();
  await sink.flush();
  sink.write("room again", true);
  (await output.nextWrite()).resolve();
  await sink.flush();

  assert.deepEqual(output.written, [
    "123456789\n",
    "abcdefghi\ndropped 2\n",
    "room again\n",
  ]);
});

Deno.test("a million lines to a reader who is stuck hold no more than the bound", async () => {
  const output = new HeldOutput();
  const sink = aSink(output, { maxChars: 1000 });

  sink.write("first", true);
  const first = await output.nextWrite();
  for (let i = 0; i < 1_000_000; i++) sink.write("0123456789", false);
  first.resolve();
  (await output.nextWrite()).resolve();
  await sink.flush();

  const [, rest = ""] = output.written;
  assert.equal(rest.length, 90 * 11 + "dropped 999910\n".length);
  assert.ok(rest.endsWith("\ndropped 999910\n"));
});

Deno.test("an output that takes a part of the bytes gets the rest", async () => {
  const output = scripted([1, 2, 3]);
  const sink = aSink(output);

  sink.write("0123456789", true);
  await sink.flush();

  assert.deepEqual(output.taken, ["0", "12", "345", "6789\n"]);
});

for (
  const [name, error] of [
    ["a broken pipe", new Deno.errors.BrokenPipe("Broken pipe (os error 32)")],
    ["a closed resource", new Deno.errors.BadResource("Bad resource ID")],
  ] as const
) {
  Deno.test(`${name} ends logging and throws nothing`, async () => {
    const output = scripted([error]);
    const sink = aSink(output);

    sink.write("lost", true);
    await sink.flush();
    sink.write("after", true);
    await sink.flush();

    assert.equal(output.calls, 1);
    assert.deepEqual(output.taken, []);
  });
}

Deno.test("a full disk is tried again from the byte where it stopped", async () => {
  const output = scripted([4, new Error("No space left on device (os error 28)")]);
  const sink = aSink(output);

  sink.write("0123456789", true);
  await sink.flush();

  assert.deepEqual(output.taken, ["0123", "456789\n"]);
});

Deno.test("flush ends by its deadline when the reader is stuck", async () => {
  const output = new HeldOutput();
  const sink = aSink(output, { flushMs: 1 });

  sink.write("never read", true);
  const stuck = await output.nextWrite();
  await sink.flush();

  assert.deepEqual(output.written, []);
  stuck.resolve();
});
