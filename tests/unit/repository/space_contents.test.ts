// A page of keys is read in two looks: what goes between them is no end.

import assert from "node:assert/strict";
import type { Field } from "../../../src/repository/tables.ts";
import { heldKeys } from "../../../src/repository/space_contents.ts";
import { SPACE } from "../../contract/repository_samples.ts";

/** Keys of small values of a mebibyte each, so that each is a page of its own. */
function aStore(...keys: readonly string[]) {
  const held = new Set(keys);
  const select = (sql: string, ...[, ...values]: readonly Field[]) => {
    const isSizes = !sql.includes("token");
    const [after, until] = sql.includes("> ?")
      ? [values[0], isSizes ? undefined : values[1]]
      : [undefined, isSizes ? undefined : values[0]];
    return [...held].toSorted()
      .filter((key) => after === undefined || key > `${after}`)
      .filter((key) => until === undefined || key <= `${until}`)
      .slice(0, Number(values.at(-1)))
      .map((key) => ({
        ...{ key, size: 1024 * 1024, hash: "0".repeat(64), headers: "[]", inline: null },
        ...{ cid: "b", token: "t", at: 1 },
      }));
  };
  return { held, select };
}

Deno.test("keys that are deleted while a page is read do not end the keys", async () => {
  const { held, select } = aStore("a", "b", "c");
  let looks = 0;
  const deleting: typeof select = (sql, ...values) => {
    if (++looks % 2 === 0) held.delete(looks === 2 ? "a" : "b");
    return select(sql, ...values);
  };

  const page = await heldKeys(deleting, SPACE, undefined, 10);

  assert.deepEqual(page.map(({ key }) => key), ["c"]);
});

Deno.test("keys that are put while a page is read make it no longer than it may be", async () => {
  const { held, select } = aStore("c");
  let looks = 0;
  const putting: typeof select = (sql, ...values) => {
    if (++looks === 2) { for (const key of ["a", "b"]) held.add(key); }
    return select(sql, ...values);
  };

  const page = await heldKeys(putting, SPACE, undefined, 2);

  assert.deepEqual(page.map(({ key }) => key), ["a", "b"]);
});
