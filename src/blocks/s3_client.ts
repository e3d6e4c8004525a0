// The SDK's client as the store uses it. What it would do by itself and we do not want: retries (it
// can't retry a stream; src/blocks/s3_retry.ts does), clocks corrected in silence (a machine whose
// clock is wrong misjudges every token), checksums that not every server knows (BLAKE3 covers the
// bytes), warnings on the console, and asking the system for its name, which takes a permission.

import { S3Client } from "@aws-sdk/client-s3";
import { pipeline, Readable, Transform } from "node:stream";
import type { Config } from "../config/config.ts";
import { VERSION } from "../version.ts";
import { createAgents } from "./s3_agent.ts";

/** Where the blocks are, and who we are there. */
export type S3Place = Omit<Extract<Config["storage"]["blocks"], { kind: "S3" }>, "kind">;

/** A page of a list: a thousand names of a kilobyte, each byte of which may be written as three. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

export function createClient({ endpoint, region, credentials }: S3Place): S3Client {
  const client = new S3Client({
    region,
    ...(endpoint === undefined ? {} : { endpoint: endpoint.href, forcePathStyle: true }),
    ...(credentials === undefined ? {} : { credentials: credentials.reveal() }),
    maxAttempts: 1,
    retryMode: "standard",
    disableClockSkewCorrection: true,
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    expectContinueHeader: false,
    // Time-outs are the headway's: it knows a body that waits for its reader from one that stalls.
    requestHandler: { ...createAgents(), socketTimeout: 0 },
    logger: SILENT,
    defaultUserAgentProvider: () => Promise.resolve([["tinycloud-node", VERSION]]),
  });
  client.middlewareStack.add(
    (next, { commandName }) => async (args) => {
      const result = await next(args);
      const { response } = result;
      if (hasBody(response) && !(commandName === "GetObjectCommand" && response.statusCode < 300)) {
        response.body = bounded(response.body);
      }
      return result;
    },
    { step: "deserialize", priority: "low", name: "boundAnswer" },
  );
  return client;
}

const SILENT = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

function hasBody(response: unknown): response is { readonly statusCode: number; body: Readable } {
  return typeof response === "object" && response !== null && "statusCode" in response &&
    "body" in response && response.body instanceof Readable;
}

/** The SDK reads every answer but an object's into memory: only so much of it. */
function bounded(body: Readable): Readable {
  let seen = 0;
  const counting = new Transform({
    transform(chunk: Uint8Array, _encoding, pass) {
      seen += chunk.length;
      if (seen <= MAX_ANSWER_BYTES) pass(null, chunk);
      else pass(new Error("An answer of S3 is too long"));
    },
  });
  // What fails, fails for who reads it.
  return pipeline(body, counting, () => {});
}
