// What the one-file build holds: its packages and modules by its source map, its texts by the file
// itself. The build folder is dist/; nothing here is part of the node.

import { resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT: string = fileURLToPath(new URL("../", import.meta.url));

export interface NpmPackage {
  readonly name: string;
  readonly version: string;
  /** Where it lies on this machine. */
  readonly folder: string;
  /** The packages that it asks for, each as `name@version`. */
  readonly dependencies: readonly string[];
}

/** What `main.ts` asks for, as the runtime sees it. */
export interface Wanted {
  /** Files that are imported as text: migrations, parts of pages. */
  readonly texts: readonly string[];
  /** The names of the packages that the node itself imports as code. */
  readonly direct: readonly string[];
  /** All that are installed, needed or not. */
  readonly packages: readonly NpmPackage[];
}

/** The members that are used of what `deno info --json` prints. */
interface Info {
  readonly modules: readonly {
    readonly kind?: string;
    readonly local?: string;
    readonly npmPackage?: string;
    readonly dependencies?: readonly { readonly specifier: string }[];
  }[];
  readonly npmPackages: Readonly<
    Record<string, {
      readonly name: string;
      readonly version: string;
      readonly localPath: string;
      readonly dependencies: readonly string[];
    }>
  >;
}

/** Reads the graph of modules below an entry, such as `main.ts`. */
export async function readWanted(entry: string): Promise<Wanted> {
  const { modules, npmPackages } = await readInfo(entry);
  return {
    texts: modules.flatMap(({ kind, local }) => kind === "external" && local ? [local] : []).sort(),
    direct: unique(
      modules.flatMap(({ npmPackage }) => npmPackages[npmPackage ?? ""]?.name ?? []),
    ),
    packages: Object.values(npmPackages).map(({ name, version, localPath, dependencies }) => ({
      name,
      version,
      folder: localPath,
      dependencies: unique(dependencies.map((id) => {
        const other = npmPackages[id];
        if (other === undefined) throw new Error(`deno info does not know the package ${id}`);
        return `${other.name}@${other.version}`;
      })),
    })),
  };
}

/** What a file still imports from outside itself, such as `node:net`. */
export async function readImports(file: string): Promise<string[]> {
  const { modules } = await readInfo(file);
  const own = modules.find(({ local }) => local === resolve(file));
  if (own === undefined) throw new Error(`deno info does not know ${file}`);
  return unique((own.dependencies ?? []).map(({ specifier }) => specifier));
}

/** What the CommonJS in a bundle asks the program for when it runs, such as `node:util`. */
export function requiresOf(program: string): string[] {
  // The bundler gives each `require` that it did not resolve to a function of its own: the platform's,
  // or one that looks for a global one.
  const [, name] =
    /([\w$]+)=(?:\(\w+=>typeof require<|__deno_internal_createRequire\()/.exec(program) ?? [];
  if (name === undefined) throw new Error("the bundler has another function for require");
  const calls = new RegExp(`(?<![\\w$.])${RegExp.escape(name)}\\("([^"]+)"\\)`, "g");
  return unique([...program.matchAll(calls)].map(([, specifier = ""]) => specifier));
}

async function readInfo(entry: string): Promise<Info> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", entry],
    cwd: ROOT,
  }).output();
  if (!success) throw new Error(`deno info failed: ${new TextDecoder().decode(stderr)}`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** The files of which a part is in a bundle: absolute paths, by its source map. */
export async function readSources(bundle: string): Promise<string[]> {
  const map: { readonly sources: readonly string[] } = JSON.parse(
    await Deno.readTextFile(`${bundle}.map`),
  );
  return map.sources.map((source) => resolve(bundle, "..", source));
}

/** The packages of which a part is in a bundle, by name. */
export function packagesOf(
  sources: readonly string[],
  packages: readonly NpmPackage[],
): NpmPackage[] {
  return packages
    .filter(({ folder }) => sources.some((source) => source.startsWith(folder + sep)))
    .sort((one, other) => one.name < other.name ? -1 : 1);
}

/** Whether a program holds a text in one of its literals, however that is quoted and escaped. */
export function holdsText(program: string, text: string): boolean {
  return unescaped(program).includes(text);
}

const ESCAPED = /\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]+)\}|([^]))/g;
const LETTERS: ReadonlyMap<string, string> = new Map([
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
  ["b", "\b"],
  ["f", "\f"],
  ["v", "\v"],
  ["0", "\0"],
  ["\n", ""],
]);

function unescaped(program: string): string {
  return program.replace(ESCAPED, (_all, two, four, point, letter: string | undefined) => {
    if (letter !== undefined) return LETTERS.get(letter) ?? letter;
    return String.fromCodePoint(Number.parseInt(two ?? four ?? point, 16));
  });
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)].sort();
}
