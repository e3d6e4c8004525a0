import { descriptorsStay } from "../faults/descriptors.ts";

const REQUESTS = Number(Deno.env.get("SOAK_REQUESTS") ?? 100_000);

Deno.test(`5: after ${REQUESTS} mixed requests the node has no more descriptors than before`, async () => {
  await descriptorsStay(REQUESTS);
});
