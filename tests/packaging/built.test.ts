// What `deno task deb` built: its version, its bill of materials, what is in the package.

import assert from "node:assert/strict";
import { parse } from "yaml";
import { loadConfig } from "../../src/config/load.ts";
import { VERSION } from "../../src/version.ts";
import { cyclonedxFaults } from "../support/cyclonedx.ts";

const ROOT = new URL("../../", import.meta.url);
const DIST = new URL("dist/", ROOT);

interface Bill {
  readonly metadata: { readonly component: { readonly version: string } };
  readonly components: readonly { readonly name: string }[];
}

Deno.test("the bill of materials is as CycloneDX wants it", async () => {
  assert.equal(await cyclonedxFaults(await readBill()), null);
});

Deno.test("the bill names what is in the program, and nothing that only tests use", async () => {
  const { components } = await readBill();

  const names = components.map(({ name }) => name);
  for (const name of ["deno", "pg", "mysql2", "@aws-sdk/client-s3", "prom-client", "hash-wasm"]) {
    assert.ok(names.includes(name), name);
  }
  for (const name of ["fast-check", "ajv", "yaml", "@noble/ed25519", "@types/node"]) {
    assert.ok(!names.includes(name), name);
  }
});

Deno.test("each package of the bill has its licence in the list", async () => {
  const { components } = await readBill();
  const list = await Deno.readTextFile(new URL("THIRD-PARTY-LICENCES.txt", DIST));

  for (const { name } of components.slice(1)) assert.ok(list.includes(`\n${name} `), name);
});

Deno.test("deno.json's version is that of all that is built", async () => {
  const bundle = new URL("tinycloud.js", DIST).pathname;

  const told = await output(
    Deno.execPath(),
    "run",
    "--no-prompt",
    "--allow-env",
    bundle,
    "version",
  );
  const inPackage = await output("dpkg-deb", "-f", await packagePath(), "Version");

  assert.match(told, new RegExp(`^tinycloud ${RegExp.escape(VERSION)} `));
  assert.equal(inPackage.trim(), VERSION.replace("-", "~"));
  assert.equal((await readBill()).metadata.component.version, VERSION);
});

const openapi = new URL("docs/openapi.yaml", ROOT);
const isDescribed = await exists(openapi);
Deno.test({
  // Ignored until there is one.
  name: "and that of docs/openapi.yaml",
  ignore: !isDescribed,
  async fn() {
    assert.equal(parse(await Deno.readTextFile(openapi)).info.version, VERSION);
  },
});

Deno.test("the package's options are in order, with data in its own folder", async () => {
  const text = await inPackage("./etc/tinycloud/tinycloud.toml");

  const { config, warnings } = await loadConfig({
    cwd: "/var/lib/tinycloud",
    env: { TINYCLOUD_KEYS_SECRET_FILE: "/run/credentials/tinycloud.service/secret" },
    flags: {},
    file: "/etc/tinycloud/tinycloud.toml",
    readTextFile: () => Promise.resolve(text),
  });

  assert.deepEqual(warnings, []);
  assert.equal(config.address, "127.0.0.1");
  assert.equal(config.port, 8000);
  assert.deepEqual(config.storage.database, { kind: "sqlite", path: "/var/lib/tinycloud/caps.db" });
  assert.deepEqual(config.storage.blocks, { kind: "Local", path: "/var/lib/tinycloud/blocks" });
  assert.equal(config.storage.stagingPath, "/var/lib/tinycloud/staging");
});

Deno.test("the package completes commands in each shell, where the program can tell how", async () => {
  const bundle = new URL("tinycloud.js", DIST).pathname;
  const help = await output(Deno.execPath(), "run", "--no-prompt", "--allow-env", bundle, "--help");
  const files = await output("dpkg-deb", "-c", await packagePath());

  const completed = [
    "bash-completion/completions/tinycloud",
    "zsh/vendor-completions/_tinycloud",
    "fish/vendor_completions.d/tinycloud.fish",
  ].filter((path) => files.includes(`./usr/share/${path}\n`));

  assert.equal(completed.length, /^ +completions /m.test(help) ? 3 : 0);
});

async function readBill(): Promise<Bill> {
  return JSON.parse(await Deno.readTextFile(new URL("sbom.cdx.json", DIST)));
}

async function packagePath(): Promise<string> {
  const names = (await Array.fromAsync(Deno.readDir(DIST))).map(({ name }) => name)
    .filter((name) => name.endsWith(".deb"));
  assert.equal(names.length, 1, `one package in dist/: ${names}`);
  return new URL(names[0] ?? "", DIST).pathname;
}

async function inPackage(path: string): Promise<string> {
  return await output("sh", "-c", `dpkg-deb --fsys-tarfile "$0" | tar -xOf - "$1"`, ...[
    await packagePath(),
    path,
  ]);
}

async function output(command: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args: [...args] }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

async function exists(url: URL): Promise<boolean> {
  try {
    await Deno.stat(url);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
