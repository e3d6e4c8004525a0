// The bill of materials and the list of licences (packaging/sbom.ts), by CycloneDX's own schema.

import assert from "node:assert/strict";
import { bill, licenceList, type Part } from "../../../packaging/sbom.ts";
import { cyclonedxFaults } from "../../support/cyclonedx.ts";

const PARTS = [
  aPart("@scope/one", { dependencies: ["two@1.0.0", "absent@1.0.0"] }),
  aPart("two", { expression: "Apache-2.0 OR MIT", text: "Two's text" }),
  aPart("two", { version: "2.0.0", text: "One's text" }),
];

Deno.test("the bill of materials is as CycloneDX wants it", async () => {
  assert.equal(await cyclonedxFaults(bill(PARTS, 1_700_000_000, "2.9.6")), null);
});

Deno.test("a bill of another form is not", async () => {
  const wrong = bill([{ ...aPart("one"), sha512: "no digest" }], 1_700_000_000, "2.9.6");

  assert.match(JSON.stringify(await cyclonedxFaults(wrong)), /hashes/);
});

Deno.test("the bill depends on what is in it, by version", () => {
  const { dependencies } = bill(PARTS, 0, "2.9.6") as { dependencies: unknown[] };

  assert.deepEqual(dependencies[1], {
    ref: "pkg:npm/%40scope/one@1.0.0",
    dependsOn: ["pkg:npm/two@1.0.0"],
  });
  assert.equal(dependencies.length, 4);
});

Deno.test("each licence text is there once, under all its packages", () => {
  const list = licenceList(PARTS);

  assert.match(list, /\n@scope\/one 1\.0\.0 \(MIT\)\ntwo 2\.0\.0 \(MIT\)\n\nOne's text\n/);
  assert.match(list, /\ntwo 1\.0\.0 \(Apache-2\.0 OR MIT\)\n\nTwo's text\n/);
  assert.equal(list.split("One's text").length, 2);
});

function aPart(
  name: string,
  { version = "1.0.0", expression = "MIT", text = "One's text", dependencies = [] as string[] } =
    {},
): Part {
  return {
    name,
    version,
    folder: `/npm/${name}`,
    dependencies,
    licence: { expression, text },
    sha512: "0".repeat(128),
  };
}
