// The figures as tables and a chart; the long form keeps them in bench/results/ and in the README.

import { VERSION } from "../src/version.ts";
import type { Row } from "./requests.ts";

/** One line beside its target. */
export interface Figure {
  readonly name: string;
  readonly value: string;
  readonly target?: string;
}

export const RESULTS = new URL("./results/", import.meta.url);
const README = new URL("../README.md", import.meta.url);
const PICTURE = "![CPU of a request beside a bare server's](bench/results/latest.svg)";

/** Both tables, in Markdown. */
export function tables(rows: readonly Row[], figures: readonly Figure[]): string {
  return [
    "| request | connections | bare, µs of CPU | node, µs of CPU | ratio | requests/s | p50, ms | p99, ms |",
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ...rows.map(({ name, connections, bare, node, ratio }) =>
      [
        "",
        name,
        connections,
        bare.microsecondsOfCpu.toFixed(0),
        node.microsecondsOfCpu.toFixed(0),
        ratio.toFixed(1),
        node.perSecond.toFixed(0),
        node.p50.toFixed(1),
        node.p99.toFixed(1),
        "",
      ].join(" | ").trim()
    ),
    "",
    "| what | measured | target |",
    "| --- | --- | --- |",
    ...figures.map(({ name, value, target = "" }) => `| ${name} | ${value} | ${target} |`),
  ].join("\n");
}

/** Writes `{date}.json`, `latest.md`, `latest.svg` and the README's section. */
export async function save(rows: readonly Row[], figures: readonly Figure[]): Promise<void> {
  await Deno.mkdir(RESULTS, { recursive: true });
  const date = new Date().toISOString().slice(0, 10);
  const result = { version: VERSION, deno: Deno.version.deno, date, rows, figures };
  const text = tables(rows, figures);
  await Deno.writeTextFile(
    new URL(`${date}.json`, RESULTS),
    `${JSON.stringify(result, null, 1)}\n`,
  );
  await Deno.writeTextFile(new URL("latest.md", RESULTS), `${text}\n`);
  await Deno.writeTextFile(new URL("latest.svg", RESULTS), chart(rows));
  await tellInReadme("bench", `${PICTURE}\n\n${text}`);
}

/** Replaces what stands between the README's marks of that name. */
export async function tellInReadme(name: string, text: string): Promise<void> {
  const [from, to] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`];
  const readme = await Deno.readTextFile(README);
  const [begin, end] = [readme.indexOf(from), readme.indexOf(to)];
  if (begin < 0 || end < begin) throw new Error(`the README has no place for ${name}`);
  await Deno.writeTextFile(
    README,
    `${readme.slice(0, begin + from.length)}\n\n${text}\n\n${readme.slice(end)}`,
  );
}

const BAR = 18;
const LABEL = 260;
const WIDTH = 860;

/** How many times a bare server's CPU each request takes. */
function chart(rows: readonly Row[]): string {
  const most = Math.max(...rows.map(({ ratio }) => ratio));
  const scale = (WIDTH - LABEL - 60) / most;
  const height = (rows.length + 2) * (BAR + 8);
  const bars = rows.map(({ name, connections, ratio }, at) => {
    const y = (at + 1) * (BAR + 8) + 8;
    const width = (ratio * scale).toFixed(1);
    return `  <text x="${LABEL - 8}" y="${y + 13}" text-anchor="end">${name}, ${connections}</text>
  <rect x="${LABEL}" y="${y}" width="${width}" height="${BAR}" rx="2"/>
  <text x="${LABEL + Number(width) + 6}" y="${y + 13}">${ratio.toFixed(1)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img">
  <title>CPU of a request as a multiple of a bare server's, by request and connections</title>
  <style>
    text { font: 13px system-ui, sans-serif; fill: #444 }
    rect { fill: #3b82f6 }
    @media (prefers-color-scheme: dark) { text { fill: #ccc } }
  </style>
  <text x="${LABEL}" y="18">CPU of a request, × that of a bare Deno.serve</text>
${bars.join("\n")}
</svg>
`;
}
