// A short flood: the full one is in the soak.

import assert from "node:assert/strict";
import { flood, tell } from "./flood.ts";

/** What V8 takes for its young objects once it works; more is no chance. */
const HEAP = 64 * 1024 * 1024;

Deno.test("a flood of bad tokens from 100 addresses: most are told to wait, memory is flat", async () => {
  const found = await flood(9, 200);

  const { growth } = tell(found);
  const { 401: looked = 0, 429: waited = 0 } = found.answers;
  assert.ok(growth < HEAP, `memory grew by ${growth}`);
  assert.ok(looked > 0 && waited > 0, JSON.stringify(found.answers));
  // 100 addresses, 40 requests for each bad token of 200 a second, and a burst.
  assert.ok(looked < 100 * 5 * (9 + 3), `${looked} bad tokens were looked at`);
});
