// Where the node's secret comes from, and how the first start keeps the one it makes.

import assert from "node:assert/strict";
import { loadSecret, makeSecret } from "../../../src/config/node_secret.ts";
import { Secret } from "../../../src/config/secret.ts";
import { configErrorOf } from "./support.ts";

const TEXT = "hunter2-".repeat(8);
const BYTES = Uint8Array.fromBase64(TEXT, { alphabet: "base64url" });
const NO_KEYS = { secret: undefined, secretFile: undefined };

/** A folder for one test, and the SQLite database in it. */
async function aFolder() {
  const folder = await Deno.makeTempDir();
  return {
    folder,
    database: { kind: "sqlite", path: `${folder}/caps.db` } as const,
    secretFile: `${folder}/node.secret`,
    names: () => [...Deno.readDirSync(folder)].map(({ name }) => name),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

function modeOf(path: string): number {
  return Number(Deno.statSync(path).mode) & 0o777;
}

/** A file that holds a secret, with exactly this mode. */
function writeSecret(path: string, text: string, mode = 0o600): void {
  Deno.writeTextFileSync(path, text);
  Deno.chmodSync(path, mode);
}

Deno.test("a configured secret is used, whatever the database", async () => {
  for (const kind of ["memory", "postgres", "mysql"] as const) {
    const database = kind === "memory" ? { kind } : { kind, url: new Secret("…") };

    const found = await loadSecret({ ...NO_KEYS, secret: new Secret(TEXT) }, database);

    assert.deepEqual(found.secret.reveal(), BYTES);
    assert.equal(found.source, "keys.secret");
    assert.deepEqual(found.warnings, []);
  }
});

Deno.test("a configured secret that is none is refused", async () => {
  const keys = { ...NO_KEYS, secret: new Secret("hunter2") };

  const { problems } = await configErrorOf(loadSecret(keys, { kind: "memory" }));

  assert.deepEqual(problems, [
    "keys.secret is malformed; it must be unpadded base64url of at least 32 random bytes " +
    "(tinycloud keygen)",
  ]);
});

for (const end of ["", "\n", "\r\n"]) {
  Deno.test(`keys.secret_file is read when it ends in ${JSON.stringify(end)}`, async () => {
    await using given = await aFolder();
    writeSecret(`${given.folder}/s`, TEXT + end);

    const found = await loadSecret(
      { ...NO_KEYS, secretFile: `${given.folder}/s` },
      given.database,
    );

    assert.deepEqual(found.secret.reveal(), BYTES);
    assert.equal(found.source, `the secret in ${given.folder}/s`);
    assert.deepEqual(found.warnings, []);
    assert.deepEqual(given.names(), ["s"]);
  });
}

for (
  const [mode, warns] of [[0o400, false], [0o640, true], [0o604, true], [0o444, true]] as const
) {
  const octal = `0${mode.toString(8)}`;
  Deno.test(`a secret file of mode ${octal} ${warns ? "warns" : "is fine"}`, async () => {
    await using given = await aFolder();
    const secretFile = `${given.folder}/s`;
    writeSecret(secretFile, TEXT, mode);

    const found = await loadSecret({ ...NO_KEYS, secretFile }, given.database);

    assert.deepEqual(found.secret.reveal(), BYTES);
    assert.deepEqual(
      found.warnings,
      warns ? [`${secretFile} is open to others (mode ${octal}): chmod 600`] : [],
    );
  });
}

const MALFORMED = "is malformed; it must be unpadded base64url of at least 32 random bytes " +
  "(tinycloud keygen)";

const BAD_FILES: readonly [
  what: string,
  text: string | undefined,
  problem: (path: string) => string,
][] = [
  ["is missing", undefined, (path) => `${path}: the secret cannot be read: it does not exist`],
  ["is no secret", "hunter2 hunter2", (path) => `the secret in ${path} ${MALFORMED}`],
  [
    "is empty",
    "",
    (path) =>
      `the secret in ${path} holds only 0 bytes; it must be unpadded base64url of at least 32 ` +
      "random bytes (tinycloud keygen)",
  ],
  [
    "is too large",
    "A".repeat(8193),
    (path) => `${path}: the secret cannot be read: it is larger than 8192 bytes`,
  ],
];

for (const [what, text, problem] of BAD_FILES) {
  Deno.test(`a keys.secret_file that ${what} stops the start`, async () => {
    await using given = await aFolder();
    const secretFile = `${given.folder}/s`;
    if (text !== undefined) writeSecret(secretFile, text);

    const { problems } = await configErrorOf(
      loadSecret({ ...NO_KEYS, secretFile }, given.database),
    );

    assert.deepEqual(problems, [problem(secretFile)]);
  });
}

Deno.test("the first start makes a secret beside the database and says so once", async () => {
  await using given = await aFolder();

  const made = await loadSecret(NO_KEYS, given.database);
  const found = await loadSecret(NO_KEYS, given.database);

  assert.equal(made.secret.reveal().length, 32);
  assert.deepEqual(made.warnings, [
    `made a secret in ${given.secretFile}: back it up, for without it every key of this node is ` +
    "lost",
  ]);
  assert.deepEqual(found.secret.reveal(), made.secret.reveal());
  assert.deepEqual(found.warnings, []);
  assert.deepEqual(given.names(), ["node.secret"]);
});

Deno.test("two first starts make two secrets", async () => {
  await using one = await aFolder();
  await using other = await aFolder();

  assert.notDeepEqual(
    (await loadSecret(NO_KEYS, one.database)).secret.reveal(),
    (await loadSecret(NO_KEYS, other.database)).secret.reveal(),
  );
});

for (const umask of [0, 0o777]) {
  Deno.test(`under umask 0${umask.toString(8)} the made secret has mode 0600`, async () => {
    await using given = await aFolder();
    const before = Deno.umask(umask);
    try {
      await loadSecret(NO_KEYS, given.database);
    } finally {
      Deno.umask(before);
    }

    assert.equal(modeOf(given.secretFile), 0o600);
  });
}

Deno.test("the folder of the database is made for its owner only", async () => {
  await using given = await aFolder();
  const database = { kind: "sqlite", path: `${given.folder}/new/data/caps.db` } as const;

  await loadSecret(NO_KEYS, database);

  assert.equal(modeOf(`${given.folder}/new/data`), 0o700);
});

Deno.test("what stands at node.secret is never replaced", async () => {
  for (const text of ["", "hunter2", `${TEXT}\n`]) {
    await using given = await aFolder();
    writeSecret(given.secretFile, text);

    await loadSecret(NO_KEYS, given.database).catch(() => "refused");

    assert.equal(Deno.readTextFileSync(given.secretFile), text);
    assert.deepEqual(given.names(), ["node.secret"]);
  }
});

Deno.test("a secret that another start made meanwhile is not replaced", async () => {
  await using given = await aFolder();
  writeSecret(given.secretFile, TEXT);

  const { problems } = await configErrorOf(makeSecret(given.secretFile));

  assert.match(String(problems[0]), /node\.secret: the secret cannot be written: File exists/);
  assert.equal(Deno.readTextFileSync(given.secretFile), TEXT);
  assert.deepEqual(given.names(), ["node.secret"]);
});

Deno.test("a broken link at node.secret is not followed to make one", async () => {
  await using given = await aFolder();
  Deno.symlinkSync(`${given.folder}/elsewhere`, given.secretFile);

  const { problems } = await configErrorOf(loadSecret(NO_KEYS, given.database));

  assert.deepEqual(problems, [
    `${given.secretFile}: the secret cannot be read: it does not exist`,
  ]);
  assert.deepEqual(given.names(), ["node.secret"]);
});

Deno.test("of first starts at once one makes the secret, and none gets another", async () => {
  await using given = await aFolder();

  const starts = await Promise.allSettled(
    Array.from({ length: 8 }, () => loadSecret(NO_KEYS, given.database)),
  );

  const kept = Deno.readTextFileSync(given.secretFile).trim();
  const won = starts.filter((start) => start.status === "fulfilled");
  assert(won.length >= 1);
  for (const { value } of won) {
    assert.equal(
      value.secret.reveal().toBase64({ alphabet: "base64url", omitPadding: true }),
      kept,
    );
  }
  assert.deepEqual(given.names(), ["node.secret"]);
});

Deno.test("a secret that cannot be written stops the start and leaves nothing", async () => {
  await using given = await aFolder();
  Deno.writeTextFileSync(`${given.folder}/file`, "");
  const path = `${given.folder}/file/caps.db`;

  const { problems } = await configErrorOf(loadSecret(NO_KEYS, { kind: "sqlite", path }));

  assert.equal(problems.length, 1);
  assert.match(
    String(problems[0]),
    /^\/.*\/file\/node\.secret: the secret cannot be (written|read): .+$/,
  );
  assert.deepEqual(given.names(), ["file"]);
});

Deno.test("where a secret was used before, none is made", async () => {
  await using given = await aFolder();

  const { problems } = await configErrorOf(
    loadSecret(NO_KEYS, given.database, { mayMake: false }),
  );

  assert.deepEqual(problems, [
    `${given.secretFile} is gone, and ${given.database.path} was used with a secret before: ` +
    "restore the file, or set keys.secret to that secret",
  ]);
  assert.deepEqual(given.names(), []);
});

Deno.test("who asks for a secret that is gone may say more about it", async () => {
  await using given = await aFolder();
  const gone = (path: string) => `${path} is kept elsewhere`;

  const { problems } = await configErrorOf(
    loadSecret(NO_KEYS, given.database, { mayMake: false, gone }),
  );

  assert.deepEqual(problems, [`${given.secretFile} is kept elsewhere`]);
});

const KEEPERS = [
  [{ kind: "memory" }, "a database in memory"],
  [{ kind: "postgres", url: new Secret("postgres://node:hunter2@db/tc") }, "postgres"],
  [{ kind: "mysql", url: new Secret("mysql://node:hunter2@db/tc") }, "mysql"],
] as const;

for (const [database, where] of KEEPERS) {
  Deno.test(`${where} keeps no secret, so without one the node refuses`, async () => {
    const { problems } = await configErrorOf(loadSecret(NO_KEYS, database));

    assert.deepEqual(problems, [
      `there is no keys.secret, and ${where} keeps none: set TINYCLOUD_KEYS_SECRET to what ` +
      "`tinycloud keygen` prints",
    ]);
  });
}
