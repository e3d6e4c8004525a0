// Every metric is shown by a panel or watched by an alert, and docs/metrics.md says so.

import assert from "node:assert/strict";
import {
  alertQueries,
  exportedMetrics,
  metricsTable,
  namesIn,
  panelQueries,
  tableInPage,
  unformatted,
} from "../../support/metrics_page.ts";

const PACKAGING = new URL("../../../packaging/", import.meta.url);
const read = (path: string) => Deno.readTextFile(new URL(path, PACKAGING));

Deno.test("no metric is without a panel or an alert, and none is asked for that is not there", async () => {
  const exported = new Set((await exportedMetrics()).map(({ name }) => name));
  const used = new Set<string>();

  for (const { expr } of [...await panelQueries(), ...await alertQueries()]) {
    for (const name of namesIn(expr)) used.add(name);
  }

  assert.deepEqual([...exported].filter((name) => !used.has(name)), [], "nobody looks at these");
  assert.deepEqual(
    [...used].filter((name) => !exported.has(name)),
    [],
    "there are no such metrics",
  );
});

Deno.test("no metric is labelled by space, DID or key", async () => {
  const labels = new Set((await exportedMetrics()).flatMap(({ labels }) => labels));

  assert.deepEqual([...labels].toSorted(), [
    "action",
    "by",
    "code",
    "deno",
    "direction",
    "kind",
    "operation",
    "outcome",
    "request",
    "route",
    "state",
    "status",
    "store",
    "version",
  ]);
});

Deno.test("docs/metrics.md has the table of what is exported", async () => {
  assert.equal(
    unformatted(await tableInPage()),
    unformatted(await metricsTable()),
    "write it anew: deno run --allow-read --allow-write --allow-env tests/support/metrics_page.ts",
  );
});

Deno.test("each alert has a case in which it fires and one in which it is quiet", async () => {
  const cases = await read("prometheus/tinycloud.rules.test.yml");

  for (const { of, expr } of await alertQueries()) {
    assert.notEqual(expr, "");
    assert.ok(cases.includes(`"${of} fires: `), `${of} never fires`);
    assert.ok(cases.includes(`"${of} is quiet: `), `${of} is never quiet`);
  }
});

Deno.test("each alert says how bad it is, what it is, and where to read on", async () => {
  const rules = (await read("prometheus/tinycloud.rules.yml")).split(/^ *- alert: /m).slice(1);
  const page = await read("../docs/metrics.md");
  assert.ok(rules.length > 10);

  for (const rule of rules) {
    const [name = ""] = rule.split("\n");
    assert.match(rule, /labels: \{ severity: (?:critical|warning) \}/, name);
    assert.match(rule, /summary: .+\n +description: .+/, name);
    assert.ok(rule.includes(`runbook: docs/metrics.md#${name.toLowerCase()}\n`), name);
    assert.match(page, new RegExp(`^### ${name}\n\n\\S`, "m"), name);
  }
});

/** Of Grafana's, those that say what is drawn: an unknown one is drawn without a word. */
const UNITS = new Set(["none", "s", "bytes", "Bps", "ops", "reqps", "percentunit"]);

Deno.test("the dashboard has a row for each question, and each panel says what to do", async () => {
  const dashboard = JSON.parse(await read("grafana/tinycloud.json"));

  const rows = dashboard.panels.filter(({ type }: { type: string }) => type === "row");
  assert.deepEqual(rows.map(({ title }: { title: string }) => title), [
    "Is it healthy?",
    "Is it slow, and where?",
    "Is it failing, and how?",
    "Is it full?",
    "Is it being abused?",
    "Is it keeping up?",
  ]);
  const ids = dashboard.panels.map(({ id }: { id: number }) => id);
  assert.equal(new Set(ids).size, ids.length);
  for (const panel of dashboard.panels) {
    if (panel.type === "row") continue;
    assert.ok(panel.description?.length > 20, panel.title);
    assert.ok(UNITS.has(panel.fieldConfig.defaults.unit), panel.title);
    assert.ok(panel.gridPos.x + panel.gridPos.w <= 24, panel.title);
    for (const { datasource } of [panel, ...panel.targets]) {
      assert.deepEqual(datasource, { type: "prometheus", uid: "${datasource}" }, panel.title);
    }
  }
});
