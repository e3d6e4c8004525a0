import { answersEarly, EARLY_ANSWERS } from "../faults/early_answers.ts";
import { boundedMemory, largeValue } from "../faults/large_values.ts";

const GIB = 1024 * 1024 * 1024;

Deno.test("5: 1 GiB goes up and down whole, in bounded memory", async () => {
  await largeValue(GIB, "with its length");
});

Deno.test("5: 128 MiB in chunks go up and down whole", async () => {
  await boundedMemory(GIB / 32, "in chunks");
});

for (const answer of EARLY_ANSWERS) {
  Deno.test(`a client that sends 1 GiB whatever it is told: ${answer.name}`, async () => {
    await answersEarly(answer, GIB);
  });
}
