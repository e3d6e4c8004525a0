// Which headers of a put are kept with its value, and in which form (wire §6).

import { NodeError } from "../errors.ts";
import { MAX_STORED_HEADERS } from "../limits.ts";
import type { StoredHeader } from "../repository/repository.ts";

const KEPT = new Set([
  "content-type",
  "content-encoding",
  "content-language",
  "content-disposition",
]);
const KEPT_PREFIX = "x-tinycloud-meta-";
/** RFC 9110 §5.6.2, in lower case. */
const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
/** Visible ASCII, space, tab, and the bytes above ASCII. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

export function isKept(name: string): boolean {
  return KEPT.has(name) || name.startsWith(KEPT_PREFIX);
}

/**
 * Those that are kept, in their order. Throws `request_malformed` for one that can't be sent back, and
 * `headers_too_large`.
 */
export function keptHeaders(sent: Iterable<StoredHeader>): readonly StoredHeader[] {
  const kept: StoredHeader[] = [];
  let bytes = 0;
  for (const [name, raw] of sent) {
    if (!isKept(name)) continue;
    // A header that was sent twice, once empty, is joined to one with a space at its end.
    const value = withoutSpaces(raw);
    if (!NAME.test(name) || !VALUE.test(value)) {
      throw new NodeError(
        "request_malformed",
        "Malformed request: a header holds control characters",
      );
    }
    bytes += name.length + value.length;
    kept.push([name, value]);
  }
  const { names, bytes: most } = MAX_STORED_HEADERS;
  if (kept.length > names || bytes > most) throw new NodeError("headers_too_large");
  return kept;
}

/** Without spaces and tabs around it, as the platform sends it. */
function withoutSpaces(text: string): string {
  let [from, to] = [0, text.length];
  while (" \t".includes(text.charAt(from)) && from < to) from++;
  while (to > from && " \t".includes(text.charAt(to - 1))) to--;
  return text.slice(from, to);
}
