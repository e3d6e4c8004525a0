// The three places outside the program that set options: the file, the environment, the flags.
// A name that the file gets wrong is a mistake; one in the environment may be somebody else's.

import { resolve } from "node:path";
import { nearest } from "./nearest.ts";
import { TABLE } from "./options.ts";
import { quote } from "./refusal.ts";
import { readText, why } from "./text_file.ts";
import { type Entry, readEntries, TomlProblem } from "./toml.ts";

/** One option as one source sets it. */
export interface Setting {
  readonly name: string;
  readonly raw: unknown;
  /** `{file}:{line}`, a variable's name or a flag. */
  readonly source: string;
}

/** What there is to tell. Problems stop the start. */
export interface Findings {
  readonly problems: string[];
  readonly warnings: string[];
}

export interface ConfigFile {
  /** What `--config` names; without it `tinycloud.toml` is read if it is there. */
  readonly file?: string | undefined;
  readonly cwd: string;
  /** Reads a text file, within a bound of its own; by default 1 MiB. */
  readonly readTextFile?: (path: string) => Promise<string>;
}

const DEFAULT_FILE = "tinycloud.toml";
const MAX_FILE_BYTES = 1024 * 1024;
const UNUSED = "is ignored: relay.* has been unused since version 1.0 of the reference node";

/** What the file sets, with or without a profile table around it. */
export async function fromFile(
  { file, cwd, readTextFile = (path) => readText(path, MAX_FILE_BYTES) }: ConfigFile,
  { problems, warnings }: Findings,
): Promise<Setting[]> {
  const shownFile = file ?? DEFAULT_FILE;
  let entries: Entry[] = [];
  try {
    entries = readEntries(await readTextFile(resolve(cwd, shownFile)));
  } catch (error) {
    if (error instanceof TomlProblem) {
      problems.push(`${shownFile}:${error.line}: ${error.message}`);
    } else if (file !== undefined || !(error instanceof Deno.errors.NotFound)) {
      problems.push(`${shownFile}: the file cannot be read: ${why(error)}`);
    }
  }

  return entries.flatMap(({ path, value, line }) => {
    const name = optionName(path);
    const source = `${shownFile}:${line}`;
    if (TABLE.has(name)) return [{ name, raw: value, source }];
    if (name.startsWith("relay.")) warnings.push(`${source}: ${quote(name)} ${UNUSED}`);
    else problems.push(`${source}: no option is called ${quote(name)}${hint(name, TABLE.keys())}`);
    return [];
  });
}

const PROFILES: readonly unknown[] = ["global", "default"];

function optionName(path: readonly string[]): string {
  const levels = path.length > 1 && PROFILES.includes(path[0]) ? path.slice(1) : path;
  return levels.map((level) => /^[\w-]+$/.test(level) ? level : JSON.stringify(level)).join(".");
}

const PREFIX = "TINYCLOUD_";

/** `storage.max_object` is TINYCLOUD_STORAGE_MAX_OBJECT. */
export function variableName(option: string): string {
  return PREFIX + option.toUpperCase().replaceAll(".", "_");
}

// Names hold underscores of their own, so a variable is looked up and never taken apart.
const OPTION_OF: ReadonlyMap<string, string> = new Map(
  [...TABLE.keys()].flatMap((option) => spellings(option).map((name) => [name, option])),
);

/** The option's levels behind the prefix, each joined by one underscore or by two. */
function spellings(option: string): string[] {
  return option.toUpperCase().split(".").reduce(
    (heads, level) => heads.flatMap((head) => [`${head}_${level}`, `${head}__${level}`]),
    ["TINYCLOUD"],
  );
}

/** What the variables TINYCLOUD_* set. */
export function fromEnvironment(
  env: Readonly<Record<string, string>>,
  { warnings }: Findings,
): Setting[] {
  return Object.entries(env).flatMap(([variable, raw]) => {
    const name = OPTION_OF.get(variable);
    if (name !== undefined) return [{ name, raw, source: variable }];
    if (variable.startsWith(`${PREFIX}RELAY_`)) {
      warnings.push(`${quote(variable)} ${UNUSED}`);
    } else if (variable.startsWith(PREFIX)) {
      const known = [...TABLE.keys()].map(variableName);
      warnings.push(`${quote(variable)} is ignored: it is no option${hint(variable, known)}`);
    }
    return [];
  });
}

/** What `--address` and `--port` set. */
export function fromFlags(
  flags: { readonly address?: string | undefined; readonly port?: string | undefined },
): Setting[] {
  return (["address", "port"] as const).flatMap((name) => {
    const raw = flags[name];
    return raw === undefined ? [] : [{ name, raw, source: `--${name}` }];
  });
}

function hint(name: string, known: Iterable<string>): string {
  const near = nearest(name, known);
  return near === undefined ? "" : `; did you mean ${near}?`;
}
