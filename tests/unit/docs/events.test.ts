// docs/events.md tells of every event that the source logs, with its levels, and of no other.

import assert from "node:assert/strict";
import { sources } from "../../support/sources.ts";

const PAGE = await Deno.readTextFile(new URL("../../../docs/events.md", import.meta.url));

interface Told {
  readonly levels: readonly string[];
  readonly fields: readonly string[];
}

const TOLD: ReadonlyMap<string, Told> = new Map(
  PAGE.split(/^### /m).slice(1).map((section) => {
    const [name = "", , head = ""] = section.split("\n");
    const [levels = "", fields = ""] = head.split(" · ");
    return [name, {
      levels: [...levels.matchAll(/`(\w+)`/g)].map(([, level = ""]) => level).sort(),
      fields: fields === "" ? [] : fields.split(", "),
    }];
  }),
);

const SOURCES = await sources("src");
const NAMES = quoted(SOURCES.get("telemetry/events.ts") ?? "");

function quoted(text: string): string[] {
  return [...text.matchAll(/\| "([a-z_.]+)"/g)].map(([, name = ""]) => name);
}

/** The levels at which the source logs it: by a method of the log, or a line made by hand. */
function levelsOf(event: string): string[] {
  const call = new RegExp(
    `\\b(error|warn|info|debug|write)\\b\\W{1,4}"${RegExp.escape(event)}"`,
    "g",
  );
  const found = [...SOURCES].filter(([path]) => path !== "telemetry/events.ts")
    .flatMap(([, text]) => [...text.matchAll(call)].map(([, level = ""]) => level))
    // The handler has one variable for both.
    .flatMap((level) => level === "write" ? ["info", "debug"] : [level]);
  return [...new Set(found)].sort();
}

Deno.test("docs/events.md has every event that is logged, at its levels, and no other", () => {
  const logged = NAMES.map((name) => [name, levelsOf(name)] as const);
  const silent = logged.filter(([, levels]) => levels.length === 0).map(([name]) => name);

  assert.deepEqual(silent, [], "what nothing logs");
  const expected = logged.filter(([, levels]) => levels.length > 0);
  assert.ok(expected.length >= 15);
  assert.deepEqual(
    Object.fromEntries([...TOLD].map(([name, { levels }]) => [name, levels])),
    Object.fromEntries(expected),
  );
});

Deno.test("the fields that it names are fields of the log", () => {
  const text = SOURCES.get("telemetry/fields.ts") ?? "";
  const known = new Set([...text.matchAll(/^ {2}readonly (\w+)\?:/gm)].map(([, name]) => name));

  assert.ok(known.has("trace") && known.has("detail"));
  const unknown = [...TOLD.values()].flatMap(({ fields }) => fields)
    .filter((name) => !known.has(name));
  assert.deepEqual(unknown, []);
});
