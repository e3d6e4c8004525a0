// The sample tinycloud.toml is the table of options, as a file.

import assert from "node:assert/strict";
import { TABLE } from "../../../src/config/options.ts";
import { readEntries } from "../../../src/config/toml.ts";
import { CWD, load } from "./support.ts";

const SAMPLE = await Deno.readTextFile(new URL("../../../tinycloud.toml", import.meta.url));
const UNCOMMENTED = SAMPLE.replace(/^# /gm, "");
const FIRST_START = ["cors", "storage.database", "storage.blocks.path"];

function namesIn(toml: string): string[] {
  return readEntries(toml).map(({ path }) => path.slice(1).join("."));
}

Deno.test("with every line uncommented the sample sets every option once", () => {
  assert.deepEqual(namesIn(UNCOMMENTED).toSorted(), [...TABLE.keys()].toSorted());
});

Deno.test("as it stands the sample sets what a first start wants and nothing else", async () => {
  const { config, warnings } = await load({ toml: SAMPLE });

  assert.deepEqual(namesIn(SAMPLE), FIRST_START);
  assert.equal(config.cors, true);
  assert.deepEqual(config.storage.database, { kind: "sqlite", path: `${CWD}/data/caps.db` });
  assert.deepEqual(config.storage.blocks, { kind: "Local", path: `${CWD}/data/blocks` });
  assert.deepEqual(warnings, []);
});

Deno.test("but for the first start the sample's values are the defaults in code", async () => {
  const { config: byDefault } = await load();

  const { config } = await load({ toml: UNCOMMENTED });

  assert.deepEqual(config, {
    ...byDefault,
    cors: true,
    prometheus: { ...byDefault.prometheus, portIsDefault: false },
    storage: {
      ...byDefault.storage,
      database: { kind: "sqlite", path: `${CWD}/data/caps.db` },
    },
  });
});

Deno.test("each option in the sample stands below its meaning", () => {
  const lines = SAMPLE.split("\n");
  const options = readEntries(UNCOMMENTED);

  for (const { path, line } of options) {
    const option = TABLE.get(path.slice(1).join("."));
    const later = option?.notYet === undefined ? "" : " Not in this version yet.";
    assert.equal(lines[line - 2], `## ${option?.meaning}${later}`);
  }
});
