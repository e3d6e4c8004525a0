// What is synced, and in which order, seen from the kernel (invariant 1): taking out any one sync
// fails a test here. A sync that fails is never trusted. Needs strace, and leave to trace.

import assert from "node:assert/strict";
import { blake3Hex } from "../../src/blake3.ts";
import { filesIn, leftIn, temporaryDirectory } from "../unit/blocks/support.ts";

const BYTES = new Uint8Array(100_000);
const SPACE_ID = "tinycloud:pkh:eip155:1:0x6a12C8594c5C850d57612CA58810ABb8aeBbC04B:home";
const RUN = "0123456789abcdef".repeat(2);
const CALLS = "fsync,fdatasync,rename,renameat,renameat2,link,linkat,mkdir,mkdirat";
const mayTrace = await traced("0", ["-e", `trace=${CALLS}`]).then(({ success }) => success)
  .catch(() => false);

interface Traced {
  readonly success: boolean;
  /** Of the program. */
  readonly output: string;
  /** One call a line, with the paths of descriptors. */
  readonly calls: readonly string[];
}

/** Runs a program under strace. */
async function traced(program: string, options: readonly string[]): Promise<Traced> {
  const log = await Deno.makeTempFile();
  try {
    const { success, stdout } = await new Deno.Command("strace", {
      args: ["-f", "-y", "-o", log, ...options, Deno.execPath(), "eval", "--frozen", program],
    }).output();
    const calls = (await Deno.readTextFile(log)).split("\n").filter((line) => line.includes("("));
    return { success, output: new TextDecoder().decode(stdout).trim(), calls };
  } finally {
    await Deno.remove(log);
  }
}

/** Puts the same bytes in a fresh store, from `kind`; prints "put" or the error's code. */
function program(path: string, kind: "memory" | "file" | "copy", durability = "full"): string {
  const module = (name: string) => JSON.stringify(import.meta.resolve(name));
  const staged = kind === "memory"
    ? "bytes, path: undefined"
    : `bytes: undefined, path: ${JSON.stringify(kind === "file" ? `${path}/upload` : upload)}`;
  return `
    import { openLocalBlocks } from ${module("../../src/blocks/local.ts")};
    import { blake3Hex } from ${module("../../src/blake3.ts")};
    const path = ${JSON.stringify(path)};
    const bytes = new Uint8Array(${BYTES.length});
    // Makes the name of the temporary file known.
    crypto.randomUUID = () => "${RUN}";
    const staged = { hash: blake3Hex(bytes), size: bytes.length, ${staged} };
    if (staged.path) await Deno.writeFile(staged.path, bytes, { mode: 0o600 });
    const blocks = await openLocalBlocks({ path: path + "/blocks", durability: "${durability}" });
    try {
      await blocks.put("${SPACE_ID}", staged);
      console.log("put");
    } catch (error) {
      console.log(error.code);
    }
    await blocks[Symbol.asyncDispose]();`;
}

const upload = "/dev/shm/tinycloud-blocks-sync-test";
const BLOCK = String.raw`/blocks/[0-9a-f]{64}/[0-9a-f]{2}/[0-9a-f]{64}`;
const SHARD = String.raw`/blocks/[0-9a-f]{64}/[0-9a-f]{2}`;
const SPACE = String.raw`/blocks/[0-9a-f]{64}`;
const TEMPORARY = String.raw`/blocks/\.tmp/[^>"]+`;

/** Calls that must come in this order, whatever comes between. */
const PUTS = [
  {
    kind: "memory",
    order: [
      String.raw`fsync\(\d+<[^>]*${TEMPORARY}>`,
      String.raw`rename\("[^"]*${TEMPORARY}", "[^"]*${BLOCK}"`,
      String.raw`fsync\(\d+<[^>]*${SHARD}>`,
    ],
  },
  {
    kind: "file",
    order: [
      String.raw`fsync\(\d+<[^>]*/upload>`,
      String.raw`linkat\(.*/upload", .*${BLOCK}"`,
      String.raw`fsync\(\d+<[^>]*${SHARD}>`,
    ],
  },
  {
    kind: "copy",
    order: [
      String.raw`linkat\(.*EXDEV`,
      String.raw`fsync\(\d+<[^>]*${TEMPORARY}>`,
      String.raw`rename\("[^"]*${TEMPORARY}", "[^"]*${BLOCK}"`,
      String.raw`fsync\(\d+<[^>]*${SHARD}>`,
    ],
  },
] as const;

/** Each new folder is made, then synced into its parent, before the put is over. */
const FOLDERS = [
  [String.raw`mkdir[^(]*\(.*/blocks",`, String.raw`fsync\(\d+<[^>]*/base>`],
  [String.raw`mkdir[^(]*\(.*${SPACE}",`, String.raw`fsync\(\d+<[^>]*/blocks>`],
  [String.raw`mkdir[^(]*\(.*${SHARD}",`, String.raw`fsync\(\d+<[^>]*${SPACE}>`],
] as const;

function syncTest(name: string, test: (path: string) => Promise<void>): void {
  Deno.test({
    name: mayTrace ? name : `${name} (ignored: strace cannot run here)`,
    ignore: !mayTrace,
    async fn() {
      await using directory = await temporaryDirectory();
      const path = `${directory.path}/base`;
      await Deno.mkdir(path);
      try {
        await test(path);
      } finally {
        await Deno.remove(upload).catch(() => {});
      }
    },
  });
}

for (const { kind, order } of PUTS) {
  syncTest(
    `invariant 1: a put from ${kind} syncs before and after it names the block`,
    async (path) => {
      const { output, calls } = await traced(program(path, kind), ["-e", `trace=${CALLS}`]);

      assert.equal(output, "put");
      assertInOrder(calls, order);
      for (const folder of FOLDERS) assertInOrder(calls, folder);
    },
  );

  for (const { what, pathIn, stored } of syncedBy(kind)) {
    syncTest(
      `a put from ${kind} whose sync of ${what} fails is storage_unavailable`,
      async (path) => {
        const { output, calls } = await traced(program(path, kind), [
          ...["-P", pathIn(path), "-e", "trace=fsync", "-e", "inject=fsync:error=EIO"],
        ]);

        assert.equal(output, "storage_unavailable");
        assert.equal(calls.filter((call) => call.includes("INJECTED")).length, 1);
        assert.deepEqual(
          (await leftIn(`${path}/blocks`)).filter((name) => name.includes(".tmp")),
          [],
        );
        const blocks = (await filesIn(`${path}/blocks`)).filter((name) =>
          /^[0-9a-f]{64}/.test(name)
        );
        assert.equal(blocks.length, stored);
      },
    );
  }
}

interface Synced {
  readonly what: string;
  readonly pathIn: (base: string) => string;
  /** Blocks that are there after its failure. */
  readonly stored: number;
}

function syncedBy(kind: typeof PUTS[number]["kind"]): readonly Synced[] {
  const space = blake3Hex(new TextEncoder().encode(SPACE_ID));
  const shard = `${space}/${blake3Hex(BYTES).slice(0, 2)}`;
  return [
    { what: "the space's folder", pathIn: (base) => `${base}/blocks`, stored: 0 },
    { what: "the two digits' folder", pathIn: (base) => `${base}/blocks/${space}`, stored: 0 },
    {
      what: "the bytes",
      pathIn: (base) => kind === "file" ? `${base}/upload` : `${base}/blocks/.tmp/${RUN}-0`,
      stored: 0,
    },
    // The block may be there then, but nobody has been told so.
    { what: "the name", pathIn: (base) => `${base}/blocks/${shard}`, stored: 1 },
  ];
}

syncTest("normal durability syncs nothing but the folders above", async (path) => {
  const { output, calls } = await traced(program(path, "memory", "normal"), ["-e", "trace=fsync"]);

  assert.equal(output, "put");
  const synced = calls.flatMap((call) => /fsync\(\d+<([^>]*)>/.exec(call)?.[1] ?? []);
  assert.ok(synced.includes(path));
  assert.deepEqual(synced.filter((each) => each.startsWith(`${path}/`)), []);
});

function assertInOrder(calls: readonly string[], order: readonly string[]): void {
  let at = 0;
  for (const wanted of order) {
    const found = calls.findIndex((call, index) => index >= at && new RegExp(wanted).test(call));
    assert.ok(found >= 0, `no ${wanted} after call ${at} of\n${calls.join("\n")}`);
    at = found + 1;
  }
}
