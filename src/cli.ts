// The command line: which command, its flags, and what a failure looks like to a person.

import { parseArgs } from "node:util";
import { backup } from "./commands/backup.ts";
import { check } from "./commands/check.ts";
import { config } from "./commands/config.ts";
import type { Command, CommandGroup, Io } from "./commands/command.ts";
import { completions } from "./commands/completions.ts";
import { copy } from "./commands/copy.ts";
import { gc } from "./commands/gc.ts";
import { inspect } from "./commands/inspect.ts";
import { keygen } from "./commands/keygen.ts";
import { migrate } from "./commands/migrate.ts";
import { restore } from "./commands/restore.ts";
import { serve } from "./commands/serve.ts";
import { spaces } from "./commands/spaces/spaces.ts";
import { status } from "./commands/status.ts";
import { version } from "./commands/version.ts";
import { nearest } from "./config/nearest.ts";
import { ConfigError } from "./config/refusal.ts";
import { NodeError } from "./errors.ts";

const COMMANDS: readonly (Command | CommandGroup)[] = [
  serve,
  status,
  config,
  keygen,
  inspect,
  check,
  backup,
  restore,
  copy,
  gc,
  spaces,
  migrate,
  completions(() => COMMANDS),
  version,
];

/** Exit codes, as sysexits.h has them where it does. */
export const EXIT = { failed: 1, usage: 64, config: 78 } as const;

/** Runs a command line; the exit code. */
export async function main(args: readonly string[], io: Io = processIo()): Promise<number> {
  const [first, ...rest] = args;
  if (first === "help" || first === "--help" || first === "-h") return help(rest, io);
  if (first === "--version" || first === "-V") return await version.run({}, [], io);
  if (first === undefined || first.startsWith("-")) return await run(serve, args, io);
  const command = find(first, COMMANDS);
  if (command === undefined) return unknown(first, COMMANDS, "tinycloud", io);
  if (!("commands" in command)) return await run(command, rest, io);

  const [second, ...others] = rest;
  if (second === undefined || second === "help" || second === "--help" || second === "-h") {
    (second === undefined ? io.complain : io.print)(groupHelp(command));
    return second === undefined ? EXIT.usage : 0;
  }
  const within = find(`${first} ${second}`, command.commands);
  if (within === undefined) return unknown(second, command.commands, `tinycloud ${first}`, io);
  return await run(within, others, io);
}

function find<T extends Command | CommandGroup>(name: string, among: readonly T[]): T | undefined {
  return among.find((command) => command.name === name);
}

/** `tinycloud help`, `help check`, `help spaces list`. */
function help([first, second]: readonly string[], io: Io): number {
  const about = first === undefined ? undefined : find(first, COMMANDS);
  if (first !== undefined && about === undefined) return unknown(first, COMMANDS, "tinycloud", io);
  if (about === undefined) io.print(overview());
  else if (!("commands" in about)) io.print(about.help);
  else io.print(find(`${first} ${second}`, about.commands)?.help ?? groupHelp(about));
  return 0;
}

function unknown(
  word: string,
  among: readonly (Command | CommandGroup)[],
  before: string,
  io: Io,
): number {
  const guess = nearest(word, among.map(({ name }) => name.slice(name.lastIndexOf(" ") + 1)));
  const hint = guess === undefined ? "" : ` (did you mean ${guess}?)`;
  io.complain(`${before}: there is no command ${word}${hint}; see ${before} --help`);
  return EXIT.usage;
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
    const isShort = positionals.length < command.words ||
      positionals.some((word: string) => word === "");
    if (command.wants !== undefined && isShort) {
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
    const [sentence = ""] = error.message.split(". ");
    const [, option = ""] = /^Unknown option '(--[^']*)'/.exec(sentence) ?? [];
    const guess = nearest(option, Object.keys(command.options).map((name) => `--${name}`));
    const hint = guess === undefined || option === "" ? "" : ` (did you mean ${guess}?)`;
    io.complain(
      `tinycloud ${command.name}: ${sentence}${hint}; see tinycloud ${command.name} --help`,
    );
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
  return `usage: tinycloud [command] [options]

A node that hosts TinyCloud spaces: people's data, opened only by what they signed.

${rowsOf(COMMANDS)}
  help         show this, or the help of a command

tinycloud help COMMAND tells a command's options.
exit codes: 0 fine, 1 failed, 64 wrong usage, 78 wrong configuration`;
}

function groupHelp({ name, help, commands }: CommandGroup): string {
  return `${help}

${rowsOf(commands)}

tinycloud help ${name} COMMAND tells a command's options.`;
}

function rowsOf(commands: readonly (Command | CommandGroup)[]): string {
  return commands.map(({ name, summary }) => {
    const [word = name] = name.split(" ").slice(-1);
    return `  ${word.padEnd(13)}${summary}`;
  }).join("\n");
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
    ...(Deno.stdin.isTerminal() ? { ask: (question) => prompt(question) ?? "" } : {}),
    colours: Deno.stdout.isTerminal() && !Deno.noColor,
    env: Deno.env.toObject(),
    cwd: Deno.cwd(),
  };
}
