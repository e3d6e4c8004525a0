// The text of this project's own files, for tests that compare what is said in two places.

import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** What no test writes about: other people's files, and what runs leave behind. */
const NOT_OURS: ReadonlySet<string> = new Set([
  ".git",
  "coverage",
  "data",
  "dist",
  "node_modules",
  "vectors",
]);

/** The files below a folder of the project whose names end so, by their paths in it. */
export async function sources(folder: string, ending = ".ts"): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const base = join(ROOT, folder);
  const walk = async (path: string): Promise<void> => {
    for await (const { name, isDirectory } of Deno.readDir(path)) {
      if (isDirectory && !NOT_OURS.has(name)) await walk(join(path, name));
      if (isDirectory || !name.endsWith(ending)) continue;
      found.set(relative(base, join(path, name)), await Deno.readTextFile(join(path, name)));
    }
  };
  await walk(base);
  return new Map([...found].sort(([one], [other]) => one < other ? -1 : 1));
}
