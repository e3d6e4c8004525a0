import { boundedMemory } from "./large_values.ts";

const SIZE = 32 * 1024 * 1024;

Deno.test("5: values sent with their length go up and down whole, in memory that stays flat", async () => {
  await boundedMemory(SIZE, "with its length");
});

Deno.test("5: values sent in chunks go up and down whole, in memory bounded by their size", async () => {
  await boundedMemory(SIZE / 2, "in chunks");
});
