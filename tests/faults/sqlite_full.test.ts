// A full and a read-only disk under a SQLite store: a real small file system in a mount namespace
// of its own, which ends with the program in it (adversary.md, 3).

import assert from "node:assert/strict";
import { z } from "zod";

const PROGRAM = new URL("sqlite_full.program.ts", import.meta.url).pathname;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

async function inNamespace(script: string, ...args: string[]): Promise<Deno.CommandOutput> {
  const options = ["--map-root-user", "--mount", "sh", "-ec", script, "sh", ...args];
  return await new Deno.Command("unshare", { args: options }).output();
}

const MOUNT = 'mount -t tmpfs -o size=2m tmpfs "$1"';
/** Only where the system lets nobody mount; in CI that is a failure. */
const canMount = Deno.env.get("CI") !== undefined ||
  await inNamespace(MOUNT, "/mnt").then(({ success }) => success, () => false);

const reportShape = z.strictObject({
  refused: z.string(),
  whole: z.boolean(),
  exact: z.number(),
  expected: z.number(),
  read: z.string(),
  readAgain: z.string(),
  ping: z.string(),
  batch: z.array(z.string()),
  mended: z.string(),
  readAfter: z.string(),
  deleted: z.string(),
  findings: z.array(z.unknown()),
  remounted: z.boolean(),
  readOnly: z.string(),
});

Deno.test({
  name: "a full disk refuses writes, not reads, loses nothing, and recovers by itself",
  ignore: !canMount,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      const script = `${MOUNT}; head -c 500000 /dev/zero > "$1/ballast"; shift
        exec "$@"`;
      const args = ["run", "-A", "--no-lock", "--no-check", "--config", CONFIG, PROGRAM, folder];
      const { success, stdout, stderr } = await inNamespace(
        script,
        folder,
        Deno.execPath(),
        ...args,
      );
      assert.ok(success, new TextDecoder().decode(stderr));

      const report = reportShape.parse(JSON.parse(new TextDecoder().decode(stdout)));

      const { expected, ...rest } = report;
      assert.deepEqual(rest, {
        refused: "storage_full",
        whole: true,
        exact: expected,
        read: "admitted",
        readAgain: "duplicate",
        ping: report.ping,
        batch: ["storage_full"],
        mended: "applied",
        readAfter: "duplicate",
        deleted: "applied",
        findings: [],
        remounted: true,
        readOnly: "storage_readonly",
      });
      // A small write may still fit where a large one did not.
      assert.ok(["storage_full", "done"].includes(report.ping), report.ping);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
