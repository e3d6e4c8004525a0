// Structure-aware changes: values as trees, so that what comes out still is JSON or CBOR, and the
// rules behind the syntax are reached.

import type { Random } from "../support/random.ts";
import { once, oneOf } from "./mutation.ts";

/** A leaf in its encoding (JSON text, or CBOR as Latin-1), a list, or pairs whose names are leaves. */
export type Tree = string | readonly Tree[] | Pairs;
export interface Pairs {
  readonly pairs: readonly (readonly [name: string, value: Tree])[];
}

/** How a tree is written: leaves of a value, leaves of chance, and what joins them. */
export interface Syntax {
  /** The value of a sample, which is in order. */
  read(sample: string): unknown;
  leaf(value: unknown): string;
  /** Names and other leaves that are seldom seen. */
  readonly names: readonly string[];
  readonly leaves: readonly string[];
  /** A text with its characters changed; any other leaf as it is. */
  edited(leaf: string, random: Random): string;
  /** The same name in another spelling, where the syntax has several. */
  respelled(name: string, random: Random): string;
  write(tree: Tree, random: Random): string;
}

/** A value of plain objects, lists and whatever the syntax has leaves for. */
export function treeOf(value: unknown, syntax: Syntax): Tree {
  if (Array.isArray(value)) return value.map((item) => treeOf(item, syntax));
  const isMap = typeof value === "object" && value !== null &&
    Object.getPrototypeOf(value) === Object.prototype;
  if (!isMap) return syntax.leaf(value);
  return {
    pairs: Object.entries(value).map(([name, part]) =>
      [syntax.leaf(name), treeOf(part, syntax)] as const
    ),
  };
}

/** The tree with one node or a few changed. */
export function mutatedTree(tree: Tree, syntax: Syntax, random: Random): Tree {
  let changed = tree;
  for (let changes = oneOf(random, [1, 1, 1, 2, 3]); changes > 0; changes--) {
    const nodes: Tree[] = [];
    collect(changed, nodes);
    const target = random.below(nodes.length);
    changed = changeAt(changed, { left: target }, (node) => {
      return change(node, nodes, syntax, random);
    });
  }
  return changed;
}

function collect(tree: Tree, into: Tree[]): void {
  into.push(tree);
  for (const child of childrenOf(tree)) collect(child, into);
}

function childrenOf(tree: Tree): readonly Tree[] {
  if (typeof tree === "string") return [];
  return isPairs(tree) ? tree.pairs.map(([, value]) => value) : tree;
}

export function isPairs(tree: Tree): tree is Pairs {
  return typeof tree === "object" && "pairs" in tree;
}

/** The tree with its node number `counter.left`, from the root down, changed. */
function changeAt(tree: Tree, counter: { left: number }, make: (node: Tree) => Tree): Tree {
  if (counter.left-- === 0) return make(tree);
  if (typeof tree === "string" || counter.left < 0) return tree;
  if (!isPairs(tree)) return tree.map((child) => changeAt(child, counter, make));
  return { pairs: tree.pairs.map(([name, child]) => [name, changeAt(child, counter, make)]) };
}

function change(node: Tree, others: readonly Tree[], syntax: Syntax, random: Random): Tree {
  if (typeof node === "string" && !once(random, 3)) return syntax.edited(node, random);
  switch (random.below(4)) {
    case 0:
      return oneOf(random, syntax.leaves);
    case 1:
      return oneOf(random, others);
    case 2:
      return nested(node, random);
  }
  if (typeof node === "string") return oneOf(random, syntax.leaves);
  return isPairs(node) ? changedPairs(node, others, syntax, random) : changedList(node, random);
}

function nested(node: Tree, random: Random): Tree {
  let tree = node;
  for (let depth = oneOf(random, [1, 2, 30, 40, 300]); depth > 0; depth--) tree = [tree];
  return tree;
}

function changedList(items: readonly Tree[], random: Random): Tree {
  const at = random.below(items.length + 1);
  const item = items.at(at) ?? items[0];
  if (item === undefined) return [["0"]];
  const times = oneOf(random, [0, 0, 2, 2, 3, 70]);
  return items.toSpliced(at, 1, ...Array.from({ length: times }, () => item));
}

function changedPairs(
  { pairs }: Pairs,
  others: readonly Tree[],
  syntax: Syntax,
  random: Random,
): Tree {
  const at = random.below(pairs.length + 1);
  const [name, value] = pairs.at(at) ?? [oneOf(random, syntax.names), oneOf(random, others)];
  switch (random.below(6)) {
    case 0:
      return { pairs: pairs.toSpliced(at, 1) };
    case 1: // Given twice, once more or less plainly.
      return { pairs: [...pairs, [syntax.respelled(name, random), oneOf(random, [value, "0"])]] };
    case 2:
      return { pairs: pairs.toSpliced(at, 1, [oneOf(random, syntax.names), value]) };
    case 3: {
      const [other, its] = pairs[random.below(pairs.length + 1)] ?? [name, value];
      const swapped = pairs.map(([each, part]) =>
        [each, each === name ? its : each === other ? value : part] as const
      );
      return { pairs: swapped };
    }
    case 4:
      return { pairs: pairs.toSpliced(at, 1, [syntax.respelled(name, random), value]) };
    default:
      return { pairs: [...pairs, [oneOf(random, syntax.names), oneOf(random, others)]] };
  }
}
