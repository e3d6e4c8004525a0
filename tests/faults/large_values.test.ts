import { flatMemory } from "./large_values.ts";

const SIZE = 32 * 1024 * 1024;

for (const framing of ["with its length", "in chunks"] as const) {
  Deno.test(`5: values sent ${framing} go up and down whole, in memory that stays flat`, async () => {
    await flatMemory(SIZE, framing);
  });
}
