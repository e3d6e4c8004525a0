// What each kind of option accepts, and the sentence for what it does not.

import assert from "node:assert/strict";
import {
  bytes,
  duration,
  flag,
  headerName,
  host,
  httpUrl,
  type Kind,
  limitBytes,
  list,
  networks,
  oneOf,
  optional,
  path,
  text,
  whole,
} from "../../../src/config/kinds.ts";
import { Refusal } from "../../../src/config/refusal.ts";

const KINDS = {
  flag,
  oneOf: oneOf("Memory", "FileSystem"),
  whole: whole(1, 65_535),
  bytes: bytes("1 B", "1 MiB"),
  limitBytes,
  duration: duration("1 s", "1 h"),
  text,
  path,
  host,
  headerName,
  httpUrl,
  list,
  networks,
  optional: optional("off", duration("1 s", "1 h")),
} satisfies Record<string, Kind<unknown>>;

type KindName = keyof typeof KINDS;

const ACCEPTED: readonly [kind: KindName, raw: unknown, value: unknown][] = [
  ["flag", true, true],
  ["flag", false, false],
  ["flag", "true", true],
  ["flag", "false", false],
  ["oneOf", "FileSystem", "FileSystem"],
  ["whole", 1, 1],
  ["whole", 65_535, 65_535],
  ["whole", "8000", 8000],
  ["bytes", 1, 1],
  ["bytes", "1 MiB", 1_048_576],
  ["limitBytes", "10 MiB", 10_485_760],
  ["limitBytes", 0, undefined],
  ["limitBytes", "0", undefined],
  ["limitBytes", "0 B", undefined],
  ["duration", "1 s", 1000],
  ["duration", "1 h", 3_600_000],
  ["duration", 90, 90_000],
  ["text", "eu-north-1", "eu-north-1"],
  ["text", "å".repeat(1024), "å".repeat(1024)],
  ["path", "data/my blocks", "data/my blocks"],
  ["host", "127.0.0.1", "127.0.0.1"],
  ["host", "0.0.0.0", "0.0.0.0"],
  ["host", "::", "::"],
  ["host", "fe80::1%eth0", "fe80::1%eth0"],
  ["host", "localhost", "localhost"],
  ["host", "node-1.example.org", "node-1.example.org"],
  ["headerName", "TinyCloud-Trace-Id", "TinyCloud-Trace-Id"],
  ["httpUrl", "https://example.org/a", new URL("https://example.org/a")],
  ["httpUrl", "http://localhost:10000", new URL("http://localhost:10000")],
  ["list", [], []],
  ["list", ["10.0.0.0/8", "::1/128"], ["10.0.0.0/8", "::1/128"]],
  ["list", "10.0.0.0/8, ::1/128", ["10.0.0.0/8", "::1/128"]],
  ["optional", "off", undefined],
  ["optional", "10 min", 600_000],
];

for (const [kind, raw, value] of ACCEPTED) {
  Deno.test(`${kind} reads ${Deno.inspect(raw).slice(0, 40)}`, () => {
    const read = KINDS[kind](raw);

    assert.deepEqual(read, value);
    // deepEqual takes all URLs for equal.
    assert.equal(String(read), String(value));
  });
}

const REFUSALS: readonly [
  kind: KindName,
  sentence: string,
  raws: readonly (readonly [unknown, string])[],
][] = [
  ["flag", "it must be true or false", [["yes", `"yes"`], [1, "1"], ["TRUE", `"TRUE"`], [
    "",
    `""`,
  ]]],
  ["oneOf", `it must be "Memory" or "FileSystem"`, [["memory", `"memory"`], [
    ["Memory"],
    `["Memory"]`,
  ]]],
  ["whole", "it must be a whole number from 1 to 65535", [
    [0, "0"],
    [65_536, "65536"],
    [-1, "-1"],
    [1.5, "1.5"],
    [NaN, "NaN"],
    [Infinity, "Infinity"],
    ["", `""`],
    ["08000", `"08000"`],
    ["8e3", `"8e3"`],
    ["0x50", `"0x50"`],
    [" 80", `" 80"`],
    ["99999999999999999", `"99999999999999999"`],
    [true, "true"],
    [new Date(0), `"1970-01-01T00:00:00.000Z"`],
  ]],
  ["bytes", `it must be a size from 1 B to 1 MiB, such as "64 KiB"`, [
    [0, "0"],
    ["1.1 MiB", `"1.1 MiB"`],
    ["lots", `"lots"`],
  ]],
  ["limitBytes", `it must be a size such as "10 MiB", or 0 for no limit`, [
    ["none", `"none"`],
    [-5, "-5"],
  ]],
  ["duration", `it must be a time from 1 s to 1 h, such as "10 min", or a number of seconds`, [
    ["999 ms", `"999 ms"`],
    [3601, "3601"],
    ["soon", `"soon"`],
  ]],
  ["text", "it must be text of 1 to 1024 characters without control characters", [
    ["", `""`],
    ["a\nb", `"a\\nb"`],
    ["\u001b[2J", `"\\u001b[2J"`],
    ["\u009b2J", `"\\u{9b}2J"`],
    ["x".repeat(1025), `"${"x".repeat(79)}…`],
    [5, "5"],
  ]],
  ["path", "it must be a path of 1 to 1024 characters without control characters", [
    ["", `""`],
    ["a\0b", `"a\\u0000b"`],
  ]],
  ["host", `it must be an IP address such as "127.0.0.1" or "::", or a host name`, [
    ["", `""`],
    ["[::1]", `"[::1]"`],
    ["127.0.0.1:8000", `"127.0.0.1:8000"`],
    ["300.0.0.1", `"300.0.0.1"`],
    ["127.1", `"127.1"`],
    ["a b", `"a b"`],
    [`${"a.".repeat(126)}bc`, `"${"a.".repeat(39)}a…`],
    [0, "0"],
  ]],
  ["headerName", "it must be a header name of 1 to 64 letters, digits and -", [
    ["", `""`],
    ["Trace Id", `"Trace Id"`],
    ["Trace:", `"Trace:"`],
    ["X".repeat(65), `"${"X".repeat(65)}"`],
    [null, "null"],
  ]],
  ["list", `it must be a list of texts such as ["10.0.0.0/8"]`, [
    ["", `""`],
    ["a,,b", `"a,,b"`],
    [[1], "[1]"],
    [true, "true"],
  ]],
  ["networks", `it must be a list of addresses or networks such as ["10.0.0.0/8", "::1"]`, [
    ["10.0.0.0/33", `"10.0.0.0/33"`],
    [["localhost"], `["localhost"]`],
    [true, "true"],
  ]],
  [
    "optional",
    `it must be a time from 1 s to 1 h, such as "10 min", or a number of seconds, or "off"`,
    [["none", `"none"`]],
  ],
];

for (const [kind, sentence, raws] of REFUSALS) {
  for (const [raw, shown] of raws) {
    Deno.test(`${kind} refuses ${Deno.inspect(raw).slice(0, 40)}`, () => {
      const refused = KINDS[kind](raw);

      assert(refused instanceof Refusal);
      assert.equal(refused.sentence, `is ${shown}; ${sentence}`);
    });
  }
}

const URLS: readonly unknown[] = [
  "example.org",
  "ftp://example.org",
  "https://node:hunter2@example.org",
  "https://:hunter2@example.org",
  "https://example.org?key=hunter2",
  "https://example.org#hunter2",
  "https://",
  "",
  80,
];

for (const raw of URLS) {
  Deno.test(`httpUrl refuses ${Deno.inspect(raw)} without repeating it`, () => {
    const refused = httpUrl(raw);

    assert(refused instanceof Refusal);
    assert.equal(
      refused.sentence,
      "is not such a URL; it must be an http:// or https:// URL without user, password, query " +
        "and fragment",
    );
  });
}
