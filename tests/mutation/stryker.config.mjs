// Which changes to the pure rules would no test notice? Stryker makes them one at a time; every one
// that survives stands with its reason in survivors.md. It needs Node and npm, and is no dependency
// of this project. From its root, half an hour on two quiet cores:
//
//   for file in src/tokens/*.ts src/capabilities/*.ts; do
//     MUTATE=$file npx -y -p @stryker-mutator/core@9.6.1 stryker run tests/mutation/stryker.config.mjs
//   done
//
// MUTATE may name lines: src/tokens/did.ts:14-15,src/tokens/did.ts:38-38. With ALL=1, what a file's
// own tests leave is tried against all of unit/tokens, unit/capabilities and conformance too, some ten
// seconds for each. Reports lie in {tmp}/tinycloud-mutation.

import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

const mutate = process.env.MUTATE ?? "src/tokens/did.ts";
const file = mutate.replace(/\.ts.*/, "").replace(/^src\//, "");
const place = join(tmpdir(), "tinycloud-mutation");

const TEST = "deno test --no-check --quiet --no-prompt --fail-fast --allow-env --allow-read " +
  "--allow-write --allow-sys --allow-net=127.0.0.1,localhost,[::1]";
const own = `tests/unit/${file}.test.ts`;
const folder = `tests/unit/${file.split("/")[0]}`;
const commands = [`${TEST} ${existsSync(own) ? own : folder}`];
if (process.env.ALL === "1") {
  const all = "tests/unit/tokens tests/unit/capabilities tests/conformance";
  commands.push(`${TEST} --ignore=tests/unit/tokens/fuzz_parsers.test.ts ${all}`);
}

/**
 * The sentences of `malformed(…)` are for people: wire §10 lists none of them, only `{what}`. Nothing
 * else is left out.
 */
const sentences = {
  shouldIgnore(path) {
    const isSentence = path.isStringLiteral() || path.isTemplateLiteral();
    const call = path.parentPath;
    if (isSentence && call?.isCallExpression() && call.node.callee.name === "malformed") {
      return "a sentence for people";
    }
  },
};
export const strykerPlugins = [{ kind: "Ignore", name: "sentences", value: sentences }];

export default {
  mutate: mutate.split(","),
  testRunner: "command",
  commandRunner: { command: commands.join(" && ") },
  plugins: [new URL(import.meta.url).pathname],
  ignorers: ["sentences"],
  disableTypeChecks: false,
  ignorePatterns: ["dist", "data", "bench", "docs", "coverage"],
  concurrency: 2,
  // An endless loop counts as killed.
  timeoutMS: 20_000,
  timeoutFactor: 1.5,
  reporters: ["clear-text", "json"],
  clearTextReporter: { allowColor: false, reportTests: false, reportScoreTable: false },
  jsonReporter: { fileName: join(place, `${file.replace("/", "_")}.json`) },
  tempDirName: join(place, "sandbox"),
  allowEmpty: true,
};
