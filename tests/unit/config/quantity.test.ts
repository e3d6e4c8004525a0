// Byte sizes and lengths of time: what is read, what is refused.

import assert from "node:assert/strict";
import { parseBytes, parseMilliseconds } from "../../../src/config/quantity.ts";

const SIZES: readonly [raw: unknown, bytes: number | undefined][] = [
  [1024, 1024],
  ["1024", 1024],
  [0, 0],
  ["0", 0],
  ["7 B", 7],
  ["10 MiB", 10_485_760],
  ["10MiB", 10_485_760],
  ["10 mib", 10_485_760],
  ["100 GiB", 107_374_182_400],
  ["5kB", 5000],
  ["5KB", 5000],
  ["5 KiB", 5120],
  ["3 MB", 3_000_000],
  ["2 GB", 2_000_000_000],
  ["1 TB", 1_000_000_000_000],
  ["1 TiB", 1_099_511_627_776],
  ["1.5 GiB", 1_610_612_736],
  ["1.1 MB", 1_100_000],
  ["1.001 kB", 1001],
  [9_007_199_254_740_991, 9_007_199_254_740_991],
  [9_007_199_254_740_992, undefined],
  ["9000 TiB", undefined],
  ["", undefined],
  ["MiB", undefined],
  ["-1", undefined],
  [-1, undefined],
  ["+1", undefined],
  ["1e3", undefined],
  ["1_000", undefined],
  ["1,5 MiB", undefined],
  [".5 MiB", undefined],
  ["10  MiB", undefined],
  [" 10 MiB", undefined],
  ["10 MiB ", undefined],
  ["10\nMiB", undefined],
  ["10 M", undefined],
  ["10 s", undefined],
  ["10 bytes", undefined],
  ["١٠", undefined],
  ["9".repeat(17), undefined],
  [NaN, undefined],
  [Infinity, undefined],
  [true, undefined],
  [["1"], undefined],
  [new Date(0), undefined],
];

for (const [raw, bytes] of SIZES) {
  const outcome = bytes === undefined ? "no size" : `${bytes} bytes`;
  Deno.test(`${Deno.inspect(raw)} is ${outcome}`, () => {
    assert.equal(parseBytes(raw), bytes);
  });
}

const TIMES: readonly [raw: unknown, milliseconds: number | undefined][] = [
  ["250 ms", 250],
  ["5 s", 5000],
  ["5s", 5000],
  ["5 S", 5000],
  ["10 min", 600_000],
  ["12 h", 43_200_000],
  ["7 d", 604_800_000],
  ["1.5 s", 1500],
  [300, 300_000],
  ["300", 300_000],
  [0.25, 250],
  ["10 m", undefined],
  ["10 minutes", undefined],
  ["1 y", undefined],
  ["off", undefined],
  ["-5 s", undefined],
  ["5 MiB", undefined],
  [false, undefined],
];

for (const [raw, milliseconds] of TIMES) {
  const outcome = milliseconds === undefined ? "no length of time" : `${milliseconds} milliseconds`;
  Deno.test(`${Deno.inspect(raw)} is ${outcome}`, () => {
    assert.equal(parseMilliseconds(raw), milliseconds);
  });
}
