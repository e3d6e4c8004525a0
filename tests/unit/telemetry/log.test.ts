import assert from "node:assert/strict";
import type { Clock } from "../../../src/telemetry/clock.ts";
import { createLog, type Log, type LogLevel } from "../../../src/telemetry/log.ts";

const clock: Clock = {
  nowSeconds: () => Date.UTC(2026, 10, 25, 12, 53, 1, 123) / 1000,
  monotonicMs: () => 0,
};

function aLog(options: { level?: LogLevel; format?: "Text" | "Json"; colours?: boolean } = {}) {
  const lines: string[] = [];
  const log = createLog({
    level: "normal",
    format: "Text",
    clock,
    write: (line) => lines.push(line),
    ...options,
  });
  return { log, lines };
}

const LEVELS = [
  ["off", []],
  ["critical", ["error"]],
  ["normal", ["error", "warn", "info"]],
  ["debug", ["error", "warn", "info", "debug"]],
] as const;

for (const [level, shown] of LEVELS) {
  Deno.test(`level ${level} shows ${shown.join(", ") || "nothing"}`, () => {
    const { log, lines } = aLog({ level });

    for (const severity of ["error", "warn", "info", "debug"] as const) log[severity]("request");

    assert.deepEqual(lines.map((line) => line.split(" ")[1]), shown);
  });
}

Deno.test("a request in Text form is one line that people can read", () => {
  const { log, lines } = aLog();

  log.info("request", {
    method: "POST",
    route: "/invoke",
    status: 200,
    ms: 3.1415,
    bytes: 1024,
    trace: "4bf92f3577b34da6a3ce929d0e0e4736",
    space: "tinycloud:pkh:eip155:1:0x9D85ca56217D2bb651b00f15e694EB7E713637D4:default",
  });

  assert.deepEqual(lines, [
    "12:53:01.123 info request POST /invoke 200 3.1ms 1024B" +
    " trace=4bf92f3577b34da6a3ce929d0e0e4736" +
    " space=tinycloud:pkh:eip155:1:0x9D85ca56217D2bb651b00f15e694EB7E713637D4:default",
  ]);
});

Deno.test("a request in Json form is one object with ISO time", () => {
  const { log, lines } = aLog({ format: "Json" });

  log.info("request", { method: "GET", route: "/version", status: 200, ms: 0.25 });

  assert.deepEqual(lines, [
    '{"time":"2026-11-25T12:53:01.123Z","level":"info","event":"request",' +
    '"method":"GET","route":"/version","status":200,"ms":0.25}',
  ]);
});

Deno.test("what a caller chose appears at level debug and at no other", () => {
  const fields = { key: "diary/1", cause: new Error("Duplicate entry 'diary/1'") };
  const normal = aLog({ level: "normal" });
  const debug = aLog({ level: "debug" });

  normal.log.error("request.failed", fields);
  debug.log.error("request.failed", fields);

  assert.ok(!normal.lines.join().includes("diary"));
  assert.equal(debug.lines.join().split("diary/1").length - 1, 2);
});

Deno.test("colours come only when asked for", () => {
  const plain = aLog();
  const coloured = aLog({ colours: true });

  for (const { log } of [plain, coloured]) log.error("scrub.failed");

  assert.deepEqual(plain.lines, ["12:53:01.123 error scrub.failed"]);
  assert.deepEqual(coloured.lines, ["12:53:01.123 \x1b[31merror\x1b[0m scrub.failed"]);
});

Deno.test("Json has no colours", () => {
  const { log, lines } = aLog({ format: "Json", colours: true });

  log.error("scrub.failed");

  assert.ok(!lines.join().includes("\x1b"));
});

Deno.test("a writer that throws is not called again and never breaks a caller", async () => {
  let calls = 0;
  const log: Log = createLog({
    level: "normal",
    format: "Json",
    write: () => {
      calls++;
      throw new Deno.errors.BrokenPipe();
    },
  });

  log.info("request");
  log.error("request.failed");
  await log.flush();

  assert.equal(calls, 1);
});

// What a caller may put into a field, and what would come of it unescaped.
const INJECTIONS = [
  ["a newline", "a\n12:00:00.000 error scrub.failed"],
  ["a carriage return", "a\rb"],
  ["an escape sequence", "a\x1b[2Jb"],
  ["a NUL", "a\0b"],
  ["a C1 control", "a\u009b31mb"],
  ["a line separator", "a\u2028b"],
  ["a paragraph separator", "a\u2029b"],
  ["a text reversal", "a\u202eb"],
  ["a zero-width space", "a\u200bb"],
  ["a tag character beyond the first plane", "a\u{e0041}b"],
  ["a lone surrogate", "a\ud800b"],
  ["a quote", 'a" level="error'],
  ["a backslash at the end", "a\\"],
  ["a forged field", "a trace=00000000000000000000000000000000"],
] as const;

for (const [name, value] of INJECTIONS) {
  for (const format of ["Text", "Json"] as const) {
    Deno.test(`${name} in a value stays inside it, in ${format} form`, () => {
      const { log, lines } = aLog({ format });

      log.info("config.warning", { note: value });

      const [line = ""] = lines;
      assert.match(line, /^[\x20-\x7e]*$/);
      const quoted = format === "Text"
        ? line.slice("12:53:01.123 info config.warning note=".length)
        : JSON.stringify(JSON.parse(line).note);
      assert.equal(JSON.parse(quoted), value);
    });
  }
}
