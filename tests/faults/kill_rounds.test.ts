import assert from "node:assert/strict";
import { killRounds } from "./kill_rounds.ts";

Deno.test("1, 2, 6: kill -9 under eight writers loses nothing acknowledged, and tears nothing", async () => {
  const { acknowledged, retried } = await killRounds({
    rounds: 30,
    seed: 1,
    moments: 120,
    large: 300_000,
  });

  assert.ok(acknowledged > 200, `only ${acknowledged} writes were acknowledged`);
  assert.ok(retried > 20, `only ${retried} writes were under way`);
});
