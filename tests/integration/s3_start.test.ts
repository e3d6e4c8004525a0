// What is wrong with a bucket stops the start, and the commands, with one sentence that says what.

import assert from "node:assert/strict";
import { tinycloud } from "../support/commands.ts";
import { startTestNode } from "../support/node.ts";
import { s3Test, testBucket } from "../support/s3.ts";
import { BUCKET, type Fault, refusal, startS3Stub } from "../support/s3_stub.ts";

/** With what it is configured, and what a start says after `cannot open the blocks s3://…: `. */
interface Mistake {
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
  readonly says: string;
}

const ON_A_SERVER: readonly Mistake[] = [
  {
    name: "a bucket that is not there",
    env: { TINYCLOUD_STORAGE_BLOCKS_BUCKET: "no-such-bucket" },
    says: "there is no such bucket",
  },
  {
    name: "a wrong access key",
    env: { AWS_ACCESS_KEY_ID: "AKwrong" },
    says: "it does not know the access key",
  },
  {
    name: "a wrong secret",
    env: { AWS_SECRET_ACCESS_KEY: "hidden-word" },
    says: "the secret access key is wrong",
  },
  {
    name: "an endpoint where nobody listens",
    env: { TINYCLOUD_STORAGE_BLOCKS_ENDPOINT: "http://127.0.0.1:1" },
    says: "it cannot be reached (ECONNREFUSED)",
  },
];

for (const { name, env, says } of ON_A_SERVER) {
  s3Test(`a start tells of ${name}`, async () => {
    await using bucket = await testBucket();

    await assertTold({ ...bucket.env, ...env }, says);
  });
}

s3Test("a start tells of a clock that is an hour wrong", async () => {
  await using bucket = await testBucket();
  const RealDate = Date;
  try {
    globalThis.Date = anHourAhead();

    await assertTold(bucket.env, "its clock and this machine's differ by more than 15 minutes");
  } finally {
    globalThis.Date = RealDate;
  }
});

function anHourAhead(): DateConstructor {
  return new Proxy(Date, {
    construct: (target, args) =>
      args.length > 0 ? Reflect.construct(target, args) : new target(target.now() + 3_600_000),
  });
}

const IN_A_STUB: readonly {
  readonly name: string;
  readonly fault: Fault;
  readonly says: string;
}[] = [
  {
    name: "credentials that may do nothing",
    fault: refusal(403, "AccessDenied"),
    says: "these credentials may not do what the node must (docs/s3.md)",
  },
  {
    name: "credentials that may only read",
    fault: only("GET", refusal(403, "AccessDenied")),
    says: "it can't be written to",
  },
  {
    name: "a bucket in another region",
    fault: refusal(301, "PermanentRedirect"),
    says: "the bucket is in another region, or at another endpoint",
  },
  {
    name: "a session that has expired",
    fault: refusal(400, "ExpiredToken"),
    says: "the session token has expired",
  },
  {
    name: "a code that nobody knows",
    fault: refusal(418, "tea-pot"),
    says: "it answers 418 (Unknown)",
  },
  {
    name: "something that is no S3",
    fault: ({ send }) => send({ status: 200, body: new TextEncoder().encode("<html>") }),
    says: "what it answers is not S3's",
  },
];

for (const { name, fault, says } of IN_A_STUB) {
  Deno.test(`a start tells of ${name}`, async () => {
    await using stub = startS3Stub();
    stub.always(fault);

    await assertTold({
      TINYCLOUD_STORAGE_BLOCKS_TYPE: "S3",
      TINYCLOUD_STORAGE_BLOCKS_BUCKET: BUCKET,
      TINYCLOUD_STORAGE_BLOCKS_ENDPOINT: stub.url,
      AWS_ACCESS_KEY_ID: "AKtest",
      AWS_SECRET_ACCESS_KEY: "hidden-word",
    }, says);
  });
}

/** Does what is asked with this method; fails else. */
function only(method: string, fault: Fault): Fault {
  return async (exchange) => {
    const { request, perform, send } = exchange;
    if (request.method === method) await send(perform());
    else await fault(exchange);
  };
}

async function assertTold(env: Readonly<Record<string, string>>, says: string): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "tinycloud-s3-" });
  try {
    const started = startTestNode({ folder, env });
    const error = await started.then(() => assert.fail("it started"), (error) => error);
    assert.equal(error.name, "NodeError");
    assert.match(error.message, /^cannot open the blocks s3:\/\/[\w./: -]+: .*$/);
    assert.ok(error.message.endsWith(`: ${says}`), error.message);
    assert.doesNotMatch(Deno.inspect(error, { depth: 9 }), /hidden-word|SKtest/);

    if (says === "it can't be written to") return;
    const gc = await tinycloud(folder, ["check"], { env });
    assert.deepEqual([gc.code, gc.complaints], [
      2,
      [`tinycloud check: could not run: ${error.message}`],
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
