// The block store in a bucket keeps the promises of the port, on a real server.

import { openS3Blocks } from "../../src/blocks/s3.ts";
import { PATIENCE } from "../../src/blocks/s3_headway.ts";
import { s3Test, testBucket } from "../support/s3.ts";
import { startTcpProxy } from "../support/tcp_proxy.ts";
import { blocksContract, type OpenedBlocks } from "./blocks_contract.ts";

blocksContract("S3", openS3, s3Test);

async function openS3(): Promise<OpenedBlocks> {
  await using opened = new AsyncDisposableStack();
  const bucket = opened.use(await testBucket());
  const { place } = bucket;
  const { prefix } = place;
  const proxy = opened.use(startTcpProxy(place.endpoint));
  const patience = { ...PATIENCE, pauseMs: 10 };
  const blocks = opened.use(await openS3Blocks({ ...place, endpoint: proxy.url }, patience));
  const resources = opened.move();
  return {
    blocks,
    damage: ({ spaceHash, hash }, bytes) => bucket.put(`${prefix}/${spaceHash}/${hash}`, bytes),
    // A put leaves nothing: an object appears whole or not at all. A probe may be left.
    breakOffPut: () => bucket.put(`${prefix}/.probe/${crypto.randomUUID()}`, new Uint8Array(7)),
    async addForeign() {
      const [space, hash] = ["a".repeat(64), "b".repeat(64)];
      for (
        const key of [
          `${prefix}/`,
          `${prefix}/README`,
          `${prefix}/.probe/README`,
          `${prefix}/${space}`,
          `${prefix}/${space}/`,
          `${prefix}/${space}/${hash.toUpperCase()}`,
          `${prefix}/${space}/${hash}.old`,
          `${prefix}/${space}/bb/${hash}`,
          `${prefix}/${space}/${hash}/${hash}`,
          `${prefix}/a + b%2F\u{1}é\u{FFFD}\u{1F600}`,
          `${prefix}x/${space}/${hash}`,
        ]
      ) await bucket.put(key, new Uint8Array(1));
    },
    cut: () => proxy.cut(),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
