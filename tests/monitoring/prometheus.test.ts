// A node under a little load of all kinds, also refused, limited and failed, watched by a real
// Prometheus that scrapes every second: its metrics are clean, every query of the dashboard returns
// data, and every alert is evaluated. Needs `prometheus` and `promtool`; .ci/prometheus runs it.

import assert from "node:assert/strict";
import { connect, randomWallet, type Session } from "../../client/mod.ts";
import { ask, bytesOf, clientAt, signIn } from "../support/asking.ts";
import { eventually } from "../support/eventually.ts";
import { alertQueries, panelQueries } from "../support/metrics_page.ts";
import { type NodeProcess, startProcess } from "../support/process.ts";

const RULES = new URL("../../packaging/prometheus/tinycloud.rules.yml", import.meta.url).pathname;
/** So long a query may take to have data, from the first scrape on. */
const PATIENCE_MS = 25_000;

Deno.test("a running Prometheus understands metrics, dashboard and alerts", async () => {
  await using opened = new AsyncDisposableStack();
  const operatorPort = freePort();
  const node = opened.use(
    await startProcess({
      env: {
        TINYCLOUD_PROMETHEUS_PORT: operatorPort,
        TINYCLOUD_STORAGE_TOTAL: "1 GiB",
        TINYCLOUD_STORAGE_GC_INTERVAL: "1 s",
        TINYCLOUD_STORAGE_SCRUB: "1 min",
        TINYCLOUD_LIMITS_CLIENT_RATE: "10",
      },
    }),
  );
  await failing(node);
  const loaded = load(node);
  opened.defer(() => loaded.stop());
  const prometheus = opened.use(await startPrometheus(operatorPort));

  const scrape = await (await fetch(`http://127.0.0.1:${operatorPort}/metrics`)).text();
  assert.deepEqual(await promtoolCheck(scrape), { code: 0, output: "" });

  const silent: string[] = [];
  for (const { of, expr } of await panelQueries()) {
    const query = filledIn(expr);
    await eventually(query, async () => {
      return (await prometheus.ask(query)).some((value) => Number.isFinite(value)) || undefined;
    }, PATIENCE_MS).catch(() => silent.push(`${of}: ${query}`));
  }
  assert.deepEqual(silent, [], "these panels would be empty");

  const alerts = await alertQueries();
  for (const { expr } of alerts) await prometheus.ask(expr);
  const rules = await prometheus.rules();
  assert.deepEqual(
    rules.map(({ name, health, lastError }) => [name, health, lastError ?? ""]),
    alerts.map(({ of }) => [of, "ok", ""]),
  );
  assert.ok(!rules.some(({ name, state }) => name === "TinycloudDown" && state !== "inactive"));
  assert.deepEqual(loaded.problems, []);
});

/** What Grafana fills in. */
function filledIn(expr: string): string {
  return expr.replaceAll("$__rate_interval", "10s").replaceAll("$job", "tinycloud")
    .replaceAll("$instance", ".+");
}

/** A put that fails since the block store is gone for a moment. */
async function failing(node: NodeProcess): Promise<void> {
  const session = await signIn(node);
  const blocks = `${node.folder}/blocks`;
  await session.put("block", bytesOf(50_000));
  await Deno.rename(blocks, `${blocks}-away`);
  await assert.rejects(() => session.put("other", bytesOf(60_000)));
  await Deno.rename(`${blocks}-away`, blocks);
}

interface Load {
  /** What went otherwise than it should. */
  readonly problems: readonly string[];
  stop(): Promise<void>;
}

/** All kinds of requests, again and again. */
function load(node: NodeProcess): Load {
  let isOver = false;
  const problems: string[] = [];
  const stranger = clientAt("127.0.0.7");

  async function work(round: number): Promise<void> {
    const session = await connect(node.url).signIn(randomWallet());
    await useKeys(session, round);
    for (const path of ["/info", "/healthz", "/livez", "/nowhere"]) {
      await ask(node, path, { method: "GET" });
    }
    await ask(node, "/invoke", { token: "nonsense" });
    await ask(node, "/delegate");
    // What a limit turns away is held back meanwhile.
    const flood = Array.from({ length: 30 }, () => {
      return ask(node, "/info", { method: "GET", from: stranger });
    });
    if (round === 0) {
      assert.ok(
        (await Promise.all(flood)).some(({ status }) => status === 429),
        "none was limited",
      );
    } else await Promise.all(flood);
    // A moment in which a store does not work: what fails, fails again and again.
    const blocks = `${node.folder}/blocks`;
    await Deno.rename(blocks, `${blocks}-away`);
    await session.put("fails", bytesOf(40_000 + round)).catch(() => {});
    await Deno.rename(`${blocks}-away`, blocks);
  }

  async function useKeys(session: Session, round: number): Promise<void> {
    await session.put("small", "value");
    await session.put("large", bytesOf(30_000, round));
    await session.get("small");
    await session.get("large");
    await session.list("");
    await session.delete("large");
  }

  const ended = (async () => {
    for (let round = 0; !isOver; round++) {
      try {
        await work(round);
      } catch (error) {
        problems.push(String(error));
      }
    }
  })();
  return {
    problems,
    async stop() {
      isOver = true;
      await ended;
      stranger.close();
    },
  };
}

interface Rule {
  readonly name: string;
  readonly health: string;
  readonly state: string;
  readonly lastError?: string;
}

interface Prometheus extends AsyncDisposable {
  /** The values of an instant query, which must be one. */
  ask(query: string): Promise<readonly number[]>;
  /** All rules, once each was evaluated. */
  rules(): Promise<readonly Rule[]>;
}

async function startPrometheus(operatorPort: string): Promise<Prometheus> {
  await using opened = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "tinycloud-prometheus-" });
  opened.defer(() => Deno.remove(folder, { recursive: true }));
  await Deno.writeTextFile(
    `${folder}/prometheus.yml`,
    JSON.stringify({
      global: { scrape_interval: "1s", scrape_timeout: "1s", evaluation_interval: "1s" },
      rule_files: [RULES],
      scrape_configs: [{
        job_name: "tinycloud",
        static_configs: [{ targets: [`127.0.0.1:${operatorPort}`] }],
      }],
    }),
  );
  const port = freePort();
  const child = new Deno.Command("prometheus", {
    args: [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=error",
    ],
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  opened.defer(async () => {
    child.kill("SIGTERM");
    await child.status;
  });

  async function api(path: string): Promise<{ readonly status: string; readonly data: unknown }> {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`);
    return await answer.json();
  }

  await eventually("Prometheus answers", async () => {
    return (await api("query?query=up").catch(() => undefined))?.status;
  });
  const resources = opened.move();
  return {
    async ask(query) {
      const answer = await api(`query?query=${encodeURIComponent(query)}`);
      assert.equal(answer.status, "success", `${query}: ${JSON.stringify(answer)}`);
      const { result } = answer.data as { readonly result: readonly { value: [number, string] }[] };
      return result.map(({ value: [, value] }) => Number(value));
    },
    rules: () =>
      eventually("every rule was evaluated", async () => {
        const { data } = await api("rules");
        const { groups } = data as { readonly groups: readonly { readonly rules: Rule[] }[] };
        const rules = groups.flatMap(({ rules }) => rules);
        return rules.every(({ health }) => health !== "unknown") ? rules : undefined;
      }),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

async function promtoolCheck(metrics: string): Promise<{ code: number; output: string }> {
  const child = new Deno.Command("promtool", {
    args: ["check", "metrics"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(metrics));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  return { code, output: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

/** A port that was free a moment ago. */
function freePort(): string {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return String(listener.addr.transport === "tcp" ? listener.addr.port : 0);
}
