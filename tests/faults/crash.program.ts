// `deno task crash [--rounds N] [--seed S]`: kill -9 at random moments under a mixed load of small
// and large values, deletes, shared content, collection and a full space; verified after each round.

// deno-lint-ignore-file no-console -- a program for people

import { parseArgs } from "node:util";
import { killRounds } from "./kill_rounds.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "100" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 1_000_000)) },
  },
});
const begun = performance.now();
console.log(`seed ${values.seed}`);
const counts = await killRounds({
  rounds: Number(values.rounds),
  seed: Number(values.seed),
  moments: 1500,
  large: 1024 * 1024,
  onRound(round, { acknowledged, retried, repeated }) {
    if (round % 10 !== 0) return;
    const seconds = Math.round((performance.now() - begun) / 1000);
    console.log(
      `${round} rounds, ${seconds} s: ${acknowledged} writes acknowledged, ` +
        `${retried} sent again and done, ${repeated} known; nothing lost, torn or back`,
    );
  },
});
console.log(
  `${values.rounds} rounds from seed ${values.seed}: ${counts.acknowledged} writes acknowledged; ` +
    "0 lost, 0 torn, 0 back from the dead, every check clean",
);
