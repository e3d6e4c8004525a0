// The headers that travel with a value (wire §6): what a put asks for, what a get answers. Which are
// kept is a rule of ../spaces/kept_headers.ts.

import { NodeError } from "../errors.ts";
import type { Entry } from "../repository/repository.ts";
import type { Precondition } from "../spaces/change.ts";
import { isKept } from "../spaces/kept_headers.ts";

const STRONG_ETAG = /^"blake3-([0-9a-f]{64})"$/;

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
  for (const [name, value] of entry.headers) if (isKept(name)) headers.set(name, value);
  headers.set("etag", etag(entry.hash));
  headers.set("cache-control", "private, no-cache");
  // A value is its author's, never a page of this origin.
  headers.set("x-content-type-options", "nosniff");
  headers.set("content-security-policy", "sandbox");
  return headers;
}
