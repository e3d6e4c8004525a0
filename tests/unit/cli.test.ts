// The command line's mistakes: what a newcomer mistypes is answered with a hint, and the right code.

import assert from "node:assert/strict";
import { main } from "../../src/cli.ts";

async function run(...args: string[]) {
  let [out, err] = ["", ""];
  const io = {
    print: (line: string) => void (out += `${line}\n`),
    complain: (line: string) => void (err += `${line}\n`),
    env: {},
    cwd: "/",
  };
  return { code: await main(args, io), out, err };
}

const mistakes = [
  [["chekc"], "tinycloud: there is no command chekc (did you mean check?); see tinycloud --help"],
  [["frobnicate"], "tinycloud: there is no command frobnicate; see tinycloud --help"],
  [
    ["spaces", "lsit"],
    "tinycloud spaces: there is no command lsit (did you mean list?); see tinycloud spaces --help",
  ],
  [
    ["help", "serv"],
    "tinycloud: there is no command serv (did you mean serve?); see tinycloud --help",
  ],
  [
    ["check", "--jsn"],
    "tinycloud check: Unknown option '--jsn' (did you mean --json?); see tinycloud check --help",
  ],
  [["gc", "--frobnicate"], "tinycloud gc: Unknown option '--frobnicate'; see tinycloud gc --help"],
  [["gc", "now"], /^tinycloud gc: .*'now'.*; see tinycloud gc --help$/],
  [["backup"], "tinycloud backup: which folder? see tinycloud backup --help"],
  [["spaces", "show"], "tinycloud spaces show: which space? see tinycloud spaces show --help"],
  [["spaces", "show", ""], "tinycloud spaces show: which space? see tinycloud spaces show --help"],
  [
    ["spaces", "show", "a", "b"],
    "tinycloud spaces show: too many arguments; see tinycloud spaces show --help",
  ],
] as const;

for (const [args, says] of mistakes) {
  Deno.test(`tinycloud ${args.join(" ")} is answered with a hint`, async () => {
    const { code, out, err } = await run(...args);

    assert.deepEqual([code, out], [64, ""]);
    if (typeof says === "string") assert.equal(err, `${says}\n`);
    else assert.match(err.trimEnd(), says);
  });
}

const helps = [
  ["--help"],
  ["-h"],
  ["help"],
  ["help", "check"],
  ["check", "--help"],
  ["check", "-h"],
  [
    "spaces",
    "--help",
  ],
  ["help", "spaces"],
  ["spaces", "help"],
  ["help", "spaces", "list"],
  ["spaces", "list", "--help"],
];

for (const args of helps) {
  Deno.test(`tinycloud ${args.join(" ")} is help of one screen`, async () => {
    const { code, out, err } = await run(...args);

    assert.deepEqual([code, err], [0, ""]);
    assert.match(out, /^usage: tinycloud /);
    const lines = out.split("\n");
    assert.ok(lines.length <= 30, `${lines.length} lines`);
    assert.ok(lines.every((line) => line.length <= 100), lines.find((line) => line.length > 100));
  });
}

Deno.test("every command has help of one screen, with its flags and an example", async () => {
  const { out } = await run("--help");
  const names = [...out.matchAll(/^ {2}([a-z]+) {2,}/gm)].map(([, name = ""]) => name);
  const spaces = await run("spaces", "--help");
  const within = [...spaces.out.matchAll(/^ {2}([a-z]+) {2,}/gm)].map(([, name]) =>
    `spaces ${name}`
  );

  for (const name of [...names, ...within]) {
    if (["help", "spaces", "version"].includes(name)) continue; // the last has nothing to show
    const { code, out: help } = await run(...name.split(" "), "--help");

    assert.equal(code, 0, name);
    assert.match(help, new RegExp(`^usage: tinycloud .*${name.split(" ").at(-1)}`), name);
    assert.match(help, /\nexamples?:\n/, `${name} has an example`);
    assert.ok(help.split("\n").length <= 36, name);
  }
});

Deno.test("a group without a command tells its commands, and is a mistake", async () => {
  const { code, out, err } = await run("spaces");

  assert.deepEqual([code, out], [64, ""]);
  assert.match(err, /^usage: tinycloud spaces COMMAND/);
});

Deno.test("every command that says something says it as JSON too", async () => {
  const { out } = await run("--help");
  const names = [...out.matchAll(/^ {2}([a-z]+) {2,}/gm)].map(([, name = ""]) => name);
  for (const name of names) {
    // They print what a program reads as it is, or nothing in the end.
    if (["help", "spaces", "completions", "serve"].includes(name)) continue;

    assert.match((await run(name, "--help")).out, /\n {2}--json +\S/, name);
  }

  const version = await run("version", "--json");
  assert.equal(JSON.parse(version.out).protocol, 1);
  const { secret } = JSON.parse((await run("keygen", "--json")).out);
  assert.match(secret, /^[\w-]{43}$/);
});
