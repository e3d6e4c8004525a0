// SQLite's failures in the words of the port, by result code and never by text.

import { type ErrorCode, NodeError } from "../../errors.ts";

// https://sqlite.org/rescode.html; the low byte of an extended code is its primary code.
const READONLY = 8;
const FULL = 13;
const BUSY = 5;
const IOERR = 10;
const IOERR_FSYNC = 1034;
const IOERR_DIR_FSYNC = 1290;

/**
 * `storage_full`, `storage_readonly` or `storage_unavailable`, with the failure as its cause. `path`
 * is the database's file, when it is one.
 */
export function translate(error: unknown, path?: string): NodeError {
  if (error instanceof NodeError) return error;
  return new NodeError(codeOf(error, path), undefined, { cause: error });
}

function codeOf(error: unknown, path: string | undefined): ErrorCode {
  const primary = (resultCode(error) ?? 0) & 0xff;
  const system = systemCode(error);
  if (primary === FULL || system === "ENOSPC") return "storage_full";
  if (primary === READONLY || system === "EROFS") return "storage_readonly";
  if (primary === IOERR && path !== undefined) return diskState(path) ?? "storage_unavailable";
  return "storage_unavailable";
}

/** SQLite says only that a write failed. Another one, beside the database, says why. */
function diskState(path: string): ErrorCode | undefined {
  const probe = `${path}.probe`;
  try {
    Deno.writeFileSync(probe, new Uint8Array(4096), { mode: 0o600 });
    Deno.removeSync(probe);
    return undefined;
  } catch (error) {
    const system = systemCode(error);
    return system === "EROFS"
      ? "storage_readonly"
      : system === "ENOSPC" || system === "EDQUOT"
      ? "storage_full"
      : undefined;
  }
}

/** Was it another process that holds the write lock? */
export function isBusy(error: unknown): boolean {
  return ((resultCode(causeOf(error)) ?? 0) & 0xff) === BUSY;
}

/** Did the disk fail to say that it has what was written? */
export function isFailedSync(error: unknown): boolean {
  const code = resultCode(causeOf(error));
  return code === IOERR_FSYNC || code === IOERR_DIR_FSYNC;
}

function causeOf(error: unknown): unknown {
  return error instanceof NodeError ? error.cause : error;
}

/** SQLite's extended result code. `exec` gives none: run prepared statements where it matters. */
function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error)) return undefined;
  return typeof error.errcode === "number" ? error.errcode : undefined;
}

/** The operating system's name of a failed file operation. */
function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
