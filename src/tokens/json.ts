// JSON as tokens carry it (wire §3): what two parsers could read differently is refused. The platform
// parses; this file refuses what the platform lets through: names given twice (the last would win),
// lone surrogates, NUL, and depth.

import { malformed } from "../errors.ts";
import { MAX_JSON_DEPTH } from "../limits.ts";

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
/** Read it with `member`, never by bare property access: names are hostile. */
export interface JsonObject {
  readonly [name: string]: JsonValue;
}

const QUOTE = 0x22, BACKSLASH = 0x5c, COLON = 0x3a;
const OPEN_OBJECT = 0x7b, CLOSE_OBJECT = 0x7d, OPEN_ARRAY = 0x5b, CLOSE_ARRAY = 0x5d;

/** The value of a JSON text. Throws `token_malformed`, naming `what`. Time and memory are linear. */
export function parseJson(text: string, what = "JSON"): JsonValue {
  scan(text, what);
  try {
    return JSON.parse(unshared(text));
  } catch (cause) {
    throw malformed(`${what} is not JSON`, cause);
  }
}

/**
 * The same JSON, its short texts of digits written with an escape. The platform keeps each short text
 * once, in a table where such a text's hash is its number: two thousand chosen ones take 20 ms. What
 * is escaped it does not look up there.
 */
export function unshared(json: string): string {
  return json.replace(/"([0-9])(?=[0-9]{0,9}"[ \t\n\r]*[,\]}])/g, '"\\u003$1');
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isArray(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}

/** The object's own member; `toString` and `__proto__` are names like any other. */
export function member(object: JsonObject, name: string): JsonValue | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** Walks the text once. It may be no JSON at all: then `JSON.parse` refuses it afterwards. */
function scan(text: string, what: string): void {
  const names: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case OPEN_OBJECT:
      case OPEN_ARRAY:
        names.push(text.charCodeAt(at) === OPEN_OBJECT ? new Set() : undefined);
        if (names.length > MAX_JSON_DEPTH) throw malformed(`${what} is nested too deeply`);
        break;
      case CLOSE_OBJECT:
      case CLOSE_ARRAY:
        names.pop();
        break;
      case QUOTE: {
        const end = endOfString(text, at);
        const name = stringAt(text, at, end, what);
        if (isBeforeColon(text, end)) {
          const seen = names.at(-1);
          // The platform puts names like 1048576 where a sender likes; a letter before keeps that away.
          if (seen?.has(`.${name}`)) throw malformed(`${what} has a name twice`);
          seen?.add(`.${name}`);
        }
        at = end;
      }
    }
  }
}

/** The index of the quote that ends the string which begins at `start`; the text's end without one. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end >= 0 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end < 0 ? text.length : end;
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes++;
  return backslashes % 2 === 1;
}

function stringAt(text: string, start: number, end: number, what: string): string {
  const raw = text.slice(start + 1, end);
  if (!raw.includes("\\")) return raw;
  let value: string;
  try {
    value = JSON.parse(`"${raw}"`);
  } catch (cause) {
    throw malformed(`${what} is not JSON`, cause);
  }
  if (!value.isWellFormed() || value.includes("\0")) throw malformed(`${what} is not plain text`);
  return value;
}

function isBeforeColon(text: string, end: number): boolean {
  let at = end + 1;
  while (" \t\n\r".includes(text.charAt(at)) && at < text.length) at++;
  return text.charCodeAt(at) === COLON;
}
