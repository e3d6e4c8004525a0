// The command line within this process, on the storage of a test's node.

import { main } from "../../src/cli.ts";
import type { Io } from "../../src/commands/command.ts";

export interface Output {
  readonly code: number;
  /** Standard output, and standard error. */
  readonly lines: readonly string[];
  readonly complaints: readonly string[];
  /** What was drawn on the terminal, if there was one. */
  readonly drawn: readonly string[];
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly hasTerminal?: boolean;
  /** What the person at the terminal types; absent: there is nobody. */
  readonly answer?: string;
  /** Told of each line on standard error. */
  readonly onComplaint?: (line: string) => void;
}

/** Runs `tinycloud` to its end. */
export async function tinycloud(
  folder: string,
  args: readonly string[],
  { env = {}, hasTerminal = false, answer, onComplaint }: CommandOptions = {},
): Promise<Output> {
  const lines: string[] = [];
  const complaints: string[] = [];
  const drawn: string[] = [];
  const io: Io = {
    print: (line) => void lines.push(line),
    complain(line) {
      complaints.push(line);
      onComplaint?.(line);
    },
    ...(answer === undefined ? {} : { ask: () => answer }),
    ...(hasTerminal ? { draw: (text: string) => void drawn.push(text) } : {}),
    env: {
      TINYCLOUD_STORAGE_DATABASE: `${folder}/caps.db`,
      TINYCLOUD_STORAGE_BLOCKS_PATH: `${folder}/blocks`,
      ...env,
    },
    cwd: folder,
  };
  return { code: await main(args, io), lines, complaints, drawn };
}
