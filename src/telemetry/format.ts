// The two forms of a line: `Text` for people, `Json` for programs. Both are one line whatever the
// values hold, and print nothing that a terminal or a reader would act on.

import type { LogEvent } from "./events.ts";
import type { Field } from "./fields.ts";

export type LogFormat = "Text" | "Json";
export type Severity = "error" | "warn" | "info" | "debug";

/** Makes a line, without its newline. `unixMs` is wall time in milliseconds. */
export type Formatter = (
  unixMs: number,
  severity: Severity,
  event: LogEvent,
  fields: readonly Field[],
) => string;

/** One JSON object: `time` (ISO 8601, UTC), `level`, `event`, then the fields. */
export const formatJson: Formatter = (unixMs, severity, event, fields) => {
  let line = `{"time":"${isoTime(unixMs)}","level":"${severity}","event":"${event}"`;
  for (const [name, value] of fields) {
    line += `,"${name}":${typeof value === "number" ? value : quote(value)}`;
  }
  return `${line}}`;
};

/**
 * `12:53:01.123 info request POST /invoke 200 3.1ms 1024B trace=…`, time in UTC; what a reader of
 * requests knows by sight goes without its name.
 */
export function formatText(colours: boolean): Formatter {
  return (unixMs, severity, event, fields) => {
    const level = colours ? `${COLOURS[severity]}${severity}\x1b[0m` : severity;
    return `${isoTime(unixMs).slice(11, 23)} ${level} ${textOf(event, fields)}`;
  };
}

/**
 * The same for systemd's journal: it keeps time and priority itself, and takes the latter from the
 * number in front (sd-daemon(3)).
 */
export const formatJournalText: Formatter = (_unixMs, severity, event, fields) =>
  `<${PRIORITY[severity]}>${textOf(event, fields)}`;

/** Json for the journal, which takes the number in front away. */
export const formatJournalJson: Formatter = (unixMs, severity, event, fields) =>
  `<${PRIORITY[severity]}>${formatJson(unixMs, severity, event, fields)}`;

/** Of syslog(3). */
const PRIORITY: Readonly<Record<Severity, number>> = { error: 3, warn: 4, info: 6, debug: 7 };

function textOf(event: LogEvent, fields: readonly Field[]): string {
  let text: string = event;
  for (const [name, value] of fields) text += ` ${textField(name, value)}`;
  return text;
}

const COLOURS: Readonly<Record<Severity, string>> = {
  error: "\x1b[31m",
  warn: "\x1b[33m",
  info: "\x1b[32m",
  debug: "\x1b[2m",
};

function textField(name: Field[0], value: Field[1]): string {
  if (typeof value === "number") {
    if (name === "ms") return `${value.toFixed(1)}ms`;
    if (name === "bytes") return `${value}B`;
    return name === "status" ? String(value) : `${name}=${value}`;
  }
  if (name === "method" || name === "route") return value; // known values only
  return `${name}=${PLAIN.test(value) ? value : quote(value)}`;
}

const PLAIN = /^[\w:./@+,%~-]+$/;

// JSON.stringify leaves C1 controls, line separators and marks that reverse or hide text as they
// are; a terminal obeys them, and some collectors end a line at U+2028.
const UNSAFE = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu;

function quote(text: string): string {
  return JSON.stringify(text).replace(UNSAFE, escapeUnits);
}

function escapeUnits(character: string): string {
  let escaped = "";
  for (let i = 0; i < character.length; i++) {
    escaped += `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`;
  }
  return escaped;
}

function isoTime(unixMs: number): string {
  return new Date(unixMs).toISOString();
}
