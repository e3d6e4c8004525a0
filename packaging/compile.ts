// One binary from dist/tinycloud.js: for this machine, for the target of --target, or --all.

import { parseArgs } from "node:util";

/** What `deno compile` knows. */
export const TARGETS = [
  "x86_64-unknown-linux-gnu",
  "aarch64-unknown-linux-gnu",
  "x86_64-apple-darwin",
  "aarch64-apple-darwin",
  "x86_64-pc-windows-msvc",
] as const;

const PERMISSIONS = ["--no-prompt", "--allow-net", "--allow-env", "--allow-read", "--allow-write"];

/** Makes dist/tinycloud, or dist/tinycloud-{target}; Windows' gets its .exe from the compiler. */
async function compile(target?: string): Promise<void> {
  const output = target === undefined ? "dist/tinycloud" : `dist/tinycloud-${target}`;
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "compile",
      ...PERMISSIONS,
      // Compiled code would be kept in a file of a known name in /tmp, which another user of the
      // machine could lay there first.
      "--no-code-cache",
      ...(target === undefined ? [] : ["--target", target]),
      "--output",
      output,
      "dist/tinycloud.js",
    ],
  }).spawn().status;
  if (!success) Deno.exit(1);
}

const { values } = parseArgs({
  options: { target: { type: "string", multiple: true }, all: { type: "boolean" } },
});
const targets = values.all === true ? TARGETS : values.target ?? [];
for (const target of targets) await compile(target);
if (targets.length === 0) await compile();
