// What frames a request (wire §6): its length, its token. Judged before anything else.

import { malformed, NodeError } from "../errors.ts";

const LENGTH = /^[0-9]{1,15}$/;

/** The declared Content-Length, if any. Throws `length_invalid` or `request_malformed`. */
export function bodyLength({ headers }: Request): number | undefined {
  const coding = headers.get("transfer-encoding");
  if (coding !== null && coding.trim().toLowerCase() !== "chunked") {
    throw new NodeError(
      "request_malformed",
      "Malformed request: Transfer-Encoding other than chunked",
    );
  }
  const length = headers.get("content-length");
  if (length === null) return undefined;
  // Two equal lengths arrive as "3, 3", which a lenient parser would read as no number at all.
  if (!LENGTH.test(length)) throw new NodeError("length_invalid");
  return Number(length);
}

/** The token of the Authorization header. Throws `token_missing` or `token_malformed`. */
export function tokenOf({ headers }: Request): string {
  const value = (headers.get("authorization") ?? "").replace(/^bearer /i, "").trim();
  if (value === "") throw new NodeError("token_missing");
  // Two Authorization headers arrive as one, joined with a comma, which no token holds.
  if (value.includes(",")) throw malformed("more than one Authorization header");
  return value;
}
