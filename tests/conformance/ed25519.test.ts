// Ed25519 signatures (wire §3.2): Wycheproof, CCTV and speccheck, as published or, where
// implementations are known to part, as our rule has it: canonical encodings, no small-order key.

import assert from "node:assert/strict";
import { z } from "zod";
import { accepts } from "./keys.ts";
import { hex, runAll, utf8, vectorsOf } from "./vectors.ts";

Deno.test("Ed25519 signatures of Wycheproof get the published verdicts", async () => {
  const cases = await vectorsOf(
    "wycheproof-ed25519",
    "cases",
    z.object({
      name: z.string(),
      key: z.string(),
      msg: z.string(),
      sig: z.string(),
      valid: z.boolean(),
    }),
  );

  runAll("wycheproof/ed25519", 151, cases, ({ name }) => name, ({ key, msg, sig, valid }) => {
    assert.equal(accepts("EdDSA", hex(key), hex(msg), hex(sig)), valid);
  });
});

// Each makes two honest verifiers answer differently, so a signature that needs one is refused.
const LENIENCE = [
  "low_order_A",
  "low_order_residue",
  "non_canonical_A",
  "non_canonical_R",
  "reencoded_k",
];

Deno.test("of CCTV's Ed25519 edge cases exactly the 86 that need no lenience pass", async () => {
  const cases = await vectorsOf(
    "cctv-ed25519",
    "cases",
    z.object({
      number: z.number(),
      key: z.string(),
      sig: z.string(),
      msg: z.string(),
      flags: z.array(z.string()),
    }),
  );
  let accepted = 0;

  runAll("cctv/ed25519", 914, cases, ({ number }) => `${number}`, ({ key, sig, msg, flags }) => {
    const verdict = accepts("EdDSA", hex(key), utf8(msg), hex(sig));

    accepted += verdict ? 1 : 0;
    assert.equal(verdict, !flags.some((flag) => LENIENCE.includes(flag)));
  });

  assert.equal(accepted, 86);
});

// "Taming the many EdDSAs", table 6: 0 and 1 have a small-order key; 2 has a small-order R, 3 mixed
// orders that cancel out; 4 and 5 pass with a cofactor only; 6 and 7 have S ≥ L; 8 to 11 have a
// non-canonical R or key.
const SPECCHECK_ACCEPTED = [2, 3];

Deno.test("of the ed25519-speccheck cases 2 and 3 pass, the others are refused", async () => {
  const cases = await vectorsOf(
    "ed25519-speccheck",
    "cases",
    z.object({ message: z.string(), pub_key: z.string(), signature: z.string() }),
  );
  const numbered = cases.map((vector, number) => ({ number, ...vector }));

  runAll("ed25519-speccheck", 12, numbered, ({ number }) => `${number}`, (vector) => {
    const { number, pub_key, message, signature } = vector;

    const verdict = accepts("EdDSA", hex(pub_key), hex(message), hex(signature));

    assert.equal(verdict, SPECCHECK_ACCEPTED.includes(number));
  });
});
