import { manyDelegations } from "./many_delegations.ts";

Deno.test("5: with 2,000 delegations in a space the newest are listed, one more works, a revocation too", async () => {
  await manyDelegations(2000, { reads: 5, uses: 50 });
});
