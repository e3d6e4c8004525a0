// Text as tokens carry it: UTF-8, strictly.

import { malformed } from "../errors.ts";

// Without `ignoreBOM` a byte order mark would vanish, and two byte strings would be one text.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Throws `token_malformed` for anything but well-formed UTF-8. */
export function decodeUtf8(bytes: Uint8Array, what = "text"): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw malformed(`${what} is not UTF-8`, cause);
  }
}

export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}
