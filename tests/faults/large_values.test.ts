import { largeValue } from "./large_values.ts";

const SIZE = 64 * 1024 * 1024;

for (const framing of ["with its length", "in chunks"] as const) {
  Deno.test(`5: 64 MiB sent ${framing} go up and down whole, and memory stays flat`, async () => {
    await largeValue(SIZE, framing);
  });
}
