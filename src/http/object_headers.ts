// The headers that travel with a value (wire §6): which of a put's are kept, what a get answers.

import { NodeError } from "../errors.ts";
import { MAX_STORED_HEADERS } from "../limits.ts";
import type { Entry, StoredHeader } from "../repository/repository.ts";
import type { Precondition } from "../spaces/change.ts";

const STORED = new Set([
  "content-type",
  "content-encoding",
  "content-language",
  "content-disposition",
]);
const STORED_PREFIX = "x-tinycloud-meta-";
/** Visible ASCII, space, tab, and the bytes above ASCII. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const STRONG_ETAG = /^"blake3-([0-9a-f]{64})"$/;

/** The headers of a put that are kept. Throws `headers_too_large` or `request_malformed`. */
export function storedHeaders(headers: Headers): readonly StoredHeader[] {
  const stored: StoredHeader[] = [];
  let bytes = 0;
  for (const [name, sent] of headers) {
    if (!isStored(name)) continue;
    // A header that was sent twice, once empty, is joined to one with a space at its end.
    const value = withoutSpaces(sent);
    if (!VALUE.test(value)) {
      throw new NodeError(
        "request_malformed",
        "Malformed request: a header holds control characters",
      );
    }
    bytes += name.length + value.length;
    stored.push([name, value]);
  }
  const { names, bytes: most } = MAX_STORED_HEADERS;
  if (stored.length > names || bytes > most) throw new NodeError("headers_too_large");
  return stored;
}

/** Without spaces and tabs around it, as the platform sends it. */
function withoutSpaces(text: string): string {
  let [from, to] = [0, text.length];
  while (" \t".includes(text.charAt(from)) && from < to) from++;
  while (to > from && " \t".includes(text.charAt(to - 1))) to--;
  return text.slice(from, to);
}

function isStored(name: string): boolean {
  return STORED.has(name) || name.startsWith(STORED_PREFIX);
}

/** `If-None-Match: *` or `If-Match: "blake3-…"`; any other form is refused, none is ignored. */
export function preconditionOf(headers: Headers): Precondition | undefined {
  const noneMatch = headers.get("if-none-match");
  const match = headers.get("if-match");
  if (noneMatch === null && match === null) return undefined;
  if (noneMatch === "*" && match === null) return { kind: "absent" };
  const hash = noneMatch === null ? STRONG_ETAG.exec(match ?? "")?.[1] : undefined;
  if (hash === undefined) {
    throw new NodeError(
      "request_malformed",
      'Malformed request: a precondition is If-None-Match: * or If-Match: "blake3-{64 hex}"',
    );
  }
  return { kind: "matches", hash };
}

export function etag(hash: string): string {
  return `"blake3-${hash}"`;
}

/** What a get or metadata tells of an entry. Filtered again: a row may be older than the rule (B17). */
export function entryHeaders(entry: Entry): Headers {
  const headers = new Headers();
  for (const [name, value] of entry.headers) if (isStored(name)) headers.set(name, value);
  headers.set("etag", etag(entry.hash));
  headers.set("cache-control", "private, no-cache");
  // A value is its author's, never a page of this origin.
  headers.set("x-content-type-options", "nosniff");
  headers.set("content-security-policy", "sandbox");
  return headers;
}
