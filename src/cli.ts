// The command line: which command, its flags, and what a failure looks like to a person.

import { parseArgs } from "node:util";
import { backup } from "./commands/backup.ts";
import { check } from "./commands/check.ts";
import { config } from "./commands/config.ts";
import type { Command, Io } from "./commands/command.ts";
import { copy } from "./commands/copy.ts";
import { gc } from "./commands/gc.ts";
import { inspect } from "./commands/inspect.ts";
import { keygen } from "./commands/keygen.ts";
import { migrate } from "./commands/migrate.ts";
import { restore } from "./commands/restore.ts";
import { serve } from "./commands/serve.ts";
import { version } from "./commands/version.ts";
import { nearest } from "./config/nearest.ts";
import { ConfigError } from "./config/refusal.ts";
import { NodeError } from "./errors.ts";

const COMMANDS: readonly Command[] = [
  serve,
  config,
  keygen,
  inspect,
  check,
  backup,
  restore,
  copy,
  gc,
  migrate,
  version,
];

/** Exit codes, as sysexits.h has them where it does. */
export const EXIT = { failed: 1, usage: 64, config: 78 } as const;

/** Runs a command line; the exit code. */
export async function main(args: readonly string[], io: Io = processIo()): Promise<number> {
  const [first, ...rest] = args;
  if (first === "help" || first === "--help" || first === "-h") {
    const about = COMMANDS.find(({ name }) => name === rest[0]);
    io.print(about?.help ?? overview());
    return 0;
  }
  if (first === "--version" || first === "-V") return await version.run({}, [], io);
  const isFlag = first === undefined || first.startsWith("-");
  const command = isFlag ? serve : COMMANDS.find(({ name }) => name === first);
  if (command === undefined) {
    const guess = nearest(first ?? "", COMMANDS.map(({ name }) => name));
    const hint = guess === undefined ? "" : ` (did you mean ${guess}?)`;
    io.complain(`tinycloud: there is no command ${first}${hint}; see tinycloud --help`);
    return EXIT.usage;
  }
  return await run(command, isFlag ? args : rest, io);
}

async function run(command: Command, args: readonly string[], io: Io): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { ...command.options, help: { type: "boolean", short: "h" } },
      allowPositionals: command.words > 0,
    });
    if (positionals.length > command.words) {
      io.complain(
        `tinycloud ${command.name}: too many arguments; see tinycloud ${command.name} --help`,
      );
      return EXIT.usage;
    }
    if (values.help === true) {
      io.print(command.help);
      return 0;
    }
    if (command.wants !== undefined && (positionals[0] ?? "") === "") {
      io.complain(
        `tinycloud ${command.name}: ${command.wants}? see tinycloud ${command.name} --help`,
      );
      return EXIT.usage;
    }
    return await command.run(values as Record<string, string | boolean>, positionals, io);
  } catch (error) {
    return explain(error, command, io);
  }
}

/** One sentence for each failure, never a stack. */
function explain(error: unknown, command: Command, io: Io): number {
  if (error instanceof ConfigError) {
    for (const warning of error.warnings) io.complain(`tinycloud: warning: ${warning}`);
    for (const problem of error.problems) io.complain(`tinycloud: ${problem}`);
    return EXIT.config;
  }
  if (error instanceof NodeError) {
    io.complain(`tinycloud: ${error.message}`);
    return EXIT.failed;
  }
  if (error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE")) {
    const [sentence] = error.message.split(". ");
    io.complain(`tinycloud ${command.name}: ${sentence}; see tinycloud ${command.name} --help`);
    return EXIT.usage;
  }
  if (error instanceof Deno.errors.NotCapable) {
    io.complain(`tinycloud: the runtime does not permit this: ${error.message}`);
    return EXIT.failed;
  }
  io.complain(`tinycloud: ${error instanceof Error ? error.message : String(error)}`);
  return EXIT.failed;
}

function overview(): string {
  const rows = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(10)}${summary}`);
  return `usage: tinycloud [command] [options]

A node that hosts TinyCloud spaces: people's data, opened only by what they signed.

${rows.join("\n")}
  help      show this, or the help of a command

tinycloud help COMMAND tells a command's options.
exit codes: 0 fine, 1 failed, 64 wrong usage, 78 wrong configuration`;
}

function processIo(): Io {
  const encoder = new TextEncoder();
  const write =
    (stream: { writeSync(bytes: Uint8Array): number }, end = "\n") => (text: string) => {
      try {
        stream.writeSync(encoder.encode(text + end));
      } catch (error) {
        // Whoever was reading has left, as `head` does.
        if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
      }
    };
  return {
    print: write(Deno.stdout),
    complain: write(Deno.stderr),
    ...(Deno.stderr.isTerminal() ? { draw: write(Deno.stderr, "") } : {}),
    env: Deno.env.toObject(),
    cwd: Deno.cwd(),
  };
}
