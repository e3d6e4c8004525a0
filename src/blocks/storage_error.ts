// What the operating system says about files, in the wire's words (wire §10): by code, never by text.

import { type ErrorCode, NodeError } from "../errors.ts";

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: "storage_full",
  EDQUOT: "storage_full",
  EROFS: "storage_readonly",
  EACCES: "storage_readonly",
  EPERM: "storage_readonly",
};

/** The system's error code, such as `ENOENT`; undefined when it is another kind of error. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** `storage_full`, `storage_readonly` or `storage_unavailable`; a NodeError stays what it is. */
export function storageError(cause: unknown): NodeError {
  if (cause instanceof NodeError) return cause;
  return new NodeError(CODES[systemCode(cause) ?? ""] ?? "storage_unavailable", undefined, {
    cause,
  });
}
