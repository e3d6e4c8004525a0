// Uploads and slow readers at full size. `SOAK_UPLOAD_MIB=100` makes the 20 GiB of adversary.md;
// all of it lies in the folder for temporary files (`TMPDIR`), so without it there are 6.25 GiB.

import assert from "node:assert/strict";
import { measured, mib } from "../support/measured.ts";
import { manyUploads, slowReaders } from "../faults/many_uploads.ts";

const MIB = 1024 * 1024;
const UPLOADS = 200;
const BYTES = Number(Deno.env.get("SOAK_UPLOAD_MIB") ?? 32) * MIB;
const MOST_MEMORY = 512 * MIB;
/** A loop that waits longer for a processor, as share of the time, pauses for the machine's sake. */
const CALM = 0.1;
/** The database, its log, and who else uses the disk. */
const SPARE = 1024 * MIB;

const room = await roomForTemporaryFiles();
const isRoom = room >= UPLOADS * BYTES + SPARE;
if (!isRoom) measured(`no room for ${UPLOADS} uploads of ${mib(BYTES)}: ${mib(room)} are free`);

Deno.test({
  name: "5: 200 uploads at once are kept whole, below 512 MiB of memory, no pause over 50 ms",
  ignore: !isRoom,
  fn: async () => {
    const { peak, pauses } = await manyUploads(UPLOADS, BYTES);

    assert.ok(peak < MOST_MEMORY, `it took ${mib(peak)}`);
    const { long, longest, waited } = pauses;
    if (waited > CALM) return measured("pauses are not judged: others had the processors");
    assert.equal(long, 0, `the loop stood still, for up to ${longest} s`);
  },
});

Deno.test("5: 200 clients that stop reading a large value hold nobody up, in bounded memory", async () => {
  const { peak } = await slowReaders(200, 128 * MIB);

  assert.ok(peak < MOST_MEMORY, `it took ${mib(peak)}`);
});

/** Bytes. By `df`: the runtime tells it only to programs that may do everything. */
async function roomForTemporaryFiles(): Promise<number> {
  const folder = await Deno.makeTempDir({ prefix: "tinycloud-room-" });
  try {
    const args = ["--output=avail", "-B1", folder];
    const { stdout } = await new Deno.Command("df", { args }).output();
    return Number(new TextDecoder().decode(stdout).split("\n")[1]);
  } finally {
    await Deno.remove(folder);
  }
}
