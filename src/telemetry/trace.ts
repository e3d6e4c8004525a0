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
