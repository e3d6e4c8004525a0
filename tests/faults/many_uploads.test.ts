import assert from "node:assert/strict";
import { mib } from "../support/measured.ts";
import { manyUploads, slowReaders } from "./many_uploads.ts";

const MIB = 1024 * 1024;
const UPLOADS = 60;
const BYTES = 4 * MIB;
/** Whoever keeps all that is sent in memory needs more. */
const ALLOWANCE = UPLOADS * BYTES;

Deno.test("5: 60 uploads at once are acknowledged and kept whole, in bounded memory", async () => {
  const { before, peak } = await manyUploads(UPLOADS, BYTES);

  assert.ok(peak - before < ALLOWANCE, `it took ${mib(peak - before)} more`);
});

Deno.test("5: 100 clients that stop reading a value hold nobody up, in bounded memory", async () => {
  const { before, peak } = await slowReaders(100, 32 * MIB);

  assert.ok(peak - before < ALLOWANCE, `it took ${mib(peak - before)} more`);
});
