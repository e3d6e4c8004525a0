// Which store of blocks is configured. Only here: the node and the commands open the same one.

import type { Config } from "../config/config.ts";
import type { Blocks } from "./blocks.ts";
import { openLocalBlocks } from "./local.ts";

type Place = Config["storage"]["blocks"];

/** Throws NodeError, whose cause says what is wrong; of S3's, also when there is no such bucket. */
export async function openBlocks(
  { blocks, durability }: Pick<Config["storage"], "blocks" | "durability">,
): Promise<Blocks> {
  switch (blocks.kind) {
    case "Local":
      return await openLocalBlocks({ path: blocks.path, durability });
    case "S3": {
      // The SDK takes 130 ms and 18 MiB, which only those pay who need it.
      const { openS3Blocks } = await import("./s3.ts");
      return await openS3Blocks(blocks);
    }
  }
}

/** Where the blocks are, for a sentence. */
export function placeOfBlocks(blocks: Place): string {
  if (blocks.kind === "Local") return blocks.path;
  const { bucket, prefix, endpoint } = blocks;
  const at = endpoint === undefined ? "" : ` at ${endpoint.origin}`;
  return `s3://${[bucket, ...(prefix === undefined ? [] : [prefix])].join("/")}${at}`;
}
