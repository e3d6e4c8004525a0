// Database servers of a test's own, to kill, to freeze and to configure: on a free port of loopback,
// with their data in a temporary folder. Found where Debian puts them; absent, such tests are ignored.

import { eventually } from "./eventually.ts";
import { isReady, type ServerKind } from "./servers.ts";

export interface PrivateServer extends AsyncDisposable {
  /** URL with the right to do everything, of the database that is always there. */
  readonly url: string;
  readonly port: number;
  /** `kill -9`, of all of it. */
  kill(): Promise<void>;
  /** Starts it again, after it was killed or stopped, with other settings if given. */
  start(settings?: readonly string[]): Promise<void>;
  /** As an operator does: it ends its connections. */
  stop(): Promise<void>;
  /** `kill -STOP` and `kill -CONT`, of all its processes. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
}

export interface PrivateServerOptions {
  /** More arguments of the server's own. */
  readonly settings?: readonly string[];
  /** More arguments of initdb; PostgreSQL only. */
  readonly initdb?: readonly string[];
  /** Called with the server's folder before it starts. */
  readonly prepare?: (folder: string) => Promise<void>;
}

const START_MS = 30_000;
const BINARIES: Readonly<Record<ServerKind, string | undefined>> = {
  postgres: postgresBinaries(),
  mysql: ["/usr/sbin/mariadbd", "/usr/libexec/mariadbd"].find(isThere),
};

const USERS: Readonly<Record<ServerKind, string>> = { postgres: "postgres", mysql: "mysql" };

/** Whether a server of this kind can be started here: neither runs as root. */
export const MAY_START: Readonly<Record<ServerKind, boolean>> = {
  postgres: await mayStart("postgres"),
  mysql: await mayStart("mysql"),
};

export async function startPrivateServer(
  kind: ServerKind,
  options: PrivateServerOptions = {},
): Promise<PrivateServer> {
  const binaries = BINARIES[kind];
  if (binaries === undefined) throw new Error(`there is no ${kind} server here`);
  const user = USERS[kind];
  const folder = await Deno.makeTempDir({ prefix: `tinycloud-${kind}-` });
  await using opened = new AsyncDisposableStack();
  opened.defer(() => Deno.remove(folder, { recursive: true }));
  await run("chown", [user, folder]);
  const port = freePort();
  const data = `${folder}/data`;
  if (kind === "postgres") {
    const how = ["--auth=trust", "--no-sync", "--username=postgres", ...options.initdb ?? []];
    await as(user, `${binaries}/initdb`, ["-D", data, ...how]);
  } else {
    await run("mariadb-install-db", [
      "--no-defaults",
      `--datadir=${data}`,
      `--tmpdir=${folder}`, // the usual one may be somebody else's
      `--user=${user}`,
      "--auth-root-authentication-method=normal",
      "--skip-test-db",
    ]);
  }
  await options.prepare?.(folder);
  await run("chown", ["-R", user, folder]);

  const url = kind === "postgres"
    ? `postgres://postgres@127.0.0.1:${port}/postgres`
    : `mysql://root@127.0.0.1:${port}/mysql`;
  let server: Deno.ChildProcess | undefined;
  const start = async (settings: readonly string[] = options.settings ?? []) => {
    const args = kind === "postgres"
      ? ["-D", data, "-p", String(port), "-h", "127.0.0.1", "-k", folder, ...settings]
      : [
        "--no-defaults",
        `--datadir=${data}`,
        `--tmpdir=${folder}`,
        `--socket=${folder}/socket`,
        `--port=${port}`,
        "--bind-address=127.0.0.1",
        "--innodb-buffer-pool-size=32M",
        ...settings,
      ];
    const binary = kind === "postgres" ? `${binaries}/postgres` : binaries;
    const child = spawnAs(user, binary, args);
    server = child;
    const ready = async () => await isReady(kind, url) ? true : undefined;
    await eventually(`${kind} answers`, ready, START_MS);
  };
  const ended = async (signal: Deno.Signal) => {
    const ending = server;
    server = undefined;
    if (ending === undefined) return;
    const all = signal === "SIGKILL" ? await descendants(ending.pid) : [];
    for (const pid of [ending.pid, ...all]) signalled(pid, signal);
    await ending.status;
  };
  const everyone = async (signal: Deno.Signal) => {
    if (server === undefined) return;
    for (const pid of [server.pid, ...await descendants(server.pid)]) signalled(pid, signal);
  };
  opened.defer(() => ended("SIGKILL"));
  await start();
  const resources = opened.move();
  return {
    url,
    port,
    start,
    kill: () => ended("SIGKILL"),
    // PostgreSQL's "fast" shutdown; MariaDB knows one.
    stop: () => ended(kind === "postgres" ? "SIGINT" : "SIGTERM"),
    freeze: () => everyone("SIGSTOP"),
    thaw: () => everyone("SIGCONT"),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

async function mayStart(kind: ServerKind): Promise<boolean> {
  if (BINARIES[kind] === undefined) return false;
  try {
    await as(USERS[kind], "true", []);
    return true;
  } catch {
    return false;
  }
}

function postgresBinaries(): string | undefined {
  const root = "/usr/lib/postgresql";
  if (!isThere(root)) return undefined;
  const newest = [...Deno.readDirSync(root)].map(({ name }) => name)
    .toSorted((a, b) => Number(b) - Number(a))[0];
  return newest === undefined ? undefined : `${root}/${newest}/bin`;
}

function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** `setpriv` becomes the program itself, so that its process is ours to signal. */
function spawnAs(user: string, binary: string, args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command("setpriv", {
    args: [`--reuid=${user}`, `--regid=${user}`, "--init-groups", "--", binary, ...args],
    cwd: "/",
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

function as(user: string, binary: string, args: readonly string[]): Promise<void> {
  const become = [`--reuid=${user}`, `--regid=${user}`, "--init-groups", "--"];
  return run("setpriv", [...become, binary, ...args]);
}

/** Runs a program to its end. Throws what it complained of. */
export async function run(program: string, args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, {
    args: [...args],
    cwd: "/",
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`${program}: ${new TextDecoder().decode(stderr)}`);
}

async function descendants(pid: number): Promise<readonly number[]> {
  const { stdout } = await new Deno.Command("pgrep", { args: ["-P", String(pid)] }).output();
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "").map(Number);
}

function signalled(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch {
    // It has ended by itself.
  }
}
