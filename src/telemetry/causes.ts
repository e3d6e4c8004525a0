// What went wrong inside, for the field `cause`: class, code, message and stack of an error and of
// its causes, in one bounded line.
//
// Outside `debug` two rules keep keys and values out (decision 0002): the sentence of a NodeError
// may name a key or a resource, so only its code is shown; and drivers quote data ("Duplicate entry
// 'notes/1'", "Unexpected token …"), so quoted text is left out unless it is a file path.

import { NodeError } from "../errors.ts";
import { maskSecrets } from "./mask.ts";

const MAX_DEPTH = 5;
const MAX_FRAMES = 8;
const MAX_CHARS = 4096;

const QUOTED = /["'`](.*)["'`]/s;
const FILE_PATHS = /^\.{0,2}\/[\w./-]+(?:' -> '\.{0,2}\/[\w./-]+)?$/;

/**
 * Describes anything that was thrown, at most 4,096 characters, never throwing itself. `verbose`
 * (level `debug`) keeps whole messages; what looks like a token or secret is masked either way.
 */
export function describeCause(thrown: unknown, verbose: boolean): string {
  try {
    return maskSecrets(chain(thrown, verbose, MAX_DEPTH).join(" caused by "), MAX_CHARS);
  } catch {
    return "an error that cannot be described"; // a getter of a foreign error threw
  }
}

function chain(thrown: unknown, verbose: boolean, depth: number): string[] {
  if (depth === 0) return ["…"];
  if (!(thrown instanceof Error)) return [`a thrown ${thrown === null ? "null" : typeof thrown}`];

  const here = describeOne(thrown, verbose);
  // Drivers that tried several addresses throw an AggregateError without a message of its own.
  const first = thrown instanceof AggregateError ? thrown.errors[0] : undefined;
  const next: unknown = thrown.cause ?? first;
  return next === undefined ? [here] : [here, ...chain(next, verbose, depth - 1)];
}

function describeOne(error: Error, verbose: boolean): string {
  const code = "code" in error && error.code !== undefined ? `(${String(error.code)})` : "";
  const frames = framesOf(error);
  const at = frames.length > 0 ? ` [${frames.join(", ")}]` : "";
  const message = messageOf(error, verbose);
  return `${error.name}${code}${message === "" ? "" : `: ${message}`}${at}`;
}

function messageOf(error: Error, verbose: boolean): string {
  if (verbose) return error.message;
  if (error instanceof NodeError) return "";
  return error.message.replace(
    QUOTED,
    (quoted, inner: string) => FILE_PATHS.test(inner) ? quoted : "'…'",
  );
}

/** The frames of the stack. Its head repeats the message, which may have lines of its own. */
function framesOf(error: Error): string[] {
  const stack = error.stack ?? "";
  const head = stack.indexOf(error.message);
  const frames = head < 0 ? stack : stack.slice(head + error.message.length);
  return frames.split("\n").filter((line) => line.startsWith("    at "))
    .slice(0, MAX_FRAMES).map((line) => line.trim());
}
