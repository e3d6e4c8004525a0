// Every setting of a TOML text with its line, whatever way it is written; and the bounds.

import assert from "node:assert/strict";
import { readEntries, TomlProblem } from "../../../src/config/toml.ts";

function flat(toml: string): string[] {
  return readEntries(toml).map(({ path, value, line }) =>
    `${line} ${path.join("/")} ${JSON.stringify(value)}`
  );
}

const READ: readonly [what: string, toml: string, entries: string[]][] = [
  ["an empty text", "", []],
  ["a comment", "# port = 1", []],
  ["a key without a table", "port = 1", ["1 port 1"]],
  ["keys below tables", "[a]\nx = 1\n\n[b.c]\n# no\ny = true", ["2 a/x 1", "6 b/c/y true"]],
  ["a dotted key below a table", "[a]\nb.c = 1", ["2 a/b/c 1"]],
  ["quoted keys", `["a.b"]\n"c d" = 1`, ["2 a.b/c d 1"]],
  ["indented lines and Windows line ends", "[a]\r\n  x = 1\r\n\ty = 2\r\n", ["2 a/x 1", "3 a/y 2"]],
  ["a byte order mark", "\uFEFF[a]\nx = 1", ["2 a/x 1"]],
  ["an inline table", "[a]\nb = { x = 1, y = 2 }", ["2 a/b/x 1", "2 a/b/y 2"]],
  ["an empty table", "[a]\n[b]\nc = {}", []],
  ["a list over several lines", "x = [\n  1, # ]\n  2,\n]\ny = 3", [`1 x [1,2]`, "5 y 3"]],
  [
    "a text over several lines that looks like keys",
    `x = """\n[a]\ny = 1\n"""\nz = '''\n"""'''\ny = 2`,
    [`1 x "[a]\\ny = 1\\n"`, `5 z "\\"\\"\\""`, "7 y 2"],
  ],
  ["tables in a list", "[[a]]\nx = 1\n[[a]]", ["1 a [{}]", "2 a/x 1", "3 a [{}]"]],
  ["a date", "x = 2026-11-25", [`1 x "2026-11-25"`]],
  ["names of JavaScript's own", "[__proto__]\nconstructor = 1", ["2 __proto__/constructor 1"]],
];

for (const [what, toml, entries] of READ) {
  Deno.test(`${what} is read line by line`, () => {
    assert.deepEqual(flat(toml), entries);
  });
}

Deno.test("keys more than 16 levels deep are cut there, below tables and by dots", () => {
  const deep = "a.".repeat(60_000) + "a";

  const entries = readEntries(`${deep} = 1\n[${deep.replaceAll("a", "b")}]`);

  assert.deepEqual(entries.map(({ path, line }) => [path.length, line]), [[16, 1], [16, 2]]);
});

const REFUSED: readonly [what: string, toml: string, line: number, message: string][] = [
  ["a syntax error", "a = 1\nb = \nc = 2", 2, "Invalid TOML document: invalid value"],
  ["a text without end", `a = 1\nb = "x`, 2, "Invalid TOML document: unfinished string"],
  [
    "a key set twice",
    "[t]\na = 1\na = 2",
    3,
    "Invalid TOML document: trying to redefine an already defined table or value",
  ],
  [
    "a number beyond 2^53",
    "a = 9007199254740993",
    1,
    "Invalid TOML document: integer value cannot be represented losslessly",
  ],
  [
    "deeply nested lists",
    `a = ${"[".repeat(100_000)}`,
    1,
    "Invalid TOML document: document contains excessively nested structures. aborting.",
  ],
  [
    "a value of 101 lines",
    `a = 1\nb = [${"\n".repeat(100)}]`,
    2,
    "a value takes more than 100 lines",
  ],
  [
    "1,001 keys",
    Array.from({ length: 1001 }, (_, index) => `k${index} = 1`).join("\n"),
    1001,
    "the file sets more than 1000 options",
  ],
];

for (const [what, toml, line, message] of REFUSED) {
  Deno.test(`${what} is refused with its line`, () => {
    assert.throws(() => readEntries(toml), { name: "TomlProblem", line, message });
  });
}

Deno.test("a value of 100 lines and 1,000 keys are read", () => {
  const keys = Array.from({ length: 999 }, (_, index) => `k${index} = 1`).join("\n");

  assert.equal(readEntries(`a = [${"\n".repeat(99)}]\n${keys}`).length, 1000);
});

Deno.test("a syntax error does not quote the text, not even as its cause", () => {
  try {
    readEntries(`secret = "hunter2`);
    assert.fail("no error");
  } catch (error) {
    assert(error instanceof TomlProblem);
    assert.doesNotMatch(Deno.inspect(error).split("\n    at ").at(0) ?? "", /hunter2/);
    assert.equal(error.cause, undefined);
  }
});
