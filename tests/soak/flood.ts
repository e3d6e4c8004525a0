// The flood at full size: three minutes over a hundred addresses.

import assert from "node:assert/strict";
import { flood, tell } from "../faults/flood.ts";

Deno.test("a three-minute flood of bad tokens leaves good clients' p99 within 3 times, and memory flat", async () => {
  const found = await flood(180, 400);

  const { growth } = tell(found);
  assert.ok(growth < 16 * 1024 * 1024, `memory grew by ${growth}`);
  assert.ok(found.flooded.p99 <= 3 * found.quiet.p99, "p99");
});
