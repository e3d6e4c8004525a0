// A server in a process of its own, so that its CPU and memory are its own.

export interface ServerProcess extends AsyncDisposable {
  readonly url: string;
  /** Microseconds of CPU used so far, user and system. */
  cpu(): Promise<number>;
  /** Bytes resident now. */
  memory(): Promise<number>;
}

const TICK_MICROSECONDS = 10_000; // _SC_CLK_TCK is 100 on every Linux that Deno runs on

/** Starts it and waits for the first line of output that holds a port. */
export async function startServer(
  args: readonly string[],
  env: Record<string, string>,
): Promise<ServerProcess> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--allow-net",
      "--allow-env",
      "--allow-read",
      "--allow-write",
      ...args,
    ],
    env,
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
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024;
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.status;
      await drained;
    },
  };
}

/** Deno lets a program read /proc only with every permission; `cat` needs the one to run it. */
async function proc(pid: number, file: string): Promise<string> {
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/${pid}/${file}`] }).output();
  return new TextDecoder().decode(stdout);
}
