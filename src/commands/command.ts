// What a command of `tinycloud` is.

import { loadConfig, type LoadedConfig } from "../config/load.ts";

export interface Io {
  /** Writes to standard output, with a newline. */
  readonly print: (line: string) => void;
  /** Writes to standard error, with a newline. */
  readonly complain: (line: string) => void;
  /** Writes to standard error as it is; absent unless that is a terminal. */
  readonly draw?: (text: string) => void;
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
  /** The exit code. Throws ConfigError (78) or NodeError (1). */
  run(flags: Flags, words: readonly string[], io: Io): Promise<number>;
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
