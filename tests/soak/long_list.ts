import { longList } from "../faults/long_list.ts";

Deno.test("a list of 100,000 keys is complete, in order and streamed", async () => {
  await longList(100_000);
});
