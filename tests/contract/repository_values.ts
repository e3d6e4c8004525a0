// Contract: current values, lists and sizes (wire §6).

import assert from "node:assert/strict";
import { blake3Hex } from "../../src/blake3.ts";
import type { Put, StoredHeader } from "../../src/repository/repository.ts";
import type { Case } from "./repository_contract.ts";
import {
  aChange,
  apply,
  aSpace,
  block,
  BOBS_SPACE,
  DEL,
  hashOf,
  host,
  inline,
  OTHER_SPACE,
  SPACE,
  usedBy,
} from "./repository_samples.ts";

const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, i) => i);

const values: readonly (readonly [string, Put])[] = [
  ["a small value", inline("hello")],
  ["an empty value", inline("")],
  ["a value of all bytes", {
    kind: "put",
    hash: blake3Hex(ALL_BYTES),
    size: 256,
    headers: [],
    content: { kind: "inline", bytes: ALL_BYTES },
  }],
  ["a block", block("large")],
  ["an empty block", block("empty", 0)],
  ["headers in their order, of all bytes", inline("v", allHeaders())],
];

function allHeaders(): StoredHeader[] {
  const high = Array.from({ length: 128 }, (_, i) => String.fromCharCode(128 + i)).join("");
  return [
    ["x-tinycloud-meta-b", "\t \"'\\%_"],
    ["content-type", "text/plain; charset=utf-8"],
    ["x-tinycloud-meta-a", high],
    ["x-tinycloud-meta-empty", ""],
  ];
}

const kept: readonly Case[] = values.map(([what, effect]) => ({
  name: `${what} comes back as it was put`,
  run: async ({ repository }) => {
    await host(repository, SPACE);
    await apply(repository, { effect });

    const entry = await repository.find(SPACE, "notes/1");

    const { hash, size, headers, content } = effect;
    const bytes = content.kind === "inline" ? { inline: content.bytes } : {};
    assert.deepEqual(entry, { hash, size, headers, ...bytes });
  },
}));

/** Distinct as bytes; in byte order, which for the last two is not that of UTF-16. */
const ODD_KEYS = [
  "",
  "%",
  "%00",
  "%25",
  "*",
  "/",
  "//",
  "A",
  "A/b",
  "_",
  "_/x",
  "a",
  "a%2Fb",
  "a%b",
  "a/",
  "a/b",
  "a_b",
  "ab",
  "e\u0301",
  "\u00e9",
  "\u0430",
  "\ufffd",
  "\u{1f600}",
];

const prefixes: readonly (readonly [prefix: string, after: string | undefined, keys: string[]])[] =
  [
    ["", undefined, ODD_KEYS],
    ["", "", ODD_KEYS.slice(1)],
    ["%", undefined, ["%", "%00", "%25"]],
    ["%2", undefined, ["%25"]],
    ["_", undefined, ["_", "_/x"]],
    ["A", undefined, ["A", "A/b"]],
    ["a", undefined, ["a", "a%2Fb", "a%b", "a/", "a/b", "a_b", "ab"]],
    ["a", "a/", ["a/b", "a_b", "ab"]],
    ["a/", undefined, ["a/", "a/b"]],
    ["a_", undefined, ["a_b"]],
    ["a%", undefined, ["a%2Fb", "a%b"]],
    ["a", "A", ["a", "a%2Fb", "a%b", "a/", "a/b", "a_b", "ab"]],
    ["a", "b", []],
    ["a", "ab", []],
    ["\u00e9", undefined, ["\u00e9"]],
    ["\u{1f600}", undefined, ["\u{1f600}"]],
    ["z", undefined, []],
    ["/", "/", ["//"]],
  ];

const lists: readonly Case[] = prefixes.map(([prefix, after, keys]) => ({
  name: `keys with prefix ${JSON.stringify(prefix)} after ${JSON.stringify(after)} are listed`,
  run: async ({ repository }) => {
    await host(repository, SPACE, OTHER_SPACE);
    await Promise.all(ODD_KEYS.toReversed().map((key) => apply(repository, { key })));
    await apply(repository, { key: `${prefix}elsewhere`, space: OTHER_SPACE });

    const all = await repository.list(SPACE, prefix, after, 100);
    const two = await repository.list(SPACE, prefix, after, 2);

    assert.deepEqual(all, keys);
    assert.deepEqual(two, keys.slice(0, 2));
  },
}));

export const valueCases: readonly Case[] = [
  ...kept,
  ...lists,
  {
    name: "the last put wins, headers too, and is told what was there",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      const [first, second] = [inline("one", [["content-type", "a/b"]]), inline("two")];

      const created = await repository.applyInvocation(aChange({ effect: first }));
      const replaced = await repository.applyInvocation(aChange({ effect: second }));

      assert.deepEqual(created, { kind: "applied" });
      assert.deepEqual(replaced, { kind: "applied", previous: first.hash });
      const entry = await repository.find(SPACE, "notes/1");
      assert.deepEqual([entry?.hash, entry?.headers], [second.hash, []]);
    },
  },
  {
    name: "a deleted key is gone until the next put",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      const value = inline("value");
      await apply(repository, { effect: inline("older") });
      await apply(repository, { effect: value });

      const deleted = await repository.applyInvocation(aChange({ effect: DEL }));

      assert.deepEqual(deleted, { kind: "applied", previous: value.hash });
      assert.equal(await repository.find(SPACE, "notes/1"), undefined);
      assert.deepEqual(await repository.list(SPACE, "", undefined, 10), []);
      const again = await repository.applyInvocation(aChange({ effect: value }));
      assert.deepEqual(again, { kind: "applied" });
      assert.deepEqual(await repository.list(SPACE, "", undefined, 10), ["notes/1"]);
    },
  },
  {
    name: "keys that differ in case, escapes or normal form are different keys",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      await Promise.all(ODD_KEYS.map((key) => apply(repository, { key, effect: inline(key) })));

      for (const key of ODD_KEYS) {
        assert.equal((await repository.find(SPACE, key))?.hash, hashOf(key), key);
      }
      assert.equal(await repository.find(SPACE, "B"), undefined);
    },
  },
  {
    name: "keys of 1,024 bytes in a space with an id of 512 are kept apart",
    run: async ({ repository }) => {
      const long = aSpace("s".repeat(512 - aSpace("s").length + 1));
      const key = "k".repeat(1_023);
      await host(repository, long);
      await apply(repository, { space: long, key: `${key}a`, effect: inline("a") });
      await apply(repository, { space: long, key: `${key}b`, effect: inline("b") });

      assert.equal(long.length, 512);
      assert.equal((await repository.find(long, `${key}a`))?.hash, hashOf("a"));
      assert.deepEqual(await repository.list(long, key, undefined, 9), [`${key}a`, `${key}b`]);
    },
  },
  {
    name: "what a space holds is exact after every change",
    run: async ({ repository }) => {
      await host(repository, SPACE, BOBS_SPACE);
      await apply(repository, { space: BOBS_SPACE, key: "k", effect: inline("123456789") });
      const headers: StoredHeader[] = [["content-type", "\u00e9\u00ff"]];
      const steps: readonly (readonly [string, Put | typeof DEL, number])[] = [
        ["ab", inline("123"), 5],
        ["ab", inline("123"), 5],
        ["ab", inline("123456", headers), 22],
        ["c\u00e9", inline(""), 25],
        ["ab", block("x", 70_000), 70_005],
        ["d", block("x", 70_000), 140_006],
        ["ab", block("y", 10), 70_016],
        ["d", inline("small"), 21],
        ["c\u00e9", DEL, 18],
        ["ab", DEL, 6],
        ["d", DEL, 0],
      ];

      for (const [key, effect, used] of steps) {
        await apply(repository, { key, effect });

        const withTotal = true;
        const ask = { identities: [], space: SPACE, key, withTotal };
        const { usage } = await repository.standing(ask);
        assert.equal(usage?.used, used);
        assert.equal(usage?.total, used + 10);
        assert.equal(await repository.usedBytes(), used + 10);
      }
    },
  },
  {
    name: "what a key holds counts value, key and headers, and nothing when it is absent",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      await apply(repository, { key: "k\u00e9y", effect: inline("12", [["ab", "\u00e9"]]) });
      const held = async (key?: string) => {
        const ask = { identities: [], space: SPACE, ...(key === undefined ? {} : { key }) };
        return (await repository.standing(ask)).usage?.held;
      };

      assert.equal(await held("k\u00e9y"), 2 + 4 + 3);
      assert.equal(await held("absent"), 0);
      assert.equal(await held(), 0);
    },
  },
  {
    name: "sizes are exact up to 2^53 - 1",
    run: async ({ repository }) => {
      await host(repository, SPACE);
      const size = Number.MAX_SAFE_INTEGER - 3;
      await apply(repository, { key: "k", effect: block("huge", size) });

      const limits = { space: Number.MAX_SAFE_INTEGER };
      const over = await repository.applyInvocation(
        aChange({ key: "l", effect: inline("12"), limits }),
      );
      await apply(repository, { key: "l", effect: inline("1"), limits });

      assert.equal(over.kind, "overLimit");
      assert.equal(await usedBy(repository, SPACE), Number.MAX_SAFE_INTEGER);
      assert.equal((await repository.find(SPACE, "k"))?.size, size);
    },
  },
  {
    name: "a space that is not hosted has no usage, no keys and no blocks",
    run: async ({ repository }) => {
      const { usage } = await repository.standing({ identities: [], space: SPACE });

      assert.equal(usage, undefined);
      assert.equal(await repository.find(SPACE, "k"), undefined);
      assert.deepEqual(await repository.list(SPACE, "", undefined, 10), []);
      assert.deepEqual(await repository.blocksOf(SPACE, undefined, 10), []);
    },
  },
  {
    name: "a closed store opened again has every value and size",
    reopens: true,
    run: async (given) => {
      await host(given.repository, SPACE);
      await Promise.all(
        ODD_KEYS.map((key) => apply(given.repository, { key, effect: inline(key, allHeaders()) })),
      );
      const used = await usedBy(given.repository, SPACE);

      await given.reopen();

      assert.deepEqual(await given.repository.list(SPACE, "", undefined, 100), ODD_KEYS);
      assert.deepEqual((await given.repository.find(SPACE, "*"))?.headers, allHeaders());
      assert.equal(await usedBy(given.repository, SPACE), used);
    },
  },
];
