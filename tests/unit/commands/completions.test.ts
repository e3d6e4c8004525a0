// What shells offer: every command and flag there is, in text that the shell itself accepts.

import assert from "node:assert/strict";
import { main } from "../../../src/cli.ts";

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ["", ""];
  const io = {
    print: (line: string) => void (out += `${line}\n`),
    complain: (line: string) => void (err += `${line}\n`),
    env: {},
    cwd: "/",
  };
  return { code: await main(args, io), out, err };
}

async function commands(...of: string[]): Promise<string[]> {
  const { out } = await run(...of, "--help");
  return [...out.matchAll(/^ {2}([a-z]+) {2,}/gm)].map(([, name = ""]) => name);
}

for (const shell of ["bash", "zsh", "fish"]) {
  Deno.test(`the completions of ${shell} know every command, subcommand and flag`, async () => {
    const { code, out } = await run("completions", shell);

    assert.equal(code, 0);
    const [all, within] = [await commands(), await commands("spaces")];
    assert.ok(all.length > 10 && within.length === 8);
    for (const name of [...all, ...within]) assert.match(out, new RegExp(`\\b${name}\\b`));
    for (const flag of ["accept-new-secret", "skip-damaged", "yes", "repair"]) {
      assert.match(out, new RegExp(`\\b${flag}\\b`));
    }
  });
}

Deno.test("a shell that is not known is refused by name", async () => {
  const { code, err } = await run("completions", "powershell");

  assert.deepEqual([code, err], [64, "tinycloud completions: bash, zsh or fish, not powershell\n"]);
});
