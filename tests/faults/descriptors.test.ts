import { descriptorsStay } from "./descriptors.ts";

Deno.test("5: after 3,000 mixed requests the node has no more descriptors than before", async () => {
  await descriptorsStay(3000);
});
