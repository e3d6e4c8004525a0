// The block store in files keeps the promises of the port.

import { openLocalBlocks } from "../../src/blocks/local.ts";
import { blocksContract, type OpenedBlocks } from "./blocks_contract.ts";

for (const durability of ["full", "normal"] as const) {
  blocksContract(`local, ${durability}`, () => openLocal(durability));
}

async function openLocal(durability: "full" | "normal"): Promise<OpenedBlocks> {
  const base = await Deno.makeTempDir();
  const path = `${base}/data/blocks`;
  const blocks = await openLocalBlocks({ path, durability });
  return {
    blocks,
    damage: async ({ spaceHash, hash }, bytes) => {
      const file = `${path}/${spaceHash}/${hash.slice(0, 2)}/${hash}`;
      await Deno.remove(file);
      await Deno.writeFile(file, bytes);
    },
    async breakOffPut() {
      await Deno.mkdir(`${path}/.tmp`, { recursive: true });
      await Deno.writeTextFile(`${path}/.tmp/${"0".repeat(32)}-1`, "torn");
    },
    async addForeign() {
      await Deno.writeTextFile(`${path}/README`, "mine");
      await Deno.mkdir(`${path}/lost+found`);
      await Deno.mkdir(`${path}/${"a".repeat(64)}/zz`, { recursive: true });
      await Deno.mkdir(`${path}/${"a".repeat(64)}/bb/${"b".repeat(64)}`, { recursive: true });
      await Deno.mkdir(`${path}/${"a".repeat(64)}/cc`, { recursive: true });
      await Deno.writeTextFile(`${path}/${"a".repeat(64)}/cc/${"d".repeat(64)}`, "misplaced");
      await Deno.symlink(`${path}/README`, `${path}/${"a".repeat(64)}/cc/${"c".repeat(64)}`);
    },
    cut: () => Deno.rename(`${base}/data`, `${base}/away`),
    async [Symbol.asyncDispose]() {
      await blocks[Symbol.asyncDispose]();
      await Deno.remove(base, { recursive: true });
    },
  };
}
