// The configuration of blocks in S3: options, and what Amazon's own variables say.

import assert from "node:assert/strict";
import { inspect } from "node:util";
import { type Given, load, problemsOf } from "./support.ts";

const S3 = {
  TINYCLOUD_STORAGE_DATABASE: "caps.db",
  TINYCLOUD_STORAGE_BLOCKS_TYPE: "S3",
  TINYCLOUD_STORAGE_BLOCKS_BUCKET: "values",
};
const AMAZON = { ...S3, TINYCLOUD_STORAGE_BLOCKS_REGION: "eu-north-1" };

async function blocksOf(given: Given) {
  const { config } = await load(given);
  const { blocks } = config.storage;
  assert(blocks.kind === "S3");
  return blocks;
}

Deno.test("a bucket and a region are enough", async () => {
  const { config, warnings } = await load({ env: AMAZON });

  assert.deepEqual(config.storage.blocks, {
    kind: "S3",
    bucket: "values",
    endpoint: undefined,
    region: "eu-north-1",
    prefix: undefined,
    credentials: undefined,
  });
  assert.equal(config.storage.stagingPath, "/srv/data/staging");
  assert.deepEqual(warnings, []);
});

Deno.test("with an endpoint a region is not needed", async () => {
  const toml = `[global.storage.blocks]
    type = "S3"
    bucket = "values"
    endpoint = "http://localhost:9000"
    prefix = "/tinycloud/blocks/"`;

  const { endpoint, region, prefix } = await blocksOf({ toml });

  assert.equal(endpoint?.href, "http://localhost:9000/");
  assert.deepEqual([region, prefix], ["us-east-1", "tinycloud/blocks"]);
});

const REGIONS: readonly [what: string, env: Record<string, string>, region: string][] = [
  ["AWS_DEFAULT_REGION", { AWS_DEFAULT_REGION: "a-1" }, "a-1"],
  ["AWS_REGION before that", { AWS_DEFAULT_REGION: "a-1", AWS_REGION: "b-1" }, "b-1"],
  [
    "the option before both",
    { AWS_REGION: "b-1", TINYCLOUD_STORAGE_BLOCKS_REGION: "c-1" },
    "c-1",
  ],
  ["no name that is none", { AWS_DEFAULT_REGION: "a-1", AWS_REGION: "b/1" }, "a-1"],
];

for (const [what, env, region] of REGIONS) {
  Deno.test(`the region is that of ${what}`, async () => {
    assert.equal((await blocksOf({ env: { ...S3, ...env } })).region, region);
  });
}

Deno.test("the region of the file counts before Amazon's variable, and each is named", async () => {
  const toml = `storage.blocks.region = "c-1"`;

  const byFile = await load({ toml, env: { ...S3, AWS_REGION: "b-1" } });
  const byVariable = await load({ env: { ...S3, AWS_REGION: "b-1" } });

  assert.equal(byFile.sources.get("storage.blocks.region"), "tinycloud.toml:1");
  assert.equal(byVariable.sources.get("storage.blocks.region"), "AWS_REGION");
});

Deno.test("credentials are taken from the environment, and never printed", async () => {
  const env = {
    ...AMAZON,
    AWS_ACCESS_KEY_ID: "key",
    AWS_SECRET_ACCESS_KEY: "hunter2",
    AWS_SESSION_TOKEN: "hunter3",
  };

  const loaded = await load({ env });

  const { blocks } = loaded.config.storage;
  assert(blocks.kind === "S3");
  assert.deepEqual(blocks.credentials?.reveal(), {
    accessKeyId: "key",
    secretAccessKey: "hunter2",
    sessionToken: "hunter3",
  });
  for (const printed of [JSON.stringify(loaded), inspect(loaded, { depth: 9 })]) {
    assert.doesNotMatch(printed, /hunter/);
  }
});

const MISTAKEN: readonly [what: string, given: Given, problem: RegExp][] = [
  [
    "no bucket",
    { env: { ...AMAZON, TINYCLOUD_STORAGE_BLOCKS_BUCKET: "none" } },
    /^TINYCLOUD_STORAGE_BLOCKS_TYPE: storage\.blocks\.type S3 needs storage\.blocks\.bucket$/,
  ],
  [
    "no region with Amazon",
    { env: S3 },
    /^TINYCLOUD_STORAGE_BLOCKS_TYPE: .* S3 needs storage\.blocks\.region, or AWS_REGION$/,
  ],
  [
    "a key without its secret",
    { env: { ...AMAZON, AWS_ACCESS_KEY_ID: "key" } },
    /^AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY$/,
  ],
  [
    "a secret without its key",
    { env: { ...AMAZON, AWS_SECRET_ACCESS_KEY: "hunter2" } },
    /^AWS_SECRET_ACCESS_KEY is set without AWS_ACCESS_KEY_ID$/,
  ],
  [
    "values larger than one put",
    { env: { ...AMAZON, TINYCLOUD_STORAGE_MAX_OBJECT: "6 GiB" } },
    /^TINYCLOUD_STORAGE_MAX_OBJECT: storage\.max_object is more than the 5 GiB that S3 takes/,
  ],
  [
    "a region that is none",
    { env: { ...AMAZON, TINYCLOUD_STORAGE_BLOCKS_REGION: "eu/1" } },
    /eu-n/,
  ],
];

for (const [what, given, problem] of MISTAKEN) {
  Deno.test(`the start stops at ${what}`, async () => {
    const problems = await problemsOf(given);

    assert.match(problems[0] ?? "", problem);
    assert.doesNotMatch(problems.join(), /hunter/);
  });
}

for (const bucket of ["ab", "a/b", "a..b", ".ab", "ab-", "a b", "a".repeat(64), "../x", "ä-ö"]) {
  Deno.test(`${JSON.stringify(bucket)} is no bucket`, async () => {
    const env = { ...AMAZON, TINYCLOUD_STORAGE_BLOCKS_BUCKET: bucket };

    assert.match((await problemsOf({ env }))[0] ?? "", /it must be a bucket's name/);
  });
}

const PREFIXES: readonly [prefix: string, normal: string][] = [
  ["node", "node"],
  ["node/", "node"],
  ["/node/blocks/", "node/blocks"],
  ["a.b/..c/(d)", "a.b/..c/(d)"],
  ["x".repeat(512), "x".repeat(512)],
];

for (const [prefix, normal] of PREFIXES) {
  Deno.test(`the prefix ${prefix.slice(0, 20)} is ${normal.slice(0, 20)}`, async () => {
    const env = { ...AMAZON, TINYCLOUD_STORAGE_BLOCKS_PREFIX: prefix };

    assert.equal((await blocksOf({ env })).prefix, normal);
  });
}

for (
  const prefix of ["", "/", "//", "//a", "a//b", "a//", ".", "..", "a/../b", "a/./b", "a b", "a\\b"]
    .concat(["a%2Fb", "ä", "a\u{1}", "a?b", "a#b", "x".repeat(513)])
) {
  Deno.test(`${JSON.stringify(prefix).slice(0, 20)} is no prefix`, async () => {
    const env = { ...AMAZON, TINYCLOUD_STORAGE_BLOCKS_PREFIX: prefix };

    assert.match((await problemsOf({ env }))[0] ?? "", /it must be a prefix such as/);
  });
}

Deno.test("what only S3 uses is told to have no effect without it", async () => {
  const env = { ...S3, TINYCLOUD_STORAGE_BLOCKS_TYPE: "Local", AWS_ACCESS_KEY_ID: "key" };

  const { config, warnings } = await load({ env });

  assert.equal(config.storage.blocks.kind, "Local");
  assert.deepEqual(warnings, [
    "TINYCLOUD_STORAGE_BLOCKS_BUCKET: storage.blocks.bucket has no effect: storage.blocks.type is " +
    "Local",
  ]);
});

Deno.test("credentials that do not end have no session", async () => {
  const { credentials } = await blocksOf({
    env: { ...AMAZON, AWS_ACCESS_KEY_ID: "AKID", AWS_SECRET_ACCESS_KEY: "hunter2" },
  });

  assert.deepEqual(credentials?.reveal(), { accessKeyId: "AKID", secretAccessKey: "hunter2" });
});

Deno.test("a prefix that is no text is refused", async () => {
  const toml = `[global.storage.blocks]
    prefix = 5`;

  const [problem = ""] = await problemsOf({ toml, env: AMAZON });

  assert.match(problem, /storage\.blocks\.prefix is 5; it must be a prefix such as/);
});
