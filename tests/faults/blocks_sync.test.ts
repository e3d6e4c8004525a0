// What a put of a block syncs, and in which order (invariant 1). A sync that fails is never trusted.

import assert from "node:assert/strict";
import { blake3Hex } from "../../src/blake3.ts";
import { filesIn, leftIn } from "../unit/blocks/support.ts";
import { type Recorder, recordingTest, type Rule, startRecorder } from "./power/recording.ts";

const BYTES = new Uint8Array(100_000);
const SPACE_ID = "tinycloud:pkh:eip155:1:0x6a12C8594c5C850d57612CA58810ABb8aeBbC04B:home";
const RUN = "0123456789abcdef".repeat(2);

const SPACE = `/blocks/${blake3Hex(new TextEncoder().encode(SPACE_ID))}`;
const SHARD = `${SPACE}/${blake3Hex(BYTES).slice(0, 2)}`;
const BLOCK = `${SHARD}/${blake3Hex(BYTES)}`;
const TEMPORARY = `/blocks/.tmp/${RUN}-0`;
const UPLOAD = "/upload";

/** As when staging and blocks are on two file systems. */
const NO_LINKS: Rule = { op: "L", path: "*", action: { error: "EXDEV", lasts: true } };

/** Where the bytes come from; what is synced, named and synced then, in this order. */
const PUTS = [
  {
    kind: "memory",
    rules: [],
    bytes: TEMPORARY,
    order: [`sync ${TEMPORARY}`, `rename ${BLOCK}`, `sync ${SHARD}`],
  },
  {
    kind: "file",
    rules: [],
    bytes: UPLOAD,
    order: [`sync ${UPLOAD}`, `link ${BLOCK}`, `sync ${SHARD}`],
  },
  {
    kind: "copy",
    rules: [NO_LINKS],
    bytes: TEMPORARY,
    order: [`fault ${BLOCK}`, `sync ${TEMPORARY}`, `rename ${BLOCK}`, `sync ${SHARD}`],
  },
] as const;

/** Each new folder is made, then synced into its parent, before the put is over. */
const FOLDERS = [
  ["folder /blocks", "sync "],
  [`folder ${SPACE}`, "sync /blocks"],
  [`folder ${SHARD}`, `sync ${SPACE}`],
] as const;

for (const { kind, rules, bytes, order } of PUTS) {
  recordingTest(
    `invariant 1: a put from ${kind} syncs before and after it names the block`,
    async () => {
      await using recorder = await startRecorder();
      await recorder.rules(...rules);

      assert.equal(await put(recorder, kind), "put");

      const calls = await callsOf(recorder);
      assertInOrder(calls, order);
      for (const folder of FOLDERS) assertInOrder(calls, folder);
    },
  );

  const synced = [
    { what: "the store's folder", path: "", stored: 0 },
    { what: "the space's folder", path: "/blocks", stored: 0 },
    { what: "the two digits' folder", path: SPACE, stored: 0 },
    { what: "the bytes", path: bytes, stored: 0 },
    // The block may be there then, but nobody has been told so.
    { what: "the name", path: SHARD, stored: 1 },
  ];
  for (const { what, path, stored } of synced) {
    recordingTest(
      `a put from ${kind} whose sync of ${what} fails is storage_unavailable`,
      async () => {
        await using recorder = await startRecorder();
        const { root } = recorder;
        await recorder.rules(...rules, {
          op: "S",
          path: root + path,
          action: { error: "EIO" },
        });

        assert.equal(await put(recorder, kind), "storage_unavailable");

        const calls = await callsOf(recorder);
        assert.equal(calls.filter((call) => call === `fault ${path}`).length, 1);
        const left = (await leftIn(`${root}/blocks`)).filter((name) => name.includes(".tmp"));
        assert.deepEqual(left, []);
        const files = await filesIn(`${root}/blocks`);
        assert.equal(files.filter((name) => /^[0-9a-f]{64}/.test(name)).length, stored);
      },
    );
  }
}

recordingTest("normal durability syncs nothing but the folders above", async () => {
  await using recorder = await startRecorder();

  assert.equal(await put(recorder, "memory", "normal"), "put");

  const synced = (await callsOf(recorder)).filter((call) => call.startsWith("sync "));
  assert.deepEqual(synced, ["sync "]);
});

/** Puts the bytes in a fresh store, in a program of its own: "put", or the error's code. */
async function put(
  { root, env }: Recorder,
  kind: typeof PUTS[number]["kind"],
  durability = "full",
): Promise<string> {
  const module = (name: string) => JSON.stringify(import.meta.resolve(name));
  const staged = kind === "memory"
    ? "bytes, path: undefined"
    : `bytes: undefined, path: ${JSON.stringify(root + UPLOAD)}`;
  const program = `
    import { openLocalBlocks } from ${module("../../src/blocks/local.ts")};
    import { blake3Hex } from ${module("../../src/blake3.ts")};
    const bytes = new Uint8Array(${BYTES.length});
    // Makes the name of the temporary file known.
    crypto.randomUUID = () => "${RUN}";
    const staged = { hash: blake3Hex(bytes), size: bytes.length, ${staged} };
    if (staged.path) await Deno.writeFile(staged.path, bytes, { mode: 0o600 });
    const path = ${JSON.stringify(`${root}/blocks`)};
    try {
      await using blocks = await openLocalBlocks({ path, durability: "${durability}" });
      await blocks.put("${SPACE_ID}", staged);
      console.log("put");
    } catch (error) {
      console.log(error.code);
    }`;
  const args = ["eval", "--frozen", program];
  const { stdout } = await new Deno.Command(Deno.execPath(), { args, env }).output();
  return new TextDecoder().decode(stdout).trim();
}

/** What was done below the root: the kind, and the path that came about or was synced. */
async function callsOf({ root, steps }: Recorder): Promise<readonly string[]> {
  return (await steps()).flatMap((step) =>
    "path" in step
      ? `${step.kind} ${step.path.slice(root.length)}`
      : "to" in step
      ? `${step.kind} ${step.to.slice(root.length)}`
      : []
  );
}

function assertInOrder(calls: readonly string[], order: readonly string[]): void {
  let at = 0;
  for (const wanted of order) {
    const found = calls.indexOf(wanted, at);
    assert.ok(found >= 0, `no "${wanted}" after call ${at} of\n${calls.join("\n")}`);
    at = found + 1;
  }
}
