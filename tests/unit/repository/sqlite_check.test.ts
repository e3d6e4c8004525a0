// `check` finds what was tampered with, and `repairCounters` mends what can be computed.

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import type { Finding, Repository } from "../../../src/repository/repository.ts";
import { openSqlite } from "../../../src/repository/sqlite/open.ts";
import {
  accept,
  aDelegation,
  apply,
  aRevocation,
  block,
  DEL,
  host,
  inline,
  NOW,
  SPACE,
} from "../../contract/repository_samples.ts";

/** A store with some of everything, tampered with through another connection. */
async function tampered(
  sql: string,
  run: (repository: Repository) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/caps.db`;
    await using repository = openSqlite({ path, durability: "normal", now: () => NOW });
    await host(repository, SPACE);
    const delegation = aDelegation();
    await accept(repository, delegation);
    await repository.revoke(aRevocation(delegation.record));
    await apply(repository, { key: "small", effect: inline("small", [["a", "b"]]) });
    await apply(repository, { key: "large", effect: block("large") });
    await apply(repository, { key: "gone", effect: inline("gone") });
    await apply(repository, { key: "gone", effect: DEL });
    {
      using other = new DatabaseSync(path, { enableForeignKeyConstraints: false });
      other.exec(sql);
    }
    await run(repository);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function findings(repository: Repository): Promise<Finding[]> {
  const found = [];
  for await (const finding of repository.check()) found.push(finding);
  return found;
}

type Row = readonly [what: string, sql: string, kinds: Finding["kind"][], repaired: number];

const tamperings: readonly Row[] = [
  ["an untouched store", "SELECT 1", [], 0],
  ["too many references", "UPDATE block SET refs = 5", ["references"], 1],
  ["a block without its row", "DELETE FROM block", ["references"], 1],
  [
    "a block that was taken though a key refers to it",
    "UPDATE block SET refs = 0, grave = 7, buried_at = 1",
    ["references"],
    1,
  ],
  ["a block of another size", "UPDATE block SET size = 9", ["references"], 0],
  ["a space of another size", "UPDATE space SET used = used + 1", ["size", "size"], 1],
  ["a node of another size", "UPDATE node SET used = used + 1", ["size"], 1],
  [
    "another count of delegations",
    `INSERT INTO delegation_count (scope, delegator, live, at)
     SELECT scope, '', 9, 0 FROM delegation_scope WHERE true
     ON CONFLICT DO UPDATE SET live = 9`,
    ["size"],
    1,
  ],
  ["another count of spaces", "UPDATE node SET spaces = 9", ["size"], 1],
  // The entry, and the space that held it as it was.
  [
    "an entry that is said to hold more",
    "UPDATE entry SET held = held + 1 WHERE key = 'small'",
    ["size", "size"],
    1,
  ],
  [
    "an event's bytes",
    "UPDATE event SET token = 'x' || token WHERE kind = 'put' AND key = 'gone'",
    [
      "event",
    ],
    0,
  ],
  [
    "a revocation's bytes",
    "UPDATE event SET token = token || 'x' WHERE kind = 'revocation'",
    ["event"],
    0,
  ],
  ["a token that is none", "UPDATE event SET token = '%' WHERE kind = 'delegation'", [
    "event",
    "event",
  ], 0],
  ["a value in the database", "UPDATE entry SET inline = x'736d616c6d' WHERE key = 'small'", [
    "entry",
  ], 0],
  [
    "a hash that is not its event's",
    `UPDATE entry SET hash = '${"0".repeat(64)}' WHERE key = 'large'`,
    ["references", "references", "entry"],
    2,
  ],
  [
    "an entry that its event deleted",
    `INSERT INTO entry (space_no, key, hash, size, held, seq, headers, inline)
     SELECT space_no, key, hash, size, size + 4, seq, '[]', CAST('gone' AS BLOB)
     FROM event WHERE kind = 'put' AND key = 'gone'`,
    ["size", "entry"],
    2,
  ],
  ["an entry that its event made", "DELETE FROM entry WHERE key = 'small'", ["size", "entry"], 2],
  [
    "an entry of no event",
    "UPDATE entry SET seq = 999 WHERE key = 'small'",
    ["engine", "entry", "entry"],
    0,
  ],
];

for (const [what, sql, kinds, repaired] of tamperings) {
  Deno.test(`check finds ${what}`, () =>
    tampered(sql, async (repository) => {
      const found = await findings(repository);

      assert.deepEqual(found.map(({ kind }) => kind), kinds, JSON.stringify(found));
    }));

  Deno.test(`repair counts ${what}, and leaves only what it cannot compute`, () =>
    tampered(sql, async (repository) => {
      assert.equal(await repository.repairCounters(), repaired);

      const left = (await findings(repository)).map(({ kind }) => kind);
      assert.deepEqual(
        left,
        kinds.filter((kind) => kind !== "size" && (kind !== "references" || repaired === 0)),
      );
      assert.equal(await repository.repairCounters(), 0);
    }));
}

Deno.test("check says of a store that is wrong throughout no more than it must", () =>
  tampered(
    `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
     INSERT INTO block (space_no, hash, size, refs) SELECT 1, 'h' || i, 1, 1 FROM n`,
    async (repository) => {
      const found = await findings(repository);

      assert.equal(found.length, 1_001);
      assert.equal(found.at(-1)?.what, "there are more of this kind");
      await apply(repository, { key: "afterwards" });
    },
  ));
