import { s3Test, testBucket } from "../support/s3.ts";
import { boundedMemory } from "./large_values.ts";

const SIZE = 64 * 1024 * 1024;
/** The SDK's streams leave more garbage than files do: up to 29 MiB were seen, of 192 MiB more. */
const CHANCE = SIZE;

s3Test(
  "5: values of 64 and 256 MiB go up to S3 and down whole, in memory that stays flat",
  async () => {
    await using bucket = await testBucket();
    await boundedMemory(SIZE, "with its length", { env: bucket.env, chance: CHANCE });
  },
);
