// The configuration from all its sources; every mistake in them has its sentence.

import assert from "node:assert/strict";
import { loadConfig } from "../../../src/config/load.ts";
import { configErrorOf, CWD, type Given, load, problemsOf } from "./support.ts";

const SECRET = "hunter2-".repeat(8);

Deno.test("without any source the defaults hold", async () => {
  const { config, sources } = await load();

  assert.deepEqual(config, {
    logLevel: "normal",
    log: { format: "Text", tracing: { enabled: false, traceheader: "TinyCloud-Trace-Id" } },
    address: "127.0.0.1",
    port: 8000,
    cors: false,
    prometheus: { address: "127.0.0.1", port: 8001, portIsDefault: true },
    storage: {
      database: { kind: "memory" },
      durability: "full",
      staging: "Memory",
      stagingMemoryBytes: 67_108_864,
      stagingPath: "/srv/data/staging",
      limitBytes: undefined,
      maxObjectBytes: 1_073_741_824,
      totalBytes: undefined,
      blocks: { kind: "Local", path: "/srv/data/blocks" },
      inlineBytes: 16_384,
      connectTimeoutMs: 10_000,
      gcIntervalMs: 600_000,
      scrubIntervalMs: undefined,
    },
    keys: { secret: undefined, secretFile: undefined },
    spaces: {
      allowlist: undefined,
      allowlistTimeoutMs: 5000,
      perOwner: 32,
      max: 100_000,
      keyOwners: false,
    },
    auth: {
      maxInvocationLifetimeSeconds: 300,
      maxDelegationLifetimeSeconds: undefined,
      didWeb: false,
    },
    database: { pool: 10, statementTimeoutMs: 5000, connectTimeoutMs: 2000 },
    limits: {
      clientRate: 200,
      clientConcurrency: 64,
      spaceRate: 0,
      spaceConcurrency: 256,
      spaceDelegations: 10_000,
      delegatorDelegations: 1000,
    },
    http: { trustedProxies: [], bodyIdleTimeoutMs: 30_000 },
    retention: { eventsMs: undefined },
  });
  assert.deepEqual(new Set(sources.values()), new Set(["default"]));
});

Deno.test("every option of this version reaches the configuration", async () => {
  const { config } = await load({
    toml: `
      [global]
      log_level = "debug"
      address = "::"
      port = 1
      cors = true
      log.format = "Json"
      log.tracing.traceheader = "X-Trace"
      prometheus = { address = "localhost", port = 2 }
      [global.storage]
      database = "sqlite:db/caps.db"
      durability = "normal"
      staging = "FileSystem"
      staging_memory = "1 MiB"
      staging_path = "/tmp/staging"
      limit = "10 MiB"
      max_object = "5 MB"
      total = "1 TiB"
      connect_timeout = "1 s"
      gc_interval = "1 min"
      scrub = "7 d"
      blocks = { path = "../blocks", inline = 0 }
      [global.keys]
      secret = "${SECRET}"
      [global.spaces]
      allowlist = "http://localhost:10000"
      allowlist_timeout = "250 ms"
      per_owner = 1
      max = 2
      key_owners = true
      [global.auth]
      max_invocation_lifetime = "10 min"
      max_delegation_lifetime = 86400
      [global.limits]
      space_delegations = 3
      delegator_delegations = 4
      [global.http]
      body_idle_timeout = "2 s"
      [global.retention]
      events = "30 d"
    `,
  });

  const { secret } = config.keys;
  assert.equal(secret?.reveal(), SECRET);
  assert.equal(config.spaces.allowlist?.href, "http://localhost:10000/");
  assert.deepEqual(config, {
    logLevel: "debug",
    log: { format: "Json", tracing: { enabled: false, traceheader: "X-Trace" } },
    address: "::",
    port: 1,
    cors: true,
    prometheus: { address: "localhost", port: 2, portIsDefault: false },
    storage: {
      database: { kind: "sqlite", path: "/srv/db/caps.db" },
      durability: "normal",
      staging: "FileSystem",
      stagingMemoryBytes: 1_048_576,
      stagingPath: "/tmp/staging",
      limitBytes: 10_485_760,
      maxObjectBytes: 5_000_000,
      totalBytes: 1_099_511_627_776,
      blocks: { kind: "Local", path: "/blocks" },
      inlineBytes: 0,
      connectTimeoutMs: 1000,
      gcIntervalMs: 60_000,
      scrubIntervalMs: 604_800_000,
    },
    keys: { secret, secretFile: undefined },
    spaces: {
      allowlist: config.spaces.allowlist,
      allowlistTimeoutMs: 250,
      perOwner: 1,
      max: 2,
      keyOwners: true,
    },
    auth: {
      maxInvocationLifetimeSeconds: 600,
      maxDelegationLifetimeSeconds: 86_400,
      didWeb: false,
    },
    database: { pool: 10, statementTimeoutMs: 5000, connectTimeoutMs: 2000 },
    limits: {
      clientRate: 200,
      clientConcurrency: 64,
      spaceRate: 0,
      spaceConcurrency: 256,
      spaceDelegations: 3,
      delegatorDelegations: 4,
    },
    http: { trustedProxies: [], bodyIdleTimeoutMs: 2000 },
    retention: { eventsMs: 2_592_000_000 },
  });
});

Deno.test("the environment wins over the file, the flags over both", async () => {
  const given: Given = {
    toml: `[global]\naddress = "10.0.0.1"\nport = 1\ncors = true\n`,
    env: { TINYCLOUD_ADDRESS: "10.0.0.2", TINYCLOUD_PORT: "2", HOME: "/root" },
    flags: { port: "3" },
  };

  const { config, sources, warnings } = await load(given);

  assert.deepEqual([config.address, config.port, config.cors], ["10.0.0.2", 3, true]);
  assert.equal(config.prometheus.address, "10.0.0.2");
  assert.deepEqual(
    ["address", "port", "cors", "log_level"].map((name) => sources.get(name)),
    ["TINYCLOUD_ADDRESS", "--port", "tinycloud.toml:4", "default"],
  );
  assert.equal(warnings.length, 1);
});

Deno.test("--address sets the address", async () => {
  const { config, sources } = await load({ flags: { address: "::1" } });

  assert.equal(config.address, "::1");
  assert.equal(sources.get("address"), "--address");
});

Deno.test("relative paths count from the working directory, the secret's too", async () => {
  const { config } = await load({ env: { TINYCLOUD_KEYS_SECRET_FILE: "run/secret" } });

  assert.equal(config.keys.secretFile, "/srv/run/secret");
});

Deno.test("uploads wait beside the blocks", async () => {
  const { config } = await load({ env: { TINYCLOUD_STORAGE_BLOCKS_PATH: "/srv/node/blocks" } });

  assert.equal(config.storage.stagingPath, "/srv/node/staging");
});

for (const toml of ["[global]\nport = 7", "[default]\nport = 7", "\nport = 7", "global.port = 7"]) {
  Deno.test(`the file may say ${JSON.stringify(toml)}`, async () => {
    assert.equal((await load({ toml })).config.port, 7);
  });
}

const SPELLINGS = [
  "TINYCLOUD_STORAGE_BLOCKS_INLINE",
  "TINYCLOUD_STORAGE__BLOCKS_INLINE",
  "TINYCLOUD_STORAGE_BLOCKS__INLINE",
  "TINYCLOUD__STORAGE__BLOCKS__INLINE",
];

for (const variable of SPELLINGS) {
  Deno.test(`${variable} sets storage.blocks.inline`, async () => {
    const { config, sources } = await load({ env: { [variable]: "1 KiB" } });

    assert.equal(config.storage.inlineBytes, 1024);
    assert.equal(sources.get("storage.blocks.inline"), variable);
  });
}

Deno.test("a name with an underscore of its own is found in the environment", async () => {
  const { config } = await load({
    env: { TINYCLOUD_STORAGE_MAX_OBJECT: "1 KiB", TINYCLOUD_LOG_LEVEL: "off" },
  });

  assert.equal(config.storage.maxObjectBytes, 1024);
  assert.equal(config.logLevel, "off");
});

const MEMORY = "default: storage.database is in memory, so nothing outlives the process";

const WARNED: readonly [what: string, given: Given, warnings: string[]][] = [
  ["a database in memory", {}, [MEMORY]],
  [
    "a database in memory by wish",
    { env: { TINYCLOUD_STORAGE_DATABASE: "sqlite::memory:" } },
    [
      "TINYCLOUD_STORAGE_DATABASE: storage.database is in memory, so nothing outlives the process",
    ],
  ],
  [
    "unknown variables",
    {
      env: {
        TINYCLOUD_STORAGE_LIMT: "hunter2",
        TINYCLOUD_SERVICE_HOST_IN_THE_CLUSTER: "10.0.0.1",
        TINYCLOUD_Port: "hunter2",
        TINYCLOUD_STORAGE_MAX__OBJECT: "1",
        "TINYCLOUD_\n": "",
      },
    },
    [
      `"TINYCLOUD_STORAGE_LIMT" is ignored: it is no option; did you mean TINYCLOUD_STORAGE_LIMIT?`,
      `"TINYCLOUD_SERVICE_HOST_IN_THE_CLUSTER" is ignored: it is no option`,
      `"TINYCLOUD_Port" is ignored: it is no option; did you mean TINYCLOUD_PORT?`,
      `"TINYCLOUD_STORAGE_MAX__OBJECT" is ignored: it is no option; did you mean ` +
      "TINYCLOUD_STORAGE_MAX_OBJECT?",
      `"TINYCLOUD_\\n" is ignored: it is no option`,
      MEMORY,
    ],
  ],
  [
    "relay.*",
    { toml: "[global.relay]\nport = 1", env: { TINYCLOUD_RELAY_PORT: "1" } },
    [
      `tinycloud.toml:2: "relay.port" is ignored: relay.* has been unused since version 1.0 of ` +
      "the reference node",
      `"TINYCLOUD_RELAY_PORT" is ignored: relay.* has been unused since version 1.0 of the ` +
      "reference node",
      MEMORY,
    ],
  ],
  ["nothing, with a database in a file", { toml: `storage.database = "caps.db"` }, []],
];

for (const [what, given, warnings] of WARNED) {
  Deno.test(`a warning tells of ${what}`, async () => {
    const loaded = await load(given);

    assert.deepEqual(loaded.warnings, warnings);
  });
}

const DATABASES = "it must be sqlite:PATH, sqlite::memory:, a path such as data/caps.db, or a " +
  "postgres:// or mysql:// URL";
const SECRETS =
  `it must be unpadded base64url of at least 32 random bytes (tinycloud keygen), or "none"`;

const MISTAKEN: readonly [what: string, given: Given, problems: string[]][] = [
  ["a word that is none of an option's", { toml: `log_level = "verbose"` }, [
    `tinycloud.toml:1: log_level is "verbose"; it must be "off" or "critical" or "normal" or ` +
    `"debug"`,
  ]],
  ["a port that is none", { env: { TINYCLOUD_PORT: "80a" } }, [
    `TINYCLOUD_PORT: port is "80a"; it must be a whole number from 0 to 65535`,
  ]],
  ["an empty variable", { env: { TINYCLOUD_SPACES_ALLOWLIST: "" } }, [
    "TINYCLOUD_SPACES_ALLOWLIST: spaces.allowlist is not such a URL; it must be an http:// or " +
    `https:// URL without user, password, query and fragment, or "none"`,
  ]],
  ["flags that are wrong", { flags: { address: "a b", port: "99999" } }, [
    `--address: address is "a b"; it must be an IP address such as "127.0.0.1" or "::", or a ` +
    "host name",
    `--port: port is "99999"; it must be a whole number from 0 to 65535`,
  ]],
  ["a name mistyped in the file", { toml: "[global.storage]\nlimt = 5\n" }, [
    `tinycloud.toml:2: no option is called "storage.limt"; did you mean storage.limit?`,
  ]],
  ["a name that is like no other", { toml: `[global]\ndatadir = "./data"` }, [
    `tinycloud.toml:2: no option is called "datadir"`,
  ]],
  ["an option that is taken for a table", { toml: "[global.port]\nnumber = 1" }, [
    `tinycloud.toml:2: no option is called "port.number"`,
  ]],
  ["a table that is taken for an option", { toml: "global = 1\nstorage = 2" }, [
    `tinycloud.toml:1: no option is called "global"`,
    `tinycloud.toml:2: no option is called "storage"`,
  ]],
  ["a name in quotes that only looks known", { toml: `"storage.limit" = 1` }, [
    `tinycloud.toml:1: no option is called "\\"storage.limit\\""; did you mean storage.limit?`,
  ]],
  ["a profile of another name", { toml: "[release]\nport = 1" }, [
    `tinycloud.toml:2: no option is called "release.port"`,
  ]],
  ["an option set in two profiles", { toml: "[default]\nport = 1\n[global]\nport = 2" }, [
    "tinycloud.toml:4: port is set by tinycloud.toml:2 already",
  ]],
  ["an option set by two variables", {
    env: { TINYCLOUD_STORAGE_LIMIT: "1", TINYCLOUD_STORAGE__LIMIT: "2" },
  }, ["TINYCLOUD_STORAGE__LIMIT: storage.limit is set by TINYCLOUD_STORAGE_LIMIT already"]],
  ["a text that is no TOML", { toml: `[global]\nsecret = hunter2` }, [
    "tinycloud.toml:2: Invalid TOML document: invalid value",
  ]],
  ["a secret that is too short", { env: { TINYCLOUD_KEYS_SECRET: "hunter2-" } }, [
    `TINYCLOUD_KEYS_SECRET: keys.secret holds only 6 bytes; ${SECRETS}`,
  ]],
  ["a secret that is malformed", {
    toml: `keys.secret = "hunter2 hunter2 hunter2 hunter2 hunter2"`,
  }, [
    `tinycloud.toml:1: keys.secret is malformed; ${SECRETS}`,
  ]],
  ["the published secret", {
    toml:
      `[global.keys]\n    type = "Static"\n    secret = "U29tZSBsb25nIHBpZWNlIG9mIGVudHJvcHkgd2` +
      `hpY2ggaXMgYSBzZWNyZXQgYW5kIG1vcmUgdGhhbiAzMiBieXRlcw"`,
  }, [
    "tinycloud.toml:3: keys.secret is the sample value from the reference node's tinycloud.toml, " +
    `known to everyone; ${SECRETS}`,
  ]],
  ["a secret and its file both", {
    toml: `keys.secret_file = "secret"`,
    env: { TINYCLOUD_KEYS_SECRET: SECRET },
  }, [
    "tinycloud.toml:1: keys.secret_file and keys.secret (TINYCLOUD_KEYS_SECRET) are both set; " +
    "keep one",
  ]],
  ["another type of keys", { toml: `keys.type = "Provider"` }, [
    `tinycloud.toml:1: keys.type is "Provider"; it must be "Static"`,
  ]],
  ["a database with a mistyped scheme", {
    env: { TINYCLOUD_STORAGE_DATABASE: "postgress://node:hunter2@db/tc" },
  }, [`TINYCLOUD_STORAGE_DATABASE: storage.database has an unknown scheme; ${DATABASES}`]],
  ["a size without bounds", { toml: `storage.max_object = 0` }, [
    `tinycloud.toml:1: storage.max_object is 0; it must be a size from 1 B to 1 TiB, such as ` +
    `"64 KiB"`,
  ]],
  ["a timer that would overflow", { toml: `storage.gc_interval = "25 d"` }, [
    `tinycloud.toml:1: storage.gc_interval is "25 d"; it must be a time from 1 s to 24 d, such ` +
    `as "10 min", or a number of seconds`,
  ]],
  ["many mistakes in all places at once", {
    toml: "port = -1\nfoo = 1\nstorage.scrub = 1",
    env: { TINYCLOUD_CORS: "yes", TINYCLOUD_STORAGE_BLOCKS_TYPE: "S3" },
    flags: { port: "x" },
  }, [
    `tinycloud.toml:2: no option is called "foo"`,
    "tinycloud.toml:1: port is -1; it must be a whole number from 0 to 65535",
    "tinycloud.toml:3: storage.scrub is 1; it must be a time from 1 min to 24 d, such as " +
    `"10 min", or a number of seconds, or "off"`,
    `TINYCLOUD_CORS: cors is "yes"; it must be true or false`,
    `--port: port is "x"; it must be a whole number from 0 to 65535`,
    "TINYCLOUD_STORAGE_BLOCKS_TYPE: storage.blocks.type S3 needs storage.blocks.bucket",
    "TINYCLOUD_STORAGE_BLOCKS_TYPE: storage.blocks.type S3 needs storage.blocks.region, or " +
    "AWS_REGION",
  ]],
];

for (const [what, given, problems] of MISTAKEN) {
  Deno.test(`the start stops at ${what}`, async () => {
    const error = await configErrorOf(load(given));

    assert.deepEqual(error.problems, problems);
    assert.equal(error.message, problems.join("\n"));
    assert.doesNotMatch(Deno.inspect([error.problems, error.warnings]), /hunter2/);
  });
}

const NOT_YET: readonly [option: string, toml: string, standard: string][] = [
  ["auth.did_web", "true", "false"],
];

for (const [option, value, standard] of NOT_YET) {
  Deno.test(`${option} = ${value} is not in this version yet, its default is`, async () => {
    assert.deepEqual(await problemsOf({ toml: `${option} = ${value}` }), [
      `tinycloud.toml:1: ${option} = ${value} is not in this version yet; it must be ${standard}`,
    ]);
    await load({ toml: `${option} = ${standard}` });
  });
}

for (const scheme of ["postgres", "postgresql", "mysql", "mariadb"]) {
  Deno.test(`a ${scheme}:// URL names a database`, async () => {
    const { config } = await load({ toml: `storage.database = "${scheme}://node:hunter2@db/tc"` });

    const kind = scheme.startsWith("postgres") ? "postgres" : "mysql";
    assert.equal(config.storage.database.kind, kind);
    assert.doesNotMatch(Deno.inspect(config), /hunter2/);
  });
}

Deno.test("warnings are told with the mistakes", async () => {
  const error = await configErrorOf(load({ toml: "port = -1", env: { TINYCLOUD_PROT: "1" } }));

  assert.deepEqual(error.warnings, [
    `"TINYCLOUD_PROT" is ignored: it is no option; did you mean TINYCLOUD_PORT?`,
    MEMORY,
  ]);
});

Deno.test("a mistake in the file is told even where the environment wins", async () => {
  assert.deepEqual(await problemsOf({ toml: "port = -1", env: { TINYCLOUD_PORT: "1" } }), [
    "tinycloud.toml:1: port is -1; it must be a whole number from 0 to 65535",
  ]);
});

/** Loads `name` from a folder that holds it, as `--config` names it or, without, by default. */
async function loadFrom(content: Uint8Array | undefined, file?: string) {
  const cwd = await Deno.makeTempDir();
  try {
    if (content !== undefined) await Deno.writeFile(`${cwd}/${file ?? "tinycloud.toml"}`, content);
    return await loadConfig({ cwd, file, env: {}, flags: {} });
  } finally {
    await Deno.remove(cwd, { recursive: true });
  }
}

const PORT_7 = new TextEncoder().encode("port = 7\n");

Deno.test("tinycloud.toml is read from the working directory", async () => {
  const { config, sources } = await loadFrom(PORT_7);

  assert.equal(config.port, 7);
  assert.equal(sources.get("port"), "tinycloud.toml:1");
});

Deno.test("--config names another file, and sources name it the same way", async () => {
  const { config, sources } = await loadFrom(PORT_7, "./node.toml");

  assert.equal(config.port, 7);
  assert.equal(sources.get("port"), "./node.toml:1");
});

Deno.test("without tinycloud.toml the node starts", async () => {
  assert.equal((await loadFrom(undefined)).config.port, 8000);
});

Deno.test("without the file that --config names it does not", async () => {
  const { problems } = await configErrorOf(loadFrom(undefined, "node.toml"));

  assert.deepEqual(problems, ["node.toml: the file cannot be read: it does not exist"]);
});

Deno.test("a file of 1 MiB is read, one byte more is not", async () => {
  const comment = (bytes: number) => new TextEncoder().encode("#".padEnd(bytes, "x"));

  await loadFrom(comment(1_048_576));
  const { problems } = await configErrorOf(loadFrom(comment(1_048_577)));

  assert.deepEqual(problems, [
    "tinycloud.toml: the file cannot be read: it is larger than 1048576 bytes",
  ]);
});

Deno.test("a tinycloud.toml that is there but unreadable stops the start", async () => {
  const readTextFile = () => Promise.reject(new Deno.errors.PermissionDenied("Permission denied"));

  const { problems } = await configErrorOf(
    loadConfig({ cwd: CWD, env: {}, flags: {}, readTextFile }),
  );

  assert.deepEqual(problems, ["tinycloud.toml: the file cannot be read: Permission denied"]);
});
