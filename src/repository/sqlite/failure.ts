// A failure as data, since an error loses its class and its codes on its way out of a Worker.

import { type ErrorCode, NodeError } from "../../errors.ts";

export interface Failure {
  readonly code: ErrorCode;
  /** What is logged of the error behind it. */
  readonly cause?: {
    readonly name: string;
    readonly message: string;
    readonly stack: string;
    readonly code?: string;
  };
}

export function failureOf(thrown: unknown): Failure {
  const code = thrown instanceof NodeError ? thrown.code : "internal";
  const cause = thrown instanceof NodeError ? thrown.cause : thrown;
  if (cause === undefined) return { code };
  if (!(cause instanceof Error)) {
    return { code, cause: { name: "Error", message: String(cause), stack: "" } };
  }
  const { name, message, stack = "" } = cause;
  return {
    code,
    cause: { name, message, stack, ...("code" in cause ? { code: String(cause.code) } : {}) },
  };
}

export function errorOf({ code, cause }: Failure): NodeError {
  if (cause === undefined) return new NodeError(code);
  return new NodeError(code, undefined, { cause: Object.assign(new Error(), cause) });
}
