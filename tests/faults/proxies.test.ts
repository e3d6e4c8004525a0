// The sample files for nginx and Caddy (packaging/), run as they are but for names and ports: two nodes
// on one database behind each, a client in front (docs/scale-out.md).

import assert from "node:assert/strict";
import { connect, randomWallet } from "../../client/mod.ts";
import { eventually } from "../support/eventually.ts";
import { type NodeProcess, startProcess } from "../support/process.ts";
import { freshDatabase, SERVERS } from "../support/servers.ts";

const PACKAGING = new URL("../../packaging/", import.meta.url);
const SECRET = "YSBzZWNyZXQgb2YgdGVzdHMgYW5kIG9mIG5vdGhpbmcgZWxzZSBoZXJl";

interface Proxy {
  readonly name: string;
  readonly program: string;
  /** Writes its configuration into the folder; what to start it with. */
  configure(folder: string, port: number, nodes: readonly string[]): Promise<readonly string[]>;
  readonly scheme: string;
}

const PROXIES: readonly Proxy[] = [
  {
    name: "nginx",
    program: "nginx",
    scheme: "https",
    async configure(folder, port, nodes) {
      await certificate(folder);
      const sample = (await sampleOf("nginx.conf", nodes))
        .replace("listen 443 ssl", `listen 127.0.0.1:${port} ssl`)
        .replace("tinycloud.example", "localhost")
        .replaceAll("/etc/ssl/tinycloud", `${folder}/tinycloud`);
      await Deno.writeTextFile(`${folder}/tinycloud.conf`, sample);
      const kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
      const paths = kinds.map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(" ");
      await Deno.writeTextFile(
        `${folder}/nginx.conf`,
        `daemon off; pid ${folder}/nginx.pid; error_log ${folder}/error.log; events {} ` +
          `http { access_log off; ${paths} include ${folder}/tinycloud.conf; }`,
      );
      return ["-e", `${folder}/error.log`, "-c", `${folder}/nginx.conf`];
    },
  },
  {
    name: "Caddy",
    program: "caddy",
    scheme: "http",
    async configure(folder, port, nodes) {
      const sample = (await sampleOf("Caddyfile", nodes))
        .replace("tinycloud.example", `http://localhost:${port}`);
      const text = `{\n\tadmin off\n\tauto_https off\n}\n${sample}`;
      await Deno.writeTextFile(`${folder}/Caddyfile`, text);
      return ["run", "--config", `${folder}/Caddyfile`, "--adapter", "caddyfile"];
    },
  },
];

for (const proxy of PROXIES) {
  const ignore = SERVERS.postgres === undefined || !await isThere(proxy.program);
  Deno.test({
    name: `two nodes behind ${proxy.name} are one, and one is enough`,
    ignore,
    fn: () => behind(proxy),
  });
}

async function behind(proxy: Proxy): Promise<void> {
  await using opened = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "tinycloud-" });
  opened.defer(() => Deno.remove(folder, { recursive: true }));
  const database = opened.use(await freshDatabase("postgres"));
  const nodes = [await node(), await node()];
  const [first, second] = nodes as [NodeProcess, NodeProcess];
  const port = freePort();
  const args = await proxy.configure(folder, port, nodes.map(({ url }) => new URL(url).host));
  const running = new Deno.Command(proxy.program, {
    args: [...args],
    env: { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
    stdout: "null",
    stderr: "null",
  }).spawn();
  opened.defer(async () => {
    running.kill("SIGTERM");
    await running.status;
  });
  const url = `${proxy.scheme}://localhost:${port}`;
  const far = opened.adopt(
    Deno.createHttpClient({
      localAddress: "127.0.0.7",
      ...(proxy.scheme === "https"
        ? { caCerts: [await Deno.readTextFile(`${folder}/tinycloud.pem`)] }
        : {}),
    }),
    (client) => client.close(),
  );
  const ask = (path: string) => fetch(`${url}${path}`, { client: far });
  await eventually("the proxy reaches a node", () => isHealthy(ask));

  const viaProxy: typeof fetch = (input, init) => fetch(input, { ...init, client: far });
  const session = await connect(url, { fetch: viaProxy }).signIn(randomWallet());
  const large = crypto.getRandomValues(new Uint8Array(60_000));
  await session.put("large", large);
  for (let at = 0; at < 20; at++) await session.put(`key/${at}`, `value ${at}`);

  assert.equal((await session.list("key/")).length, 20);
  assert.deepEqual((await session.get("large"))?.bytes, large);
  for (const { lines } of nodes) assert.ok(lines.some((line) => line.includes("/invoke")));

  second.kill("SIGKILL");
  await second.exited;
  for (let at = 0; at < 10; at++) {
    const value = await eventually(
      "the node that is left answers",
      () => session.get(`key/${at}`).catch(() => undefined),
    );
    assert.equal(value.text(), `value ${at}`);
  }

  // Whom the proxy names is who is limited: it comes from 127.0.0.1 itself, which never is.
  const burst = await Promise.all(Array.from({ length: 120 }, async () => {
    const answer = await ask("/info");
    await answer.bytes();
    return answer.status;
  }));
  assert.ok(burst.includes(429), "nobody was told to wait");
  assert.equal(first.complaints.join("\n").includes("unhandled"), false);

  async function node(): Promise<NodeProcess> {
    return opened.use(
      await startProcess({
        env: {
          TINYCLOUD_STORAGE_DATABASE: database.text,
          TINYCLOUD_STORAGE_BLOCKS_PATH: `${folder}/blocks`,
          TINYCLOUD_KEYS_SECRET: SECRET,
          TINYCLOUD_HTTP_TRUSTED_PROXIES: "127.0.0.1/32",
          TINYCLOUD_LIMITS_CLIENT_RATE: "40",
          TINYCLOUD_LIMITS_CLIENT_CONCURRENCY: "64",
        },
      }),
    );
  }
}

async function isHealthy(ask: (path: string) => Promise<Response>): Promise<true | undefined> {
  const answer = await ask("/healthz").catch(() => undefined);
  await answer?.bytes();
  return answer?.status === 200 ? true : undefined;
}

/** The sample with the nodes of this test. */
async function sampleOf(name: string, nodes: readonly string[]): Promise<string> {
  const sample = await Deno.readTextFile(new URL(name, PACKAGING));
  return sample.replace("127.0.0.1:8000", nodes[0] ?? "").replace("127.0.0.1:8010", nodes[1] ?? "");
}

async function certificate(folder: string): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", {
    args: [
      ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2".split(" "),
      ..."-subj /CN=localhost -addext subjectAltName=DNS:localhost".split(" "),
      ..."-addext basicConstraints=critical,CA:FALSE".split(" "),
      "-keyout",
      `${folder}/tinycloud.key`,
      "-out",
      `${folder}/tinycloud.pem`,
    ],
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function isThere(program: string): Promise<boolean> {
  try {
    return (await new Deno.Command(program, { args: ["version"], stderr: "null" }).output())
      .code >= 0;
  } catch {
    return false;
  }
}
