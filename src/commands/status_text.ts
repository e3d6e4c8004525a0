// What `tinycloud status` shows to people.

import type { StatusReport } from "../http/status_report.ts";
import type { Seen } from "./look_at_node.ts";

type Paint = (colour: keyof typeof COLOURS, text: string) => string;

const COLOURS = { good: 32, bad: 31, dim: 2 } as const;
const MAX_ERRORS = 10;

/** A screen of lines. */
export function statusText(
  seen: Exclude<Seen, { readonly state: "unknown" }>,
  colours: boolean,
): string {
  const paint: Paint = (colour, text) => colours ? `\x1b[${COLOURS[colour]}m${text}\x1b[0m` : text;
  const { state, code, url, version, nodeId, details, note } = seen;
  const word = state === "ready" ? "ready" : state === "stopping" ? "stopping" : "not ready";
  const why = code === null || state === "stopping" ? "" : ` (${code})`;
  const rows: Row[] = [
    ["node", nodeId],
    ...(details === null ? [] : rowsOf(details, paint)),
    ...(note === null ? [] : [["note", `${note}: nothing more is known`] as const]),
  ];
  return [
    `tinycloud ${version} at ${url}: ${paint(state === "ready" ? "good" : "bad", word + why)}`,
    "",
    ...rows.map(([name, text]) => `${paint("dim", name.padEnd(12))}${text}`),
  ].join("\n");
}

type Row = readonly [name: string, text: string];

function rowsOf(report: StatusReport, paint: Paint): readonly Row[] {
  const { startedAt, uptimeSeconds, stores, spaces, storedBytes } = report;
  const { collection, errors } = report;
  return [
    ["up", `${duration(uptimeSeconds)}, since ${startedAt}`],
    ...stores.map(({ store, kind, code }): Row => {
      return [store, `${kind}, ${code === null ? paint("good", "works") : paint("bad", code)}`];
    }),
    ...(spaces === null || storedBytes === null
      ? []
      : [["holds", `${counted(spaces, "space")}, ${size(storedBytes)}`] as const]),
    ["requests", ratesOf(report, paint)],
    [
      "collection",
      collection === null
        ? "none yet"
        : `${collection.outcome}, ${ago(collection.endedAt, report)}, ` +
          `${counted(collection.removed.blocks, "block")} removed`,
    ],
    ...errors.length === 0
      ? [["errors", "none since the start"] as const]
      : errors.slice(0, MAX_ERRORS).map(({ code, status, count, lastAt }, index): Row => {
        const line = `${String(status)} ${code.padEnd(24)} ${String(count).padStart(6)} ×, last ${
          ago(lastAt, report)
        }`;
        return [index === 0 ? "errors" : "", status >= 500 ? paint("bad", line) : line];
      }),
  ];
}

function ratesOf({ lastMinute, requestsInFlight }: StatusReport, paint: Paint): string {
  const { seconds, requests, refused, limited, failed } = lastMinute;
  const rate = (count: number) => `${(count / Math.max(1, seconds)).toFixed(1)}/s`;
  const failures = `${rate(failed)} failed`;
  return `${rate(requests)}, ${rate(refused)} refused, ${rate(limited)} limited, ` +
    `${failed > 0 ? paint("bad", failures) : failures}; ${requestsInFlight} in flight`;
}

/** By the node's own clock. */
function ago(at: string, { startedAt, uptimeSeconds }: StatusReport): string {
  const now = Date.parse(startedAt) / 1000 + uptimeSeconds;
  const seconds = Math.max(0, Math.round(now - Date.parse(at) / 1000));
  return `${duration(Number.isFinite(seconds) ? seconds : 0)} ago`;
}

/** The two largest units: `3 d 4 h`. */
function duration(seconds: number): string {
  const units = [[86_400, "d"], [3600, "h"], [60, "min"], [1, "s"]] as const;
  const first = units.findIndex(([length]) => seconds >= length);
  if (first < 0) return "0 s";
  let rest = Math.floor(seconds);
  const parts = units.slice(first, first + 2).map(([length, name]) => {
    const count = Math.floor(rest / length);
    rest -= count * length;
    return count === 0 ? "" : `${count} ${name}`;
  });
  return parts.filter((part) => part !== "").join(" ");
}

function size(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  const power = bytes < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

function counted(count: number, what: string): string {
  return `${count.toLocaleString("en-US")} ${what}${count === 1 ? "" : "s"}`;
}
