// What a bundle is said to hold (packaging/bundle.ts).

import assert from "node:assert/strict";
import { holdsText, type NpmPackage, packagesOf, requiresOf } from "../../../packaging/bundle.ts";

const TEXT = "CREATE TABLE \"a\" (\n  b TEXT DEFAULT 'é'\n);\n`${x}` \\ </script>\r\n";

const LITERALS: readonly (readonly [string, string])[] = [
  ["double quotes", JSON.stringify(TEXT)],
  [
    "single quotes",
    `'${JSON.stringify(TEXT).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`,
  ],
  ["a template", `\`${TEXT.replaceAll(/[\\`]|\$\{/g, "\\$&").replaceAll("\r", "\\r")}\``],
  ["hexadecimal escapes", JSON.stringify(TEXT).replace("é", "\\xE9")],
  ["Unicode escapes", JSON.stringify(TEXT).replace("é", "\\u00e9")],
  ["code points", JSON.stringify(TEXT).replace("é", "\\u{e9}")],
  ["a script's end", JSON.stringify(TEXT).replace("</script", "<\\/script")],
];

for (const [name, literal] of LITERALS) {
  Deno.test(`a text is found in ${name}, as the engine reads it`, () => {
    const program = `var a=/\\d+/;var x=${literal};`;

    assert.equal(new Function(`${program}return x`)(), TEXT);
    assert.ok(holdsText(program, TEXT));
    assert.ok(!holdsText(program, TEXT.replace("TEXT", "BLOB")));
  });
}

Deno.test("a package is in a bundle when one of its files is", () => {
  const packages = [aPackage("pg-pool"), aPackage("pg"), aPackage("pg-types")];

  const found = packagesOf(["/npm/pg/1.0.0/lib/index.js", "/npm/pg-types/1.0.0/a.js"], packages);

  assert.deepEqual(found.map(({ name }) => name), ["pg", "pg-types"]);
});

for (
  const shim of [
    'var $=(t=>typeof require<"u"?require:0)(0);',
    "var $=__deno_internal_createRequire(import.meta.url);",
  ]
) {
  Deno.test(`what CommonJS asks for when it runs is found, by ${shim}`, () => {
    const found = requiresOf(`${shim}$("node:util");a.$("x");b$("y");$(z);$("pg-native")`);

    assert.deepEqual(found, ["node:util", "pg-native"]);
    assert.throws(() => requiresOf("$(1)"), /another function/);
  });
}

function aPackage(name: string): NpmPackage {
  return { name, version: "1.0.0", folder: `/npm/${name}/1.0.0`, dependencies: [] };
}
