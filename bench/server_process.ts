// A server in a process of its own, so that its CPU and memory are its own.

export interface ServerProcess extends AsyncDisposable {
  readonly url: string;
  /** Microseconds of CPU used so far, user and system. */
  cpu(): Promise<number>;
  /** Bytes resident now, and at most so far. */
  memory(): Promise<{ readonly now: number; readonly peak: number }>;
  /** Milliseconds that its event loop stood still, at most, once it had been up for a second. */
  longestStall(): Promise<number>;
}

const TICK_MICROSECONDS = 10_000; // _SC_CLK_TCK is 100 on every Linux that Deno runs on
const MAIN = new URL("../main.ts", import.meta.url).pathname;
const BARE = new URL("./bare.ts", import.meta.url).pathname;
const PROBE = new URL("./stall_probe.ts", import.meta.url).pathname;

/** A node on the storage in `folder`. */
export function startNode(
  folder: string,
  env: Readonly<Record<string, string>> = {},
): Promise<ServerProcess> {
  return startServer([MAIN, "serve"], {
    TINYCLOUD_PORT: "0",
    TINYCLOUD_PROMETHEUS_PORT: "0",
    TINYCLOUD_STORAGE_DATABASE: `${folder}/caps.db`,
    TINYCLOUD_STORAGE_BLOCKS_PATH: `${folder}/blocks`,
    // One key gives out thousands.
    TINYCLOUD_LIMITS_SPACE_DELEGATIONS: "1000000",
    TINYCLOUD_LIMITS_DELEGATOR_DELEGATIONS: "1000000",
    ...env,
  });
}

/** The bare server; uploads go into `folder`, which downloads read. */
export function startBare(folder = ""): Promise<ServerProcess> {
  return startServer([BARE], { BARE_FOLDER: folder });
}

/** Starts it and waits for the first line of output that holds a port. */
async function startServer(
  args: readonly string[],
  env: Record<string, string>,
): Promise<ServerProcess> {
  const stallFile = await Deno.makeTempFile({ prefix: "tinycloud-stall-" });
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      `--preload=${PROBE}`,
      "--allow-net",
      "--allow-env",
      "--allow-read",
      "--allow-write",
      ...args,
    ],
    env: { ...env, NO_COLOR: "1", BENCH_STALL: stallFile },
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let port: string | undefined;
  while (port === undefined) {
    const { value, done } = await lines.read();
    if (done) throw new Error(`the server ended: ${text}`);
    text += value;
    port = /(?:127\.0\.0\.1:|^)(\d{4,5})\b/m.exec(text)?.[1];
  }
  const drained = (async () => {
    while (!(await lines.read()).done);
  })();
  return {
    url: `http://127.0.0.1:${port}`,
    async cpu() {
      const stat = await proc(child.pid, "stat");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return (Number(fields[11]) + Number(fields[12])) * TICK_MICROSECONDS;
    },
    async memory() {
      const status = await proc(child.pid, "status");
      const kib = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]);
      return { now: kib("VmRSS") * 1024, peak: kib("VmHWM") * 1024 };
    },
    async longestStall() {
      await new Promise((resolve) => setTimeout(resolve, 600)); // the probe writes twice a second
      return Number(await Deno.readTextFile(stallFile));
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.status;
      await drained;
      await Deno.remove(stallFile);
    },
  };
}

async function proc(pid: number, file: string): Promise<string> {
  // By a program: Deno itself may not read /proc without all permissions.
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/${pid}/${file}`] }).output();
  return new TextDecoder().decode(stdout);
}
