// Whether what is stored is what its columns and names promise.

import { blake3Hex } from "../blake3.ts";
import { cidOf } from "../tokens/cid.ts";
import { bytes, number, type Row, text } from "./rows.ts";

/** Are the bytes of a small value those that its columns hash, size and inline promise? */
export function isWhole(row: Row): boolean {
  const value = bytes(row, "inline");
  return value.length === number(row, "size") && blake3Hex(value) === text(row, "hash");
}

/** A JWT is hashed as its text, a CACAO as the bytes that the text encodes (wire §2). */
export function cidOfToken(token: string): string | undefined {
  if (token.includes(".")) return cidOf(new TextEncoder().encode(token));
  try {
    return cidOf(Uint8Array.fromBase64(token, { alphabet: "base64url" }));
  } catch {
    return undefined;
  }
}
