// The table of options holds together.

import assert from "node:assert/strict";
import { TABLE } from "../../../src/config/options.ts";
import { Refusal } from "../../../src/config/refusal.ts";
import { variableName } from "../../../src/config/sources.ts";

for (const [name, option] of TABLE) {
  Deno.test(`${name} accepts its own default and says what it means in one line`, () => {
    const before = { "address": "127.0.0.1", "storage.blocks.path": "./data/blocks" };
    const standard = typeof option.default === "function" ? option.default(before) : option.default;

    assert(!(option.read(standard) instanceof Refusal));
    assert.match(option.meaning, /^\P{Cc}{10,97}$/u);
    assert.match(option.meaning, /[.]$/);
  });
}

Deno.test("no two options answer to the same variable", () => {
  const names = [...TABLE.keys()].map(variableName);

  assert.equal(new Set(names).size, names.length);
});

Deno.test("options from which others derive their default stand before them", () => {
  const names = [...TABLE.keys()];

  assert(names.indexOf("address") < names.indexOf("prometheus.address"));
  assert(names.indexOf("storage.blocks.path") < names.indexOf("storage.staging_path"));
});
