// The table of docs/metrics.md, made of what is exported, of the dashboard and of the alerts. Run as a
// program it writes the table anew; a test compares them.

import type { ErrorCode } from "../../src/errors.ts";
import { noMetrics } from "../../src/telemetry/metrics.ts";
import { createMetrics } from "../../src/telemetry/prometheus.ts";

const ROOT = new URL("../../", import.meta.url);
const PAGE = new URL("docs/metrics.md", ROOT);
const BEGIN = "<!-- metrics: begin -->";
const END = "<!-- metrics: end -->";

export interface Metric {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly labels: readonly string[];
}

export interface Query {
  /** The panel's title, or the alert's name. */
  readonly of: string;
  readonly expr: string;
}

/** Everything that a node can export, after each observation was made once. */
export async function exportedMetrics(): Promise<readonly Metric[]> {
  const codes: readonly ErrorCode[] = ["internal"];
  using metrics = createMetrics({
    version: "0",
    codes,
    maxSpaces: 1,
    maxBytes: 1,
    collectionIntervalSeconds: 1,
  });
  const removed = { blocks: 1, leftovers: 1, guards: 1, events: 1, delegations: 1 };
  const observations: Readonly<Record<keyof typeof noMetrics, readonly unknown[]>> = {
    inFlight: [true],
    answered: ["/invoke", 200, 1],
    limited: ["client"],
    failed: ["internal"],
    authorization: ["invoke", 1],
    authorizedInvoke: ["tinycloud.kv/put", 1],
    committed: [1, 1],
    databaseWork: [1, 1],
    blocks: ["put", 1],
    valueBytes: ["in", 1],
    damagedRead: [],
    scrubbed: ["whole", 1, 1],
    collected: ["complete", removed],
    stored: [1, 1],
    health: ["database", true],
  };
  for (const [name, args] of Object.entries(observations)) {
    Reflect.apply(Reflect.get(metrics, name), metrics, args);
  }
  return parsed(await metrics.text());
}

function parsed(text: string): readonly Metric[] {
  return [...text.matchAll(/^# HELP (\S+) (.*)\n# TYPE \S+ (\S+)\n([^#]*)/gm)].map(
    ([, name = "", help = "", type = "", samples = ""]) => ({
      name,
      help,
      type,
      labels: [...new Set([...samples.matchAll(/[{,]([a-z_]+)="/g)].map(([, label = ""]) => label))]
        .filter((label) => label !== "le"),
    }),
  );
}

/** The queries of all panels, with what Grafana would fill in left as it is. */
export async function panelQueries(): Promise<readonly Query[]> {
  const dashboard = JSON.parse(await text("packaging/grafana/tinycloud.json"));
  const queries: Query[] = [];
  for (const { title, targets = [] } of dashboard.panels) {
    for (const { expr } of targets) queries.push({ of: title, expr });
  }
  return queries;
}

/** The expressions of all alerts. */
export async function alertQueries(): Promise<readonly Query[]> {
  const rules = await text("packaging/prometheus/tinycloud.rules.yml");
  return rules.split(/^ *- alert: /m).slice(1).map((rule) => ({
    of: /^\w+/.exec(rule)?.[0] ?? "",
    expr: /expr: (?:\|\n)?([\s\S]*?)\n *(?:for|labels):/.exec(rule)?.[1]?.trim() ?? "",
  }));
}

/** The names of metrics in a query, without what a histogram adds. */
export function namesIn(expr: string): ReadonlySet<string> {
  const names = expr.match(/\b(?:tinycloud|process)_[a-z_]+/g) ?? [];
  return new Set(names.map((name) => name.replace(/_(?:bucket|sum|count)$/, "")));
}

/** The table, as the formatter leaves it but for spaces. */
export async function metricsTable(): Promise<string> {
  const [metrics, panels, alerts] = [
    await exportedMetrics(),
    await panelQueries(),
    await alertQueries(),
  ];
  const users = (queries: readonly Query[], name: string) => [
    ...new Set(queries.filter(({ expr }) => namesIn(expr).has(name)).map(({ of }) => of)),
  ];
  const rows = metrics.map(({ name, type, labels, help }) =>
    [
      `\`${name}\``,
      type,
      labels.map((label) => `\`${label}\``).join(", "),
      help,
      users(panels, name).join("; "),
      users(alerts, name).join(", "),
    ].join(" | ")
  );
  return [
    "metric | type | labels | meaning | panel | alert",
    "--- | --- | --- | --- | --- | ---",
    ...rows,
  ].map((row) => `| ${row} |`).join("\n");
}

/** The table that stands in the page. */
export async function tableInPage(): Promise<string> {
  const page = await text("docs/metrics.md");
  return page.slice(page.indexOf(BEGIN) + BEGIN.length, page.indexOf(END)).trim();
}

/** Without what only pleases the eye. */
export function unformatted(table: string): string {
  return table.replace(/ +/g, " ").replace(/-{3,}/g, "---");
}

function text(path: string): Promise<string> {
  return Deno.readTextFile(new URL(path, ROOT));
}

if (import.meta.main) {
  const page = await text("docs/metrics.md");
  const [before = "", rest = ""] = page.split(BEGIN);
  const after = rest.slice(rest.indexOf(END));
  await Deno.writeTextFile(PAGE, `${before}${BEGIN}\n\n${await metricsTable()}\n\n${after}`);
}
