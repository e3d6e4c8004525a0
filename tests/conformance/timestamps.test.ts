// RFC 3339 times of SIWE messages (wire §3.1) against atproto's date-time vectors.

import assert from "node:assert/strict";
import { z } from "zod";
import { parseTimestamp } from "../../src/tokens/timestamp.ts";
import { Differences, runAll, vectorsOf } from "./vectors.ts";

Deno.test("atproto's times are times, of the instant that they name", async () => {
  const times = await vectorsOf("atproto-interop", "timeValid", z.string());

  runAll("atproto/time valid", 35, times, String, (time) => {
    const seconds = parseTimestamp(time);

    // Date.parse reads these rightly, but cuts the fraction to milliseconds.
    assert.equal(Math.floor((seconds ?? NaN) * 1000), Date.parse(time));
  });
});

const RFC_3339 = "RFC 3339 allows it; atproto is stricter";
/** Neither changes what was signed: a time stays in the message as it was written. */
const DIFFERENCES = new Differences({
  "1985-04-12T23:20:50.123z": RFC_3339,
  "1985-04-12t23:20:50.123Z": RFC_3339,
  "1985-04-12T23:20:50.123-00:00": RFC_3339,
  "0000-01-01T00:00:00+01:00": "an instant before year 0 is still a real date and time",
});

Deno.test("what atproto calls no time is none, but for its own strictness", async () => {
  for (const [part, count] of [["timeInvalid", 45], ["timeParseInvalid", 7]] as const) {
    const times = await vectorsOf("atproto-interop", part, z.string());

    runAll(`atproto/${part}`, count, times, String, (time) => {
      assert.equal(parseTimestamp(time) === undefined, !DIFFERENCES.has(time));
    });
  }

  await DIFFERENCES.assertExact();
});
