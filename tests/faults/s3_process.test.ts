// A node on S3 in a process of its own, with no more permissions than `deno task start` gives: the
// SDK wants to know the system's name and to read files at home, and must do without.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { bytesOf, signIn } from "../support/asking.ts";
import { runTinycloud, startProcess, stopped, storageIn } from "../support/process.ts";
import { BUCKET, startS3Stub } from "../support/s3_stub.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const LARGE = bytesOf(3_000_000);

/** Nobody's credentials, and no machine to ask for any. */
const NO_CREDENTIALS = {
  AWS_ACCESS_KEY_ID: "",
  AWS_SECRET_ACCESS_KEY: "",
  AWS_EC2_METADATA_DISABLED: "true",
};

function permissions(folder: string): readonly string[] {
  return [
    "--allow-net",
    "--allow-env",
    `--allow-read=${folder},${ROOT}`,
    `--allow-write=${folder}`,
  ];
}

function bucketAt(url: string): Record<string, string> {
  return {
    TINYCLOUD_STORAGE_BLOCKS_TYPE: "S3",
    TINYCLOUD_STORAGE_BLOCKS_BUCKET: BUCKET,
    TINYCLOUD_STORAGE_BLOCKS_ENDPOINT: url,
    AWS_ACCESS_KEY_ID: "AKtest",
    AWS_SECRET_ACCESS_KEY: "hidden-word",
  };
}

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "tinycloud-s3-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a node on S3 needs no permission beyond those of the start task", () =>
  withFolder(async (folder) => {
    await using stub = startS3Stub();
    await using node = await startProcess({
      folder,
      env: bucketAt(stub.url),
      permissions: permissions(folder),
    });
    const session = await signIn(node);

    await session.put("large", LARGE);

    assert.deepEqual((await session.get("large"))?.bytes, LARGE);
    assert.equal(await stopped(node), 0);
    assert.deepEqual(node.complaints, []);
    assert.doesNotMatch(node.lines.join("\n"), /hidden-word|"level":"error"|failed/);
    assert.equal(stub.busy(), 0);
  }));

/** Where the runtime keeps modules, which it would look for at another home. */
const DENO_DIR = Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`;

const HOMES: readonly [home: string, says: RegExp][] = [
  ["/nowhere", /: there are no credentials \(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY\)$/],
  // The SDK asks the system then; of all it does, only this needs another permission.
  ["", /: the runtime does not permit it: .*--allow-sys/],
];

for (const [home, says] of HOMES) {
  Deno.test(`without credentials a start with HOME="${home}" says what is lacking`, () =>
    withFolder(async (folder) => {
      await using stub = startS3Stub();

      const { code, complaints } = await runTinycloud(["serve"], {
        env: {
          ...storageIn(folder),
          ...bucketAt(stub.url),
          ...NO_CREDENTIALS,
          DENO_DIR,
          HOME: home,
        },
        cwd: folder,
        permissions: permissions(folder),
      });

      assert.equal(code, 1, complaints.join("\n"));
      assert.equal(complaints.length, 1, complaints.join("\n"));
      assert.match(complaints[0] ?? "", says);
      assert.equal(stub.requests.length, 0);
    }));
}
