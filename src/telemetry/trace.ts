// Trace ids (wire §9, `TinyCloud-Trace-Id`): 32 hex digits for every request, the caller's own when
// it sends a valid W3C traceparent.

const ID_BYTES = 16;
// One call for 256 ids: a call for each costs twice as much as the rest of the work.
const pool = new Uint8Array(256 * ID_BYTES);
let used = pool.length;

/** The trace id of a `traceparent` header if it is valid, else a new random one. */
export function traceId(traceparent: string | null): string {
  return (traceparent === null ? undefined : parseTraceparent(traceparent)) ?? randomTraceId();
}

function randomTraceId(): string {
  if (used === pool.length) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  return pool.subarray(used, used += ID_BYTES).toHex();
}

// W3C Trace Context §3.2: version 00 is exactly this; a later version may add fields after it.
const TRACEPARENT = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-[\da-f]{2}(-.*)?$/;
const MAX_TRACEPARENT = 256;

/** The trace id in a valid `traceparent`, else undefined. */
export function parseTraceparent(header: string): string | undefined {
  if (header.length > MAX_TRACEPARENT) return undefined;
  const match = TRACEPARENT.exec(header);
  if (match === null) return undefined;
  const [, version, id, parent, rest] = match;
  if (version === "ff" || (version === "00" && rest !== undefined)) return undefined;
  if (/^0+$/.test(id ?? "") || /^0+$/.test(parent ?? "")) return undefined;
  return id;
}

// The key under which every OpenTelemetry API, the runtime's too, keeps the span of a context.
const SPAN_KEY = Symbol.for("OpenTelemetry Context Key SPAN");

/**
 * The id of the span that the runtime made for the request being handled, so that the header, the
 * log and the exported spans agree. Undefined unless `OTEL_DENO` is on.
 */
export function spanTraceId(): string | undefined {
  const id: unknown = Deno.telemetry.contextManager.active()?.getValue?.(SPAN_KEY)
    ?.spanContext?.().traceId;
  return typeof id === "string" && /^[\da-f]{32}$/.test(id) ? id : undefined;
}

/**
 * What to warn of at the start, if anything: spans are exported by the runtime, which decides on
 * them before any of our code runs.
 */
export function tracingWarning(
  enabled: boolean,
  otelDeno: string | undefined,
): string | undefined {
  if (!enabled || otelDeno === "true" || otelDeno === "1") return undefined;
  return "log.tracing.enabled exports nothing unless the node is started with OTEL_DENO=true";
}
