// `deno task deb`: dist/tinycloud_{version}_{arch}.deb, the same bytes from the same source.
//
// On the release machine it holds a compiled binary: --binary FILE --arch amd64|arm64. Without one it
// holds the one-file build and the runtime that runs this script, for this machine's kind.

import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { createHash } from "node:crypto";
import { parseArgs } from "node:util";
import { VERSION } from "../src/version.ts";
import { buildTime } from "./build_time.ts";
import { ROOT } from "./bundle.ts";

const ARCHITECTURES = { x86_64: "amd64", aarch64: "arm64" } as const;
/** Debian puts `1.0.0~rc.1` before `1.0.0`. */
const DEBIAN_VERSION = VERSION.replace("-", "~");
const MAINTAINER = "TinyCloud Node <packages@tinycloud.example>";

/** A file of the package, by its path from the root. */
interface Item {
  readonly path: string;
  readonly content: Uint8Array | string;
  readonly isProgram?: boolean;
}

const { values: flags } = parseArgs({
  options: { binary: { type: "string" }, arch: { type: "string" } },
});
const arch = flags.arch ?? ARCHITECTURES[Deno.build.arch];
if (flags.binary === undefined && flags.arch !== undefined) {
  throw new Error("--arch goes with --binary: the runtime in the package is this machine's");
}
const time = await buildTime();
const items: Item[] = [
  ...await program(),
  { path: "etc/tinycloud/tinycloud.toml", content: await options() },
  await copy("packaging/systemd/tinycloud.service", "usr/lib/systemd/system/tinycloud.service"),
  await copy("packaging/systemd/sysusers.conf", "usr/lib/sysusers.d/tinycloud.conf"),
  await copy("packaging/debian/copyright", "usr/share/doc/tinycloud/copyright"),
  await copy("packaging/debian/README.Debian", "usr/share/doc/tinycloud/README.Debian"),
  await copy("packaging/Caddyfile", "usr/share/doc/tinycloud/examples/Caddyfile"),
  await copy("packaging/nginx.conf", "usr/share/doc/tinycloud/examples/nginx.conf"),
  await copy("dist/sbom.cdx.json", "usr/share/doc/tinycloud/sbom.cdx.json"),
  await copy("dist/THIRD-PARTY-LICENCES.txt", "usr/share/doc/tinycloud/THIRD-PARTY-LICENCES.txt"),
  await copy("packaging/debian/lintian-overrides", "usr/share/lintian/overrides/tinycloud"),
  {
    path: "usr/share/doc/tinycloud/NEWS.gz",
    content: gzipSync(await Deno.readFile(join(ROOT, "CHANGELOG.md")), { level: 9 }),
  },
  { path: "usr/share/doc/tinycloud/changelog.gz", content: gzipSync(changelog(), { level: 9 }) },
  ...await completions(),
];
await build(items);

async function program(): Promise<Item[]> {
  if (flags.binary !== undefined) {
    const content = await Deno.readFile(flags.binary);
    return [{ path: "usr/bin/tinycloud", content, isProgram: true }];
  }
  const runtime = await Deno.readFile(Deno.execPath());
  return [
    { ...await copy("packaging/debian/launcher", "usr/bin/tinycloud"), isProgram: true },
    { path: "usr/lib/tinycloud/deno", content: runtime, isProgram: true },
    await copy("dist/tinycloud.js", "usr/lib/tinycloud/tinycloud.js"),
  ];
}

/** The sample of all options, with its data where a service keeps it. */
async function options(): Promise<string> {
  let text = await Deno.readTextFile(join(ROOT, "tinycloud.toml"));
  const changes = [
    [`database = "sqlite:data/caps.db"`, `database = "sqlite:/var/lib/tinycloud/caps.db"`],
    [`path = "data/blocks"`, `path = "/var/lib/tinycloud/blocks"`],
    [`# staging_path = "data/staging"`, `# staging_path = "/var/lib/tinycloud/staging"`],
  ] as const;
  for (const [from, to] of changes) {
    if (text.split(from).length !== 2) throw new Error(`tinycloud.toml has not one ${from}`);
    text = text.replace(from, to);
  }
  return text;
}

/** In Debian's form, which programs read. What changed stands in NEWS.gz, for people. */
function changelog(): string {
  const date = new Date(time * 1000).toUTCString().replace("GMT", "+0000");
  return `tinycloud (${DEBIAN_VERSION}) unstable; urgency=medium\n\n  * What changed: NEWS.gz.\n\n` +
    ` -- ${MAINTAINER}  ${date}\n`;
}

/** For the shells, as the program itself prints them; none from a version without them. */
async function completions(): Promise<Item[]> {
  const help = await tinycloud("--help");
  if (!/^ +completions /m.test(help)) return [];
  return [
    {
      path: "usr/share/bash-completion/completions/tinycloud",
      content: await tinycloud("completions", "bash"),
    },
    {
      path: "usr/share/zsh/vendor-completions/_tinycloud",
      content: await tinycloud("completions", "zsh"),
    },
    {
      path: "usr/share/fish/vendor_completions.d/tinycloud.fish",
      content: await tinycloud("completions", "fish"),
    },
  ];
}

async function tinycloud(...args: readonly string[]): Promise<string> {
  return await output(Deno.execPath(), [
    "run",
    "--quiet",
    "--no-prompt",
    "--allow-env",
    join(ROOT, "dist/tinycloud.js"),
    ...args,
  ]);
}

async function copy(from: string, path: string): Promise<Item> {
  return { path, content: await Deno.readFile(join(ROOT, from)) };
}

async function build(items: readonly Item[]): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "tinycloud-deb-" });
  try {
    let bytes = 0;
    const sums: string[] = [];
    for (const { path, content, isProgram } of items) {
      const written = typeof content === "string" ? new TextEncoder().encode(content) : content;
      await put(join(folder, path), written, isProgram === true ? 0o755 : 0o644);
      bytes += written.byteLength;
      const sum = createHash("md5").update(written).digest("hex");
      if (!path.startsWith("etc/")) sums.push(`${sum}  ${path}\n`);
    }
    const control = [
      "Package: tinycloud",
      `Version: ${DEBIAN_VERSION}`,
      `Architecture: ${arch}`,
      `Maintainer: ${MAINTAINER}`,
      `Installed-Size: ${Math.ceil(bytes / 1024)}`,
      "Depends: libc6 (>= 2.36), libgcc-s1, systemd (>= 250) | systemd-standalone-sysusers",
      "Section: net",
      "Priority: optional",
      "Description: node that hosts people's TinyCloud spaces",
      " It stores people's data in spaces that their wallets name, and opens them",
      " only by what their owners signed. On SQLite, or PostgreSQL, MySQL and MariaDB;",
      " large values on the disk or in S3.",
    ];
    await put(join(folder, "DEBIAN/control"), `${control.join("\n")}\n`, 0o644);
    await put(join(folder, "DEBIAN/conffiles"), "/etc/tinycloud/tinycloud.toml\n", 0o644);
    await put(join(folder, "DEBIAN/md5sums"), sums.sort().join(""), 0o644);
    for (const script of ["postinst", "prerm", "postrm"]) {
      const text = await Deno.readFile(join(ROOT, "packaging/debian", script));
      await put(join(folder, "DEBIAN", script), text, 0o755);
    }
    await openFolders(folder);
    await output("dpkg-deb", [
      "--root-owner-group",
      "-Zgzip",
      "-z6",
      "--build",
      folder,
      join(ROOT, `dist/tinycloud_${DEBIAN_VERSION}_${arch}.deb`),
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Writes a file whose mode no umask decides. */
async function put(path: string, content: Uint8Array | string, mode: number): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeFile(
    path,
    typeof content === "string" ? new TextEncoder().encode(content) : content,
  );
  await Deno.chmod(path, mode);
}

/** Folders as everybody may enter them, whatever the umask. */
async function openFolders(folder: string): Promise<void> {
  await Deno.chmod(folder, 0o755);
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) await openFolders(join(folder, name));
  }
}

async function output(command: string, args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    env: { SOURCE_DATE_EPOCH: String(time) },
  }).output();
  if (!success) throw new Error(`${command} failed: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}
