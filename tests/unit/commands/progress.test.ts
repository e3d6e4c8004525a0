// The line that shows how far a command has come.

import assert from "node:assert/strict";
import { progress } from "../../../src/commands/progress.ts";

/** A terminal of one line, and a clock. */
function terminal() {
  let ms = 0;
  let cursor = 0;
  const line: string[] = [];
  let drawn = 0;
  return {
    now: () => ms,
    pass: (by: number) => void (ms += by),
    draw(text: string) {
      drawn++;
      for (const character of text) {
        if (character === "\r") cursor = 0;
        else line[cursor++] = character;
      }
    },
    get line(): string {
      return line.join("").trimEnd();
    },
    get drawn(): number {
      return drawn;
    },
  };
}

Deno.test("a bar shows part and total, and grows with what is done", () => {
  const to = terminal();
  using bar = progress(to, "blocks", 2000, to.now);

  bar.at(0);
  assert.equal(to.line, "blocks  [........................]   0 %  0 of 2,000");
  to.pass(100);
  bar.at(1999);
  assert.equal(to.line, "blocks  [#######################.]  99 %  1,999 of 2,000");
  to.pass(100);
  bar.at(2000);
  assert.equal(to.line, "blocks  [########################] 100 %  2,000 of 2,000");
});

Deno.test("without a total there is a count, and a total may come later", () => {
  const to = terminal();
  using bar = progress(to, "database", undefined, to.now);

  bar.at(1234);
  assert.equal(to.line, "database  1,234");
  to.pass(100);
  bar.at(1, 2);
  assert.equal(to.line, "database  [############............]  50 %  1 of 2");
});

Deno.test("more done than there was to do, and nothing to do, are all of it", () => {
  const to = terminal();
  using bar = progress(to, "x", 0, to.now);

  bar.at(0);
  assert.ok(to.line.endsWith("] 100 %  0 of 0"));
  to.pass(100);
  bar.at(3, 2);
  assert.ok(to.line.endsWith("] 100 %  3 of 2"));
});

Deno.test("it is drawn ten times a second at most", () => {
  const to = terminal();
  using bar = progress(to, "blocks", 1000, to.now);

  for (let done = 0; done < 1000; done++) {
    bar.at(done);
    to.pass(1);
  }

  assert.equal(to.drawn, 10);
});

Deno.test("a shorter line leaves nothing of the longer one, and the end leaves nothing at all", () => {
  const to = terminal();
  const bar = progress(to, "blocks", 1_000_000, to.now);

  bar.at(1_000_000);
  to.pass(100);
  bar.at(1, 1);
  assert.equal(to.line, "blocks  [########################] 100 %  1 of 1");
  bar[Symbol.dispose]();

  assert.equal(to.line, "");
});

Deno.test("without a terminal nothing is drawn", () => {
  using bar = progress({}, "blocks", 10);

  bar.at(10);
});

Deno.test("steps add up, and the line goes before other output", () => {
  const to = terminal();
  using bar = progress(to, "blocks", 10, to.now);

  bar.advance(2);
  to.pass(100);
  bar.advance(3);
  assert.ok(to.line.endsWith("50 %  5 of 10"), to.line);
  bar.clear();
  assert.equal(to.line, "");
  to.pass(100);
  bar.advance(5);

  assert.ok(to.line.endsWith("100 %  10 of 10"), to.line);
});
