import { largeValue } from "./large_values.ts";

Deno.test("5: 64 MiB go up and down whole, and the node's memory stays flat", async () => {
  await largeValue(64 * 1024 * 1024);
});
