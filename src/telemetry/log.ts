// The node's log (`log_level`, `log.format`): a fixed event, data in allowed fields, one line each.
// Why not a library: decision 0002.

import { type Clock, systemClock } from "./clock.ts";
import type { LogEvent } from "./events.ts";
import { allowed, type Fields } from "./fields.ts";
import {
  formatJournalJson,
  formatJournalText,
  formatJson,
  type Formatter,
  formatText,
  type LogFormat,
  type Severity,
} from "./format.ts";
import { createSink, type LineSink } from "./sink.ts";

/** `critical`: errors; `normal`: and warnings and one line a request; `debug`: everything. */
export type LogLevel = "off" | "critical" | "normal" | "debug";

/** No method throws, whatever became of the output. */
export interface Log {
  /** A person must act. */
  error(event: LogEvent, fields?: Fields): void;
  /** The node works, but less well than it should. */
  warn(event: LogEvent, fields?: Fields): void;
  info(event: LogEvent, fields?: Fields): void;
  debug(event: LogEvent, fields?: Fields): void;
  /** Resolves when all lines are written, or after one second; never rejects. Call before exit. */
  flush(): Promise<void>;
}

/** A log whose level can be changed while it is written to. */
export interface AdjustableLog extends Log {
  level: LogLevel;
}

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Takes each line, without newline; default: standard output, batched (sink.ts). */
  readonly write?: (line: string) => void;
  /** Default: only when standard output is a terminal and `NO_COLOR` is not set. */
  readonly colours?: boolean;
  /** Standard output is systemd's journal (journal.ts). */
  readonly toJournal?: boolean;
  readonly clock?: Clock;
}

const SEVERITIES: Readonly<Record<LogLevel, readonly Severity[]>> = {
  off: [],
  critical: ["error"],
  normal: ["error", "warn", "info"],
  debug: ["error", "warn", "info", "debug"],
};

export function createLog(options: LogOptions): AdjustableLog {
  const { write, clock = systemClock } = options;
  let { level } = options;
  let shown = SEVERITIES[level];
  const format = formatterOf(options);
  const line = (severity: Severity, event: LogEvent, fields: Fields): string =>
    format(
      Math.round(clock.nowSeconds() * 1000),
      severity,
      event,
      allowed(fields, level === "debug"),
    );
  const sink = write === undefined
    ? createSink(Deno.stdout, { droppedLine: (count) => line("warn", "log.dropped", { count }) })
    : sinkOf(write);

  function method(severity: Severity): (event: LogEvent, fields?: Fields) => void {
    return (event, fields = {}) => {
      if (!shown.includes(severity)) return;
      sink.write(line(severity, event, fields), severity === "error");
    };
  }

  return {
    get level() {
      return level;
    },
    set level(to) {
      level = to;
      shown = SEVERITIES[to];
    },
    error: method("error"),
    warn: method("warn"),
    info: method("info"),
    debug: method("debug"),
    flush: () => sink.flush(),
  };
}

function formatterOf({ format, write, colours, toJournal = false }: LogOptions): Formatter {
  if (toJournal) return format === "Json" ? formatJournalJson : formatJournalText;
  if (format === "Json") return formatJson;
  return formatText(
    colours ?? (write === undefined && Deno.stdout.isTerminal() && !Deno.noColor),
  );
}

/** A function as a sink. One that has thrown is not called again: its reader is gone. */
function sinkOf(write: (line: string) => void): LineSink {
  let closed = false;
  return {
    write(line) {
      if (closed) return;
      try {
        write(line);
      } catch {
        closed = true;
      }
    },
    flush: () => Promise.resolve(),
  };
}
