import assert from "node:assert/strict";
import { manyDelegations } from "../faults/many_delegations.ts";

const MOST_TIMES = 2;

Deno.test("5: with 100,000 delegations in a space nothing takes twice as long as with few", async () => {
  const ratios = await manyDelegations(100_000, { reads: 100, uses: 1000 });

  for (const [what, ratio] of Object.entries(ratios)) {
    assert.ok(ratio <= MOST_TIMES, `${what} takes ${ratio.toFixed(1)} times as long`);
  }
});
