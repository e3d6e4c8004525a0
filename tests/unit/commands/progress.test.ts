// The line that says how far a command is: on a terminal only, now and then, and gone in the end.

import assert from "node:assert/strict";
import { progress } from "../../../src/commands/progress.ts";

function drawn(run: (io: { draw(text: string): void }) => void): string[] {
  const texts: string[] = [];
  run({ draw: (text) => void texts.push(text) });
  return texts;
}

Deno.test("a first step is drawn at once, with how much is done of all", () => {
  const texts = drawn((io) => progress(io, "reading", 200).advance(50));

  assert.deepEqual(texts, [`\r\x1b[Kreading [${"#".repeat(7)}${" ".repeat(23)}] 25 %`]);
});

Deno.test("where the end is not known the steps are counted", () => {
  const texts = drawn((io) => {
    progress(io, "reading").advance(7);
    progress(io, "checking").advance(0);
  });

  assert.deepEqual(texts, ["\r\x1b[Kreading 7", "\r\x1b[Kchecking …"]);
});

Deno.test("no more than all is done, and all of nothing is", () => {
  const texts = drawn((io) => {
    progress(io, "a", 10).advance(11);
    progress(io, "b", 0).advance(0);
  });

  assert.ok(texts.every((text) => text.endsWith(`[${"#".repeat(30)}] 100 %`)));
});

Deno.test("steps that follow at once are not drawn", () => {
  const texts = drawn((io) => {
    const shown = progress(io, "reading", 1_000);
    for (let step = 0; step < 1_000; step++) shown.advance(1);
  });

  // A slow machine may draw a few.
  assert.ok(texts.length >= 1 && texts.length < 100);
});

Deno.test("the line goes before other output, and in the end", () => {
  const texts = drawn((io) => {
    using shown = progress(io, "reading", 2);
    shown.clear();
    shown.advance(1);
    shown.clear();
  });

  assert.deepEqual(texts.slice(1), ["\r\x1b[K", "\r\x1b[K"]);
});

Deno.test("without a terminal nothing is drawn", () => {
  using shown = progress({}, "reading", 2);
  shown.advance(1);
  shown.clear();
});
