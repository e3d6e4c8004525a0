// The files for containers. Nothing here can run one: what they say is held against the schema of
// Compose, the node's own options and the files that they name.

import assert from "node:assert/strict";
import { DCLinter } from "dclint";
import { parse } from "yaml";
import { isWithin, parseAddress, parseNetwork } from "../../src/config/network.ts";
import { loadConfig, type LoadedConfig } from "../../src/config/load.ts";
import { findSecret } from "../../src/config/node_secret.ts";
import { VERSION } from "../../src/version.ts";

const ROOT = new URL("../../", import.meta.url);
const PACKAGING = new URL("packaging/", ROOT);
const COMPOSE = await Deno.readTextFile(new URL("compose.yaml", PACKAGING));
const DOCKERFILE = await Deno.readTextFile(new URL("Dockerfile", PACKAGING));

interface Service {
  readonly image: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly restart?: string;
  readonly ports?: readonly string[];
  readonly networks: readonly string[];
  readonly volumes?: readonly string[];
  readonly secrets?: readonly (string | { readonly source: string; readonly target: string })[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly stop_grace_period?: string;
}

interface Compose {
  readonly services: Readonly<Record<"caddy" | "node" | "db" | "s3", Service>>;
  readonly networks: {
    readonly front: { readonly ipam: { readonly config: readonly { readonly subnet: string }[] } };
    readonly stores: { readonly internal: boolean };
  };
  readonly volumes: Readonly<Record<string, null>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

const compose: Compose = parse(COMPOSE, { merge: true });
const { caddy, node, db } = compose.services;

Deno.test("compose.yaml is as Compose's schema wants it", async () => {
  assert.deepEqual(await schemaFaults(COMPOSE), []);
});

const MISTAKES: readonly (readonly [string, string, string])[] = [
  ["an unknown key", "read_only: true", "readonly: true"],
  ["a wrong condition", "service_healthy", "service_ready"],
  ["a list where a map must be", "\nvolumes:\n", "\nvolumes: []\nx-volumes:\n"],
];
for (const [name, from, to] of MISTAKES) {
  Deno.test(`the schema refuses ${name}`, async () => {
    assert.ok(COMPOSE.includes(from));

    assert.notDeepEqual(await schemaFaults(COMPOSE.replace(from, to)), []);
  });
}

Deno.test("only Caddy is reached from outside, and only the node reaches the stores", () => {
  for (const [name, { ports, networks }] of Object.entries(compose.services)) {
    assert.equal(ports !== undefined, name === "caddy", name);
    assert.equal(networks.includes("stores"), name !== "caddy", name);
    assert.equal(networks.includes("front"), name === "caddy" || name === "node", name);
  }
  assert.equal(compose.networks.stores.internal, true);
});

Deno.test("each service has a health check and comes back; who needs it waits until it is healthy", () => {
  for (const [name, service] of Object.entries(compose.services)) {
    assert.equal(service.healthcheck?.test[0], "CMD", name);
    assert.equal(service.restart, "unless-stopped", name);
    for (const { condition } of Object.values(service.depends_on ?? {})) {
      assert.equal(condition, "service_healthy", name);
    }
  }
  assert.deepEqual(Object.keys(caddy.depends_on ?? {}), ["node"]);
  assert.deepEqual(Object.keys(node.depends_on ?? {}), ["db", "s3"]);
});

Deno.test("what the services mount is there: volumes by name, files of this folder", async () => {
  const used = new Set<string>();
  for (const { volumes = [] } of Object.values(compose.services)) {
    for (const [source = ""] of volumes.map((volume) => volume.split(":"))) {
      if (source.startsWith("./")) await Deno.stat(new URL(source, PACKAGING));
      else used.add(source);
    }
  }

  assert.deepEqual([...used].sort(), Object.keys(compose.volumes).sort());
});

Deno.test("with what compose.yaml and its secrets say, the node has its stores and its secret", async () => {
  await withSecrets(async (folder) => {
    const { config, warnings } = await nodeConfig(folder);

    assert.deepEqual(warnings, []);
    const { database, blocks } = config.storage;
    assert.ok(database.kind === "postgres" && blocks.kind === "S3");
    const { hostname, username, password, pathname } = new URL(database.url.reveal());
    assert.equal(hostname, "db");
    assert.equal(`/${db.environment?.POSTGRES_DB}`, pathname);
    assert.equal(db.environment?.POSTGRES_USER, username);
    assert.equal(await secretOf(folder, "db_password"), password);
    assert.equal(blocks.endpoint?.hostname, "s3");
    assert.equal(config.address, "0.0.0.0");
    assert.equal(config.storage.stagingPath, "/data/staging");
    const own = { ...config.keys, secretFile: `${folder}/node_secret` };
    assert.equal((await findSecret(own, database))?.secret.reveal().length, 32);
  });
});

Deno.test("the node and the S3 server have the same key, for the node's bucket alone", async () => {
  await withSecrets(async (folder) => {
    const { identities: [identity] } = JSON.parse(await secretOf(folder, "s3_identities"));
    const credentials = await secretOf(folder, "s3_credentials");

    const [{ accessKey, secretKey }] = identity.credentials;
    assert.match(credentials, new RegExp(`^aws_access_key_id = ${accessKey}$`, "m"));
    assert.match(credentials, new RegExp(`^aws_secret_access_key = ${secretKey}$`, "m"));
    const bucket = node.environment?.TINYCLOUD_STORAGE_BLOCKS_BUCKET;
    for (const action of identity.actions) assert.match(action, new RegExp(`:${bucket}$`));
    assert.match(COMPOSE, new RegExp(`-bucket=${bucket}\n`));
  });
});

Deno.test("the secrets that are made are those that are mounted, for one reader each", async () => {
  await withSecrets(async (folder) => {
    const made = new Map<string, Deno.FileInfo>();
    for await (const { name } of Deno.readDir(folder)) {
      made.set(name, await Deno.stat(`${folder}/${name}`));
    }

    assert.deepEqual([...made.keys()].sort(), Object.keys(compose.secrets).sort());
    for (const [name, { file }] of Object.entries(compose.secrets)) {
      assert.equal(file, `./secrets/${name}`);
    }
    const owners = { node: 65532, db: 999, s3: 1000, caddy: undefined };
    for (const [name, { secrets = [] }] of Object.entries(compose.services)) {
      for (const secret of secrets) {
        const info = made.get(typeof secret === "string" ? secret : secret.source);
        assert.equal(info?.uid, owners[name as keyof typeof owners]);
        assert.equal(Number(info?.mode) & 0o777, 0o400);
      }
    }
  });
});

Deno.test("secrets that are there are never replaced", async () => {
  await withSecrets(async (folder) => {
    const before = await secretOf(folder, "node_secret");

    const { code } = await makeSecrets(folder);

    assert.equal(code, 1);
    assert.equal(await secretOf(folder, "node_secret"), before);
  });
});

Deno.test("the node believes Caddy's network about who asks, and nobody else", async () => {
  await withSecrets(async (folder) => {
    const { trustedProxies } = (await nodeConfig(folder)).config.http;

    const [subnet] = compose.networks.front.ipam.config;
    assert.deepEqual(trustedProxies, [parseNetwork(subnet?.subnet ?? "")]);
    const outside = parseAddress("172.31.84.1");
    assert.ok(outside && !trustedProxies.some((network) => isWithin(outside, network)));
  });
});

Deno.test("Caddy's sample takes the site and the nodes from the variables that Compose sets", async () => {
  const sample = await Deno.readTextFile(new URL("Caddyfile", PACKAGING));

  for (const name of Object.keys(caddy.environment ?? {})) {
    assert.ok(sample.includes(`{$${name}:`), name);
  }
  assert.equal(caddy.environment?.NODES, "node:8000");
});

Deno.test("images have this version", () => {
  assert.equal(node.image, `tinycloud:${VERSION}`);
  assert.ok(DOCKERFILE.includes(`image.version="${VERSION}"`));
  assert.ok(DOCKERFILE.includes(`-t tinycloud:${VERSION} `));
  assert.ok(DOCKERFILE.includes(`FROM denoland/deno:debian-${Deno.version.deno} AS build`));
});

Deno.test("what the Dockerfile copies is there, and let through to the builder", async () => {
  const ignored = await Deno.readTextFile(new URL("Dockerfile.dockerignore", PACKAGING));
  const copied = [...DOCKERFILE.matchAll(/^COPY (?!--from)(.+) \S+$/gm)]
    .flatMap(([, sources = ""]) => sources.split(" "));

  for (const source of copied) {
    await Deno.stat(new URL(source, ROOT));
    assert.ok(ignored.split("\n").includes(`!${source}`), source);
  }
  assert.ok(copied.includes("src"));
});

Deno.test("what the Dockerfile copies is enough to compile", async () => {
  const folder = await Deno.makeTempDir({ prefix: "tinycloud-image-" });
  try {
    const copies = DOCKERFILE.matchAll(/^COPY (?!--from)(.+) (\S+)$/gm);
    for (const [, sources = "", target = ""] of copies) {
      if (target.startsWith("/")) continue;
      await Deno.mkdir(`${folder}/packaging`, { recursive: true });
      for (const source of sources.split(" ")) {
        await output("cp", ["-r", source, `${folder}/${target}`], ROOT);
      }
    }

    // The runtime stands in for the stub that may not be downloadable here; it is not run.
    await output(Deno.execPath(), ["task", "compile"], folder, { DENORT_BIN: Deno.execPath() });

    assert.ok((await Deno.stat(`${folder}/dist/tinycloud`)).size > 0);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the image's options are in order, and all its data lies in its volume", async () => {
  const { config, warnings } = await loadConfig({
    cwd: "/etc/tinycloud",
    env: {},
    flags: {},
    readTextFile: () => Deno.readTextFile(new URL("container.toml", PACKAGING)),
  });

  assert.deepEqual(warnings, []);
  assert.equal(config.address, "0.0.0.0");
  assert.deepEqual(config.storage.database, { kind: "sqlite", path: "/data/caps.db" });
  assert.deepEqual(config.storage.blocks, { kind: "Local", path: "/data/blocks" });
  assert.equal(config.storage.stagingPath, "/data/staging");
  assert.match(DOCKERFILE, /^VOLUME \/data$/m);
  assert.match(DOCKERFILE, /^USER 65532:65532$/m);
});

function nodeConfig(folder: string): Promise<LoadedConfig> {
  return loadConfig({
    cwd: "/etc/tinycloud",
    env: node.environment ?? {},
    flags: {},
    readTextFile: () => Deno.readTextFile(`${folder}/node_options`),
  });
}

async function withSecrets(test: (folder: string) => Promise<void>): Promise<void> {
  const parent = await Deno.makeTempDir({ prefix: "tinycloud-secrets-" });
  try {
    const { code, stderr } = await makeSecrets(`${parent}/secrets`);
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    await test(`${parent}/secrets`);
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
}

function makeSecrets(folder: string): Promise<Deno.CommandOutput> {
  return new Deno.Command(new URL("compose-secrets", PACKAGING).pathname, { args: [folder] })
    .output();
}

async function output(
  command: string,
  args: string[],
  cwd: string | URL,
  env: Record<string, string> = {},
): Promise<void> {
  const { code, stderr } = await new Deno.Command(command, { args, cwd, env }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
}

async function secretOf(folder: string, name: string): Promise<string> {
  return (await Deno.readTextFile(`${folder}/${name}`)).trim();
}

/** What Compose's own schema says of a file. */
async function schemaFaults(text: string): Promise<string[]> {
  const file = await Deno.makeTempFile({ prefix: "tinycloud-compose-", suffix: ".yaml" });
  try {
    await Deno.writeTextFile(file, text);
    const linter = new DCLinter({ rules: {}, quiet: false, debug: false, exclude: [] });
    const messages = linter.lintFiles([file], false).flatMap((result) => result.messages);
    return messages.filter(({ rule }) => rule === "invalid-schema" || rule === "invalid-yaml")
      .map(({ message }) => message);
  } finally {
    await Deno.remove(file);
  }
}
