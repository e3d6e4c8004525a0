// Strict dag-cbor (wire §3.1). The library already refuses duplicate keys, indefinite lengths, long
// forms, trailing bytes and foreign tags; unsorted maps, short floats and bad UTF-8 it takes.
// Whatever it takes wrongly does not come back as the same bytes.

import { decode, encode } from "@ipld/dag-cbor";
import { malformed } from "../errors.ts";

/** The value of canonical dag-cbor. Throws `token_malformed`. */
export function decodeDagCbor(bytes: Uint8Array): unknown {
  let value: unknown;
  let again: Uint8Array;
  try {
    value = decode(bytes);
    again = encode(value);
  } catch (cause) {
    // Deep nesting ends as RangeError, like every other refusal.
    throw malformed("the CACAO is not dag-cbor", cause);
  }
  if (again.length !== bytes.length || again.some((byte, at) => byte !== bytes[at])) {
    throw malformed("the CACAO is not canonical dag-cbor");
  }
  return value;
}
