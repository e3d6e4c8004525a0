// Licences of the packages in the one-file build (packaging/licences.ts).

import assert from "node:assert/strict";
import { isAllowed, readLicence } from "../../../packaging/licences.ts";

const EXPRESSIONS: readonly (readonly [string, boolean])[] = [
  ["MIT", true],
  ["Apache-2.0 OR MIT", true],
  ["GPL-3.0-only OR MIT", true],
  ["MIT AND Apache-2.0", true],
  ["(MIT OR Apache-2.0)", true],
  ["GPL-3.0-only", false],
  ["MIT AND GPL-3.0-only", false],
  ["(MIT OR GPL-3.0-only) AND GPL-2.0-only", false],
  ["GPL-2.0-only WITH Classpath-exception-2.0", false],
  ["SEE LICENSE IN file", false],
  ["UNLICENSED", false],
  ["", false],
];

for (const [expression, expected] of EXPRESSIONS) {
  Deno.test(`the licence "${expression}" is ${expected ? "passed on" : "refused"}`, () => {
    assert.equal(isAllowed(expression), expected);
  });
}

interface Case {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  /** A part of the text, or of the refusal. */
  readonly text?: RegExp;
  readonly refusal?: RegExp;
}

const MIT = JSON.stringify({ license: "MIT" });
const GRANT = "Permission is hereby granted, free of charge";

const CASES: readonly Case[] = [
  {
    name: "a licence file is its text, a notice goes with it",
    files: { "package.json": MIT, "License": `  ${GRANT}\n`, "NOTICE": "Made by A." },
    text: /^ {2}Permission .*\n\nMade by A\.$/s,
  },
  {
    name: "a README's chapter is a text when it grants something",
    files: { "package.json": MIT, "README.md": `# A\n## License\n\n© A\n\n${GRANT}\n\n## Next\n` },
    text: /^© A\n\nPermission is hereby granted, free of charge$/,
  },
  {
    name: "Apache's text is the same for all",
    files: { "package.json": JSON.stringify({ license: "Apache-2.0 OR MIT" }) },
    text: /^\s+Apache License/,
  },
  {
    name: "a licence that is only named has no text",
    files: { "package.json": MIT, "README.md": "## License\nMIT\n" },
    refusal: /no text of its licence MIT/,
  },
  {
    name: "a package without a licence is refused",
    files: { "package.json": "{}", "LICENSE": GRANT },
    refusal: /declares no licence/,
  },
  {
    name: "a licence of the old form is refused",
    files: { "package.json": JSON.stringify({ license: { type: "MIT" } }), "LICENSE": GRANT },
    refusal: /declares no licence/,
  },
  {
    name: "a licence that is not allowed is refused",
    files: { "package.json": JSON.stringify({ license: "AGPL-3.0-only" }), "LICENSE": "Text" },
    refusal: /AGPL-3\.0-only is none of .*MIT/,
  },
];

for (const { name, files, text, refusal } of CASES) {
  Deno.test(name, async () => {
    const folder = await Deno.makeTempDir({ prefix: "tinycloud-licence-" });
    try {
      for (const [file, content] of Object.entries(files)) {
        await Deno.writeTextFile(`${folder}/${file}`, content);
      }

      const reading = readLicence(folder);

      if (refusal !== undefined) await assert.rejects(reading, refusal);
      else assert.match((await reading).text, text ?? /^$/);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
