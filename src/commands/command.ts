// What a command of `tinycloud` is.

import { ConfigError } from "../config/refusal.ts";
import { loadConfig, type LoadedConfig } from "../config/load.ts";

export interface Io {
  /** Writes to standard output, with a newline. */
  readonly print: (line: string) => void;
  /** Writes to standard error, with a newline. */
  readonly complain: (line: string) => void;
  /** Writes to standard error as it is; absent unless that is a terminal. */
  readonly draw?: (text: string) => void;
  /** Asks the person at the terminal; absent unless there is one. What was typed, in one line. */
  readonly ask?: (question: string) => string;
  /** Standard output is a terminal that may be written to in colours. */
  readonly colours?: boolean;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

export type Flags = Readonly<Record<string, string | boolean | undefined>>;

export interface Command {
  readonly name: string;
  /** One line for the overview. */
  readonly summary: string;
  /** Usage, options and examples: one screen. */
  readonly help: string;
  readonly options: Readonly<Record<string, { readonly type: "string" | "boolean" }>>;
  /** How many words may follow the command. */
  readonly words: number;
  /** What is asked when no word follows, where one must: "which folder". */
  readonly wants?: string;
  /** The exit code. Throws ConfigError (78) or NodeError (1). */
  run(flags: Flags, words: readonly string[], io: Io): Promise<number>;
}

/** Commands of one kind: `tinycloud spaces list`. */
export interface CommandGroup {
  readonly name: string;
  readonly summary: string;
  readonly help: string;
  /** Named by both words. */
  readonly commands: readonly Command[];
}

export const CONFIG_OPTIONS = { config: { type: "string" } } as const;

export const CONFIG_HELP =
  "  --config FILE   configuration (default: tinycloud.toml here, if there is one)";

/** The configuration that the flags, the environment and the file amount to. */
export function configure(flags: Flags, { env, cwd }: Io): Promise<LoadedConfig> {
  const text = (name: string) => typeof flags[name] === "string" ? flags[name] : undefined;
  const file = text("config");
  return loadConfig({
    cwd,
    env,
    flags: { address: text("address"), port: text("port") },
    ...(file === undefined ? {} : { file }),
  });
}

/** Tells why a command did nothing; its exit code, where 1 means something else. */
export function couldNotRun(name: string, error: unknown, { complain }: Io): number {
  if (error instanceof ConfigError) throw error;
  const message = error instanceof Error ? error.message : String(error);
  const barred = error instanceof Deno.errors.NotCapable
    ? "the runtime does not permit this: "
    : "";
  complain(`tinycloud ${name}: could not run: ${barred}${message}`);
  return 2;
}

/** "1 block", "2 blocks". */
export function counted(count: number, what: string): string {
  return count === 1 ? `1 ${what}` : `${count} ${what}s`;
}
