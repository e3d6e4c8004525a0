// Imports point down the layers and never in a circle (architecture.md, CONTRIBUTING).

import assert from "node:assert/strict";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** From the bottom up; a folder may import its own row and those above it in this list. */
const LAYERS: readonly (readonly string[])[] = [
  ["src/errors.ts"],
  [
    "src/blake3.ts",
    "src/limits.ts",
    "src/memo.ts",
    "src/pause.ts",
    "src/require.ts",
    "src/version.ts",
  ],
  ["src/telemetry"],
  ["src/config"],
  ["src/tokens", "src/capabilities"],
  ["src/keys"],
  ["src/repository", "src/blocks"],
  ["src/spaces"],
  ["src/http"],
  ["src/node.ts"],
  ["src/commands"],
  ["src/cli.ts"],
  ["main.ts"],
];

/** Folders that stand alone: they import nothing of the node, and it nothing of them. */
const APART = ["client"];

function layerOf(file: string): number {
  return LAYERS.findIndex((row) =>
    row.some((each) => file === each || file.startsWith(`${each}/`))
  );
}

async function* sources(folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(join(ROOT, folder))) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* sources(path);
    else if (path.endsWith(".ts")) yield path;
  }
}

/** Each source file with the files of this project that it imports. */
async function importsOf(folders: readonly string[]): Promise<Map<string, string[]>> {
  const files = ["main.ts"];
  for (const folder of folders) for await (const file of sources(folder)) files.push(file);
  const graph = new Map<string, string[]>();
  for (const file of files) {
    const text = await Deno.readTextFile(join(ROOT, file));
    const specifiers = text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g);
    graph.set(
      file,
      [...specifiers].map(([, specifier = ""]) => {
        return relative(ROOT, join(ROOT, dirname(file), specifier));
      }).filter((target) => target.endsWith(".ts")),
    );
  }
  return graph;
}

Deno.test("no file imports from a layer above its own", async () => {
  const upward: string[] = [];
  for (const [file, targets] of await importsOf(["src"])) {
    assert.notEqual(layerOf(file), -1, `${file} belongs to no layer`);
    for (const target of targets) {
      if (layerOf(target) > layerOf(file)) upward.push(`${file} → ${target}`);
    }
  }
  assert.deepEqual(upward, []);
});

Deno.test("no file imports itself by way of others", async () => {
  const graph = await importsOf(["src", "client"]);
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]) => {
    const at = path.indexOf(file);
    assert.equal(at, -1, `a circle: ${[...path.slice(at), file].join(" → ")}`);
    if (done.has(file)) return;
    for (const target of graph.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
});

Deno.test("the client and the node share nothing", async () => {
  const crossing: string[] = [];
  for (const [file, targets] of await importsOf(["src", "client"])) {
    const home = APART.find((folder) => file.startsWith(`${folder}/`));
    for (const target of targets) {
      if (home !== APART.find((folder) => target.startsWith(`${folder}/`))) {
        crossing.push(`${file} → ${target}`);
      }
    }
  }
  assert.deepEqual(crossing, []);
});

Deno.test("only node.ts and the commands name a back-end", async () => {
  const backends = /src\/(repository\/(sqlite|postgres|mysql)|blocks\/(local|s3))/;
  const naming: string[] = [];
  for (const [file, targets] of await importsOf(["src"])) {
    const mayName = file === "src/node.ts" || file.startsWith("src/commands/") ||
      /^src\/(repository|blocks)\//.test(file);
    if (!mayName && targets.some((target) => backends.test(target))) naming.push(file);
  }
  assert.deepEqual(naming, []);
});
