import { s3Test, testBucket } from "../support/s3.ts";
import { boundedMemory } from "./large_values.ts";

s3Test(
  "5: values of 32 and 128 MiB go up to S3 and down whole, in memory that stays flat",
  async () => {
    await using bucket = await testBucket();
    await boundedMemory(32 * 1024 * 1024, "with its length", bucket.env);
  },
);
