import { answersEarly, EARLY_ANSWERS } from "../faults/early_answers.ts";
import { largeValue } from "../faults/large_values.ts";

const GIB = 1024 * 1024 * 1024;

for (const framing of ["with its length", "in chunks"] as const) {
  Deno.test(`5: 1 GiB sent ${framing} goes up and down whole, in bounded memory`, async () => {
    await largeValue(GIB, framing);
  });
}

for (const answer of EARLY_ANSWERS) {
  Deno.test(`a client that sends 1 GiB whatever it is told: ${answer.name}`, async () => {
    await answersEarly(answer, GIB);
  });
}
