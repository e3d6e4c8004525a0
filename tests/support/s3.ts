// The real S3 server that tests use, if there is one (tests/support/s3_server.sh), and places in it.

import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { createClient, type S3Place } from "../../src/blocks/s3_client.ts";
import { Secret } from "../../src/config/secret.ts";

/** Undefined when there is none. */
export const ENDPOINT = Deno.env.get("TEST_S3_ENDPOINT");
export const ACCESS_KEY = Deno.env.get("TEST_S3_ACCESS_KEY") ?? "AKtest";
export const SECRET_KEY = Deno.env.get("TEST_S3_SECRET_KEY") ?? "SKtest";

/** A test that needs the server; ignored where there is none. */
export function s3Test(name: string, test: () => Promise<void>): void {
  const ignore = ENDPOINT === undefined;
  const why = ignore ? " (no TEST_S3_ENDPOINT: see tests/support/s3_server.sh)" : "";
  Deno.test({ name: `${name}${why}`, ignore, fn: test });
}

/** A prefix of its own in a bucket of the server; `name` tells this test's bucket from others'. */
export interface TestBucket extends AsyncDisposable {
  readonly place: S3Place & { readonly endpoint: URL; readonly prefix: string };
  /** What a node is configured with, to use it. */
  readonly env: Readonly<Record<string, string>>;
  put(key: string, bytes: Uint8Array): Promise<void>;
  get(key: string): Promise<Uint8Array>;
  remove(key: string): Promise<void>;
  /** The names of all objects in the bucket that begin so. */
  keys(prefix?: string): Promise<string[]>;
  /** Names and sizes of the objects below the bucket's own prefix. */
  blocks(): Promise<string[]>;
}

export async function testBucket(prefix: string = crypto.randomUUID()): Promise<TestBucket> {
  const endpoint = new URL(ENDPOINT ?? "");
  const Bucket = "tinycloud-tests";
  const place = {
    bucket: Bucket,
    endpoint,
    region: "us-east-1",
    prefix,
    credentials: new Secret({ accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY }),
  };
  const client = createClient(place);
  // It is there already, and ours, from the second time on.
  await client.send(new CreateBucketCommand({ Bucket }));
  return {
    place,
    env: {
      TINYCLOUD_STORAGE_BLOCKS_TYPE: "S3",
      TINYCLOUD_STORAGE_BLOCKS_BUCKET: Bucket,
      TINYCLOUD_STORAGE_BLOCKS_ENDPOINT: endpoint.href,
      TINYCLOUD_STORAGE_BLOCKS_PREFIX: prefix,
      AWS_ACCESS_KEY_ID: ACCESS_KEY,
      AWS_SECRET_ACCESS_KEY: SECRET_KEY,
    },
    async put(Key, Body) {
      await client.send(new PutObjectCommand({ Bucket, Key, Body }));
    },
    async get(Key) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
      return await Body?.transformToByteArray() ?? new Uint8Array();
    },
    async remove(Key) {
      await client.send(new DeleteObjectCommand({ Bucket, Key }));
    },
    async keys(Prefix = "") {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket, Prefix }));
      return Contents.map(({ Key = "" }) => Key);
    },
    async blocks() {
      const { Contents = [] } = await client.send(
        new ListObjectsV2Command({ Bucket, Prefix: `${prefix}/` }),
      );
      return Contents.map(({ Key, Size }) => `${Key} ${Size}`);
    },
    [Symbol.asyncDispose]() {
      client.destroy();
      return Promise.resolve();
    },
  };
}
