// The node's log (`log_level`, `log.format`): a fixed event, data in allowed fields, one line each.
// Why not a library: decision 0002.

import { type Clock, systemClock } from "./clock.ts";
import type { LogEvent } from "./events.ts";
import { allowed, type Fields } from "./fields.ts";
import { formatJson, formatText, type LogFormat, type Severity } from "./format.ts";
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

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Takes each line, without newline; default: standard output, batched (sink.ts). */
  readonly write?: (line: string) => void;
  /** Default: only when standard output is a terminal and `NO_COLOR` is not set. */
  readonly colours?: boolean;
  readonly clock?: Clock;
}

const SEVERITIES: Readonly<Record<LogLevel, readonly Severity[]>> = {
  off: [],
  critical: ["error"],
  normal: ["error", "warn", "info"],
  debug: ["error", "warn", "info", "debug"],
};

export function createLog(options: LogOptions): Log {
  const { level, write, clock = systemClock } = options;
  const shown = SEVERITIES[level];
  const verbose = level === "debug";
  const format = options.format === "Json" ? formatJson : formatText(
    options.colours ??
      (write === undefined && Deno.stdout.isTerminal() && !Deno.noColor),
  );
  const line = (severity: Severity, event: LogEvent, fields: Fields): string =>
    format(Math.round(clock.nowSeconds() * 1000), severity, event, allowed(fields, verbose));
  const sink = write === undefined
    ? createSink(Deno.stdout, { droppedLine: (count) => line("warn", "log.dropped", { count }) })
    : sinkOf(write);

  function method(severity: Severity): (event: LogEvent, fields?: Fields) => void {
    if (!shown.includes(severity)) return () => {};
    return (event, fields = {}) => sink.write(line(severity, event, fields), severity === "error");
  }

  return {
    error: method("error"),
    warn: method("warn"),
    info: method("info"),
    debug: method("debug"),
    flush: () => sink.flush(),
  };
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
