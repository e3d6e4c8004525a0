// The licence of a package: what it declares, whether that is one we pass on, and its text.

import { join } from "node:path";
import { ROOT } from "./bundle.ts";

/** Licences whose terms a text beside the program meets. Others need a person's decision. */
export const ALLOWED: readonly string[] = [
  "0BSD",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "ISC",
  "MIT",
];

export interface Licence {
  /** An SPDX expression, such as "MIT" or "Apache-2.0 OR MIT". */
  readonly expression: string;
  readonly text: string;
}

/** The licence of the package in a folder. Throws when it has none, none allowed, or no text. */
export async function readLicence(folder: string): Promise<Licence> {
  const manifest: { readonly license?: unknown } = JSON.parse(
    await Deno.readTextFile(join(folder, "package.json")),
  );
  const expression = manifest.license;
  if (typeof expression !== "string" || expression === "") {
    throw new Error("it declares no licence");
  }
  if (!isAllowed(expression)) {
    throw new Error(`its licence ${expression} is none of ${ALLOWED.join(", ")}`);
  }
  const text = await textIn(folder) ?? await textFor(expression);
  if (text === undefined) throw new Error(`there is no text of its licence ${expression}`);
  return { expression, text };
}

/** Whether an SPDX expression of AND and OR lets us choose allowed licences only. */
export function isAllowed(expression: string): boolean {
  const choices = expression.replaceAll(/[()]/g, " ").split(/\sOR\s/);
  // Without parentheses AND binds first; with them, all that is named must be allowed.
  const test = expression.includes("(") ? "every" : "some";
  return choices[test]((choice) =>
    choice.split(/\sAND\s/).every((id) => ALLOWED.includes(id.trim()))
  );
}

const FILES = /^(licen[cs]e|copying|notice|copyrightnotice)/i;
const GRANT = /permission is hereby granted|permission to use, copy/i;

/** What the package's author says: licence and notice files, else the section of the README. */
async function textIn(folder: string): Promise<string | undefined> {
  const names = Array.from(Deno.readDirSync(folder)).filter(({ isFile }) => isFile)
    .map(({ name }) => name).sort();
  const files = names.filter((name) => FILES.test(name));
  if (files.length > 0) {
    const texts = await Promise.all(files.map((name) => Deno.readTextFile(join(folder, name))));
    return texts.map(withoutMargins).join("\n\n");
  }
  const readme = names.find((name) => /^readme/i.test(name));
  if (readme === undefined) return undefined;
  const [, section = ""] = (await Deno.readTextFile(join(folder, readme)))
    .split(/^#+ *licen[cs]e.*$/im);
  return GRANT.test(section) ? section.split(/^#+ /m)[0]?.trim() : undefined;
}

/** Apache's text names no author, so that of this project serves for all. */
async function textFor(expression: string): Promise<string | undefined> {
  if (!expression.split(/\s(?:OR|AND)\s/).includes("Apache-2.0")) return undefined;
  return withoutMargins(await Deno.readTextFile(join(ROOT, "LICENSE")));
}

/** The first line keeps its indentation. */
function withoutMargins(text: string): string {
  return text.replace(/^(?:[ \t]*\r?\n)+/, "").trimEnd();
}
