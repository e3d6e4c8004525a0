// What `tinycloud config` prints: every option, its value and where that comes from.

import type { LoadedConfig } from "./load.ts";
import { TABLE } from "./options.ts";

type Printable = Pick<LoadedConfig, "shown" | "sources">;

const LATER = "not in this version yet";

/** One line an option, in the table's order: `port = 8000  # default`. */
export function configText(loaded: Printable): string {
  const rows = rowsOf(loaded).map(({ name, value, source, later }) => ({
    setting: `${name} = ${JSON.stringify(value)}`,
    remark: later ? `${source}, ${LATER}` : source,
  }));
  const width = Math.max(...rows.map(({ setting }) => setting.length));
  return rows.map(({ setting, remark }) => `${setting.padEnd(width)}  # ${remark}\n`).join("");
}

/** A JSON object: option to `{ value, source }`, with `later: true` where it has no effect yet. */
export function configJson(loaded: Printable): string {
  const members = rowsOf(loaded).map(({ name, value, source, later }) => [
    name,
    later ? { value, source, later } : { value, source },
  ]);
  return `${JSON.stringify(Object.fromEntries(members), null, 2)}\n`;
}

function rowsOf({ shown, sources }: Printable) {
  return [...TABLE].map(([name, option]) => ({
    name,
    value: shown.get(name),
    source: sources.get(name),
    later: option.notYet !== undefined,
  }));
}
