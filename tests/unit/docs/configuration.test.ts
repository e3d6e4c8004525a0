// docs/configuration.md is what the table of options amounts to now.

import assert from "node:assert/strict";
import { configurationPage } from "../../../docs/tools/configuration_page.ts";
import { TABLE } from "../../../src/config/options.ts";

const PAGE = await Deno.readTextFile(new URL("../../../docs/configuration.md", import.meta.url));

/** The formatter breaks lines where it likes. */
const wordsOf = (text: string) => text.split(/\s+/).join(" ").trim();

Deno.test("docs/configuration.md is not stale: `deno task docs` writes it", async () => {
  assert.equal(wordsOf(PAGE), wordsOf(await configurationPage()));
});

Deno.test("it has a section for every option", () => {
  const sections = [...PAGE.matchAll(/^### (.+)$/gm)].map(([, name]) => name);

  assert.deepEqual(sections.toSorted(), [...TABLE.keys()].toSorted());
});
