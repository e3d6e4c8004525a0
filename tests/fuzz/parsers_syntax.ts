// How trees are written as JSON (RFC 8259) and as CBOR (RFC 8949), well and badly.

import { decode } from "@ipld/dag-cbor";
import { head, joined } from "../support/cbor_by_hand.ts";
import type { Random } from "../support/random.ts";
import { bytesOfLatin1, latin1, mutated, once, oneOf } from "./mutation.ts";
import { isPairs, type Syntax, type Tree } from "./parsers_trees.ts";

const words = (text: string) => text.trim().split(/\s+/);

/** Names that mean something somewhere, or to the platform. */
const NAMES: readonly string[] = [
  "",
  ...words("a t s h p typ alg ucv crit b64 iss aud exp nbf nnc fct prf att iat nonce domain"),
  ...words("version statement resources filters type __proto__ constructor urn:a:b 1048576"),
];

const JSON_LEAVES: readonly string[] = [
  "",
  ...words("null true false 0 -0 1 1.5 1e3 1e400 -1e400 9007199254740993 01 NaN 'a' ,"),
  ...words(`"" "a" "\\u0000" "\\ud800" "\\udc00\\ud800" "\\uD83D\\uDE00" "\\/" "\\x"`),
  ...words(`"JWT" "0.10.0" "EdDSA" "ES256" "none" "did:key:z6Mk" "bafkr4i" [] {} [{}]`),
  ...['{"":[]}', '[{"a":1}]', '"\t"', "9".repeat(400)],
];

export const JSON_SYNTAX: Syntax = {
  read: (sample) => JSON.parse(sample),
  leaf: (value) => JSON.stringify(value),
  names: [...NAMES, "\0", "é"].map((name) => JSON.stringify(name)),
  leaves: JSON_LEAVES,
  edited(leaf, random) {
    const value = leaf.startsWith('"') ? parsed(leaf) : undefined;
    return typeof value === "string" ? JSON.stringify(mutated([value], "text", random)) : leaf;
  },
  respelled(name, random) {
    if (once(random, 2) || name.length < 3 || name.includes("\\")) return name;
    const at = 1 + random.below(name.length - 2);
    const code = name.charCodeAt(at).toString(16).padStart(4, "0");
    const escape = `\\u${once(random, 2) ? code : code.toUpperCase()}`;
    return name.slice(0, at) + escape + name.slice(at + 1);
  },
  write(tree, random) {
    const isSpaced = once(random, 10);
    const space = () => isSpaced ? oneOf(random, ["", " ", "\n", "\t ", "\r"]) : "";
    const write = (node: Tree): string => {
      if (typeof node === "string") return space() + node + space();
      if (!isPairs(node)) return `[${node.map(write).join()}]`;
      const pairs = node.pairs.map(([name, value]) =>
        `${space()}${name}${space()}:${write(value)}`
      );
      return `{${pairs.join()}}`;
    };
    return write(tree);
  },
};

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** Encodings in hex: numbers, bytes, texts, lists, maps, simple values, floats, tags; right and wrong. */
const CBOR_LEAVES = `
  00 01 1801 190001 1b0000000000000001 1bffffffffffffffff 20 3bffffffffffffffff
  40 580161 60 780161 61ff 63efbbbf 620d0a 7f6161ff 5f4161ff
  80 a0 9fff bfff 81818100 a1616100 f4 f5 f6 f7 e0 ff
  f93c00 fa3f800000 fb3ff8000000000000 fb7ff8000000000000 d82a4100 c060
  5affffffff 5b8000000000000000 9b0000000100000000 bb0020000000000000
`;
const CBOR_TEXTS = ["did:key:z6Mk", `did:pkh:eip155:1:0x${"a".repeat(40)}`, "2025-06-15T15:06:40Z"];

/** Bytes as Latin-1. */
export const CBOR_SYNTAX: Syntax = {
  read: (sample) => decode(bytesOfLatin1(sample)),
  leaf: cborLeaf,
  names: [...NAMES.map(cborText), "\x01"],
  leaves: [
    "",
    ...words(CBOR_LEAVES).map((hex) => latin1(Uint8Array.fromHex(hex))),
    ...CBOR_TEXTS.map(cborText),
  ],
  edited(leaf, random) {
    const first = leaf.charCodeAt(0);
    if (first >> 5 !== 3) return leaf;
    const headLength = first < 0x78 ? 1 : first - 0x76;
    const text = new TextDecoder().decode(bytesOfLatin1(leaf.slice(headLength)));
    return cborText(mutated([text], "text", random));
  },
  respelled: (name) => name,
  write(tree, random) {
    const isOrdered = !once(random, 8);
    const isHonest = !once(random, 12);
    const write = (node: Tree): string => {
      if (typeof node === "string") return node;
      const headOf = isHonest || !once(random, 3) ? honestHead : wrongHead(random);
      if (!isPairs(node)) return headOf(4, node.length) + node.map(write).join("");
      const pairs = isOrdered ? node.pairs.toSorted(([a], [b]) => dagOrder(a, b)) : node.pairs;
      return headOf(5, pairs.length) + pairs.map(([name, value]) => name + write(value)).join("");
    };
    return write(tree);
  },
};

function honestHead(major: number, count: number): string {
  return latin1(head(major, count));
}

/** One too many, one too few, or in more bytes than it takes. */
function wrongHead(random: Random): typeof honestHead {
  return (major, count) => {
    const told = Math.max(0, count + random.below(3) - 1);
    return latin1(head(major, told, oneOf(random, [1, 2, 4, 8])));
  };
}

/** Text, bytes, numbers from 0, true; null for all else. */
function cborLeaf(value: unknown): string {
  if (typeof value === "string") return cborText(value);
  if (value instanceof Uint8Array) return latin1(joined(head(2, value.length), value));
  if (typeof value === "number" && value >= 0) return latin1(head(0, value));
  return value === true ? "\xf5" : "\xf6";
}

function cborText(text: string): string {
  const utf8 = new TextEncoder().encode(text);
  return latin1(joined(head(3, utf8.length), utf8));
}

/** Shorter names first, then by their bytes. */
function dagOrder(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}
