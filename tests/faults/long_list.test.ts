import { longList } from "./long_list.ts";

Deno.test("a list of 5,000 keys is complete, in order and streamed", async () => {
  await longList(5000);
});
