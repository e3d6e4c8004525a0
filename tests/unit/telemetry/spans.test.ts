import assert from "node:assert/strict";
import { noSpans, runtimeSpans, tracingWarning } from "../../../src/telemetry/spans.ts";

Deno.test("without OpenTelemetry there is no span to name, and work is done all the same", async () => {
  for (const spans of [noSpans, runtimeSpans()]) {
    assert.equal(spans.name("GET", "/info"), undefined);
    assert.equal(await spans.within("authorize", () => Promise.resolve(7)), 7);
    const fails = () => Promise.reject(new Error("canary"));
    await assert.rejects(() => spans.within("authorize", fails), /canary/);
  }
});

const WARNINGS: readonly [enabled: boolean, otelDeno: string | undefined, warns: boolean][] = [
  [true, undefined, true],
  [true, "false", true],
  [true, "", true],
  [true, "true", false],
  [true, "1", false],
  [false, undefined, false],
  [false, "true", false],
];

for (const [enabled, otelDeno, warns] of WARNINGS) {
  Deno.test(`tracing ${enabled} with OTEL_DENO=${otelDeno} ${warns ? "warns" : "is quiet"}`, () => {
    const sentence = tracingWarning(enabled, otelDeno);

    assert.equal(sentence !== undefined, warns);
    if (warns) assert.match(sentence ?? "", /OTEL_DENO=true/);
  });
}
