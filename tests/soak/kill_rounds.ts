import { killRounds } from "../faults/kill_rounds.ts";
import { measured } from "../support/measured.ts";

Deno.test("1, 2, 6: kill -9 under eight writers, large values and long rounds", async () => {
  const seed = Number(Deno.env.get("SOAK_SEED") ?? 2);
  const options = { rounds: 100, seed, moments: 1500, large: 4 * 1024 * 1024 };

  const { acknowledged, retried, repeated } = await killRounds(options);

  measured(
    `${acknowledged} writes acknowledged, ${retried} sent again and done, ${repeated} known`,
  );
});
