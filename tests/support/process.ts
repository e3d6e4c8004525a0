// A whole node in a process of its own, as an operator starts it: to kill it, to stop it, to count
// its memory. It runs on free ports and on storage of its own.

import { fileURLToPath } from "node:url";
import { readLines } from "./lines.ts";
import { withinTime } from "./raw_http.ts";

/** What the node is allowed to do, as the README says. */
export const PERMISSIONS = ["--allow-net", "--allow-env", "--allow-read", "--allow-write"];
/** How long a program may take to start, or a short command to end, on a busy machine. */
export const START_MS = 30_000;

const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));

export interface ProgramOptions {
  /** Variables beside those of this process; its own TINYCLOUD_* are not passed on. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly permissions?: readonly string[];
}

/** A running program, both of whose pipes are read. Disposing kills it. */
export interface Program extends AsyncDisposable {
  readonly pid: number;
  /** The last lines of standard output, then of standard error. */
  readonly lines: readonly string[];
  readonly complaints: readonly string[];
  readonly exited: Promise<Deno.CommandStatus>;
  kill(signal: Deno.Signal): void;
  /** The first line of output, printed already or yet to come, that has `text` in it. */
  line(text: string): Promise<string>;
  /** Bytes of memory: the most it ever had, and what it has now. */
  peakMemory(): Promise<number>;
  rss(): Promise<number>;
  /** Seconds of processor time it has used. */
  cpu(): Promise<number>;
}

export interface NodeProcess extends Program {
  readonly url: string;
  /** Of its storage: `caps.db`, `blocks`, `staging`. It is also the working directory. */
  readonly folder: string;
}

/** Runs a Deno program of this project. */
export function startProgram(
  path: string,
  args: readonly string[] = [],
  { env = {}, cwd, permissions = PERMISSIONS }: ProgramOptions = {},
): Program {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", ...permissions, path, ...args],
    clearEnv: true,
    env: { ...inherited(), NO_COLOR: "1", ...env },
    ...(cwd === undefined ? {} : { cwd }),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = readLines(child.stdout);
  const errors = readLines(child.stderr);
  // Whoever reads the lines after the end finds all of them.
  const exited = Promise.all([child.status, output.ended, errors.ended]).then(([status]) => status);
  return {
    pid: child.pid,
    lines: output.lines,
    complaints: errors.lines,
    exited,
    kill: (signal) => child.kill(signal),
    async line(text) {
      const found = await withinTime(output.find(text), `no line with ${text}`, START_MS);
      if (found !== undefined) return found;
      throw new Error(`It ended without a line with ${text}: ${errors.lines.join("\n")}`);
    },
    peakMemory: () => memory(child.pid, "VmHWM"),
    rss: () => memory(child.pid, "VmRSS"),
    cpu: () => cpuSeconds(child.pid),
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGKILL");
      } catch (error) {
        // It has ended by itself.
        if (!(error instanceof TypeError)) throw error;
      }
      await exited;
    },
  };
}

/** `tinycloud` with these arguments. */
export function startTinycloud(args: readonly string[], options: ProgramOptions = {}): Program {
  return startProgram(MAIN, args, options);
}

export interface NodeProcessOptions extends Omit<ProgramOptions, "cwd"> {
  /** Storage to keep; default: a temporary folder, removed in the end. */
  readonly folder?: string;
  /** After `serve`. */
  readonly args?: readonly string[];
}

/** Starts a node; resolves when it listens. */
export async function startProcess(options: NodeProcessOptions = {}): Promise<NodeProcess> {
  const folder = options.folder ?? await Deno.makeTempDir({ prefix: "tinycloud-" });
  await using opened = new AsyncDisposableStack();
  if (options.folder === undefined) {
    opened.defer(() => Deno.remove(folder, { recursive: true }));
  }
  const program = opened.use(
    startTinycloud(["serve", ...options.args ?? []], {
      ...options,
      env: { ...storageIn(folder), ...options.env },
      cwd: folder,
    }),
  );
  const started: { readonly address: string } = JSON.parse(await program.line('"node.started"'));
  const resources = opened.move();
  return {
    ...program,
    url: started.address,
    folder,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** The settings of a test's node on the storage in `folder`. */
export function storageIn(folder: string): Record<string, string> {
  return {
    TINYCLOUD_LOG_FORMAT: "Json",
    TINYCLOUD_PORT: "0",
    TINYCLOUD_PROMETHEUS_PORT: "0",
    TINYCLOUD_STORAGE_DATABASE: `${folder}/caps.db`,
    TINYCLOUD_STORAGE_BLOCKS_PATH: `${folder}/blocks`,
  };
}

/** What a command that ends by itself leaves behind. */
export interface Ended {
  readonly code: number;
  readonly lines: readonly string[];
  readonly complaints: readonly string[];
}

/** Runs `tinycloud` to its end. */
export async function runTinycloud(
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<Ended> {
  await using program = startTinycloud(args, options);
  const { code } = await withinTime(program.exited, "the command did not end", START_MS);
  return { code, lines: program.lines, complaints: program.complaints };
}

/** How a node ended that was told to stop. */
export async function stopped(node: Program, signal: Deno.Signal = "SIGTERM"): Promise<number> {
  node.kill(signal);
  return (await withinTime(node.exited, "the node did not stop", START_MS)).code;
}

function inherited(): Record<string, string> {
  const own = Object.entries(Deno.env.toObject());
  return Object.fromEntries(own.filter(([name]) => !name.startsWith("TINYCLOUD_")));
}

async function memory(pid: number, name: string): Promise<number> {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(await procFile(pid, "status"));
  return Number(found?.[1]) * 1024;
}

/** Linux counts in hundredths of a second, whatever the machine. */
const TICKS = 100;

async function cpuSeconds(pid: number): Promise<number> {
  const stat = await procFile(pid, "stat");
  // The name before the parenthesis may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** By `cat`: the runtime opens /proc only to programs that may do everything. */
async function procFile(pid: number, name: string): Promise<string> {
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/${pid}/${name}`] }).output();
  return new TextDecoder().decode(stdout);
}
