// RFC 3339 with offset and a real calendar date and time, matched whole (wire §3.1, grammar).

import assert from "node:assert/strict";
import fc from "fast-check";
import { parseTimestamp } from "../../../src/tokens/timestamp.ts";

const TIMES: readonly [text: string, seconds: number][] = [
  ["1970-01-01T00:00:00Z", 0],
  ["1970-01-01T00:00:00.25Z", 0.25],
  ["1969-12-31T23:59:59.25Z", -0.75],
  ["2025-06-15T15:06:40Z", 1_750_000_000],
  ["2025-06-15t15:06:40z", 1_750_000_000],
  ["2025-06-15T15:06:40.123456789Z", 1_750_000_000.123456789],
  ["2025-06-15T15:06:40.0Z", 1_750_000_000],
  // Beyond the middle of two numbers by less than a fraction alone can tell.
  ["2025-06-15T15:06:40.000000119209289550781250000000000000001Z", 1_750_000_000.0000002],
  ["2025-06-15T17:06:40+02:00", 1_750_000_000],
  ["2025-06-15T05:36:40-09:30", 1_750_000_000],
  ["2025-06-15T15:06:40+00:00", 1_750_000_000],
  ["2025-06-15T15:06:40-00:00", 1_750_000_000],
  ["2025-06-16T15:05:40+23:59", 1_750_000_000],
  ["2025-06-14T15:07:40-23:59", 1_750_000_000],
  ["2025-06-15T00:00:00Z", 1_749_945_600],
  ["2025-06-15T23:59:59Z", 1_750_031_999],
  ["2024-02-29T00:00:00Z", 1_709_164_800],
  ["2000-02-29T00:00:00Z", 951_782_400],
  ["0000-01-01T00:00:00Z", -62_167_219_200],
  ["0050-01-01T00:00:00Z", -60_589_296_000],
  ["0099-12-31T00:00:00Z", -59_011_545_600],
  ["9999-12-31T23:59:59Z", 253_402_300_799],
];
for (const [text, seconds] of TIMES) {
  Deno.test(`${text} is ${seconds}`, () => assert.equal(parseTimestamp(text), seconds));
}

const NO_TIMES: Readonly<Record<string, string>> = {
  "2025-06-15T15:06:60Z": "second 60",
  "2016-12-31T23:59:60Z": "second 60, though a leap second was then",
  "2025-06-15T15:06:61Z": "second 61",
  "2025-06-15T15:60:40Z": "minute 60",
  "2025-06-15T24:00:00Z": "hour 24",
  "2025-02-30T00:00:00Z": "30 February",
  "2023-02-29T00:00:00Z": "29 February in no leap year",
  "1900-02-29T00:00:00Z": "29 February in no leap year",
  "2025-06-31T00:00:00Z": "31 June",
  "2025-00-15T00:00:00Z": "month 0",
  "2025-13-15T00:00:00Z": "month 13",
  "2025-06-00T00:00:00Z": "day 0",
  "2025-06-15T15:06:40+24:00": "an offset of 24 hours",
  "2025-06-15T15:06:40+25:00": "an offset of 25 hours",
  "2025-06-15T15:06:40+02:60": "an offset of 60 minutes",
  "2025-06-15T15:06:40": "no offset",
  "2025-06-15T15:06:40+0200": "an offset without colon",
  "2025-06-15T15:06:40+02": "an offset without minutes",
  "2025-06-15T15:06:40 Z": "a space before the offset",
  "2025-06-15 15:06:40Z": "a space for T",
  "2025-06-15T15:06Z": "no seconds",
  "2025-06-15": "no time",
  "2025-06-15T15:06:40.Z": "an empty fraction",
  "2025-06-15T15:06:40,5Z": "a comma",
  "20250615T150640Z": "the basic form",
  "2025-6-15T15:06:40Z": "a month of one digit",
  "+002025-06-15T15:06:40Z": "a year of six digits",
  "-2025-06-15T15:06:40Z": "a negative year",
  " 2025-06-15T15:06:40Z": "a space before it",
  "2025-06-15T15:06:40Z ": "a space after it",
  "2025-06-15T15:06:40Z\n": "a line feed after it",
  "２０２５-06-15T15:06:40Z": "full-width digits",
  "1750000000": "a number",
  "1": "what Date.parse takes",
  "": "nothing",
};
for (const [text, why] of Object.entries(NO_TIMES)) {
  Deno.test(`${Deno.inspect(text)} is no time: ${why}`, () => {
    assert.equal(parseTimestamp(text), undefined);
  });
}

Deno.test("every instant that the platform writes is read as that instant", () => {
  const ISO = { min: new Date("0000-01-01T00:00:00Z"), max: new Date("9999-12-31T23:59:59.999Z") };
  fc.assert(fc.property(fc.date({ ...ISO, noInvalidDate: true }), (date) => {
    const seconds = parseTimestamp(date.toISOString());
    assert.equal(Math.round((seconds ?? NaN) * 1000), date.getTime());
  }));
});

Deno.test("an offset moves the instant, whatever the date", () => {
  const minutes = fc.integer({ min: -1439, max: 1439 });
  fc.assert(fc.property(fc.integer({ min: 0, max: 4_000_000_000 }), minutes, (now, offset) => {
    const local = new Date((now + offset * 60) * 1000).toISOString().slice(0, 19);
    const size = Math.abs(offset);
    const two = (value: number) => String(value).padStart(2, "0");
    const sign = offset < 0 ? "-" : "+";
    const text = `${local}${sign}${two(Math.floor(size / 60))}:${two(size % 60)}`;
    assert.equal(parseTimestamp(text), now);
  }));
});
