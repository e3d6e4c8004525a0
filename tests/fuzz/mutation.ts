// Inputs that no client sends: texts and bytes, changed a little, a lot, or made up. Bytes are
// Latin-1 text here, one character each, so that one set of changes serves both.

import type { Random } from "../support/random.ts";

/** What an input is made of: any well-formed text, or bytes. */
export type Alphabet = "text" | "bytes";

/** No input grows beyond this: what the runtime takes as headers. */
export const MAX_INPUT = 64 * 1024;

/** Pieces at which parsers have broken before, here or elsewhere. */
const DICTIONARY: readonly string[] = [
  ...`" ' \\ / // . .. ./ ../ : :: ; , = == ? # & @ % + - _ * ~ ! $ ( ) [ ] { } < > | ^`.split(" "),
  ...["\0", "\b", "\t", "\n", "\r\n", " ", "\x1b", "\x7f", "\x80", "\xa0", "\xff", "\ufeff"],
  ...["\u2028", "\u202e", "\ufffd", "\uffff", "é", "e\u0301", "а", "İ", "ß", "😀", "\u{10ffff}"],
  ...["\\u0000", "\\u0065", "\\ud800", "\\udc00", "\\uD83D\\uDE00", "\\u", "\\x41", "\\/", '\\"'],
  ...["%", "%0", "%00", "%0a", "%20", "%2F", "%2f", "%41", "%7E", "%c3%28", "%ed%a0%80", "%zz"],
  ...["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "valueOf", "then"],
  ...["null", "true", "undefined", "NaN", "Infinity", "[]", "{}", "[{}]", '""', '{"":0}', "[[[["],
  ...["0", "-0", "-1", "01", "1.", ".5", "1e400", "1E-400", "1e308", "9007199254740993", "0x10"],
  ...["2147483648", "4294967296", "18446744073709551616", "9".repeat(40), "1".repeat(400)],
  ...["did:", "did:key:z", "did:pkh:eip155:1:0x", "did:web:a.example", "#", "#z6Mk", "urn:a:b"],
  ...["tinycloud:", "urn:cid:", "ucan:", "urn:recap:", "urn:tinycloud:encryption:", "kv/", "/kv"],
  ...["tinycloud.kv/get", "tinycloud.kv/delete", "tinycloud.delegation/revoke", "*", "kv/*"],
  ...["Bearer ", "bearer ", "chunked", "gzip", "*/*", "text/plain", "application/json", ";q=0"],
  ...["crit", "b64", "alg", "iss", "aud", "exp", "nbf", "nnc", "fct", "prf", "att", "eip4361"],
  ...["b", "z", "f", "B", "k", "u", "m", "Qm", "bafkr4i", "\x01\x55\x1e\x20", "\x12\x20"],
  ...["Z", "z", "T", "+00:00", "-00:00", "+24:00", ":60", "-02-30", ".999999999", "٣", "０"],
  ...["\xf6", "\xf7", "\xf9\0\0", "\x18\0", `\x1b${"\xff".repeat(8)}`, "\xd8\x2a", "\x81", "\x61"],
  ...["\x9f\xff", "\xbf\xff", "\x5f\xff", "\xa0", `\xfb\x7f\xf0${"\0".repeat(6)}`],
];

/** Those that mean something nearly everywhere: every second piece is one of them. */
const SHARP: readonly string[] = [
  ...['"', "\\", "/", ".", "..", ":", "#", "?", "%", "=", ",", " ", "\n", "\0", "[", "]", "{", "}"],
  ...["%00", "%41", "%2f", "\\u0065", "\\u0000", "\\ud800", "__proto__", "1e400", "\ufeff", "0"],
];

/** One of them. */
export function oneOf<T>(random: Random, choices: readonly T[]): T {
  const [first, ...others] = choices;
  if (first === undefined) throw new RangeError("nothing to choose from");
  return random.pick([first, ...others]);
}

/** True once in `times`. */
export function once(random: Random, times: number): boolean {
  return random.below(times) === 0;
}

/** The sample after one change or a few, or two samples put together. */
export function mutated(
  samples: readonly string[],
  alphabet: Alphabet,
  random: Random,
): string {
  let text = oneOf(random, samples);
  if (once(random, 12)) text = spliced(text, oneOf(random, samples), random);
  for (let changes = oneOf(random, [1, 1, 1, 2, 3, 12]); changes > 0; changes--) {
    text = oneOf(random, CHANGES)(text, random);
  }
  return fitted(text, alphabet);
}

/** Made of nothing but chance, or of the dictionary. */
export function noise(alphabet: Alphabet, random: Random): string {
  const size = random.below(once(random, 20) ? 2000 : 60);
  if (once(random, 2)) {
    return fitted(Array.from({ length: size / 4 }, () => piece(random)).join(""), alphabet);
  }
  const limit = oneOf(random, alphabet === "bytes" ? [0x100] : [0x80, 0x100, 0x10000]);
  const codes = Array.from({ length: size }, () => random.below(limit));
  return fitted(String.fromCharCode(...codes), alphabet);
}

/** What the alphabet holds of it: lone surrogates never come in, since bytes are decoded first. */
export function fitted(text: string, alphabet: Alphabet): string {
  const cut = text.slice(0, MAX_INPUT);
  if (alphabet === "text") return cut.toWellFormed();
  // Latin-1 stays as it is; what is beyond it becomes its UTF-8.
  return /^[\0-\xff]*$/.test(cut) ? cut : latin1(new TextEncoder().encode(cut)).slice(0, MAX_INPUT);
}

/** Each byte as the character of its number. */
export function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return text;
}

/** The bytes of Latin-1 text. */
export function bytesOfLatin1(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function spliced(one: string, other: string, random: Random): string {
  return one.slice(0, random.below(one.length + 1)) + other.slice(random.below(other.length + 1));
}

function piece(random: Random): string {
  return oneOf(random, once(random, 2) ? SHARP : DICTIONARY);
}

type Change = (text: string, random: Random) => string;

/** Puts `insert` in the place of `cut` characters at `at`. */
function replaced(text: string, at: number, cut: number, insert: string): string {
  return text.slice(0, at) + insert + text.slice(at + cut);
}

const flipBit: Change = (text, random) => {
  if (text === "") return text;
  const at = random.below(text.length);
  const flipped = text.charCodeAt(at) ^ (1 << random.below(8));
  return replaced(text, at, 1, String.fromCharCode(flipped));
};

const remove: Change = (text, random) =>
  replaced(text, random.below(text.length + 1), 1 + random.below(once(random, 5) ? 64 : 3), "");

const insertPiece: Change = (text, random) =>
  replaced(text, random.below(text.length + 1), 0, piece(random));

const replaceByPiece: Change = (text, random) =>
  replaced(text, random.below(text.length + 1), 1 + random.below(4), piece(random));

const insertByte: Change = (text, random) =>
  replaced(text, random.below(text.length + 1), 0, String.fromCharCode(random.below(256)));

/** One letter, digit or sign of the text again: what it may hold, where it may not stand. */
const copyCharacter: Change = (text, random) =>
  replaced(
    text,
    random.below(text.length + 1),
    random.below(2),
    text.charAt(random.below(text.length)),
  );

const duplicate: Change = (text, random) => {
  const at = random.below(text.length + 1);
  return replaced(text, at, 0, text.slice(at, at + 1 + random.below(once(random, 5) ? 400 : 16)));
};

const truncate: Change = (text, random) =>
  once(random, 2)
    ? text.slice(0, random.below(text.length + 1))
    : text.slice(random.below(text.length + 1));

const exchange: Change = (text, random) => {
  const [first = 0, second = 0] = [random.below(text.length + 1), random.below(text.length + 1)]
    .toSorted((a, b) => a - b);
  const size = Math.min(1 + random.below(24), second - first);
  const one = text.slice(first, first + size);
  const other = text.slice(second, second + size);
  return replaced(replaced(text, second, size, one), first, size, other);
};

const changeCase: Change = (text, random) => {
  const at = random.below(text.length + 1);
  const part = text.slice(at, at + 1 + random.below(once(random, 4) ? 64 : 1));
  const other = part === part.toLowerCase() ? part.toUpperCase() : part.toLowerCase();
  return replaced(text, at, part.length, other);
};

const changeNumber: Change = (text, random) => {
  const numbers = [...text.slice(0, 2000).matchAll(/\d+/g)];
  if (numbers.length === 0) return text;
  const { 0: digits, index } = oneOf(random, numbers);
  const near = String(Math.max(0, Number(digits) + random.below(5) - 2));
  const other = oneOf(random, [near, `0${digits}`, `${digits}0`, "1e400", "4294967296", ""]);
  return replaced(text, index, digits.length, other);
};

/** The same character spelled otherwise, where escapes mean something. */
const escape: Change = (text, random) => {
  if (text === "") return text;
  const at = random.below(text.length);
  const code = text.charCodeAt(at).toString(16);
  const escaped = once(random, 2) ? `\\u${code.padStart(4, "0")}` : `%${code.padStart(2, "0")}`;
  return replaced(text, at, 1, once(random, 2) ? escaped : escaped.toUpperCase());
};

/** A part of it as often as fits; few inputs are as long as they can be. */
const repeat: Change = (text, random) => {
  const at = random.below(text.length + 1);
  const part = text.slice(at, at + 1 + random.below(24));
  const limit = once(random, 40) ? MAX_INPUT : oneOf(random, [8, 64, 300, 1030]);
  const times = Math.floor(Math.max(0, limit - text.length) / Math.max(1, part.length));
  return replaced(text, at, 0, part.repeat(times));
};

const CHANGES: readonly Change[] = [
  flipBit,
  flipBit,
  remove,
  remove,
  insertPiece,
  insertPiece,
  replaceByPiece,
  insertByte,
  copyCharacter,
  duplicate,
  truncate,
  exchange,
  changeCase,
  changeNumber,
  escape,
  repeat,
];
