// wire §1, §2, §4 and §6 to §8: the node and the oracle of tests/oracle, which was written from
// the contract alone, answer random scripts alike. `tests/fuzz/main.ts` does it for longer.

import assert from "node:assert/strict";
import { checkAuthority, compared } from "../fuzz/authority.ts";
import { CODES } from "../oracle/answer.ts";
import { measured } from "../support/measured.ts";

const SEED = 20_260_101;
const SCRIPTS = 180;
const INVOCATIONS = 5_000;

Deno.test("wire §4, §6: what is allowed is what the contract allows, 5,000 times", async (t) => {
  const counts = await checkAuthority(SEED, SCRIPTS);

  const kinds = Object.entries(counts).toSorted(([one], [other]) => one < other ? -1 : 1);
  const invoked = compared(kinds);
  const allowed = compared(kinds.filter(([kind]) => kind.startsWith("invoke 200 ")));
  measured(
    `${invoked} invocations compared, ${allowed} allowed (${percent(allowed / invoked)}), ` +
      `from seed ${SEED}`,
  );
  for (const [kind, count] of kinds) measured(`${kind}: ${count}`);
  assert.ok(invoked >= INVOCATIONS, `${invoked} invocations were compared`);
  await t.step("a quarter of the invocations are allowed, or the rules were hardly tried", () => {
    assert.ok(allowed >= invoked / 4, `${allowed} of ${invoked}`);
  });
  await t.step("every code that authority can give was given", () => {
    const given = kinds.map(([kind]) => kind.split(" ").at(-1));
    assert.deepEqual(CODES.filter((code) => !given.includes(code)), []);
  });
});

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
