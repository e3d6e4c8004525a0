// A TOML text as a flat list of what it sets, each with its line, which the parser does not tell.

import { parse, type TomlError } from "smol-toml";

export interface Entry {
  /** The levels of the key, its table's before its own. */
  readonly path: readonly string[];
  readonly value: unknown;
  /** From 1; of the first line when the value spans several. */
  readonly line: number;
}

/** A text that is no TOML, or holds more than a configuration ever needs. Quotes none of it. */
export class TomlProblem extends Error {
  override readonly name = "TomlProblem";

  constructor(readonly line: number, message: string) {
    super(message);
  }
}

const MAX_ENTRIES = 1000;
const MAX_VALUE_LINES = 100;
const MAX_LEVELS = 16;
const TOO_LONG = `a value takes more than ${MAX_VALUE_LINES} lines`;
const TOO_MANY = `the file sets more than ${MAX_ENTRIES} options`;

/** Everything that the text sets, in its order. Throws TomlProblem. */
export function readEntries(toml: string): Entry[] {
  checkWhole(toml);

  // As the whole is sound, a statement ends at the first line up to which it parses by itself.
  const entries: Entry[] = [];
  let table: readonly string[] = [];
  let statement = "";
  let first = 1;
  for (const [index, text] of toml.split(/\r?\n/).entries()) {
    statement += text;
    const parsed = parseStatement(statement);
    if (parsed === undefined) {
      if (index + 2 - first >= MAX_VALUE_LINES) throw new TomlProblem(first, TOO_LONG);
      statement += "\n";
      continue;
    }

    const isHeader = statement.trimStart().startsWith("[");
    for (const [path, value] of leaves(parsed, isHeader ? [] : table)) {
      if (isHeader) table = path;
      if (!isEmptyTable(value)) entries.push({ path, value, line: first });
    }
    if (entries.length > MAX_ENTRIES) throw new TomlProblem(first, TOO_MANY);
    statement = "";
    first = index + 2;
  }
  return entries;
}

function checkWhole(toml: string): void {
  try {
    parse(toml);
  } catch (error) {
    // The parser throws nothing else. It goes on to quote the line, which may hold a secret, so
    // neither the rest of its message nor the error itself is passed on.
    const { line, message } = error as TomlError;
    throw new TomlProblem(line, message.replace(/\n.*/s, ""));
  }
}

function parseStatement(statement: string): unknown {
  try {
    return parse(statement);
  } catch {
    return undefined;
  }
}

/** The values below a node with their paths; of an empty table or a very deep one, itself. */
function* leaves(
  node: unknown,
  path: readonly string[],
): Generator<readonly [path: readonly string[], value: unknown]> {
  const children = isTable(node) && path.length < MAX_LEVELS ? Object.entries(node) : [];
  if (children.length === 0) yield [path, node];
  for (const [key, child] of children) yield* leaves(child, [...path, key]);
}

function isEmptyTable(value: unknown): boolean {
  return isTable(value) && Object.keys(value).length === 0;
}

function isTable(value: unknown): value is object {
  return typeof value === "object" && !Array.isArray(value) && !(value instanceof Date);
}
