// Listing under many grants (wire §6): complete, and never at the cost of everybody else's turn.

import assert from "node:assert/strict";
import { parseSpaceId } from "../../../src/capabilities/space_id.ts";
import type { Repository } from "../../../src/repository/repository.ts";
import type { Authorized } from "../../../src/spaces/authorize.ts";
import { list } from "../../../src/spaces/list.ts";
import type { Ports } from "../../../src/spaces/ports.ts";
import { aCapability, aDelegation, did, NOW, SPACE } from "../../support/tokens.ts";

const LIST = "tinycloud.kv/list";

/** Lists the prefix of these keys under grants on these paths. */
async function listed(
  paths: readonly string[],
  keys: readonly string[],
  prefix: string,
): Promise<readonly string[]> {
  const sorted = keys.toSorted();
  const repository = {
    admitRead: () => Promise.resolve({ kind: "admitted" }),
    standing: () => Promise.resolve({ used: true, revoked: new Set() }),
    find: (_space, key) =>
      Promise.resolve(keys.includes(key) ? { hash: "", size: 0, headers: [] } : undefined),
    list: (_space, from) => Promise.resolve(sorted.filter((key) => key.startsWith(from))),
  } as Partial<Repository> as Repository; // it is asked nothing else
  const capabilities = paths.map((path) => aCapability(`${SPACE}/kv/${path}`, LIST));
  const invocation = {
    claims: { issuer: did("user") },
    parents: [aDelegation("proof", { delegatee: did("user"), capabilities })],
    guards: { use: { key: "00", expiresAt: NOW }, unrevoked: [] },
  } as unknown as Authorized; // made by `authorize` only, but for tests
  const space = parseSpaceId(SPACE)?.space ?? assert.fail("a space");
  const wanted = aCapability(`${SPACE}/kv/${prefix}`, LIST);
  const ports = { repository } as Ports; // likewise
  const pages = await list(invocation, wanted, { space, key: prefix }, ports);
  return (await Array.fromAsync(pages)).flat();
}

const KEYS = ["a", "a-b", "a/1", "a/b/2", "ab", "ab/3", "b"];
const CASES: readonly [paths: readonly string[], prefix: string, names: readonly string[]][] = [
  [["a"], "a", ["a", "a/1", "a/b/2"]],
  [["a", "ab"], "a", ["a", "a/1", "a/b/2", "ab", "ab/3"]],
  [["a", "a", "a/b", "a/"], "a", ["a", "a/1", "a/b/2"]],
  [["ab", "a-b", "a"], "a", ["a", "a-b", "a/1", "a/b/2", "ab", "ab/3"]],
  [["a"], "a/", ["a/1", "a/b/2"]],
  [["a/b"], "a/b", ["a/b/2"]],
];
for (const [paths, prefix, names] of CASES) {
  Deno.test(`grants on ${paths.join(", ")} list "${prefix}": ${names.join(", ")}`, async () => {
    assert.deepEqual(await listed(paths, KEYS, prefix), names);
  });
}

Deno.test("a list under thousands of grants lets others have their turn", async () => {
  const paths = ["a", ...Array.from({ length: 4_000 }, (_, at) => `a${at}`)];
  let hadItsTurn = false;
  const timer = setTimeout(() => hadItsTurn = true, 0);

  const keys = await listed(paths, ["a", "a3999/x", "other"], "a");

  clearTimeout(timer);
  assert.deepEqual(keys, ["a", "a3999/x"]);
  assert.ok(hadItsTurn, "nothing else ran until the list was done");
});
