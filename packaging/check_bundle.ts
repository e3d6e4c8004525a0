// Checks by name that the one-file build, and binaries made from it, hold all that they must:
//   deno run packaging/check_bundle.ts dist/tinycloud.js [binary …]
// deno-lint-ignore-file no-console -- a program for people

import { relative } from "node:path";
import {
  holdsText,
  packagesOf,
  readImports,
  readSources,
  readWanted,
  requiresOf,
  ROOT,
} from "./bundle.ts";

/** Imported late, and only when they are configured: no start without them would miss one. */
const DRIVERS = ["@aws-sdk/client-s3", "mysql2", "pg"];
/** Asked for by a package in a way that does without. */
const OPTIONAL = ["cardinal", "pg-native"];
const DIALECTS = ["mysql", "postgres", "sqlite"];

const [bundle = "dist/tinycloud.js", ...binaries] = Deno.args;
const wanted = await readWanted("main.ts");
const program = await Deno.readTextFile(bundle);
const sources = await readSources(bundle);
const inside = new Set(packagesOf(sources, wanted.packages).map(({ name }) => name));

const faults: string[] = [];
function must(isSo: boolean, what: string): void {
  if (!isSo) faults.push(what);
}

const texts = wanted.texts.map((path) => ({ path, name: relative(ROOT, path) }));
for (const { path, name } of texts) {
  must(sources.includes(path), `${name} is not in the source map`);
  must(holdsText(program, await Deno.readTextFile(path)), `the text of ${name} is not in it`);
}
for (const dialect of DIALECTS) {
  for await (const { name } of Deno.readDir(`${ROOT}migrations/${dialect}`)) {
    const path = `migrations/${dialect}/${name}`;
    must(texts.some((text) => text.name === path), `${path} is not imported`);
  }
}
for (const name of new Set([...DRIVERS, ...wanted.direct])) {
  must(inside.has(name), `the package ${name} is not in it`);
}
for (const specifier of [...await readImports(bundle), ...requiresOf(program)]) {
  const isThere = specifier.startsWith("node:") || OPTIONAL.includes(specifier);
  must(isThere, `it asks for ${specifier} from outside`);
}
must(!program.includes(ROOT), "it names a folder of this machine");
for (const binary of binaries) {
  // The runtime stores files as they are; what is searched is the whole program.
  const held = Buffer.from(await Deno.readFile(binary)).includes(program);
  must(held, `${binary} does not hold ${bundle}`);
}

for (const fault of faults) console.error(`${bundle}: ${fault}`);
if (faults.length > 0) Deno.exit(1);
console.log(
  [`${bundle} holds:`, ...texts.map(({ name }) => name), ...wanted.direct].join("\n  "),
);
