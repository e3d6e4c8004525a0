// base64url, canonical only (RFC 4648 §5; wire §3): one byte string has one text, so a token cannot
// be spelled twice. The platform's decoder skips white space, hence the alphabet is checked first.

import { malformed } from "../errors.ts";

const UNPADDED = /^[A-Za-z0-9_-]*$/;
const PADDED = /^[A-Za-z0-9_-]*={0,2}$/;

/** The bytes. Throws `token_malformed`, naming `what`, unless the text is canonical. */
export function decodeBase64url(
  text: string,
  padding: "forbidden" | "optional",
  what = "base64url",
): Uint8Array {
  const isPadded = padding === "optional" && text.endsWith("=");
  if (!(isPadded ? PADDED : UNPADDED).test(text)) throw malformed(`${what} is not base64url`);
  const padded = isPadded ? text : text + "=".repeat((4 - text.length % 4) % 4);
  try {
    // "strict": full last group, no bits beyond the last byte.
    return Uint8Array.fromBase64(padded, {
      alphabet: "base64url",
      lastChunkHandling: "strict",
    });
  } catch (cause) {
    throw malformed(`${what} is not canonical base64url`, cause);
  }
}

export function encodeBase64url(bytes: Uint8Array, options: { pad?: boolean } = {}): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: options.pad !== true });
}
